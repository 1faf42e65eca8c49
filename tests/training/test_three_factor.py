"""Training by three factors (Zenke & Ganguli 2018 SuperSpike, survey [48]) against eligibility
traces that run forward in time, synapse by synapse.
"""

import math

import pytest
import torch
from torch import Tensor

from snnexp.losses.spike_train import SpikeTrain
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.training.three_factor import ThreeFactor
from tests.support.networks import blueprint, images, keys

LEAK, TAU_S, THRESHOLD, BETA, TAU = 0.8, 3.0, 0.25, 2.0, 4.0
CLASSES = 3


def network(layers: list[str]) -> Network:
    soft = {"leak": LEAK, "threshold": THRESHOLD, "reset": "soft", "detach_reset": True}
    plan = blueprint(
        shape=(1, 2, 3),
        classes=CLASSES,
        neuron=("lif", soft),
        synapse=("exponential", {"time_constant": TAU_S}),
        surrogate=("fast_sigmoid", {"scale": 1.0, "width": 1 / BETA}),
        architecture=("cnn", {"layers": layers, "bias": False, "gain": 2.0}),
        readout=("rate", {"average": False}),
    )
    torch.manual_seed(2)
    return spiking_network(plan).double()


class Layer:
    """Spikes and eligibility traces of a layer, one timestep after the other."""

    def __init__(self, w: Tensor):
        self.w = w
        self.v = torch.zeros(len(w), dtype=w.dtype)
        self.current = torch.zeros(w.shape[1], dtype=w.dtype)
        self.trace = torch.zeros(w.shape[1], dtype=w.dtype)
        self.alpha = torch.zeros_like(w)

    def step(self, s: Tensor) -> Tensor:
        """Its spikes; then `alpha` is alpha * (sigma'(U_i) (epsilon * S_j))."""
        self.current = self.current + (s - self.current) / TAU_S
        self.trace = LEAK * self.trace + self.current  # epsilon * S_j, without resets
        u = LEAK * self.v + self.w @ self.current
        fired = (u >= THRESHOLD).to(u.dtype)
        self.v = u - THRESHOLD * fired
        slope = 1 / (1 + BETA * (u - THRESHOLD).abs()) ** 2
        eligible = slope[:, None] * self.trace
        self.alpha = self.alpha + (eligible - self.alpha) / TAU
        return fired


def literal(
    weights: list[Tensor], image: Tensor, label: int, steps: int, told: list[Tensor]
) -> list[Tensor]:
    """Gradients of the van Rossum distance to a spike of the label at every timestep, by sums of an
    error, told to each layer through `told`, times traces.
    """
    layers = [Layer(w) for w in weights]
    gradients = [torch.zeros_like(w) for w in weights]
    error = torch.zeros(CLASSES, dtype=image.dtype)
    for _ in range(steps):
        s = image.flatten()
        for layer in layers:
            s = layer.step(s)
        wanted = torch.eye(CLASSES, dtype=s.dtype)[label]
        error = error + (s - wanted - error) / TAU  # alpha * (S - S wanted)
        for gradient, layer, b in zip(gradients, layers, told, strict=True):
            gradient += (error @ b)[:, None] * layer.alpha
    return gradients


def gradients(net: Network, steps: int, broadcast: str | None) -> list[Tensor]:
    """By the training pass; through time where it has no name."""
    loss = SpikeTrain(pattern=[1], time_constant=TAU, filters_outputs=1, filters_target=1)
    run = range(steps)
    given = images(1, (1, 2, 3)).double(), keys(1)
    reading = (
        net(given[0], run, given[1])
        if broadcast is None
        else ThreeFactor(net, run, broadcast, seed=5)(*given)
    )
    loss(reading, torch.tensor([1])).backward()
    return [connection.layer.weight.grad for connection in connections(net).values()]


def weights(net: Network) -> list[Tensor]:
    return [connection.layer.weight.detach() for connection in connections(net).values()]


@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_through_time_and_by_traces_are_the_same_in_one_layer(steps):
    net = network([])
    (found,) = gradients(net, steps, None)
    (expected,) = literal(
        weights(net), images(1, (1, 2, 3)).double(), 1, steps, [torch.eye(CLASSES).double()]
    )
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    assert found.any()


@pytest.mark.parametrize("broadcast", ["symmetric", "random", "uniform"])
@pytest.mark.parametrize("steps", [1, 5, 12])
def test_hidden_layers_learn_by_the_error_that_is_told(steps, broadcast):
    net = network(["FC5", "FC4"])
    found = gradients(net, steps, broadcast)
    told = [*errors(weights(net), broadcast), torch.eye(CLASSES).double()]
    expected = literal(weights(net), images(1, (1, 2, 3)).double(), 1, steps, told)
    for own, wanted in zip(found, expected, strict=True):
        torch.testing.assert_close(own, wanted, rtol=0, atol=1e-12)
        assert own.any() or steps == 1


def errors(given: list[Tensor], broadcast: str) -> list[Tensor]:
    """B of each hidden layer."""
    sizes = [len(w) for w in given[:-1]]
    if broadcast == "symmetric":
        last = given[-1]
        return [last @ given[1], last]
    if broadcast == "uniform":
        return [torch.full((CLASSES, size), CLASSES**-0.5, dtype=torch.float64) for size in sizes]
    draws = [torch.Generator().manual_seed(5 + place) for place in range(len(sizes))]
    return [
        (torch.randn(CLASSES, size, generator=each) / CLASSES**0.5).double()
        for each, size in zip(draws, sizes, strict=True)
    ]


def test_scores_are_those_of_the_network_and_hooks_are_gone():
    net = network(["FC5"])
    given = images(3, (1, 2, 3)).double(), range(4), keys()
    found = ThreeFactor(net, range(4), "random", seed=0)(given[0], given[2])
    assert torch.equal(found.scores, net(*given).scores)
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_symmetric_is_not_what_is_taken_through_time():
    """The dynamics of the layers in between are left out."""
    one, other = network(["FC5"]), network(["FC5"])
    through_time, told = gradients(one, 8, None), gradients(other, 8, "symmetric")
    torch.testing.assert_close(through_time[1], told[1])
    cosine = torch.cosine_similarity(through_time[0].flatten(), told[0].flatten(), 0).item()
    assert 0 < cosine < 0.9999 and math.isfinite(cosine)
