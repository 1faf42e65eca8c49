"""What a run came to, for the eye."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.files.visible import one_line
from snnexp.report.lines import FLAGGED, in_units, number, timesteps_line


def summary(result: dict[str, Any], run_dir: Path, page: Console | None = None) -> None:
    """Prints the table of a result, accuracy against time, and where the run is; on stdout unless there is a `page`."""
    page = Console(highlight=False) if page is None else page
    page.print(_table(result))
    lines = [timesteps_line(result["accuracy_by_timestep"])] if result.get("accuracy_by_timestep") else []
    for line in [*lines, f"run folder  {one_line(run_dir)}"]:
        page.print(Text(line), soft_wrap=True)  # whole, so that the path can be copied


def _table(result: dict[str, Any]) -> Table:
    table = Table("result")
    table.add_column(Text(one_line(result.get("experiment") or "")))
    for name, value in _rows(result):
        table.add_row(name, Text(value))
    return table


def _rows(result: dict[str, Any]) -> list[tuple[str, str]]:
    flags = result.get("flags") or []
    rows = [("accuracy", f"{number(result.get('accuracy'), '.2f')} % at T = {result.get('timesteps')}{FLAGGED if flags else ''}")]
    rows += [("flags", "\n".join(map(one_line, flags)))] if flags else []
    rows += _published(result.get("reference"), result.get("gap"))
    if result.get("ann_accuracy") is not None:
        rows += [("accuracy of the ANN", f"{result['ann_accuracy']:.2f} %")]
    if result.get("spikes_per_neuron") is not None:
        rows += [("spikes per neuron", f"{result['spikes_per_neuron']:.3g}")]
    return rows + _operations(result.get("operations") or {})


def _published(reference: dict[str, Any] | None, gap: float | None) -> list[tuple[str, str]]:
    if not reference or reference.get("accuracy") is None:
        return []
    timesteps = reference.get("timesteps")
    rows = [("published accuracy", f"{reference['accuracy']:.2f} %" + ("" if timesteps is None else f" at T = {timesteps}"))]
    return rows if gap is None else [*rows, ("gap to the published", f"{gap:+.2f}")]


def _operations(operations: dict[str, Any]) -> list[tuple[str, str]]:
    units = {"mac": " MAC", "ac": " AC", "mac_ann": " MAC of the ANN"}  # apart from the prefix: 2 MAC would be mega-AC or MAC
    counts = [in_units(operations[key], unit).replace("  ", " ") for key, unit in units.items() if operations.get(key) is not None]
    rows = [("operations per image", ", ".join(counts))] if counts else []
    return rows + _energy(operations.get("energy_joule"), operations.get("energy_ann_joule"))


def _energy(energy: float | None, ann: float | None) -> list[tuple[str, str]]:
    if energy is None:
        return []
    share = f", {energy / ann:.3g} of the ANN's {in_units(ann, 'J')}" if ann else ""
    return [("energy per image", in_units(energy, "J") + share)]
