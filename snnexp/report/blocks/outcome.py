"""What runs came to, side by side."""

from snnexp.report.comparison import Line
from snnexp.report.material import Material
from snnexp.report.outcomes import main_outcomes, outcomes, readings
from snnexp.report.parts import Block, Grid, Part

COLUMNS = 6
"""Runs up to which there is a column for each."""


def block(material: Material) -> Block | None:
    """The measures of all runs, and their accuracy at some timesteps."""
    if len(material.subjects) > COLUMNS:
        return None
    head = tuple(material.names)
    lines, read = main_outcomes(outcomes(material.runs)), readings(material.runs)
    parts: list[Part] = [_grid(("", *head), lines)]
    if read:
        parts.append(_grid(("accuracy at", *head), read))
    return Block("outcome", "What came of it", tuple(parts))


def _grid(head: tuple[str, ...], lines: list[Line]) -> Grid:
    return Grid(head, tuple((line.name, *_words(line)) for line in lines))


def _words(line: Line) -> list[str]:
    return ["" if value in (None, []) else line.words(value) for value in line.values]
