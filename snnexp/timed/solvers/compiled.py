"""The exact solver in C: inputs sorted once per image, then brought to the neurons one by one."""

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels.events import c as events
from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.solvers.solver import Gradients, Sums
from snnexp.timed.synapses import Synapses


def available(times: Float[Tensor, "B *n"], neuron: TimedNeuron) -> bool:
    """Whether the kernel takes such times and such a neuron."""
    return (
        times.device.type == "cpu"
        and times.dtype == torch.float32
        and neuron.kind in events.KINDS
        and events.library() is not None
    )


def forward(times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron) -> Sums:
    """Both sums at the spike, and the time of the last input that counts."""
    first, second = neuron.factors(torch.tensor(neuron.horizon, dtype=torch.float64))
    numbers = {
        "threshold": neuron.threshold,
        "time_constant": getattr(neuron, "time_constant", 1.0),
        "horizon": neuron.horizon,
        "horizon_first": first.item(),
        "horizon_second": second.item(),
    }
    sums = events.forward(
        spikes=_ordered(times, synapses, neuron),
        weights=_weights(synapses),
        bias=synapses.bias,
        kind=neuron.kind,
        numbers=numbers,
        sizes=_sizes(times, synapses),
    )
    return tuple(_mapped(one, synapses.shape(times)) for one in sums)


def backward(
    times: Float[Tensor, "B *n"],
    synapses: Synapses,
    neuron: TimedNeuron,
    start: Float[Tensor, "B *m"],
    p: Float[Tensor, "B *m"],
    q: Float[Tensor, "B *m"],
) -> Gradients:
    """By the kernel, from inputs sorted again."""
    weights, bias, *factors = events.backward(
        spikes=_ordered(times, synapses, neuron),
        weights=_weights(synapses),
        bias=synapses.bias,
        start=_positions(start),
        p=_positions(p),
        q=_positions(q),
        sizes=_sizes(times, synapses),
    )
    weights = weights.movedim(-1, 0).reshape(synapses.weight.shape)
    return (
        weights,
        None if synapses.bias is None else bias,
        *(factor.view(times.shape) for factor in factors),
    )


def _ordered(times: Tensor, synapses: Synapses, neuron: TimedNeuron) -> events.Spikes:
    flat = times.flatten(1)
    if synapses.bias is not None:
        flat = torch.cat([flat, flat.new_zeros(len(flat), 1)], 1)
    flat, order = flat.sort(1)
    finite = (flat < neuron.horizon).sum(1, dtype=torch.int32)
    first, second = neuron.factors(flat.clamp(max=neuron.horizon))
    return events.Spikes(
        times=flat,
        first=first.contiguous(),
        second=second.contiguous(),
        order=order.to(torch.int32),
        finite=finite,
    )


def _weights(synapses: Synapses) -> Tensor:
    return (
        synapses.weight.flatten(2).permute(1, 2, 0).contiguous()
        if synapses.convolution
        else synapses.weight.T.contiguous()[:, None]
    )


def _sizes(times: Tensor, synapses: Synapses) -> events.Sizes:
    pairs = {"in": (1, 1), "out": (1, 1), "kernel": (1, 1)}
    if synapses.convolution:
        pairs = {
            "in": times.shape[2:],
            "out": synapses.shape(times)[1:],
            "kernel": synapses.weight.shape[2:],
        }
    return {
        "inputs": times[0].numel(),
        **dict(zip(("in_height", "in_width"), pairs["in"], strict=True)),
        **dict(zip(("height", "width"), pairs["out"], strict=True)),
        **dict(zip(("kernel_height", "kernel_width"), pairs["kernel"], strict=True)),
        **dict(zip(("stride_height", "stride_width"), synapses.stride, strict=True)),
        **dict(zip(("padding_height", "padding_width"), synapses.padding, strict=True)),
    }


def _mapped(y: Tensor, shape: tuple[int, ...]) -> Tensor:
    return y.transpose(1, 2).reshape(len(y), *shape)


def _positions(y: Tensor) -> Tensor:
    return y.flatten(2).transpose(1, 2).contiguous() if y.dim() == 4 else y[:, None].contiguous()
