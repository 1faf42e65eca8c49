"""A configuration of which some values are known to be wrong, for rules about the rest."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from snnexp.files.visible import one_line

ABSENT = object()


class Fault(NamedTuple):
    """Something wrong with one key."""

    path: str
    said: str
    superfluous: bool = False  # nothing reads the key, so that the rest can be judged without it

    def __str__(self) -> str:
        return f"{one_line(self.path)}: {self.said}"


class Unsound(Exception):
    """A value was asked for that is known to be wrong."""


class Sound(Mapping):
    """A mapping that raises `Unsound` where a faulty value is read, and has no superfluous keys."""

    def __init__(self, node: Mapping[str, Any], faults: list[Fault], prefix: str = ""):
        self.node, self.faults, self.prefix = node, faults, prefix

    def __getitem__(self, key: Any) -> Any:
        path = f"{self.prefix}{key}"
        here = [
            fault for fault in self.faults if fault.path in (path, f"{path}._target_")
        ]  # what a component is decides what its keys mean
        if any(fault.superfluous and fault.path == path for fault in here):
            raise KeyError(key)
        if any(not fault.superfluous for fault in here):
            raise Unsound(path)
        below = [fault for fault in self.faults if fault.path.startswith(f"{path}.")]
        value = self.node[key]
        return Sound(value, below, f"{path}.") if below and isinstance(value, Mapping) else value

    def __iter__(self) -> Iterator[Any]:
        superfluous = {fault.path for fault in self.faults if fault.superfluous}
        yield from (key for key in self.node if f"{self.prefix}{key}" not in superfluous)
        faulty = (
            fault.path.removeprefix(self.prefix) for fault in self.faults if not fault.superfluous
        )
        yield from dict.fromkeys(
            key for key in faulty if "." not in key and key not in self.node
        )  # what is missing is asked for, too

    def __len__(self) -> int:
        return sum(1 for _ in self)


def distinct(faults: list[Fault]) -> list[Fault]:
    """The faults without those that repeat another one where its value has been passed on, such as
    to a stage.
    """
    return [fault for fault in faults if not any(_repeats(fault, other) for other in faults)]


def _repeats(fault: Fault, other: Fault) -> bool:
    passed_on = fault.path.startswith("strategy.stages.") or fault.path == "evaluate.timesteps"
    return passed_on and fault.said == other.said and fault.path.endswith(f".{other.path}")
