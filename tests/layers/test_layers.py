"""Layers against their plain PyTorch counterparts."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from snnexp.layers.average_pool import AveragePool
from snnexp.layers.convolution import Conv2d
from snnexp.layers.dropout import Dropout
from snnexp.layers.per_step import PerStep


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("size", "window"), [((8, 6), (2, 2)), ((7, 9), (2, 3)), ((4, 4), (4, 4))])
def test_average_pool_is_torchs_and_keeps_nothing(layout, size, window):
    x = torch.randn(3, 5, *size, dtype=torch.float64).to(memory_format=layout).requires_grad_()
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
        y = AveragePool(window)(x)
    expected = functional.avg_pool2d(x, window)
    weight = torch.randn_like(expected)
    (grad,) = torch.autograd.grad((y * weight).sum(), x)
    (expected_grad,) = torch.autograd.grad((expected * weight).sum(), x)
    torch.testing.assert_close(y, expected)
    torch.testing.assert_close(grad, expected_grad)
    assert grad.is_contiguous(memory_format=layout)
    assert kept == []


@pytest.mark.parametrize("gain", [4.4, 0.25])
def test_a_gain_multiplies_the_mean_and_its_gradient(gain):
    x = torch.randn(3, 5, 7, 6, dtype=torch.float64, requires_grad=True)
    plain, scaled = AveragePool((2, 2))(x), AveragePool((2, 2), gain)(x)
    weight = torch.randn_like(plain)
    expected, found = (torch.autograd.grad((y * weight).sum(), x)[0] for y in (plain, scaled))
    torch.testing.assert_close(scaled, gain * plain)
    torch.testing.assert_close(found, gain * expected)


def test_static_input_is_computed_once_and_stays_static():
    seen = []
    layer = PerStep(torch.nn.Linear(3, 2))
    layer[0].register_forward_hook(lambda _, inputs, output: seen.append(inputs[0].shape))
    x = torch.randn(4, 3)
    y = layer(x.expand(6, 4, 3))
    assert seen == [(4, 3)] and y.shape == (6, 4, 2) and y.stride(0) == 0
    torch.testing.assert_close(y, layer(x.repeat(6, 1, 1)))


def test_dropout_has_one_mask_for_all_steps():
    torch.manual_seed(0)
    layer = Dropout(0.5)
    y = layer(torch.ones(5, 4, 100))
    assert torch.equal(y, y[:1].expand_as(y))
    assert set(y.unique().tolist()) == {0.0, 2.0} and abs(y.mean() - 1) < 0.2
    assert layer(torch.ones(4, 100).expand(5, 4, 100)).stride(0) == 0
    layer.eval()
    assert torch.equal(layer(y), y)


def test_dropout_may_have_a_mask_for_every_step():
    torch.manual_seed(0)
    layer = Dropout(0.25, per_step=True)
    for x in (torch.ones(40, 4, 100), torch.ones(4, 100).expand(40, 4, 100)):
        y = layer(x)
        assert y.unique().tolist() == pytest.approx([0.0, 4 / 3])
        assert (y == 0).float().mean((1, 2)).sub(0.25).abs().max() < 0.1
        assert ((y == 0).float().mean(0) - 0.25).abs().max() < 0.4  # no unit is dropped throughout
    assert torch.equal(layer.eval()(y), y)


@pytest.mark.parametrize("channels", [3, 4, 16])
def test_a_strided_convolution_of_one_pixel_is_that_of_pytorch(channels):
    torch.manual_seed(0)
    ours, theirs = Conv2d(channels, 8, 1, 2, bias=True), nn.Conv2d(channels, 8, 1, 2).double()
    theirs.load_state_dict(ours.state_dict())
    x = (
        torch.randn(2, channels, 9, 8)
        .contiguous(memory_format=torch.channels_last)
        .requires_grad_()
    )
    y = ours(x)
    (gradient,) = torch.autograd.grad(y.square().sum(), [ours.weight])
    exact = theirs(x.detach().double().contiguous())
    exact.square().sum().backward()
    torch.testing.assert_close(y, exact.float())
    torch.testing.assert_close(gradient, theirs.weight.grad.float())
