"""Losses on spike times with the terms on weights."""

import pytest
import torch

from snnexp.errors import NumericalError
from snnexp.network.parts import connections
from snnexp.stages.single_spike import Objective
from snnexp.timed.layers import timed_layers
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import KERNELS, scores, timed


@pytest.mark.slow
def test_a_convolutional_network_learns():
    network = timed(
        architecture=("cnn", {"layers": ["4C3", "MP2", "D0.1", "FC16"], "bias": False}),
        changes={"slope_limit": 10.0},
    ).train()
    loss = Objective(
        build_option("loss", "spike_time", {"domain": "exponential"}),
        network,
        10.0,
        1.0,
        "mean",
        0.0,
    )
    optimizer, labels = torch.optim.Adam(network.parameters(), 0.003), torch.arange(20) % 10
    images = torch.rand(10, 1, 8, 8, generator=networks.seeded()).repeat(2, 1, 1, 1)
    losses = []
    for _ in range(60):
        value = loss(network(images, range(1), networks.keys(20)), labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


@pytest.mark.slow
@pytest.mark.parametrize(
    "loss",
    [("spike_time", {"domain": each}) for each in ("exponential", "time")]
    + ["relative_time", "time_error"],
)
@pytest.mark.parametrize("kernel", [*KERNELS, "if_delta"])
def test_outputs_that_never_fire_give_finite_loss_and_gradients(loss, kernel):
    network = timed(neuron=kernel)
    last = [*connections(network).values()][-1].layer
    torch.nn.init.constant_(last.weight, -0.1)
    silent = network.body(network.encoder(networks.images(5), range(1), networks.keys(5)))
    assert (silent >= network.body[-1].timed.neuron.horizon).all()
    name, options = (loss, {}) if isinstance(loss, str) else loss
    value = build_option("loss", name, **options)(
        networks.reading(scores(network)), torch.arange(5)
    )
    value.backward()
    assert value.isfinite() and all(
        each.grad is None or each.grad.isfinite().all() for each in network.parameters()
    )


@pytest.mark.slow
def test_the_guard_names_the_layer_that_has_fallen_silent():
    network = timed(changes={"drive": [0.1, 4.0], "deviation": [0.0]}).train()
    loss = Objective(build_option("loss", "spike_time"), network, 0.0, 1.0, "mean", 0.0)
    with pytest.raises(NumericalError, match=r"layer body.linear1 is silent: .*form\.drive"):
        for _ in range(20):
            value = loss(networks.reading(scores(network, 100)), torch.zeros(100, dtype=torch.long))
            assert value.isfinite()


@pytest.mark.slow
@pytest.mark.parametrize("terms", [{"weight_sum": 10.0}, {"silence": 0.1}])
def test_both_terms_bring_silent_neurons_back(terms):
    network = timed(changes={"drive": [0.4, 4.0], "deviation": [0.0]}).train()
    given = {"weight_sum": 0.0, "margin": 1.5, "reduction": "sum", "silence": 0.0, **terms}
    loss = Objective(build_option("loss", "spike_time"), network, **given)
    optimizer = torch.optim.Adam(network.parameters(), 0.005)
    for _ in range(30):
        optimizer.zero_grad()
        loss(networks.reading(scores(network, 20)), torch.zeros(20, dtype=torch.long)).backward()
        optimizer.step()
    assert all(int(layer.timed.fired) > 0 for layer in timed_layers(network))
