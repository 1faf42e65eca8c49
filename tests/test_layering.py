"""Imports point downwards only."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "snnexp"
LAYERS = [
    {
        *("cell", "noise", "limits", "hints", "kernels", "atomic", "foreign", "documents", "visible", "errors", "finite", "ranks", "added"),
        *("status", "distributed", "disk", "drafts", "stopping"),
    },
    {"neurons", "synapses", "surrogates", "readouts", "encoders", "losses", "activations", "optimizers", "schedulers"},
    {"layers", "norms", "timed"},
    {"network", "architectures", "datasets", "segments", "presimulations"},
    {
        "stages",
        "answers",
        "unsound",
        "flags",
        "identity",
        "evaluate",
        "through_time",
        "timed_evaluate",
        "record",
        "tally",
        "fan_out",
        "result",
        "track",
        "weights",
        "start",
        "kept",
        "survey",
        "checkpoint",
        "checkpoint_file",
        "checkpoint_schema",
        "past",
        "thresholds",
        "calibrations",
        "probe",
    },
    {"run", "check", "build", "rules", "slots", "soundness", "budget", "reopened"},
    {"cli", "reproduce", "__main__"},
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}
FAMILIES = LAYERS[1]
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(source: str) -> Iterator[str]:
    """The parts of the package that a source imports, wherever in it; `snnexp` is the package itself."""
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


def offences(part: str, source: str) -> list[str]:
    """What a source of `part` imports although it may not."""
    others = set(imported(source)) - {part, "snnexp"}
    return sorted(other for other in others if LEVEL[other] > LEVEL[part] or (part in FAMILIES and other in FAMILIES))


def test_every_part_has_its_layer():
    assert len(FILES) >= 130
    assert {part_of(path) for path in FILES} == LEVEL.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_point_downwards(path):
    assert offences(part_of(path), path.read_text()) == []


@pytest.mark.parametrize(
    "part, source, found",
    [
        ("neurons", "from snnexp.cell import Cell\nimport torch\nfrom snnexp.neurons.firing import Firing", []),
        ("neurons", "from snnexp.surrogates.arctan import Arctan", ["surrogates"]),
        ("cell", "def forward():\n    import snnexp.network", ["network"]),
        ("norms", "from snnexp.layers.per_step import PerStep", []),
        ("stages", "from snnexp import cell, run", ["run"]),
        ("result", "import snnexp", []),
    ],
)
def test_an_import_upwards_or_sideways_is_found(part, source, found):
    assert offences(part, source) == found
