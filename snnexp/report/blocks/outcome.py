"""What runs came to, side by side."""

from snnexp.report.comparison import Line
from snnexp.report.material import Material
from snnexp.report.outcomes import main_outcomes, outcomes, readings
from snnexp.report.parts import Block, Grid, Part

TITLE = "What came of it"
COLUMNS = 6
"""Runs up to which there is a column for each; of more, each has a line, unless a sweep has it."""
MAIN = ("accuracy", "timesteps", "spikes_per_neuron", "operations.energy_joule", "train_seconds")
"""What it then says."""


def block(material: Material) -> Block | None:
    """The measures of all runs, and their accuracy at some timesteps."""
    lines = main_outcomes(outcomes(material.runs))
    if len(material.subjects) > COLUMNS:
        table = _long(material, [line for line in lines if line.key in MAIN])
        return None if material.sweeps else Block("outcome", TITLE, (table,))
    head, read = tuple(material.names), readings(material.runs)
    parts: list[Part] = [_grid(("", *head), lines)]
    if read:
        parts.append(_grid(("accuracy at", *head), read))
    return Block("outcome", TITLE, tuple(parts))


def _grid(head: tuple[str, ...], lines: list[Line]) -> Grid:
    return Grid(head, tuple((line.name, *_words(line)) for line in lines))


def _long(material: Material, lines: list[Line]) -> Grid:
    """A line for each run."""
    cells = zip(material.names, *map(_words, lines), strict=True)
    return Grid(("run", *(line.name for line in lines)), tuple(cells))


def _words(line: Line) -> list[str]:
    return ["" if value in (None, []) else line.words(value) for value in line.values]
