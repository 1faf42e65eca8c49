"""A sweep: its jobs as a table."""

from snnexp.report.material import Material, Sweep
from snnexp.report.parts import Block, Grid, Part, Words


def block(material: Material) -> Block | None:
    """The tables of all sweeps."""
    if not material.sweeps:
        return None
    parts = [part for sweep in material.sweeps for part in _parts(sweep)]
    return Block("sweep", "Sweep", tuple(parts))


def _parts(sweep: Sweep) -> list[Part]:
    means: list[Part] = [Grid(sweep.head, sweep.means)] if sweep.means else []
    remarks = [Words(remark) for remark in sweep.remarks]
    return [Words(sweep.name), *means, *remarks, Grid(sweep.head, sweep.rows)]
