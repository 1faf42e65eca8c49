"""What runs are called beside each other: by what tells them apart."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from snnexp.composition.identity import PLACES
from snnexp.files.visible import one_line
from snnexp.report.comparison import NOT_SET, Line, Run, differing
from snnexp.results.stage import CHOICES

HASH = "hash of the configuration"
OF_ONE_RUN = ("seed", "command", HASH)
"""What differs between runs of one curve."""
ASIDE = ("command", HASH, *PLACES, "progress", "device", "on_error")
"""What says nothing of what is computed."""
FIRST = (*CHOICES, "timesteps", "evaluate.timesteps")
"""Settings by which runs are told apart before all others."""
SHORT = {"timesteps": "T", "evaluate.timesteps": "T"}
LONGEST = 40
"""Characters of a name from which it is shortened."""
PLAIN_RUN = "train"
"""What the folder of a run without an experiment is called."""


def headlines(lines: Sequence[Line]) -> list[Line]:
    """The settings that say most, those that name runs first: what is chosen, what stands at the
    top of the configuration, and what differs between runs that both have it.
    """
    kept = [line for line in lines if not _is_aside(line.name) and _says_much(line)]
    order = {name: place for place, name in enumerate(FIRST)}
    return sorted(kept, key=lambda line: order.get(line.name, len(FIRST)))


def _is_aside(name: str) -> bool:
    return name in ASIDE or name.startswith(("tracker", "energy"))


def _says_much(line: Line) -> bool:
    known = {str(value) for value in line.values if value not in (None, NOT_SET)}
    return "." not in line.name or len(known) > 1 or NOT_SET in line.values


def labels(runs: list[Run]) -> list[str]:
    """Names of the runs by the fewest settings that tell them apart; by their folders where none
    do.
    """
    lines = headlines(differing(runs))
    names = _short_enough(_words(_telling(lines), len(runs)))
    if not any(names):
        return paths(runs)
    places = paths(runs)
    alone = [bool(name) and names.count(name) == 1 for name in names]
    both = zip(names, places, alone, strict=True)
    return [name if one else f"{name} ({place})".strip() for name, place, one in both]


def _short_enough(words: list[list[str]]) -> list[str]:
    """Each run's words as one name; where one is long, of each as many as nobody else begins
    with.
    """
    names = [_joined(each) for each in words]
    if max(map(len, names), default=0) <= LONGEST:
        return names
    return [_joined(_alone(each, words)) for each in words]


def _alone(words: list[str], others: list[list[str]]) -> list[str]:
    starts = (words[:count] for count in range(1, len(words)))
    unique = (
        start for start in starts if sum(other[: len(start)] == start for other in others) == 1
    )
    return next(unique, words)


def seeds_together(runs: list[Run]) -> dict[str, list[Run]]:
    """Runs that differ in the seed alone, by what tells them apart from the others."""
    lines = [line for line in differing(runs) if line.name not in OF_ONE_RUN]
    groups: dict[tuple, list[Run]] = {}
    for run, values in zip(runs, _across(lines, len(runs)), strict=True):
        key = (*map(str, values), *_of_itself(run))
        seeds = [other.result.last.seed for other in groups.get(key, [])]
        again = len(groups) if run.result.last.seed in seeds else None  # twice is no other seed
        groups.setdefault((*key, again) if again else key, []).append(run)
    found = [*groups.values()]
    names = labels([group[0] for group in found])
    return dict(zip(_once(names), found, strict=True))


def _of_itself(run: Run) -> tuple[Any, ...]:
    """What sets a run apart that its settings may not say."""
    last = run.result.last
    unsaid = None if run.whole else run.result.config_hash
    return unsaid, last.form, len(last.accuracy_by_timestep)


def _once(names: list[str]) -> list[str]:
    return [f"{name} #{n}" if names.count(name) > 1 else name for n, name in enumerate(names, 1)]


def _telling(lines: list[Line]) -> list[Line]:
    """The first lines that between them tell as many runs apart as all do; the seed last."""
    chosen: list[Line] = []
    for line in sorted(lines, key=lambda line: line.name == "seed"):
        if _told(chosen) < _told([*chosen, line]):
            chosen.append(line)
    for line in reversed(chosen[1:]):
        others = [each for each in chosen if each is not line]
        if others and _told(others) == _told(chosen):
            chosen = others
    return chosen


def _told(lines: list[Line]) -> int:
    values = zip(*(line.values for line in lines), strict=True)
    return len({tuple(map(str, each)) for each in values}) or 1


def _across(lines: list[Line], count: int) -> list[tuple[Any, ...]]:
    return [tuple(line.values[number] for line in lines) for number in range(count)]


def _words(lines: list[Line], count: int) -> list[list[str]]:
    return [[_word(line, line.values[number]) for line in lines] for number in range(count)]


def _word(line: Line, value: Any) -> str:
    """A setting as part of a name: an option by itself, another value with its key."""
    if line.name == "experiment":
        return one_line(value or PLAIN_RUN)
    if value is None or value == NOT_SET:
        return ""
    words = one_line(line.words(value))
    key = SHORT.get(line.name, line.name.rpartition(".")[2])
    return words if line.name in CHOICES else f"{one_line(key)} {words}"


def _joined(words: Iterable[str]) -> str:
    return ", ".join(filter(None, words))


def paths(runs: list[Run]) -> list[str]:
    """The shortest ends of the paths that tell the runs apart, a file without its suffix; the seed
    alone is no name.
    """
    every = [_parts(run.path) for run in runs]
    first = 2 if any(re.fullmatch(r"s\d+", parts[-1]) for parts in every) else 1
    cuts = (
        ["/".join(parts[-count:]) for parts in every]
        for count in range(first, max(map(len, every)) + 1)
    )
    return next(
        (cut for cut in cuts if len(set(cut)) == len(cut)), ["/".join(parts) for parts in every]
    )


def _parts(path: Path) -> list[str]:
    path = path.absolute()
    path = (
        path.parent
        if path.name == "result.json"
        else path.with_suffix("")
        if path.suffix == ".json"
        else path
    )
    return [one_line(part) for part in path.parts if part != "/"]
