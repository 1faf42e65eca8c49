"""Short names: `dataset.mean` for `dataset.normalisation.mean`, whichever part of a data set takes
it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

DATASET = "snnexp.datasets.dataset.Dataset"
_OWN = ("_target_", "source", "validation", "split_seed", "normalisation", "augmentation")
_PARTS = ("source", "normalisation")
_ABSENT = object()


def without_short_names(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """A data set without the settings that its parts have taken over from it.

    One that no part has taken over stays, and so does one that a part has with another value: the
    check then says that nothing reads it.
    """
    if dataset.get("_target_") != DATASET:
        return dict(dataset)
    return {
        key: value
        for key, value in dataset.items()
        if key in _OWN or not _is_taken_over(dataset, key)
    }


def places(dataset: Mapping[str, Any], key: str) -> list[str]:
    """Where in a data set a setting stands that is called `key` for short, as dotted names; that of
    a part of a part as `frames.timesteps`.
    """
    first, _, rest = key.partition(".")
    own = [(first, dataset[first])] if first in dataset else []
    found = [*own, *_in_parts(dataset, first)]
    return [f"{path}.{rest}" if rest else path for path, node in found if _has(node, rest)]


def _has(node: Any, key: str) -> bool:
    """Whether a dotted name leads somewhere in a node; the empty one does."""
    first, _, rest = key.partition(".")
    return not key or (isinstance(node, Mapping) and first in node and _has(node[first], rest))


def values(dataset: Mapping[str, Any], key: str) -> list[Any]:
    """What stands in these places."""
    own = [dataset[key]] if key in dataset else []
    return own + [value for _, value in _in_parts(dataset, key)]


def _is_taken_over(dataset: Mapping[str, Any], key: str) -> bool:
    values = [value for _, value in _in_parts(dataset, key)]
    return bool(values) and all(value == dataset[key] for value in values)


def _in_parts(node: Mapping[str, Any], key: str, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name in _PARTS:
        part = node.get(name)
        if not isinstance(part, Mapping):
            continue
        value = part.get(key, _ABSENT)
        if value is not _ABSENT and key != "_target_":
            yield f"{prefix}{name}.{key}", value
        yield from _in_parts(part, key, f"{prefix}{name}.")
