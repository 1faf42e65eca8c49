"""A comparison of runs as text: one line per setting or measure, one column per run."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.files.visible import one_line
from snnexp.report import formats as forms
from snnexp.report.comparison import Line, Run, differing
from snnexp.report.labels import HASH, headlines, labels
from snnexp.report.outcomes import main_outcomes, outcomes, readings

ABSENT = "-"
RESULT, READINGS, SETTINGS = "result", "accuracy by timestep", "configuration"
WIDTH_OF_NAMES = 24
NARROWEST = 9
"""Characters of a column in which an accuracy stands whole."""
LONGEST_HEAD = 40
MAIN = ("accuracy", "timesteps", "spikes_per_neuron", "operations.energy_joule", "train_seconds")
"""What a run has in a line of its own."""


@dataclass(frozen=True)
class Comparison:
    """What came of runs, and in what they differ.

    Args:
        parts: lines by what they are about; results first.
        left_out: how many lines are not among them.
        unknown: names of runs of which not all settings are known.
    """

    parts: dict[str, list[Line]]
    left_out: int = 0
    unknown: tuple[str, ...] = ()


def compared(runs: list[Run], whole: bool = False) -> Comparison:
    """The comparison of runs by what says most, or the `whole` of it."""
    results, settings = outcomes(runs), differing(runs)
    shown = (results, settings) if whole else (main_outcomes(results), _headlines(settings))
    read = readings(runs)
    parts = {RESULT: shown[0]} | ({READINGS: read} if read else {}) | {SETTINGS: shown[1]}
    left = len(results) + len(settings) - sum(map(len, shown))
    known = {run.result.config_hash for run in runs}
    lone = [one_line(run.path) for run in runs if not run.whole] if len(known) > 1 else []
    return Comparison(parts, left, tuple(lone))


def _headlines(settings: list[Line]) -> list[Line]:
    """What says most; of results that lie alone it may be that nothing but a hash differs."""
    return headlines(settings) or [line for line in settings if line.name == HASH]


def as_csv(runs: list[Run], comparison: Comparison) -> str:
    """Names and values as they are in the files, runs by their paths."""
    paths = [one_line(run.path) for run in runs]
    rows = [
        {"part": part, "name": line.key or line.name}
        | dict(
            zip(paths, ("" if value is None else str(value) for value in line.values), strict=True)
        )
        for part, lines in comparison.parts.items()
        for line in lines
    ]
    return forms.as_csv(["part", "name", *paths], rows)


def as_markdown(runs: list[Run], comparison: Comparison) -> str:
    """One table for the result, one for the accuracy against timesteps, one for the
    configuration.
    """
    columns = labels(runs)
    tables = (
        forms.as_markdown(
            part,
            [part, *columns],
            [{part: line.name} | dict(zip(columns, _words(line), strict=True)) for line in lines],
        )
        for part, lines in comparison.parts.items()
        if lines
    )
    return "\n".join([*tables, *(f"{remark}\n" for remark in remarks(comparison))])


def as_rich(runs: list[Run], comparison: Comparison) -> str:
    """For a terminal; where the names of the runs do not fit above the columns, the columns have
    numbers, and where there are more runs than columns, each run has a line.
    """
    console, names = Console(highlight=False), labels(runs)
    heads = names if _fit(names, console.width) else _numbered(runs)
    room = max(WIDTH_OF_NAMES, console.width // 5)
    many = len(runs) * NARROWEST + WIDTH_OF_NAMES > console.width
    with console.capture() as capture:
        for head, name, run in zip(heads, names, runs, strict=True):
            label = head if head == name or name in one_line(run.path) else f"{head}  {name}"
            console.print(Text(f"{label}  {one_line(run.path)}"), soft_wrap=True)
        for part, lines in comparison.parts.items():
            if not lines:
                console.print(f"\n{part}: nothing differs")
            else:
                page = _rows(part, heads, lines) if many else _columns(part, heads, lines, room)
                console.print(page)
        for remark in remarks(comparison):
            console.print(Text(remark))
    return capture.get()


def remarks(comparison: Comparison) -> Iterator[str]:
    """What is not shown, and what is not known."""
    if comparison.left_out:
        yield f"{comparison.left_out} more lines, of parts and circumstances that differ: --all"
    if comparison.unknown:
        names = comparison.unknown
        runs = ", ".join(names) if len(names) < 3 else f"{len(names)} of these"
        yield (
            f"no configuration beside {runs}: of what differs, this is what results and their "
            "commands tell; there may be more"
        )


def _numbered(runs: list[Run]) -> list[str]:
    return [f"({number})" for number in range(1, len(runs) + 1)]


def _fit(names: list[str], width: int) -> bool:
    longest = sum(max(map(len, (*name.split(), "")), default=0) + 2 for name in names)
    return WIDTH_OF_NAMES + longest <= width and max(map(len, names)) <= LONGEST_HEAD


def _columns(part: str, heads: list[str], lines: list[Line], room: int) -> Table:
    """A column for each run, behind names that have so much room."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    width = min(room, max(len(name) for name in (part, *(line.name for line in lines))))
    table.add_column(part, overflow="fold", width=width)
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    for line in lines:
        table.add_row(Text(line.name), *map(Text, _words(line)))
    return table


def _rows(part: str, heads: list[str], lines: list[Line]) -> Table:
    """A line for each run, of what says most."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    kept = [line for line in lines if line.key in MAIN] or lines
    for name in (part, *(line.name for line in kept)):
        table.add_column(name, overflow="fold")
    cells = zip(*(_words(line) for line in kept), strict=True)
    for head, words in zip(heads, cells, strict=True):
        table.add_row(Text(head), *map(Text, words))
    return table


def _words(line: Line) -> list[str]:
    return [ABSENT if value is None else line.words(value) for value in line.values]


FORMATS: dict[str, Callable[[list[Run], Comparison], str]] = {
    "rich": as_rich,
    "markdown": as_markdown,
    "csv": as_csv,
}
