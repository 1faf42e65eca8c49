"""The configuration: what differs, and all of it."""

from snnexp.report.comparison import Run, differing
from snnexp.report.material import Material
from snnexp.report.parts import Block, Grid, Missing, Part, Words
from snnexp.results.stage import CHOICES

COLUMNS = 6
"""Runs up to which there is a column for each."""


def block(material: Material) -> Block | None:
    """What differs between the runs; of a run, what was chosen, and every setting."""
    parts: list[Part] = []
    if 1 < len(material.subjects) <= COLUMNS:
        parts.append(_differing(material))
    parts += _unknown([name for name, each in material.named() if not each.run.whole])
    if material.few:
        parts += [_chosen(name, each.run) for name, each in material.named()]
        parts += [_all(name, each.run) for name, each in material.named()]
    return Block("settings", "Configuration", tuple(parts)) if parts else None


def _differing(material: Material) -> Part:
    lines = differing(material.runs)
    if not lines:
        return Words("Nothing differs.")
    rows = ((line.name, *(_words(value) for value in line.values)) for line in lines)
    return Grid(("what differs", *material.names), tuple(rows))


def _unknown(names: list[str]) -> list[Part]:
    """Runs of which there may be more to know."""
    if not names:
        return []
    told = "; ".join(names) if len(names) <= COLUMNS else f"{len(names)} of these runs"
    return [Missing(f"{told}: no configuration beside; what results and their commands tell.")]


def _chosen(name: str, run: Run) -> Grid:
    chosen = {key: run.result.value(key) for key in (*CHOICES, "seed", "timesteps")}
    rows = tuple((key, str(value)) for key, value in chosen.items() if value is not None)
    return Grid(("group", "option"), rows, f"What {name} is made of")


def _all(name: str, run: Run) -> Grid:
    rows = tuple((key, _words(value)) for key, value in sorted(run.settings.items()))
    return Grid(("setting", "value"), rows, f"Every setting of {name}")


def _words(value: object) -> str:
    return "" if value is None else str(value)
