"""The parts of a report in the order in which they are read, and the plots that they have."""

from collections.abc import Iterator
from importlib import import_module
from types import ModuleType

from snnexp.report.charts.base import Chart
from snnexp.report.material import Material
from snnexp.report.parts import Block, Missing

ORDER = (
    "warnings",
    "sweep",
    "outcome",
    "accuracy",
    "cost",
    "energies",
    "layers",
    "conversion",
    "exits",
    "settling",
    "activity",
    "training",
    "classes",
    "neurobench",
    "settings",
    "origin",
)
"""Files in `snnexp/report/blocks`."""


def blocks(material: Material) -> list[Block]:
    """All parts for which there is something."""
    found = (module.block(material) for module in _modules())
    return [block for block in found if block is not None]


def plots() -> dict[str, str]:
    """What can be drawn by itself, by the word for it."""
    return {kind: words for module in _modules() for kind, words in _plots(module).items()}


def charts(material: Material, kind: str) -> list[Chart]:
    """The charts of one kind."""
    modules = (module for module in _modules() if kind in _plots(module))
    found = (module.block(material) for module in modules)
    return [chart for block in found if block is not None for chart in block.figures(kind)]


def lacking(material: Material, kind: str) -> list[str]:
    """Why there may be no chart of a kind, in words."""
    modules = (module for module in _modules() if kind in _plots(module))
    found = (module.block(material) for module in modules)
    parts = (part for block in found if block is not None for part in block.parts)
    return [part.text for part in parts if isinstance(part, Missing)]


def _plots(module: ModuleType) -> dict[str, str]:
    plots: dict[str, str] = getattr(module, "PLOTS", {})
    return plots


def _modules() -> Iterator[ModuleType]:
    return (import_module(f"snnexp.report.blocks.{name}") for name in ORDER)
