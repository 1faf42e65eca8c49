"""The leak-corrected neuron against the published equations, written out in float64."""

import math
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from snnexp.architectures.scale import Scale
from snnexp.cell import Over, stepwise, streaming
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.lean import Everything, Little
from snnexp.layers.per_step import PerStep
from snnexp.layers.spiking import SpikingUnit
from snnexp.measure.record import recording
from snnexp.network.network import Network
from snnexp.network.parts import keep, spiking_units
from snnexp.network.spiking import spiking_network
from tests.support.networks import blueprint, chunks, dyadic, images, keys
from tests.support.options import build_option

LEAK, THRESHOLD, FLOOR = 0.99, 1.0, 1e-3


def neuron(**changes):
    fired = build_option("surrogate", "fired")
    return build_option("neuron", "leak_corrected", changes, surrogate=fired)


def drive(steps: int, mean: float = 0.2) -> Tensor:
    draws = torch.Generator().manual_seed(steps)
    return mean + 0.6 * torch.randn(steps, 3, 40, generator=draws, dtype=torch.float64)


class _Passes(torch.autograd.Function):
    """A spike where something is above the threshold; a gradient where there is a spike."""

    @staticmethod
    def forward(ctx, above):
        ctx.save_for_backward(above)
        return (above > 0).to(above.dtype)

    @staticmethod
    def backward(ctx, grad):
        (above,) = ctx.saved_tensors
        return grad * (above > 0)


def published(x: Tensor, leak: float) -> Tensor:
    """Charge, fire, take off what is above the threshold, leak, whose gradient is 1; and at the
    end a factor on the gradient of every spike.
    """
    u, spikes = torch.zeros_like(x[0]), []
    for x_t in x:
        u = u + x_t
        above = nn.functional.threshold(u, THRESHOLD, 0.0)
        spikes.append(_Passes.apply(above))
        u = u - above
        u = leak * u.detach() + u - u.detach()
    left, total = torch.zeros_like(u), torch.zeros_like(u)
    for s in spikes:
        left, total = leak * left + s.detach(), total + s.detach()
    factor = (left > FLOOR).to(u) + math.log(leak) * left / (total + (total < FLOOR))
    for s in spikes:
        s.register_hook(lambda grad: grad * factor)
    return torch.stack(spikes)


def gradient(run, x: Tensor) -> tuple[Tensor, Tensor]:
    x = x.clone().requires_grad_()
    y = run(x)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(8), dtype=y.dtype)
    return y.detach(), torch.autograd.grad((y * weights).sum(), x)[0]


@pytest.mark.parametrize("steps", range(1, 13))
@pytest.mark.parametrize("leak", [0.99, 0.5, 1.0])
def test_spikes_and_gradients_are_the_published_ones(steps, leak):
    x = drive(steps)
    x[:, :, :5] = -1.0  # neurons that never fire
    spikes, expected = gradient(lambda x: published(x, leak), x)
    y, found = gradient(Over(neuron(leak=leak)), x)
    assert torch.equal(y, spikes) and spikes.any()
    torch.testing.assert_close(found, expected, rtol=0.0, atol=1e-12)
    assert not found[:, :, :5].any()


@pytest.mark.parametrize("surrogate", ["fired", "arctan"])
def test_the_factor_is_one_number_for_all_timesteps_of_a_neuron(surrogate):
    made = build_option(
        "neuron", "leak_corrected", {}, surrogate=build_option("surrogate", surrogate)
    )
    x = drive(9)
    y, found = gradient(Over(made), x)
    _, plain = gradient(lambda x: stepwise(made, x, made.initial(x[0]))[0], x)
    torch.testing.assert_close(found, plain * made.correction(y), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found, plain)


def test_the_factor_by_hand():
    y = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 0.0]], dtype=torch.float64)
    found = neuron(leak=0.5).correction(y[:, None])[0]
    first = 1 + math.log(0.5) * (0.25 + 1) / 2
    assert found.tolist() == pytest.approx([first, 1 + math.log(0.5), 0])


def test_spikes_that_have_all_but_leaked_away_count_for_none():
    made, y = neuron(leak=0.5), torch.zeros(12, 1, 1, dtype=torch.float64)
    y[0] = 1.0
    assert made.correction(y[:10]).item() == pytest.approx(1 + math.log(0.5) / 512)
    assert made.correction(y).item() == pytest.approx(math.log(0.5) / 2048)


