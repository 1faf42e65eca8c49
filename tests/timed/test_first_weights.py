"""First weights that add up to the drive, and gradients that leave their sums alone."""

import pytest
import torch
from torch import nn

from snnexp.timed.body import connections
from snnexp.timed.centralization import centralized
from snnexp.timed.unit import Timed
from tests.support.timed import KERNELS, scores, timed, timed_form

WIDE = ("mlp", {"widths": [400, 400, 400], "bias": False})
BALANCED = {"gain": 0.5, "deviation": None}


@pytest.mark.parametrize("distribution", ["uniform", "normal"])
def test_first_weights_of_a_gain_add_up_to_the_drive_with_the_deviation_of_the_gain(distribution):
    changes = {**BALANCED, "drive": [4.0, 6.0], "distribution": distribution}
    network = timed(changes=changes, neuron=("if_exp", {"threshold": 2.0}), architecture=WIDE)
    for drive, connection in zip([4.0, 6.0, 6.0, 6.0], connections(network), strict=True):
        weight = connection.layer.weight.detach()
        torch.testing.assert_close(
            weight.sum(1), torch.full((len(weight),), 2.0 * drive), atol=1e-4, rtol=0
        )
        expected = 2.0 * 0.5 * drive / weight.shape[1] ** 0.5
        assert abs(weight.std(1, correction=0).mean() / expected - 1) < 0.03


def test_first_weights_of_a_convolution_are_balanced_at_every_place_of_the_kernel():
    weight = timed_form(**BALANCED).first_weights.draw(nn.Conv2d(32, 8, 3), 1.0, 0)
    torch.testing.assert_close(weight.sum(1), torch.full((8, 3, 3), 4 / 9), atol=1e-5, rtol=0)
    assert weight.std() > 4 * weight.mean()


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("gain", [0.5, 1.0])
@torch.no_grad()
def test_differences_between_spike_times_grow_by_the_gain_from_layer_to_layer(kernel, gain):
    network = timed(changes={"gain": gain, "deviation": None}, neuron=kernel, architecture=WIDE)
    neurons = next(each for each in network.modules() if isinstance(each, Timed))
    times = 1.0 + 1e-3 * torch.randn(1, 64, 400)
    assert abs(neurons(list(connections(network))[1], times).std() / times.std() / gain - 1) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("changes", [{}, {"bits": 4}, {"variation": 0.2}], ids=str)
def test_a_centralized_gradient_is_the_plain_one_less_its_mean_over_the_inputs(changes):
    plain, central = (
        gradients({**changes, "centralize_gradient": centralize}) for centralize in (False, True)
    )
    for each, other in zip(plain, central, strict=True):
        torch.testing.assert_close(other, each - each.mean(1, keepdim=True))
        assert each.sum(1).abs().max() > 1e-3 > 1e-5 > other.sum(1).abs().max()


def gradients(changes: dict) -> list[torch.Tensor]:
    network = timed(changes={**changes, "drive": [8.0]}).train()
    scores(network).sum().backward()
    return [each.layer.weight.grad for each in connections(network)]


def test_a_centralized_weight_is_the_weight():
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert centralized(weight).equal(weight)
    pull = torch.randn_like(weight)
    (centralized(weight) * pull).sum().backward()
    torch.testing.assert_close(weight.grad, pull - pull.mean((1, 2, 3), keepdim=True))


@pytest.mark.parametrize(
    ("changes", "remedy"), [({"gain": 1.0}, "deviation=null"), ({"deviation": None}, "gain=1.0")]
)
def test_first_weights_have_a_deviation_or_a_gain(changes, remedy):
    with pytest.raises(ValueError, match=rf"set form\.{remedy} of the stage"):
        timed_form(**changes)
