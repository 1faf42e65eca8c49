"""The event-driven solver for single-spike neurons in C, for float32 on the CPU; absent where it
could not be compiled.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import Float, Int32
from torch import Tensor

from snnexp.kernels.library import load

INTERFACE = (
    1  # that of events.c: a kernel left over from another version of the source must not be called
)
KINDS = ("if_exp", "if_linear", "alpha", "lif2", "if_delta")
NUMBERS = ("threshold", "time_constant", "horizon", "horizon_first", "horizon_second")
POINTERS = (
    *("times", "first", "second", "order", "finite", "weights", "bias", "s0", "s1", "start"),
    *("p", "q", "by_first", "by_second", "weights_grad"),
)
SIZES = (
    *(
        "images",
        "events",
        "inputs",
        "channels",
        "in_height",
        "in_width",
        "height",
        "width",
        "kernel_height",
        "kernel_width",
    ),
    *("stride_height", "stride_width", "padding_height", "padding_width", "threads"),
)


class _Neuron(ctypes.Structure):
    _fields_ = [("kind", ctypes.c_int32), *((name, ctypes.c_float) for name in NUMBERS)]


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_int64) for name in SIZES),
    ]


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernel, or None; see `library.load`."""
    return load("events", INTERFACE)


@dataclass(frozen=True)
class Spikes:
    """The inputs of each image in the order of their times, those that never come last.

    Args:
        times: when.
        first: factor of the first sum.
        second: factor of the second sum.
        order: number of the input; as many as there are inputs stands for the bias.
        finite: how many arrive at all.
    """

    times: Float[Tensor, "B E"]
    first: Float[Tensor, "B E"]
    second: Float[Tensor, "B E"]
    order: Int32[Tensor, "B E"]
    finite: Int32[Tensor, "B"]


Sizes = dict[str, int]
"""Extents of a layer: the second half of `SIZES`, from `inputs` on, without `threads`."""


def forward(
    spikes: Spikes,
    weights: Float[Tensor, "C taps O"],
    bias: Float[Tensor, "O"] | None,
    kind: str,
    numbers: dict[str, float],
    sizes: Sizes,
) -> tuple[Tensor, Tensor, Tensor]:
    """Both sums at the spike `[B, positions, O]`, and the time of the last input that counts, -inf
    where there is no spike.

    Args:
        spikes: the inputs.
        weights: of the taps of a patch; a linear layer has one tap.
        bias: weights of a neuron that fires at time 0, or None.
        kind: of the neuron, one of `KINDS`.
        numbers: its constants, by the names in `NUMBERS`.
        sizes: extents of the layer.
    """
    shape = len(spikes.times), sizes["height"] * sizes["width"], weights.shape[-1]
    s0, s1, start = (weights.new_empty(shape) for _ in range(3))
    layer = _layer(spikes, sizes, weights=weights, bias=bias, s0=s0, s1=s1, start=start)
    neuron = _Neuron(kind=KINDS.index(kind), **numbers)
    _tried(library().events_forward(ctypes.byref(neuron), ctypes.byref(layer)))
    return s0, s1, start


def backward(
    spikes: Spikes,
    weights: Float[Tensor, "C taps O"],
    bias: Float[Tensor, "O"] | None,
    start: Float[Tensor, "B P O"],
    p: Float[Tensor, "B P O"],
    q: Float[Tensor, "B P O"],
    sizes: Sizes,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of weights and bias, and of the two factors of each input `[B, inputs]`, for
    gradients `p`, `q` of the two sums.
    """
    by_first, by_second = (
        weights.new_zeros(len(spikes.times), sizes["inputs"] + 1) for _ in range(2)
    )
    parts = weights.new_zeros(torch.get_num_threads(), weights.shape[-1] + weights.numel())
    layer = _layer(
        spikes,
        sizes,
        weights=weights,
        bias=bias,
        start=start,
        p=p,
        q=q,
        by_first=by_first,
        by_second=by_second,
        weights_grad=parts,
    )
    _tried(library().events_backward(ctypes.byref(layer), ctypes.c_int64(weights.numel())))
    total = parts.sum(0)
    return (
        total[weights.shape[-1] :].view(weights.shape),
        total[: weights.shape[-1]],
        by_first[:, :-1],
        by_second[:, :-1],
    )


def _layer(spikes: Spikes, sizes: Sizes, **tensors: Tensor | None) -> _Layer:
    tensors |= {
        name: getattr(spikes, name) for name in ("times", "first", "second", "order", "finite")
    }
    if any(tensor is not None and not tensor.is_contiguous() for tensor in tensors.values()):
        raise ValueError("the kernel reads contiguous tensors")
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
    images, events = spikes.times.shape
    return _Layer(
        **pointers,
        **sizes,
        images=images,
        events=events,
        channels=tensors["weights"].shape[-1],
        threads=torch.get_num_threads(),
    )


def _tried(failed: int) -> None:
    if failed:
        raise MemoryError("no memory for the potentials of one image")
