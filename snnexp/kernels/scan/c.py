"""The fused time loop in C for float32 and bfloat16 on the CPU, called through ctypes; absent where
it could not be compiled.
"""

import ctypes
from functools import cache

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.kernels import layout
from snnexp.kernels.library import load
from snnexp.kernels.scan.parameters import ScanParameters, Wanted

# that of the C files: a kernel left over from another version of the source must not be called
INTERFACE = 6
SHAPES = (
    "rectangle",
    "triangle",
    "sigmoid",
    "arctan",
    "gaussian",
    "exponential",
    "fast_sigmoid",
    "fired",
)
NUMBERS = ("leak", "gain", "threshold", "amplitude", "scale", "width")
CHOICES = ("soft", "detach_reset", "straight_through", "scaled_amplitude", "shape")
POINTERS = ("x", "v", "y", "v_last", "counts", "y_grad", "v_last_grad", "x_grad", "v_grad", "sums")
SIZES = ("steps", "size", "stride", "width")


class Neuron(ctypes.Structure):
    """The struct of the same name in scan.c."""

    _fields_ = [(name, ctypes.c_float) for name in NUMBERS] + [
        (name, ctypes.c_int32) for name in CHOICES
    ]


class Call(ctypes.Structure):
    """The struct of the same name in scan.c."""

    _fields_ = [
        *((name, ctypes.c_void_p) for name in POINTERS),
        *((name, ctypes.c_int64) for name in SIZES),
        ("half", ctypes.c_int32),
        ("threads", ctypes.c_int32),
    ]


@cache
def library() -> ctypes.CDLL | None:
    """The compiled kernel, or None; see `library.load`."""
    kernel = load("scan", INTERFACE)
    if kernel is not None:
        kernel.scan_block.argtypes = [ctypes.c_int64]
        kernel.scan_block.restype = ctypes.c_int64
    return kernel


def forward(
    x: Float[Tensor, "T B *n"],
    v: Float[Tensor, "B *n"],
    p: ScanParameters,
    counts: Float[Tensor, "B *n"] | None = None,
) -> tuple[Tensor, Tensor]:
    """Output spikes and last potential; the number of spikes of each neuron is added to `counts`,
    which is laid out like `v`.
    """
    y, v_last = layout.empty(x), torch.empty_like(v)
    library().scan_forward(
        ctypes.byref(_neuron(p)),
        ctypes.byref(_call(0, x=x, v=v, y=y, v_last=v_last, counts=counts)),
    )
    return y, v_last


def backward(
    x: Float[Tensor, "T B *n"],
    v: Float[Tensor, "B *n"],
    p: ScanParameters,
    y_grad: Float[Tensor, "T B *n"],
    v_grad: Float[Tensor, "B *n"] | None,
    wanted: Wanted,
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Gradients of x (summed over time, [1, B, *n], where x is static), of v, and of (leak, gain,
    threshold), as far as wanted.
    """
    width = library().scan_block(len(x))
    before = torch.empty_like(v) if wanted.state else None
    x_grad = layout.empty(x[:1] if _static(x) else x)
    sums = (
        torch.zeros(-(v.numel() // -width), 3, dtype=torch.float64) if wanted.parameters else None
    )
    call = _call(
        width, x=x, v=v, y_grad=y_grad, v_last_grad=v_grad, x_grad=x_grad, v_grad=before, sums=sums
    )
    if library().scan_backward(ctypes.byref(_neuron(p)), ctypes.byref(call)):
        raise MemoryError(
            f"no memory for the potentials of one block of neurons over {len(x)} timesteps; "
            "take fewer timesteps or threads"
        )
    return x_grad, before, None if sums is None else sums.sum(0)


def _static(x: Tensor) -> bool:
    return len(x) > 1 and x.stride(0) == 0


def _neuron(p: ScanParameters) -> Neuron:
    leak, gain, threshold = (
        n.item() if isinstance(n, Tensor) else n for n in (p.leak, p.gain, p.threshold)
    )
    return Neuron(
        *(leak, gain, threshold, 1.0 if p.amplitude == "unit" else threshold, p.scale, p.width),
        *(
            p.reset == "soft",
            p.detach_reset,
            p.leak_gradient == "straight_through",
            p.amplitude == "threshold",
        ),
        SHAPES.index(p.surrogate),
    )


def _call(width: int, **tensors: Tensor | None) -> Call:
    pointers = {name: tensor.data_ptr() for name, tensor in tensors.items() if tensor is not None}
    x, size = tensors["x"], tensors["v"].numel()
    return Call(
        **pointers,
        steps=len(x),
        size=size,
        stride=0 if _static(x) else size,
        width=width,
        half=x.dtype == torch.bfloat16,
        threads=torch.get_num_threads(),
    )
