"""Metrics as NeuroBench defines them."""

from dataclasses import asdict

from snnexp.report.lines import in_units
from snnexp.report.material import Material
from snnexp.report.parts import Block, Grid, Words

SHARES = ("connection_sparsity", "activation_sparsity")


def block(material: Material) -> Block | None:
    """A column for each run that has them."""
    known = {
        name: asdict(metrics)
        for name, each in material.named()
        if (metrics := each.run.result.last.neurobench) is not None
    }
    if not known or not material.few:
        return None
    fields = dict.fromkeys(field for each in known.values() for field in each)
    rows = (
        (field.replace("_", " "), *(_words(field, each[field]) for each in known.values()))
        for field in fields
    )
    table = Grid(("", *known), tuple(rows))
    about = Words("Operations and updates are for one test image, the footprint in bytes.")
    return Block("neurobench", "NeuroBench", (table, about))


def _words(field: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if field in SHARES else in_units(value, "").strip()
