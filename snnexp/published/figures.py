"""What a model card says in figures, as tables in Markdown."""

from collections.abc import Iterator
from dataclasses import replace

from snnexp.published.source import Source
from snnexp.report.energy import dearer
from snnexp.report.formats import markdown_table
from snnexp.report.lines import in_units, timesteps_line
from snnexp.results.parts import Energy, Operations
from snnexp.results.stage import CHOICES, StageResult
from snnexp.survey.measured import Measured, measured, status
from snnexp.survey.rows import Row, every_row

PUBLISHED = ("row", "system", "published", "at T", "measured", "read at T", "n", "verdict")
ENERGY = ("model", "this network", "analog network of the same shape", "prices")


def outcome(source: Source) -> str:
    """Accuracy, spikes and operations, and accuracy against time."""
    lines = [{"figure": name, "": value} for name, value in _outcome(source.result.last)]
    return "\n".join([markdown_table(["figure", ""], lines), *_along(source.result.last)])


def _outcome(last: StageResult) -> Iterator[tuple[str, str]]:
    images = "" if last.test_images is None else f", {last.test_images} test images"
    yield "accuracy", f"{last.accuracy:.2f} % at T = {last.timesteps}{images}"
    if last.undecided:
        yield "undecided", f"{last.undecided:.2f} %, no class ahead of all others; counted as wrong"
    if last.ann_accuracy is not None:
        yield "accuracy of the analog network it was made of", f"{last.ann_accuracy:.2f} %"
    if last.spikes_per_neuron is not None:
        yield "spikes per neuron and image", f"{last.spikes_per_neuron:.3g}"
    if last.spikes_per_inference is not None:
        yield "spikes per image", f"{last.spikes_per_inference:.6g}"
    if last.operations is not None:
        yield "operations per image", _operations(last.operations)
    if last.parameters is not None:
        yield "parameters", str(last.parameters)


def _operations(operations: Operations) -> str:
    counts = {
        " MAC": operations.mac,
        " AC": operations.ac,
        " MAC of the analog network of the same shape": operations.mac_ann,
    }
    named = (in_units(count, unit) for unit, count in counts.items() if count)
    return ", ".join(each.replace("  ", " ") for each in named)


def _along(last: StageResult) -> Iterator[str]:
    if last.form != "analog" and len(last.accuracy_by_timestep) > 1:
        yield f"```\n{timesteps_line(last.accuracy_by_timestep, last.timestep_is)}\n```\n"


def choices(source: Source) -> str:
    """The options that the network was made of."""
    last = source.result.last
    chosen = [(group, getattr(last, group)) for group in CHOICES if group != "experiment"]
    lines = [{"group": group, "option": f"`{option}`"} for group, option in chosen if option]
    return markdown_table(["group", "option"], lines)


def published(source: Source) -> str:
    """The rows of the survey that the network stands for, published beside measured."""
    reference = source.result.last.reference
    known = every_row()
    named = [known[row] for row in (reference.rows if reference else []) if row in known]
    lines = [_row(row, found) for row in named if (found := measured(row, [*source.runs]))]
    return markdown_table([*PUBLISHED], lines) if lines else ""


def _row(row: Row, found: Measured) -> dict[str, str]:
    spread = "" if found.std is None else f" ± {found.std:.2f}"
    return {
        "row": f"`{row.id}`",
        "system": f"[{row.reference}] {row.citation}: {row.strategy}, {row.architecture}",
        "published": f"{row.accuracy} %" if row.accuracy else "",
        "at T": row.timesteps,
        "measured": f"{found.mean:.2f}{spread} %",
        "read at T": str(found.timesteps),
        "n": str(len(found.accuracies)),
        "verdict": status(row, found) + (f" ({found.budget})" if found.budget else ""),
    }


def energy(source: Source) -> str:
    """Energy per image by every model that the result has, and where that is more than the analog
    network costs.
    """
    last = source.result.last
    energies = energies_of(last)
    if not energies:
        return ""
    lines = [_energy_line(name, each) for name, each in energies.items()]
    remarks = dearer(replace(last, energies=energies))
    said = [f"More than the analog network: {line}.\n" for line in remarks]
    return "\n".join([markdown_table([*ENERGY], lines), *said])


def _energy_line(model: str, spent: Energy) -> dict[str, str]:
    cells = (model, _joule(spent.joule), _joule(spent.ann_joule), spent.source or "")
    return dict(zip(ENERGY, cells, strict=True))


def energies_of(last: StageResult) -> dict[str, Energy]:
    """The energies of a result by their models; of one from before there were several, that of its
    operations.
    """
    counted = last.operations
    if last.energies or counted is None or counted.energy_joule is None:
        return last.energies or {}
    return {
        "operations alone": Energy(
            source=counted.energy_model,
            first_layer=None,
            joule=counted.energy_joule,
            joule_by_part={},
            ann_joule=counted.energy_ann_joule,
        )
    }


def _joule(value: float | None) -> str:
    return "" if value is None else in_units(value, "J")
