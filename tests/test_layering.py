"""Imports point downwards only: the rooms of the package, and the floors that they are on."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "snnexp"
FLOORS = [
    {"distributed", "errors", "kernels", "limits", "noise", "ranks"},
    {"cell", "energy", "events", "files", "finite", "progress", "stopping", "thresholds"},
    {
        *(
            "activations",
            "encoders",
            "losses",
            "neurons",
            "optimizers",
            "readouts",
            "schedulers",
            "surrogates",
            "synapses",
        ),
        *("composition", "datasets", "results"),
    },
    {"layers", "survey"},
    {"architectures", "network", "norms", "report"},
    {"conversion", "counted", "export", "presimulations", "timed", "track"},
    {"calibrations", "measure"},
    {"runs"},
    {"training"},
    {"stages"},
    {"configuration"},
    {"jobs", "run"},
    {"contracts", "published", "reopen", "reproduce"},
    {"cli", "notebook"},
    {"__main__"},
]
"""The rooms, from the ground up. A room imports from the floors below its own, and never from its
neighbours: no way leads in a circle.
"""
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
CONTRIBUTING = PACKAGE.parent / "CONTRIBUTING.md"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> Iterator[str]:
    """The rooms of the package that a source imports, wherever in it; `snnexp` is the package
    itself.
    """
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.ImportFrom):
            assert statement.level == 0, "imports are absolute"
            names = [f"{statement.module}.{alias.name}" for alias in statement.names]
        elif isinstance(statement, ast.Import):
            names = [alias.name for alias in statement.names]
        else:
            continue
        for first, *rest in (name.split(".") for name in names):
            if first == "snnexp":
                yield rest[0] if rest else first


def offences(room: str, source: str) -> list[str]:
    """What a source of `room` imports although it may not."""
    others = set(imported(source)) - {room, "snnexp"}
    return sorted(other for other in others if LEVEL[other] >= LEVEL[room])


def test_every_room_has_its_floor():
    assert len(FILES) >= 130
    assert {room_of(path) for path in FILES} == LEVEL.keys()


def test_few_files_stand_beside_the_rooms():
    assert len(list(PACKAGE.glob("*.py"))) <= 12


def test_the_map_on_the_wall_is_the_house():
    drawn = re.search(r"## The rooms\n.*?```\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)[1]
    floors = [set(line.split()[1:]) for line in drawn.splitlines() if line.strip()]
    assert floors[::-1] == FLOORS


@pytest.mark.slow
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_downwards(path):
    assert offences(room_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    "room, source, found",
    [
        (
            "neurons",
            "from snnexp.cell import Cell\nimport torch\nfrom snnexp.neurons.firing import Firing",
            [],
        ),
        ("neurons", "from snnexp.surrogates.arctan import Arctan", ["surrogates"]),
        ("cell", "def forward():\n    import snnexp.network", ["network"]),
        ("norms", "from snnexp.layers.per_step import PerStep", []),
        ("stages", "from snnexp import cell, run", ["run"]),
        ("conversion", "from snnexp.calibrations.base import Calibration", ["calibrations"]),
        ("runs", "import snnexp", []),
    ],
)
def test_an_import_upwards_or_sideways_is_found(room, source, found):
    assert offences(room, source) == found
