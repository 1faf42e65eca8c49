"""What a model card says in figures, as tables in Markdown."""

from collections.abc import Iterator

from snnexp.published.source import Source
from snnexp.report.energy import dearer
from snnexp.report.formats import Lines, markdown_table
from snnexp.report.lines import in_units, timesteps_line
from snnexp.results.parts import Operations
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
    lines = [*_energy(last)]
    if not lines:
        return ""
    remarks = [f"More than the analog network: {line}.\n" for line in dearer(last)]
    return "\n".join([markdown_table([*ENERGY], lines), *remarks])


def _energy(last: StageResult) -> Lines:
    found = [
        (name, each.joule, each.ann_joule, each.source)
        for name, each in (last.energies or {}).items()
    ]
    operations = last.operations
    if not found and operations is not None:
        figures = operations.energy_joule, operations.energy_ann_joule, operations.energy_model
        found = [("operations alone", *figures)]
    return [
        dict(zip(ENERGY, (name, _joule(own), _joule(ann), prices or ""), strict=True))
        for name, own, ann, prices in found
    ]


def _joule(value: float | None) -> str:
    return "" if value is None else in_units(value, "J")