def test_half_precision_keeps_the_digits_of_the_factor():
    x = drive(12).float()
    y, found = gradient(Over(neuron()), x.bfloat16().float())
    half, gradients = gradient(Over(neuron()), x.bfloat16())
    assert torch.equal(half.float(), y) and gradients.dtype == torch.bfloat16
    torch.testing.assert_close(gradients.float(), found, rtol=0.03, atol=0.03)


def test_a_surrogate_that_no_kernel_knows_is_corrected_too(monkeypatch):
    x, made = drive(7), neuron()
    expected = gradient(Over(made), x)
    monkeypatch.setattr(type(made.firing.surrogate), "shape", None)
    assert made.scan_parameters() is None
    torch.testing.assert_close(gradient(Over(made), x), expected, rtol=1e-12, atol=1e-12)


# Behind a pool


POOL = {"layers": ["4C3", "FP2t0.8", "FC8"], "bias": False}


def pooled() -> Network:
    """A network with a pool that fires."""
    return spiking_network(
        blueprint(
            architecture=("cnn", POOL),
            neuron=("leak_corrected", {"leak": 0.5, "pool_slope": 0.8}),
            surrogate="fired",
        )
    )


def test_neurons_behind_a_pool_do_not_leak_and_are_not_corrected():
    units = spiking_units(pooled())
    leaks = {name.rpartition(".")[2]: unit.neuron.leak for name, unit in units.items()}
    assert leaks == {"convolution1": 0.5, "pool1": 1.0, "linear1": 0.5}
    pool = units["body.pool1"]
    assert isinstance(pool.connection, PerStep)
    y = Over(pool.neuron)(drive(6).float())
    assert pool.neuron.correction(y).unique().tolist() == pytest.approx([0.0, 0.8])


def firing_pool(scale: float) -> SpikingUnit:
    pool, synapse = neuron(pool_slope=0.8).pooling(), build_option("synapse", "instantaneous")
    return SpikingUnit(PerStep(AveragePool((2, 2)), Scale(scale)), synapse, pool)


@pytest.mark.parametrize("steps", [1, 2, 4])
def test_a_pool_fires_at_eight_tenths_where_the_published_one_does_above_three_quarters(steps):
    values = torch.tensor(list(product(range(5), repeat=steps)), dtype=torch.float64).T / 4
    expected, u = [], torch.zeros_like(values[0])
    for value in values:
        u = u + value
        expected.append(u > 0.75)
        u = u * (u <= 0.75)
    pooled = values.view(steps, -1, 1, 1, 1).expand(-1, -1, 1, 2, 2)
    found = firing_pool(1 / 0.8)(pooled)
    assert torch.equal(found.flatten(1), torch.stack(expected).double())


def test_the_slope_behind_a_pool_is_one_by_the_current_itself():
    x = torch.ones(1, 1, 1, 2, 2, dtype=torch.float64, requires_grad=True)
    firing_pool(1 / 0.8)(x).sum().backward()
    assert x.grad.unique().tolist() == pytest.approx([0.25])


def test_memory_kept_lean_has_the_same_gradients():
    gradients = []
    for keeping in (Everything(), Little()):
        made = dyadic(pooled()).train()
        keep(made, keeping)
        made(images(), range(6), keys()).answer.square().sum().backward()
        gradients.append([parameter.grad for parameter in made.parameters()])
    assert all(gradient.any() for gradient in gradients[0])
    assert all(map(torch.equal, *gradients))


def test_chunks_give_the_scores_of_the_whole():
    made = dyadic(pooled())
    whole = made(images(), range(7), keys()).scores
    with streaming(made):
        parts = [made(images(), steps, keys()).scores for steps in chunks(7, 3)]
    assert torch.equal(torch.cat(parts), whole)


def test_spikes_and_operations_are_counted_behind_a_pool_that_fires():
    made = dyadic(pooled())
    with recording(made) as tally, torch.no_grad():
        made(images(), range(5), keys())
    loops = {name: unit.cells for name, unit in spiking_units(made).items()}
    spikes: dict[str, Tensor] = {}
    hooks = [
        loop.register_forward_hook(lambda _, __, y, name=name: spikes.update({name: y}))
        for name, loop in loops.items()
    ]
    with torch.no_grad():
        made(images(), range(5), keys())
    assert len(hooks) == 3
    counts = {name: y.sum().item() for name, y in spikes.items()}
    assert {name: layer.spikes.item() for name, layer in tally.layers.items()} == counts
    assert counts["body.pool1"] > 0
    # A spike of the pool meets eight neurons, one of these the ten outputs.
    assert tally.ac == 8 * counts["body.pool1"] + 10 * counts["body.linear1"]
