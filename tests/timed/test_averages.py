"""Average pools before the weights of timed layers."""

import math

import pytest
import torch
from torch import nn

from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.timed.averages import arriving
from snnexp.timed.spike_times import spike_times
from snnexp.timed.synapses import Synapses
from tests.support import networks
from tests.support.options import build_option


@pytest.mark.parametrize("layer", ["linear", "convolution", "two pools"])
def test_weights_behind_an_average_are_divided_among_its_spikes(layer):
    """Where all spikes of a window come at once, they act as one; columns beyond the last whole
    window do not act at all.
    """
    draws = networks.seeded(3)
    pooled = 2 * torch.rand(4, 2, 3, 3, generator=draws, dtype=torch.float64)
    times = pooled.repeat_interleave(4, 2).repeat_interleave(2, 3)
    times = nn.functional.pad(times, (0, 1, 0, 3), value=0.01)
    weights, flat = (
        (nn.Conv2d(2, 5, 3, 2, 1), ())
        if layer == "convolution"
        else (nn.Linear(18, 5), (nn.Flatten(),))
    )
    pools = (
        (AveragePool((2, 1)), AveragePool((2, 2)))
        if layer == "two pools"
        else (AveragePool((4, 2)),)
    )
    nn.init.uniform_(weights.double().weight, 0, 0.5)
    synapses, neuron = (
        Synapses.of(weights),
        build_option("neuron", "if_exp", surrogate=nn.Identity()),
    )
    arrived = arriving(Connection(weights, nn.Identity(), before=(*pools, *flat)), times, synapses)
    expected = spike_times(
        pooled if layer == "convolution" else pooled.flatten(1), synapses, neuron, "scan"
    )
    torch.testing.assert_close(spike_times(*arrived, neuron, "scan"), expected, rtol=1e-10, atol=0)
    assert expected.isfinite().any()


def test_a_gain_of_a_pool_is_one_of_its_weights():
    times = torch.rand(4, 2, 4, 4, generator=networks.seeded(3), dtype=torch.float64)
    layer = nn.Conv2d(2, 5, 3).double()
    (_, plain), (_, scaled) = (
        arriving(
            Connection(layer, nn.Identity(), before=(AveragePool((2, 2), gain),)),
            times,
            Synapses.of(layer),
        )
        for gain in (1.0, 4.4)
    )
    torch.testing.assert_close(scaled.weight, 4.4 * plain.weight)


def test_an_average_before_the_output_is_that_of_exponential_times():
    times = torch.tensor([0.0, 0.4, 1.0, 1.2], dtype=torch.float64)
    connection = Connection(
        nn.Linear(1, 1, bias=False).double(),
        nn.Identity(),
        before=(AveragePool((2, 2)), nn.Flatten()),
    )
    nn.init.constant_(connection.layer.weight, 1.5)
    arrived = arriving(connection, times.view(1, 1, 2, 2), Synapses.of(connection.layer))
    found = spike_times(
        *arrived, build_option("neuron", "if_exp", surrogate=nn.Identity()), "scan"
    ).item()
    assert (
        found == pytest.approx(math.log(1.5 * times.exp().mean() / 0.5), rel=1e-12) and found > 1.2
    )
