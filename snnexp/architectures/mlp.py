"""Fully connected networks."""

from collections.abc import Callable
from functools import partial

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.tokens import Drop, Linear
from snnexp.limits import Count, Positive, Probability


def mlp(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    widths: list[Count],
    dropout: Probability,
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """Linear layers on the flattened input, dropout behind each hidden one.

    Source: the default is the network 784-800-10 of Kim 2022 (survey [77]).

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every hidden layer.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        widths: widths of the hidden layers.
        dropout: probability of dropping a hidden neuron, in [0, 1).
        bias: whether weights come with a bias, the output layer's too.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.
    """
    chain = Chain(
        unit, norm, shape, bias, True, partial(initialise, initialization=initialization, gain=gain)
    )
    for width in widths:
        chain.add(Linear(width, origin="widths"))
        if dropout:
            chain.add(Drop(dropout, origin="dropout"))
    return chain.finish(features)
