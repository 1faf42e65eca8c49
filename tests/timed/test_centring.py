"""First weights of balanced sums, and gradients that leave the sums alone."""

import torch

from snnexp.timed.body import connections
from snnexp.timed.centring import centralized, centred
from snnexp.timed.layer import Timed
from tests.timed.test_form import scores, timed

WIDE = {"architecture": ("mlp", {"widths": [400, 400, 400], "bias": False})}


def hidden(network) -> list:
    return [each.layer.weight.detach().flatten(1) for each in connections(network)]


def test_first_weights_of_a_gain_add_up_to_the_drive_with_the_deviation_of_the_gain():
    network = timed(changes={"gain": 0.5, "drive": [4.0, 6.0]}, neuron=("if_exp", {"threshold": 2.0}), **WIDE)
    for drive, weight in zip([4.0, 6.0, 6.0, 6.0], hidden(network), strict=True):
        torch.testing.assert_close(weight.sum(1), torch.full((len(weight),), 2.0 * drive), atol=1e-4, rtol=0)
        expected = 2.0 * 0.5 * drive / weight.shape[1] ** 0.5
        assert abs(weight.std(1, correction=0).mean() / expected - 1) < 0.03


@torch.no_grad()
def test_differences_between_spike_times_grow_by_the_gain_from_layer_to_layer():
    for gain in (0.5, 1.0):
        network = timed(changes={"gain": gain}, **WIDE)
        neurons = next(each for each in network.modules() if isinstance(each, Timed))
        inner = list(connections(network))[1]
        times = 1.0 + 1e-3 * torch.randn(1, 64, 400)
        out = neurons(inner, times)
        assert abs(out.std() / times.std() / gain - 1) < 0.1


def test_a_centralized_gradient_is_the_plain_one_less_its_mean_over_the_inputs():
    grads = []
    for centralize in (False, True):
        network = timed(changes={"centralize_gradient": centralize, "drive": [8.0]}).train()
        scores(network).sum().backward()
        grads.append([each.layer.weight.grad for each in connections(network)])
    for plain, central in zip(*grads, strict=True):
        torch.testing.assert_close(central, centred(plain))
        assert plain.sum(1).abs().max() > 1e-3 > 1e-5 > central.sum(1).abs().max()


def test_a_centralized_weight_is_the_weight():
    weight = torch.randn(3, 2, 3, 3, dtype=torch.float64, requires_grad=True)
    assert centralized(weight).equal(weight)
    pull = torch.randn_like(weight)
    (centralized(weight) * pull).sum().backward()
    torch.testing.assert_close(weight.grad, pull - pull.mean((1, 2, 3), keepdim=True))
