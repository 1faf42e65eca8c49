"""Spikes of exported networks in other simulators, read as docs/export.md shows it: run where these
are installed (`pip install snntorch norse sinabs nirtorch`).
"""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.exported import BATCH, inputs, network, ours, written

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
PAGE = Path(__file__).parents[2] / "docs" / "export.md"
LINEAR = ("mlp", {"widths": [24, 16]})
CONVOLUTIONS = ("cnn", {"layers": ["4C3", "AP2", "6C3", "FC12"]})
RECURRENT = ("cnn", {"layers": ["4C3", "AP2", "FC16", "R12"]})
HALF = {"amplitude": "threshold", "threshold": 0.5, "initial_potential": 0.5}
"""As converted networks have it."""


def blocks() -> dict[str, str]:
    """The programs of the page by the package that they import first beside nir."""
    found = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    return {
        re.findall(r"^import (?!nir$|numpy)(\w+)", code, re.MULTILINE)[0]: code for code in found
    }


def reader(package: str) -> dict[str, Any]:
    """`load` and `run` of the page; skips where the package is missing."""
    for needed in ("nir", "nirtorch", package):
        pytest.importorskip(needed, reason=f"pip install {package} nirtorch 'snnexp[export]'")
    found: dict[str, Any] = {}
    exec(blocks()[package], found)
    return found


def watched(net: Any, names: list[str]) -> dict[str, list[Tensor]]:
    """The spikes of layers at every call, from now on."""
    seen: dict[str, list[Tensor]] = {name: [] for name in names}

    def keeper(name: str) -> Any:
        return lambda _, __, y: seen[name].append(y[0] if isinstance(y, tuple) else y)

    for name in names:
        getattr(net, name).register_forward_hook(keeper(name))
    return seen


def over_time(spikes: list[Tensor], like: Tensor) -> Tensor:
    """`[T, B, ...]`, also of what came in one call with time behind the batch."""
    if len(spikes) > 1:
        return torch.stack(spikes)
    return spikes[0].unflatten(0, (BATCH, len(like))).transpose(0, 1)


CASES = [
    *(
        (package, neuron, reset, {}, architecture, "sum")
        for package in ("snntorch", "norse", "sinabs")
        for neuron in ("if", "lif")
        for reset in ("hard", "soft")
        for architecture in (LINEAR, CONVOLUTIONS)
        if (package, neuron, reset) not in {("norse", "if", "soft"), ("snntorch", "lif", "soft")}
    ),
    ("snntorch", "if", "soft", HALF, CONVOLUTIONS, "average"),
    ("sinabs", "if", "soft", HALF, CONVOLUTIONS, "sum"),
    ("norse", "if", "hard", HALF, CONVOLUTIONS, "sum"),
    ("norse", "lif", "soft", HALF, CONVOLUTIONS, "sum"),
    ("sinabs", "lif", "soft", HALF, CONVOLUTIONS, "sum"),
    ("snntorch", "lif", "hard", HALF, CONVOLUTIONS, "average"),
    ("snntorch", "if", "soft", {}, RECURRENT, "sum"),
    ("norse", "if", "hard", {}, RECURRENT, "sum"),
    ("norse", "lif", "hard", {}, RECURRENT, "sum"),
]


@pytest.mark.parametrize(
    ("package", "neuron", "reset", "more", "architecture", "pools"), CASES, ids=str
)
def test_spikes_are_equal(package, neuron, reset, more, architecture, pools, tmp_path):
    """At the threshold, too, which exact sums meet; Sinabs' leak is a power of a rounded number, so
    that there they are any numbers.
    """
    coarse = (package, neuron) != ("sinabs", "lif")
    chosen = {"neuron": (neuron, {"reset": reset} | more), "architecture": architecture}
    same(reader(package), network(coarse, **chosen), tmp_path, coarse, pools)


@pytest.mark.parametrize(
    ("package", "reset"), [("snntorch", "hard"), ("norse", "hard"), ("norse", "soft")]
)
def test_spikes_behind_synapses_are_equal(package, reset, tmp_path):
    chosen = {"reset": reset, "input_gain": "complement", "leak": 0.75, "threshold": 0.25}
    net = network(False, neuron=("lif", chosen), synapse="exponential", architecture=LINEAR)
    same(reader(package), net, tmp_path, coarse=False, pools="sum")


def same(found: dict[str, Any], net: Any, tmp_path: Path, coarse: bool, pools: Any) -> None:
    """Holds the spikes of all layers equal, over 50 timesteps, and what goes out."""
    x = inputs(coarse)
    expected = ours(net, x)
    output = expected.pop("output")
    theirs = found["load"](str(written(net, tmp_path / "net.nir", pools)), BATCH)
    seen = watched(theirs, [*expected])
    with torch.no_grad():
        given = found["run"](theirs, x)
    for name, spikes in expected.items():
        assert 0 < spikes.mean() < 1, f"{name} says nothing"
        assert torch.equal(over_time(seen[name], x).bool(), spikes.bool()), name
    assert torch.allclose(given, output, atol=1e-5)


def test_the_page_has_a_program_for_every_reader():
    assert blocks().keys() == {"snntorch", "norse", "sinabs", "onnxruntime"}
