"""What a run came to, for the eye."""

from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.files.visible import one_line
from snnexp.report.energy import dearer, energy_lines
from snnexp.report.exits import exit_lines
from snnexp.report.lines import FLAGGED, in_units, timesteps_line
from snnexp.results.parts import Operations
from snnexp.results.stage import StageResult

SEEN = 0.005
"""Percent from which a figure with two decimals is not zero."""


def summary(result: StageResult, run_dir: Path, page: Console | None = None) -> None:
    """Prints the table of a result, accuracy against time, and where the run is; on stdout unless
    there is a `page`.
    """
    page = Console(highlight=False) if page is None else page
    page.print(_table(result))
    curve = result.accuracy_by_timestep
    lines = folded(timesteps_line(curve, result.timestep_is), page.width) if curve else []
    for line in [*lines, f"run folder  {one_line(run_dir)}"]:
        page.print(Text(line), soft_wrap=True)  # whole, so that the path can be copied


def folded(line: str, width: int) -> list[str]:
    """A line of parts with two spaces between them as lines of such a width, which end between
    parts.
    """
    first, *parts = line.split("  ")
    lines = [first]
    for part in parts:
        if len(lines[-1]) + 2 + len(part) <= width:
            lines[-1] += f"  {part}"
        else:
            lines.append(f"  {part}")
    return lines


def _table(result: StageResult) -> Table:
    table = Table("result")
    table.add_column(Text(one_line(result.experiment or "")))
    for name, value in _rows(result):
        table.add_row(name, Text(value))
    return table


def _rows(result: StageResult) -> list[tuple[str, str]]:
    flags = result.flags or []
    accuracy = f"{result.accuracy:.2f} % at T = {result.timesteps}{FLAGGED if flags else ''}"
    rows = [("accuracy", accuracy)]
    rows += [("flags", "\n".join(map(one_line, flags)))] if flags else []
    rows += _undecided(result)
    rows += _published(result)
    if result.ann_accuracy is not None:
        rows += [("accuracy of the ANN", f"{result.ann_accuracy:.2f} %")]
    if result.spikes_per_neuron is not None:
        rows += [("spikes per neuron", f"{result.spikes_per_neuron:.3g}")]
    if result.operations is None:
        return rows
    is_analog = result.form == "analog"
    rows += _operations(result.operations, is_analog) + _clocked(result.operations)
    return rows + _costs(result, is_analog)


def _undecided(result: StageResult) -> list[tuple[str, str]]:
    """Images that no class wins: they count as wrong, so that accuracies can be below chance."""
    if not result.undecided or result.undecided < SEEN:
        return []
    return [("undecided", f"{result.undecided:.2f} %, no class ahead of all others; wrong")]


def _published(result: StageResult) -> list[tuple[str, str]]:
    reference = result.reference
    if reference is None or reference.accuracy is None:
        return []
    at = "" if reference.timesteps is None else f" at T = {reference.timesteps}"
    rows = [("published accuracy", f"{reference.accuracy:.2f} %{at}")]
    return rows if result.gap is None else [*rows, ("gap to the published", f"{result.gap:+.2f}")]


def _operations(operations: Operations, is_analog: bool) -> list[tuple[str, str]]:
    units = {  # apart from the prefix: 2 MAC would be mega-AC or MAC
        " MAC": operations.mac,
        " AC": operations.ac,
        " MAC of the ANN": operations.mac_ann,
    }
    counts = [
        in_units(count, unit).replace("  ", " ")
        for unit, count in units.items()
        if count is not None
    ]
    return [("operations per image", ", ".join(counts))] if counts else []


def _clocked(operations: Operations) -> list[tuple[str, str]]:
    """Of events: what they would cost where every frame is multiplied."""
    if operations.mac_clocked is None or operations.energy_clocked_joule is None:
        return []
    macs = in_units(operations.mac_clocked, " MAC").replace("  ", " ")
    energy = in_units(operations.energy_clocked_joule, "J")
    cost = f"{energy} in all (45 nm, float32)"
    return [("frames multiplied", f"{macs} in place of the AC of events, {cost}")]


def _costs(result: StageResult, is_analog: bool) -> list[tuple[str, str]]:
    """Energy by every model that was asked; of older results by the one that they know."""
    rows = {
        "energy per image": energy_lines(result),
        "dearer than its ANN": dearer(result),
        "early exit": exit_lines(result),
    }
    if not rows["energy per image"] and result.operations is not None:
        ann = None if is_analog else result.operations.energy_ann_joule
        return _energy(result.operations.energy_joule, ann)
    return [(name, "\n".join(map(one_line, lines))) for name, lines in rows.items() if lines]


def _energy(energy: float | None, ann: float | None) -> list[tuple[str, str]]:
    if energy is None:
        return []
    share = f", {energy / ann:.3g} times the ANN's {in_units(ann, 'J')}" if ann else ""
    return [("energy per image", f"{in_units(energy, 'J')}{share} (45 nm, float32)")]
