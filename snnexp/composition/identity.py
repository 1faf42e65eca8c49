"""What a configuration says of the experiment, whatever the folders it was run in."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from snnexp.composition.added import without_neutral
from snnexp.composition.moved import as_before
from snnexp.composition.renamed import with_former_name
from snnexp.files.foreign import Unreadable, regular, sha256
from snnexp.files.weights import weights_in

PLACES = ("data_dir", "output_dir")
"""Keys, wherever they stand, that say where something is and not what it is."""
START = "start"
"""Key of the folder of a run that a network starts from: what counts is the network there."""


def scientific(node: Any, starts: Mapping[str, str], path: str = "") -> Any:
    """`node` without places, and with what a network starts from, by the dotted name of its key, in
    place of the folder it was in.
    """
    if not isinstance(node, Mapping):
        return node
    node = with_former_name(without_neutral(dict(node), path.rpartition(".")[2]))
    inner = {key: f"{path}.{key}" if path else str(key) for key in node if key not in PLACES}
    found = {
        key: starts[where] if where in starts else scientific(node[key], starts, where)
        for key, where in inner.items()
    }
    return as_before(found) if path == "dataset" else found


def starts(config: Mapping[str, Any]) -> dict[str, str]:
    """The networks that a run starts from, by the dotted names of the keys: SHA-256 of their
    weights, `gone` where there are none.
    """
    return {where: _weights(Path(folder)) for where, folder in _folders(config, "")}


def _folders(node: Any, path: str) -> Iterator[tuple[str, str]]:
    for key, value in node.items() if isinstance(node, Mapping) else ():
        where = f"{path}.{key}" if path else str(key)
        if key == START and isinstance(value, str):
            yield where, value
        else:
            yield from _folders(value, where)


def without_lost_starts(node: Any) -> Any:
    """`node` with null in place of folders to start from that are gone: whoever has the trained
    network does not need them.
    """
    if not isinstance(node, Mapping):
        return node
    lost = {
        key
        for key, value in node.items()
        if key == START and isinstance(value, str) and not Path(value).exists()
    }
    return {key: None if key in lost else without_lost_starts(value) for key, value in node.items()}


def _weights(folder: Path) -> str:
    try:
        with regular(weights_in(folder)) as file:
            return sha256(file)
    except (OSError, Unreadable):
        return "gone"
