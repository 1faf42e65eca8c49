"""Weights of a network as a safetensors file that says which form it has."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, Literal

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from snnexp.cell import Roomy
from snnexp.datasets.base import DataError
from snnexp.files.atomic import write_bytes
from snnexp.files.documents import read_json
from snnexp.files.foreign import Absent, Unreadable, regular, sha256
from snnexp.finite import require
from snnexp.network.network import Network
from snnexp.network.transfer import fold_norms
from snnexp.runs.kept import carried_over

logger = logging.getLogger(__name__)

Untrained = Callable[[str], Network]
"""The name of a form to a network of that form with weights of its own."""


def save(network: Network, path: Path, class_names: Sequence[str] | None = None) -> str:
    """Writes all tensors of `network` and the name of its form, whole or not at all; the SHA-256 of
    the bytes, equal for equal weights.

    Args:
        network: what is written.
        path: of the file.
        class_names: what the network tells apart, in the order of its scores; None where that is
            not known.
    """
    said = {"form": network.form} | (
        {} if class_names is None else {"classes": json.dumps(list(class_names))}
    )
    # Copies: a cell that is known under two names shares its buffers, which the format does not
    # allow.
    tensors = {
        name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }
    data = sort_metadata(to_bytes(tensors, said))
    write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def load(
    untrained: Untrained,
    path: Path,
    device: torch.device,
    encoder: Literal["saved", "own"] = "saved",
    before: Untrained | None = None,
) -> Network:
    """Builds a network of the form that was saved and loads every tensor strictly.

    Args:
        untrained: builds the network that was saved, perhaps with another encoder.
        path: of the file.
        device: where the network will be.
        encoder: whose statistics the encoder has: "saved", those of the training; "own", those it
            has taken itself, as an encoder with other settings must.
        before: builds the network as it was trained, where that has changed since.

    Raises:
        Settled: the change bears on what has been learned, or set by a stage.
        DataError: the file is missing, damaged, or holds the weights of another network.
    """
    form, tensors = read(path, device)
    network = _built(untrained, form, tensors, path)
    if encoder == "own":
        tensors = {
            name: value for name, value in tensors.items() if name not in _encoder(tensors)
        } | _encoder(network.state_dict())
    if before is not None:
        first = _built(before, form, tensors, path).state_dict()
        learned = {name for name, each in network.named_parameters() if each.requires_grad}
        tensors = carried_over(
            tensors, {**first, **_encoder(tensors)}, network.state_dict(), learned
        )
    try:
        _make_room(network, tensors)
        network.load_state_dict(tensors)
    except (RuntimeError, TypeError) as error:
        raise _foreign(path, error) from error
    return network.to(device).eval()


def _foreign(path: Path, error: Exception) -> DataError:
    return DataError(f"{path}: holds the weights of another network. {error}")


def _built(untrained: Untrained, form: str, tensors: dict[str, Tensor], path: Path) -> Network:
    """A network of the form with first weights that are the same each time, its norms folded where
    `tensors` have none.
    """
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        try:
            network = untrained(form)
        except LookupError as error:
            raise _foreign(path, error) from error
    if not any(".norm." in name for name in tensors):  # folded, unless there were none
        try:
            fold_norms(network)
        except TypeError as error:
            raise _foreign(path, error) from error
    return network


def read(path: Path, device: torch.device | str = "cpu") -> tuple[str, dict[str, Tensor]]:
    """The form and all tensors of a network that was saved.

    Raises:
        DataError: they cannot be read, or are not those of which the result beside them has the
            SHA-256.
        NumericalError: one of them is not finite.
    """
    with _opened(path, device, compared=True) as file:
        form, tensors = (
            (file.metadata() or {}).get("form", "analog"),
            {name: file.get_tensor(name) for name in file.keys()},
        )
    require(tensors.items(), str(path))
    return form, tensors


@contextmanager
def _opened(
    path: Path, device: torch.device | str = "cpu", compared: bool = False
) -> Iterator[Any]:
    """Lends what safetensors makes of a file; that which was compared is that which is read,
    whatever becomes of the name.
    """
    try:
        with regular(path) as file:
            if compared:
                _compare(path, file)
            with safe_open(
                f"/dev/fd/{file.fileno()}", framework="pt", device=str(device)
            ) as tensors:
                yield tensors
    except (OSError, SafetensorError, ValueError, RecursionError) as error:
        raise _unread(path, error) from error
    except Unreadable as error:
        raise _unread(path, error.why) from error


def _unread(path: Path, why: object) -> DataError:
    return DataError(
        f"{path}: cannot be read ({why}). Expected: the weights of a finished run, or of a "
        "published network"
    )


def classes(path: Path) -> tuple[str, ...] | None:
    """What a network that was saved tells apart; None where the file does not say it. Raises
    `DataError` where it cannot be read.
    """
    with _opened(path) as file:
        said = json.loads((file.metadata() or {}).get("classes", "null"))
    return tuple(map(str, said)) if isinstance(said, list) else None


def sort_metadata(data: bytes) -> bytes:
    """The same file with what is said of the network in one order: safetensors writes it in another
    each time.
    """
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    written = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    written += b" " * (-len(written) % 8)
    return len(written).to_bytes(8, "little") + written + data[8 + size :]


def _compare(path: Path, file: BinaryIO) -> None:
    """Raises `DataError` where a file is not what the run beside it has written. Results from
    before there were such sums have none.
    """
    wanted = _written(path)
    if wanted is None:
        return
    found = sha256(file)
    if found != wanted:
        raise DataError(
            f"{path}: is damaged or not that of this run: its SHA-256 is {found}, result.json "
            f"beside it says {wanted}. "
            "Expected: the file as the run wrote it; copy it again, or train again"
        )


def _written(path: Path) -> str | None:
    """The SHA-256 that the run has kept of its weights; where its result has none, that is said. A
    run without a result has not ended.
    """
    try:
        said = read_json(path.with_name("result.json"))
    except Absent:
        return None
    except Unreadable:
        said = None
    found = said.get("weights_sha256") if isinstance(said, dict) else None
    if found is None:
        warn_unverified(path)
    return found


@cache
def warn_unverified(path: Path) -> None:
    """Says, once for each file, that nothing tells whether it is what the run wrote."""
    logger.warning(
        (
            "%s: result.json beside it has no weights_sha256: whether these are the weights that "
            "the run wrote cannot be told"
        ),
        path,
    )


def _make_room(network: Network, tensors: dict[str, Tensor]) -> None:
    """Has modules take the shapes that stages have given their tensors, such as those that a
    calibration adds to a converted network.
    """
    for name, module in network.named_modules():
        if isinstance(module, Roomy):
            module.make_room(_shapes_within(f"{name}.", tensors))


def _shapes_within(prefix: str, tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {
        name.removeprefix(prefix): tuple(tensor.shape)
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _encoder(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in tensors.items() if name.startswith("encoder.")}
