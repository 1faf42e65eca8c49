"""A comparison of runs as text: one line per setting or measure, one column per run."""

from collections.abc import Callable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.files.visible import one_line
from snnexp.report import formats as forms
from snnexp.report.comparison import Line, Run, differing, labels
from snnexp.report.outcomes import outcomes, readings

Parts = dict[str, list[Line]]
ABSENT = "-"
WIDTH_OF_NAMES = 24


def compared(runs: list[Run]) -> Parts:
    """The lines of a comparison by what they are about."""
    read = readings(runs)
    return {"configuration": differing(runs), "result": outcomes(runs)} | (
        {"accuracy by timestep": read} if read else {}
    )


def as_csv(runs: list[Run], parts: Parts) -> str:
    """Names and values as they are in the files, runs by their paths."""
    paths = [one_line(run.path) for run in runs]
    rows = [
        {"part": part, "name": line.key or line.name}
        | dict(
            zip(paths, ("" if value is None else str(value) for value in line.values), strict=True)
        )
        for part, lines in parts.items()
        for line in lines
    ]
    return forms.as_csv(["part", "name", *paths], rows)


def as_markdown(runs: list[Run], parts: Parts) -> str:
    """One table for the configuration, one for the result, one for the accuracy against
    timesteps.
    """
    columns = labels(runs)
    tables = (
        forms.as_markdown(
            part,
            [part, *columns],
            [{part: line.name} | dict(zip(columns, _words(line), strict=True)) for line in lines],
        )
        for part, lines in parts.items()
        if lines
    )
    return "\n".join(tables)


def as_rich(runs: list[Run], parts: Parts) -> str:
    """For a terminal; where the names of the runs do not fit above the columns, the columns have
    numbers.
    """
    console, names = Console(highlight=False), labels(runs)
    fit = WIDTH_OF_NAMES + sum(len(name) + 2 for name in names) <= console.width
    heads = names if fit else [f"({number})" for number in range(1, len(runs) + 1)]
    with console.capture() as capture:
        for head, run in zip(heads, runs, strict=True):
            console.print(Text(f"{head}  {one_line(run.path)}"), soft_wrap=True)
        for part, lines in parts.items():
            console.print(_table(part, heads, lines) if lines else f"\n{part}: nothing differs")
    return capture.get()


def _table(part: str, heads: list[str], lines: list[Line]) -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(
        part, overflow="fold", width=min(WIDTH_OF_NAMES, max(len(line.name) for line in lines))
    )
    for head in heads:
        table.add_column(Text(head), overflow="fold")
    for line in lines:
        table.add_row(Text(line.name), *map(Text, _words(line)))
    return table


def _words(line: Line) -> list[str]:
    return [ABSENT if value is None else line.words(value) for value in line.values]


FORMATS: dict[str, Callable[[list[Run], Parts], str]] = {
    "rich": as_rich,
    "markdown": as_markdown,
    "csv": as_csv,
}
