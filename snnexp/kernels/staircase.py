"""A clipped staircase whose gradient is that of a ramp, in C for float32 and bfloat16 on the CPU:
one pass each way.

    y = clip / levels floor(u + shift),  u = min(max(z levels / clip, 0), levels)            forward
    dL/dz = g 1[0 < z < clip]                                                               backward
    dL/dclip = sum g (floor(u + shift) / levels - 1[0 < z < clip] z / clip)

It keeps z alone. Sums are in float64 and do not depend on the number of threads.
"""

import ctypes
from functools import cache
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from snnexp.kernels import layout
from snnexp.kernels.scan import c as compiled

CHUNK = 4096
POINTERS, NUMBERS = ("z", "y_grad", "out", "sums"), ("clip", "levels", "shift")


class Staircase(ctypes.Structure):
    """The struct of the same name in staircase.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in POINTERS),
        ("size", ctypes.c_int64),
        *((name, ctypes.c_float) for name in NUMBERS),
        ("half", ctypes.c_int32),
        ("threads", ctypes.c_int32),
    ]


def available(z: Tensor, clip: Tensor) -> bool:
    """Whether the kernel takes such values and such a clip."""
    fits = (
        z.device.type == "cpu"
        and z.dtype in (torch.float32, torch.bfloat16)
        and clip.dtype == torch.float32
        and z.numel() > 0
    )
    return (
        fits
        and layout.dense(z.shape, z.stride())
        and not torch.compiler.is_compiling()
        and compiled.library() is not None
    )


def staircase(
    z: Float[Tensor, "*n"], clip: Float[Tensor, ""], levels: int, shift: float
) -> Float[Tensor, "*n"]:
    """y, laid out and of the dtype as `z`, which must be `available`."""
    return _Climb.apply(z, clip, levels, shift)


class _Climb(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, clip: Tensor, levels: int, shift: float) -> Tensor:
        ctx.save_for_backward(z, clip)
        ctx.numbers = {"levels": float(levels), "shift": shift}
        y = torch.empty_like(z)
        _run("forward", z, y, clip, **ctx.numbers)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        z, clip = ctx.saved_tensors
        grad = layout.arranged(grad.to(z.dtype), z.stride())
        dz, sums = torch.empty_like(z), torch.empty(-(-z.numel() // CHUNK), dtype=torch.float64)
        _run("backward", z, dz, clip, y_grad=grad, sums=sums, **ctx.numbers)
        return dz, sums.sum().to(clip.dtype), None, None


def _run(name: str, z: Tensor, out: Tensor, clip: Tensor, **more: Tensor | float) -> None:
    """Calls an entry of the kernel on dense tensors of one layout."""
    call = {
        key: value.data_ptr() if isinstance(value, Tensor) else value
        for key, value in {"z": z, "out": out, **more}.items()
    }
    half, threads = z.dtype == torch.bfloat16, torch.get_num_threads()
    _entry(name)(
        ctypes.byref(
            Staircase(**call, size=z.numel(), clip=clip.item(), half=half, threads=threads)
        )
    )


@cache
def _entry(name: str) -> Any:
    entry = getattr(compiled.library(), f"staircase_{name}")
    entry.restype = None
    return entry
