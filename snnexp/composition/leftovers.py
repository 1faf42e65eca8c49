"""What an experiment has set for one option, and another option is chosen that has no such key."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

ABSENT = object()


@dataclass(frozen=True)
class Leftovers:
    """The keys that fall away in one group, each with what stands there without the other option,
    and the keys that were set for it and stay.
    """

    group: str
    option: str
    other: str
    away: Mapping[str, Any]
    kept: Mapping[str, Any]

    def __str__(self) -> str:
        words = f"{self.group}={self.option} in place of {self.other}: "
        kept = ", ".join(f"{key}={value}" for key, value in self.kept.items())
        away = f"falls away {', '.join(self.away)}" if self.away else ""
        return words + "; ".join(filter(None, [away, f"stays {kept}" if kept else ""]))


def leftovers(
    config: DictConfig,
    pure: DictConfig,
    swapped: Mapping[str, str],
    choices: Mapping[str, str],
    typed: list[str],
) -> Iterator[Leftovers]:
    """What was set for other options than those chosen, group by group.

    Args:
        config: as it was composed.
        pure: the options chosen as they are by themselves.
        swapped: by group, the option that would stand there had nobody chosen another.
        choices: the option chosen in each group.
        typed: the keys that a user has set, and that nobody takes away.
    """
    actual, plain = _plain(config), _plain(pure)
    for group, other in swapped.items():
        found = _Found(typed)
        found.look(actual.get(group), plain.get(group), group)
        if found.away or found.kept:
            yield Leftovers(group, choices[group], other, found.away, found.kept)


def away_with(found: list[Leftovers], config: DictConfig) -> None:
    """Takes out of `config` what falls away; where the option has something of its own there, that
    stands again.
    """
    for key, value in (pair for each in found for pair in each.away.items()):
        parent, _, name = key.rpartition(".")
        node = OmegaConf.select(config, parent) if parent else config
        with open_dict(node):
            del node[name]
            if value is not ABSENT:
                node[name] = value


class _Found:
    """What differs between a node and the option by itself, apart from what a user has typed."""

    def __init__(self, typed: list[str]):
        self.typed = typed
        self.away: dict[str, Any] = {}
        self.kept: dict[str, Any] = {}

    def look(self, actual: Any, plain: Any, path: str) -> None:
        if not isinstance(actual, dict) or not isinstance(plain, dict):
            return
        for name, value in actual.items():
            self._compare(value, plain.get(name, ABSENT), f"{path}.{name}")

    def _compare(self, value: Any, plain: Any, path: str) -> None:
        if _alike(value, plain):
            self.look(value, plain, path)
        elif any(key == path or key.startswith(f"{path}.") for key in self.typed):
            return
        elif plain is ABSENT or isinstance(value, dict):
            self.away[path] = plain
        elif value != plain:
            self.kept[path] = value


def _alike(value: Any, plain: Any) -> bool:
    """Whether both are mappings, and none a component other than the other."""
    both = isinstance(value, dict) and isinstance(plain, dict)
    return both and value.get("_target_") == plain.get("_target_")


def _plain(config: DictConfig) -> dict[str, Any]:
    plain: Any = OmegaConf.to_container(config)
    return plain
