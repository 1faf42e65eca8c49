"""Weights of few bits."""

import pytest
import torch

from snnexp.timed.quantisation import quantised


def test_weights_of_few_bits():
    weight = torch.tensor([[-1.0, -0.4, 0.1, 0.9]], requires_grad=True)
    ternary = quantised(weight, 2)
    assert ternary[0].tolist() == pytest.approx([-2.3 / 3, -2.3 / 3, 0, 2.3 / 3]) or ternary[
        0
    ].tolist() == pytest.approx([-0.95, 0, 0, 0.95])
    assert len(quantised(torch.randn(50, 50), 4).unique()) <= 15
    ternary.sum().backward()
    assert weight.grad.tolist() == [[1.0] * 4]
