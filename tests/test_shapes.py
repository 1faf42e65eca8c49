"""Shapes that annotations state are checked at every call while tests run."""

from pathlib import Path

import pytest
import torch
from jaxtyping import TypeCheckError

import snnexp
from snnexp.surrogates.triangle import Triangle

pytestmark = pytest.mark.slow  # `make quick` does not watch types
PACKAGE = Path(snnexp.__file__).parent


def of_file(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


def test_every_module_with_shapes_is_watched(pytestconfig):
    *watched, checker = pytestconfig.getoption("--jaxtyping-packages").split(",")
    stating = {of_file(path) for path in PACKAGE.rglob("*.py") if "jaxtyping" in path.read_text()}
    assert checker == "beartype.beartype" and len(stating) > 100
    assert {name for name in stating if ".".join(name.split(".")[:2]) not in watched} == set()


def test_a_call_with_another_shape_or_type_is_an_error():
    triangle = Triangle(scale=1.0, width=1.0)
    with pytest.raises(TypeCheckError):
        triangle.slope(torch.zeros(3, dtype=torch.int64))
