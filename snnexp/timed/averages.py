"""Average pools of the timed form: spikes have no mean, but weights can be divided among the spikes
of a window.
"""

import math

from jaxtyping import Float
from torch import Tensor

from snnexp.layers.average_pool import AveragePool
from snnexp.layers.connection import Connection
from snnexp.timed.synapses import Synapses


def arriving(
    connection: Connection, times: Float[Tensor, "B *n"], synapses: Synapses
) -> tuple[Float[Tensor, "B *m"], Synapses]:
    """What arrives at the weights of a connection, and weights to meet it: those behind an average
    pool each spike gets its share of.

        w_(i in window) = w_window gain / (height width)

    In every sum of the neuron the mean over the window then stands where a single spike stood, as
    the average of z = exp(t) that Zhou 2021 (survey [64]) takes does, as long as all of the
    window's spikes come before the neuron's.
    """
    before = connection.preceding
    pools = [each for each in before if isinstance(each, AveragePool)]
    if pools:
        height, width = (math.prod(each.window[axis] for each in pools) for axis in (0, 1))
        times = times[..., : times.shape[-2] // height * height, : times.shape[-1] // width * width]
        parts = height * width / math.prod(each.gain for each in pools)
        synapses = _divided(synapses, (height, width), parts, times)
    for module in before:
        times = times if isinstance(module, AveragePool) else module(times)
    return times, synapses


def _divided(
    synapses: Synapses, window: tuple[int, int], parts: float, times: Float[Tensor, "B C H W"]
) -> Synapses:
    height, width = window
    weight = synapses.weight
    if not synapses.convolution:
        weight = weight.unflatten(1, (-1, times.shape[-2] // height, times.shape[-1] // width))
    weight = weight.repeat_interleave(height, 2).repeat_interleave(width, 3) / parts
    if not synapses.convolution:
        return synapses.replaced(weight.flatten(1), synapses.bias)
    stride, padding = (
        (each[0] * height, each[1] * width) for each in (synapses.stride, synapses.padding)
    )
    return Synapses(weight, synapses.bias, stride, padding)
