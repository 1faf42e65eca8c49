"""Batch normalisation in C for float32 and bfloat16 on the CPU; equations in norm.py."""

import ctypes
from functools import cache
from math import prod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels import compiled, layout

POINTERS = ("x", "y_grad", "y", "mean", "variance", "gamma", "beta", "sums")


class Norm(ctypes.Structure):
    """The struct of the same name in norm.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_int64) for name in ("outer", "channels", "inner")),
        ("epsilon", ctypes.c_double),
        ("half", ctypes.c_int32),
        ("threads", ctypes.c_int32),
    ]


def moments(x: Float[Tensor, "B m *s"]) -> tuple[Float[Tensor, " m"], Float[Tensor, " m"]]:
    """Mean and sum of squares about it per channel, in float64."""
    sums = torch.empty(2, x.shape[1], dtype=torch.float64)
    _run("moments", _arranged(x), sums=sums)
    return sums[0], sums[1]


def forward(
    x: Float[Tensor, "B m *s"],
    mean: Float[Tensor, " m"],
    variance: Float[Tensor, " m"],
    epsilon: float,
    gamma: Float[Tensor, " m"],
    beta: Float[Tensor, " m"] | None,
) -> Float[Tensor, "B m *s"]:
    """y, of the dtype of x."""
    x = _arranged(x)
    y = torch.empty_like(x)
    _run("forward", x, epsilon, y=y, mean=mean, variance=variance, gamma=_single(gamma), beta=_single(beta))
    return y


def products(
    x: Float[Tensor, "B m *s"], g: Float[Tensor, "B m *s"], mean: Float[Tensor, " m"], variance: Float[Tensor, " m"], epsilon: float
) -> Float[Tensor, "2 m"]:
    """sum(g) and sum(g z) per channel, in float64."""
    x, sums = _arranged(x), torch.empty(2, x.shape[1], dtype=torch.float64)
    _run("products", x, epsilon, y_grad=_like(g, x), mean=mean, variance=variance, sums=sums)
    return sums


def backward(
    x: Float[Tensor, "B m *s"],
    g: Float[Tensor, "B m *s"],
    mean: Float[Tensor, " m"],
    variance: Float[Tensor, " m"],
    epsilon: float,
    gamma: Float[Tensor, " m"],
    means: Float[Tensor, "2 m"],
) -> Float[Tensor, "B m *s"]:
    """dx, of the dtype of x, from the means of g and of g z over the batch."""
    x = _arranged(x)
    dx = torch.empty_like(x)
    pieces = {"y_grad": _like(g, x), "y": dx, "mean": mean, "variance": variance, "gamma": _single(gamma), "sums": means.contiguous()}
    _run("backward", x, epsilon, **pieces)
    return dx


def _run(name: str, x: Tensor, epsilon: float = 0.0, **tensors: Tensor | None) -> None:
    pointers = {key: tensor.data_ptr() for key, tensor in {"x": x, **tensors}.items() if tensor is not None}
    outer, inner = _slices(x)
    half, threads = x.dtype == torch.bfloat16, torch.get_num_threads()
    call = Norm(**pointers, outer=outer, channels=x.shape[1], inner=inner, epsilon=epsilon, half=half, threads=threads)
    if _entry(name)(ctypes.byref(call)):
        raise MemoryError(f"no memory for the sums of {x.shape[1]} channels; take fewer channels")


@cache
def _entry(name: str) -> Any:
    return getattr(compiled.library(), f"norm_{name}")


def _arranged(x: Tensor) -> Tensor:
    """`x` where its channels are the innermost or follow the images, else a copy in which they do."""
    return x if _channels_last(x) or x.is_contiguous() else x.contiguous()


def _channels_last(x: Tensor) -> bool:
    moved = x.movedim(1, -1)
    return moved.is_contiguous()


def _slices(x: Tensor) -> tuple[int, int]:
    """How many runs of all channels there are, and how many values of a channel follow each other in one."""
    return (x.numel() // x.shape[1], 1) if _channels_last(x) else (x.shape[0], prod(x.shape[2:]))


def _like(g: Tensor, x: Tensor) -> Tensor:
    return layout.arranged(g.to(x.dtype), x.stride())


def _single(values: Tensor | None) -> Tensor | None:
    return None if values is None else values.detach().to(torch.float32).contiguous()
