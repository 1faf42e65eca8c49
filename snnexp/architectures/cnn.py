"""Convolutional networks without branches, written as a list of tokens."""

from collections.abc import Callable
from functools import partial

from torch import nn

from snnexp.architectures.chain import Chain
from snnexp.architectures.initialization import Initialization, initialise
from snnexp.architectures.tokens import parse
from snnexp.limits import Positive


def cnn(
    unit: Callable[[nn.Module], nn.Module],
    norm: Callable[..., nn.Module],
    shape: tuple[int, int, int],
    features: int,
    layers: list[str],
    bias: bool,
    initialization: Initialization,
    gain: Positive,
) -> nn.Sequential:
    """A chain of layers, one token each, closed by the output layer.

    Tokens: `<n>C<k>` convolution with n channels and a k x k kernel, stride 1, the map keeps its
    size; `p<padding>` and `s<stride>` behind it change that (`15C5p0`, `256C3s2`); `AP<k>` average
    pool, `SP<k>` the sum (`SP2g1.1` 1.1 times it), `MP<k>` max pool (`MP3p1s2` with padding and
    stride), `GAP` average over the map, `FC<n>` linear layer, `R<n>` one whose neurons hear each
    other a timestep later, `D<p>` dropout, `DS<p>` dropout drawn at every timestep. Average pools
    belong to the weights behind them, max pools act on spikes; `FP<k>` is an average pool that
    drives neurons of its own, `FP2t0.75` with a threshold of 0.75 times that of the others.

    Source: the default is the MNIST network of Wu 2018 (survey [31]) as its authors' demonstration
    has it.

    Args:
        unit: connection to the unit it drives.
        norm: called as `norm(features=, dimensions=, branches=)` for every hidden layer.
        shape: (C, H, W) of what the encoder sends.
        features: width of the output layer.
        layers: tokens of the hidden layers.
        bias: whether weights come with a bias, the output layer's too.
        initialization: how the weights start.
        gain: factor on the initial weights, > 0.

    Raises:
        ValueError: a token is not in the grammar, or does not fit on the map it meets.
    """
    chain = Chain(
        unit, norm, shape, bias, True, partial(initialise, initialization=initialization, gain=gain)
    )
    for layer in parse(layers):
        chain.add(layer)
    return chain.finish(features)
