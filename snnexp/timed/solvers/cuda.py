"""The exact solver for CUDA devices in Triton: inputs sorted once per pixel, merged for every
output position, then walked along.
"""

from dataclasses import replace
from functools import cache
from types import ModuleType

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from snnexp.kernels.events.c import KINDS
from snnexp.kernels.events.inputs import Layer, Lists, Numbers
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers.solver import Gradients, Sums
from snnexp.timed.synapses import Synapses

LARGEST = 2**25
"""Elements of a temporary tensor."""
EXPONENTIAL = {"if_exp": 1, "alpha": 0, "lif2": 0}
"""Which of the two factors is the exponential that both are made of."""


@cache
def kernels() -> ModuleType | None:
    """The kernels, or None where there is no Triton."""
    try:  # only here: importing Triton takes long, and it exists for Linux alone
        from snnexp.kernels.events import cuda
    except ImportError:
        return None
    return cuda


def available(times: Float[Tensor, "B *n"], neuron: TimedNeuron) -> bool:
    """Whether the kernels take such times and such a neuron."""
    return (
        times.device.type == "cuda"
        and times.dtype == torch.float32
        and neuron.kind in KINDS
        and kernels() is not None
    )


def forward(times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron) -> Sums:
    """Both sums at the spike, and the time of the last input that counts; a number of rows at a
    time.
    """
    lists = _sorted(times, synapses, neuron)
    weights, numbers = _rows_of_weights(synapses), _numbers(neuron)
    bias = synapses.bias is not None
    rows, at_once = len(lists.layer.seen), max(1, LARGEST // kernels().width(lists.layer, bias))
    parts = [
        kernels().forward(
            lists=lists,
            rows=slice(first, first + at_once),
            weights=weights,
            bias=bias,
            numbers=numbers,
        )
        for first in range(0, rows, at_once)
    ]
    return tuple(synapses.from_rows(torch.cat(part), times) for part in zip(*parts, strict=True))


def backward(
    times: Float[Tensor, "B *n"],
    synapses: Synapses,
    neuron: TimedNeuron,
    start: Float[Tensor, "B *m"],
    p: Float[Tensor, "B *m"],
    q: Float[Tensor, "B *m"],
) -> Gradients:
    """By two kernels, one for the weights and one for the inputs."""
    layer = _layer(times, synapses, neuron)
    factors = kernels().by_input(
        times=layer.times.T.contiguous(),
        reached=seeing_rows(layer),
        weights=by_tap(synapses.weight).transpose(1, 2).contiguous(),
        start=_positions(start),
        p=_positions(p),
        q=_positions(q),
        two=neuron.kind != "if_delta",
    )
    taps = kernels().by_weight(
        layer=layer,
        start=synapses.to_rows(start).contiguous(),
        p=synapses.to_rows(p).contiguous(),
        q=synapses.to_rows(q).contiguous(),
    )
    weights = taps.permute(2, 1, 0).reshape(synapses.weight.shape).contiguous()
    bias = None if synapses.bias is None else _bias_gradient(neuron, start, p, q)
    return weights, bias, *(_from_pixels(factor, times) for factor in factors)


def _bias_gradient(neuron: TimedNeuron, start: Tensor, p: Tensor, q: Tensor) -> Tensor:
    first, second = neuron.factors(start.new_zeros(()))
    return torch.where(start >= 0, first * p + second * q, 0).transpose(0, 1).flatten(1).sum(1)


# Layouts: inputs by pixel, weights by tap. A linear layer has one tap, and one pixel per image.


def _layer(times: Tensor, synapses: Synapses, neuron: TimedNeuron) -> Layer:
    flat = by_pixel(times)
    place = EXPONENTIAL.get(neuron.kind)
    z = None if place is None else neuron.factors(flat)[place].contiguous()
    return Layer(times=flat, z=z, seen=seen_pixels(times, synapses), kind=neuron.kind)


def _sorted(times: Tensor, synapses: Synapses, neuron: TimedNeuron) -> Lists:
    layer = _layer(times, synapses, neuron)
    flat, channels = layer.times.sort(1)
    z = None if layer.z is None else layer.z.gather(1, channels)
    sizes, early = ((flat < until).sum(1, dtype=torch.int32) for until in (neuron.horizon, 0))
    count = _over_taps(sizes, layer.seen)
    return Lists(
        layer=replace(layer, times=flat, z=z),
        channels=channels.to(torch.int32),
        sizes=sizes,
        early=_over_taps(early, layer.seen),
        count=count if synapses.bias is None else count + 1,
    )


def _over_taps(values: Int32[Tensor, "X"], seen: Int32[Tensor, "R K"]) -> Int32[Tensor, "R"]:
    """Sums of the values of the pixels that each row sees; -1 stands for a pixel of value 0."""
    return torch.cat([values, values.new_zeros(1)])[seen].sum(1, dtype=torch.int32)


def seen_pixels(times: Tensor, synapses: Synapses) -> Int32[Tensor, "R K"]:
    """The pixel that each row sees at each tap, -1 for padding."""
    images = torch.arange(len(times), device=times.device, dtype=torch.int32)[:, None]
    if not synapses.convolution:
        return images
    height, width = times.shape[2:]
    y, x = (_along(times, synapses, axis) for axis in (0, 1))
    y, x = y[:, None, :, None], x[None, :, None, :]
    place = (
        torch.where((y >= 0) & (y < height) & (x >= 0) & (x < width), y * width + x, -1)
        .flatten(2)
        .flatten(0, 1)
    )
    return torch.where(place >= 0, place + images[..., None] * (height * width), -1).flatten(0, 1)


def _along(times: Tensor, synapses: Synapses, axis: int) -> Int32[Tensor, "outputs kernel"]:
    """Coordinate of the pixel that each output sees at each tap along one axis, beyond the edges
    too.
    """
    outputs, kernel = synapses.shape(times)[1 + axis], synapses.weight.shape[2 + axis]
    first, ahead = (
        torch.arange(count, device=times.device, dtype=torch.int32) for count in (outputs, kernel)
    )
    return first[:, None] * synapses.stride[axis] + ahead - synapses.padding[axis]


def seeing_rows(layer: Layer) -> Int32[Tensor, "X K"]:
    """The row that sees each pixel at each tap, -1 for none."""
    seen, pixels = layer.seen, len(layer.times)
    rows = torch.arange(len(seen), device=seen.device, dtype=torch.int32)[:, None].expand_as(seen)
    places = torch.where(seen < 0, pixels, seen).long()
    return seen.new_full((pixels + 1, seen.shape[1]), -1).scatter_(0, places, rows)[:-1]


def by_pixel(times: Float[Tensor, "B *n"]) -> Float[Tensor, "X C"]:
    """Times by pixel and channel: the pixels of all images in order."""
    return (times.permute(0, 2, 3, 1).flatten(0, 2) if times.dim() == 4 else times).contiguous()


def _from_pixels(flat: Float[Tensor, "C X"], times: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
    return flat.view(-1, len(times), *times.shape[2:]).transpose(0, 1).contiguous()


def _positions(y: Float[Tensor, "B *m"]) -> Float[Tensor, "B O P"]:
    return y.flatten(2).contiguous() if y.dim() == 4 else y[..., None].contiguous()


def by_tap(weight: Float[Tensor, "O *n"]) -> Float[Tensor, "K C O"]:
    """Weights by the place in the kernel, channel and output."""
    return weight.flatten(2).permute(2, 1, 0) if weight.dim() == 4 else weight.T[None]


def _rows_of_weights(synapses: Synapses) -> Float[Tensor, "N O"]:
    rows = by_tap(synapses.weight).flatten(0, 1)
    return rows.contiguous() if synapses.bias is None else torch.cat([rows, synapses.bias[None]])


def _numbers(neuron: TimedNeuron) -> Numbers:
    place = EXPONENTIAL.get(neuron.kind)
    factors = neuron.factors(torch.tensor(neuron.horizon, dtype=torch.float64))
    return Numbers(
        threshold=float(neuron.threshold),
        time_constant=float(getattr(neuron, "time_constant", 1.0)),
        horizon=float(neuron.horizon),
        z_horizon=0.0 if place is None else factors[place].item(),
    )
