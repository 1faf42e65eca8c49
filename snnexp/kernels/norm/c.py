"""Batch normalisation in C for float32 and bfloat16 on the CPU; equations in norm.py."""

import ctypes
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels import layout
from snnexp.kernels.norm.parameters import Batch, Running
from snnexp.kernels.scan import c as compiled

POINTERS = ("x", "y_grad", "y", "moments", "sums", "gamma", "beta", "running_mean", "running_var")
SIZES = ("outer", "channels", "inner")
NUMBERS = ("count", "momentum", "epsilon")


class Norm(ctypes.Structure):
    """The struct of the same name in norm.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_int64) for name in SIZES),
        *((name, ctypes.c_double) for name in NUMBERS),
        ("half", ctypes.c_int32),
        ("threads", ctypes.c_int32),
    ]


def moments(x: Float[Tensor, "B m *s"]) -> Float[Tensor, "2 m"]:
    """Mean and biased variance per channel, in float64."""
    found = torch.empty(2, x.shape[1], dtype=torch.float64)
    _run("moments", _arranged(x), moments=found)
    return found


def forward(
    x: Float[Tensor, "B m *s"],
    batch: Batch,
    running: Running,
    gamma: Float[Tensor, " m"],
    beta: Float[Tensor, " m"] | None,
) -> Float[Tensor, "B m *s"]:
    """y, of the dtype of x."""
    x = _arranged(x)
    y = torch.empty_like(x)
    call = {
        "moments": batch.moments,
        "gamma": gamma,
        "beta": beta,
        "running_mean": running.mean,
        "running_var": running.variance,
    }
    _run(
        "forward",
        x,
        y=y,
        **call,
        count=batch.count,
        momentum=running.momentum,
        epsilon=batch.epsilon,
    )
    return y


def products(
    x: Float[Tensor, "B m *s"], g: Float[Tensor, "B m *s"], batch: Batch
) -> Float[Tensor, "2 m"]:
    """sum(g) and sum(g z) per channel, in float64."""
    x, sums = _arranged(x), torch.empty_like(batch.moments)
    _run("products", x, y_grad=_like(g, x), moments=batch.moments, sums=sums, epsilon=batch.epsilon)
    return sums


def backward(
    x: Float[Tensor, "B m *s"],
    g: Float[Tensor, "B m *s"],
    batch: Batch,
    gamma: Float[Tensor, " m"],
    sums: Float[Tensor, "2 m"],
) -> Float[Tensor, "B m *s"]:
    """dx, of the dtype of x, from the sums over the whole batch."""
    x = _arranged(x)
    dx = torch.empty_like(x)
    call = {
        "moments": batch.moments,
        "sums": sums,
        "gamma": gamma,
        "count": batch.count,
        "epsilon": batch.epsilon,
    }
    _run("backward", x, y_grad=_like(g, x), y=dx, **call)
    return dx


def _run(name: str, x: Tensor, **values: Tensor | float | None) -> None:
    """Calls an entry of the kernel; tensors are dense, those per channel of float32, or float64
    where norm.c says double.
    """
    call = {
        key: value.data_ptr() if isinstance(value, Tensor) else value
        for key, value in values.items()
    }
    inner = 1 if _channels_last(x) else x[0, 0].numel()
    sizes = {"outer": x.numel() // (x.shape[1] * inner), "channels": x.shape[1], "inner": inner}
    norm = Norm(
        x=x.data_ptr(),
        **call,
        **sizes,
        half=x.dtype == torch.bfloat16,
        threads=torch.get_num_threads(),
    )
    if _entry(name)(ctypes.byref(norm)):
        raise MemoryError(f"no memory for the sums of {x.shape[1]} channels; take fewer channels")


@cache
def _entry(name: str) -> Any:
    return getattr(compiled.library(), f"norm_{name}")


def _arranged(x: Tensor) -> Tensor:
    """`x` where its channels are the innermost or follow the images, else a copy in which they
    do.
    """
    return x if _channels_last(x) or x.is_contiguous() else x.contiguous()


def _channels_last(x: Tensor) -> bool:
    if x.dim() == 4:
        return x.is_contiguous(memory_format=torch.channels_last)
    return x.is_contiguous() if x.dim() == 2 else x.movedim(1, -1).is_contiguous()


def _like(g: Tensor, x: Tensor) -> Tensor:
    return (
        g
        if g.stride() == x.stride() and g.dtype == x.dtype
        else layout.arranged(g.to(x.dtype), x.stride())
    )
