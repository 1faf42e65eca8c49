"""The width of the surrogate that keeps gradients at one size from layer to layer."""

import math

import pytest
import torch
from torch import Tensor

from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.measure.evaluator import Evaluator
from snnexp.network.blueprint import Blueprint
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.stages.surrogate_scale import SurrogateScale, flattest, size, slope
from snnexp.training.execution import Execution
from snnexp.training.session import Session
from tests.support.networks import blueprint, seeded
from tests.support.options import build_option
from tests.support.tiny_run import job

STEPS, IMAGES, WIDTHS = 4, 24, [0.05, 0.2, 1.0]
DEEP = ("mlp", {"widths": [40, 40, 40], "initialization": "kaiming", "gain": 1.5})


def session(made: Blueprint, memory: str = "default") -> Session:
    """What the stage works with: data, and how passes are carried out."""
    pixels = torch.randint(0, 256, (IMAGES, 1, 8, 8), generator=seeded(3), dtype=torch.uint8)
    split = Split(pixels, torch.arange(IMAGES) % 10, torch.arange(IMAGES))
    batches = Batches(split, 8, Pixels([0.0], [1.0]), None, "cpu", seed=1)
    return Session(
        blueprint=made,
        train=batches,
        validation=None,
        test=batches,
        evaluator=Evaluator(STEPS, 4, build_option("loss", "mse"), torch.float32),
        trackers=None,
        device=torch.device("cpu"),
        precision=torch.float32,
        execution=Execution(memory, 1, False),
        selection="last",
        evaluate_every=1,
    )


def stage(widths: list[float] = WIDTHS, loss: str = "mse") -> SurrogateScale:
    return SurrogateScale(STEPS, lambda: build_option("loss", loss), IMAGES, widths)


def deep(**parts) -> Blueprint:
    parts = {"architecture": DEEP, "surrogate": "fast_sigmoid", "readout": "rate", **parts}
    return blueprint(**parts)


class Spike(torch.autograd.Function):
    """A step with the slope of a fast sigmoid."""

    @staticmethod
    def forward(ctx, z: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(z)
        ctx.width = width
        return (z >= 0).to(z.dtype)

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None]:
        (z,) = ctx.saved_tensors
        return grad / (1 + z.abs() / ctx.width) ** 2, None


def by_hand(network, images: Tensor, labels: Tensor, width: float) -> list[float]:
    """Spread of the gradients by the currents of every layer, of an IF network written out."""
    layers = [connection.layer for connection in connections(network).values()]
    x, currents = images.flatten(1).double().expand(STEPS, -1, -1), []
    for layer in layers:
        current = x @ layer.weight.detach().double().T
        current = current.detach().requires_grad_() if not currents else current
        current.retain_grad()
        currents.append(current)
        potential, spikes = torch.zeros_like(current[0]), []
        for drive in current:
            potential = potential + drive
            spikes.append(Spike.apply(potential - 1, width))
            potential = potential - spikes[-1].detach()
        x = torch.stack(spikes)
    rates = x.mean(0)
    (torch.nn.functional.one_hot(labels, 10) - rates).square().mean().backward()
    return [float(current.grad.std(correction=0)) for current in currents]


@pytest.mark.parametrize("memory", ["default", "lean"])
def test_spreads_are_those_of_the_network_written_out(memory):
    torch.manual_seed(0)
    network = spiking_network(deep())
    given = session(deep(), memory)
    shown = stage()("scale", network, given).shown
    batch = given.train.sample(IMAGES)
    for width in WIDTHS:
        found = shown["gradient_spread"][f"{width:g}"]["layers"]
        assert list(found) == list(spiking_units(network))
        expected = by_hand(network, batch.input, batch.labels, width)
        assert list(found.values()) == pytest.approx(expected, rel=1e-4) and min(expected) > 0


def test_a_wide_surrogate_gives_the_lower_layers_more():
    torch.manual_seed(0)
    shown = stage()("scale", None, session(deep())).shown["gradient_spread"]
    slopes = [shown[f"{width:g}"]["slope"] for width in WIDTHS]
    assert slopes == sorted(slopes, reverse=True)


def test_the_width_whose_gradients_keep_their_size_is_set_everywhere():
    torch.manual_seed(0)
    outcome = stage()("scale", None, session(deep()))
    chosen, table = outcome.shown["surrogate_width"], outcome.shown["gradient_spread"]
    assert abs(table[f"{chosen:g}"]["slope"]) == min(abs(each["slope"]) for each in table.values())
    widths = [
        unit.neuron.firing.surrogate.width for unit in spiking_units(outcome.network).values()
    ]
    assert widths == [chosen] * 4


def test_nothing_else_is_changed():
    torch.manual_seed(0)
    network = spiking_network(deep(norm="batch", architecture=("mlp", {"widths": [40, 40]})))
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    draws = torch.get_rng_state()
    first = stage()("scale", network, session(deep())).shown
    assert torch.equal(torch.get_rng_state(), draws)
    assert all(torch.equal(before[name], each) for name, each in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert stage()("scale", network, session(deep())).shown == first


def test_slope_by_hand():
    assert slope({"a": 1.0, "b": 10.0, "c": 100.0}) == pytest.approx(1.0)
    assert slope({"a": 4.0, "b": 2.0, "c": 1.0}) == pytest.approx(-math.log10(2))
    assert slope({"a": 3.0}) == 0
    assert slope({"a": 1.0, "b": 0.0}) is None and slope({"a": 1.0, "b": None}) is None


def test_a_gradient_that_explodes_or_vanishes_has_no_size():
    assert size(torch.tensor([1.0, 3.0])) == 1
    assert size(torch.tensor([1.0, math.inf])) is None and size(torch.tensor([math.nan])) is None
    assert size(torch.tensor([0.0, 1e-40])) == 0


def test_the_flattest_of_what_has_gradients_is_chosen():
    assert flattest({0.1: None, 0.2: 0.3, 0.5: -0.2, 1.0: -0.4}) == 0.5
    with pytest.raises(ValueError, match=r"set a larger architecture\.gain"):
        flattest({0.1: None})


@pytest.mark.slow
def test_a_run_shows_the_table_and_trains_with_the_width(tmp_path):
    settings = ["strategy=surrogate_scale", "strategy.stages.scale.widths=[0.1,1.0]"]
    result = job(tmp_path, *settings)
    shown = result["stages"]["scale"]
    assert shown["surrogate_width"] in (0.1, 1.0)
    assert list(shown["gradient_spread"]) == ["0.1", "1"]
    assert all(min(each["layers"].values()) > 0 for each in shown["gradient_spread"].values())
    assert result["accuracy"] > 50 and "gradient_spread" not in result["stages"]["train"]
