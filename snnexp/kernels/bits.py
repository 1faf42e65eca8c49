"""Spikes as bits: one eighth of a byte per value for as long as only the backward pass waits for
them.
"""

import ctypes
from dataclasses import dataclass
from functools import cache

import torch
from jaxtyping import UInt8
from torch import Tensor

from snnexp.kernels import layout
from snnexp.kernels.scan.c import library

_POINTER, _SIZE, _PATTERN, _INT = ctypes.c_void_p, ctypes.c_int64, ctypes.c_uint32, ctypes.c_int32
_PATTERNS = {torch.float32: torch.int32, torch.bfloat16: torch.int16}
_PLACES = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True)
class Bits:
    """A dense tensor whose values are 0 or one number, in its storage order.

    Args:
        bits: eight values to a byte, the first in the lowest bit.
        pattern: bit pattern of the number, as a signed integer of its width.
        shape, stride, dtype: of the tensor.
    """

    bits: UInt8[Tensor, " bytes"]
    pattern: int
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype

    def unpack(self) -> Tensor:
        """The tensor, bit for bit."""
        x = torch.empty_strided(self.shape, self.stride, dtype=self.dtype, device=self.bits.device)
        if goes_compiled(x):
            half = x.dtype == torch.bfloat16
            _kernel().bits_unpack(
                x.data_ptr(),
                self.bits.data_ptr(),
                x.numel(),
                self.pattern,
                half,
                torch.get_num_threads(),
            )
            return x
        places = torch.tensor(_PLACES, dtype=torch.uint8, device=self.bits.device)
        spikes = (self.bits[:, None] & places).ne(0).flatten()[: x.numel()]
        _storage(x).copy_(spikes * self.pattern)
        return x


def pack(x: Tensor) -> Bits | None:
    """`x` as bits; None where it is not dense, of another dtype, or has more than one value beside
    0.
    """
    if x.dtype not in _PATTERNS or not layout.dense(x.shape, x.stride()):
        return None
    kind = (x.shape, x.stride(), x.dtype)
    if goes_compiled(x):
        return _pack_compiled(x, kind)
    flat = _storage(x)
    spikes = x.as_strided((x.numel(),), (1,)) != 0
    pattern = int(flat[spikes][0]) if spikes.any() else 0
    if (flat[spikes] != pattern).any():
        return None
    padded = torch.nn.functional.pad(spikes.to(torch.uint8), (0, -len(spikes) % 8)).view(-1, 8)
    places = torch.tensor(_PLACES, dtype=torch.uint8, device=x.device)
    return Bits((padded * places).sum(1, dtype=torch.uint8), pattern, *kind)


def _pack_compiled(x: Tensor, kind: tuple) -> Bits | None:
    half, bits = x.dtype == torch.bfloat16, torch.empty(-(-x.numel() // 8), dtype=torch.uint8)
    pattern = _kernel().bits_value(x.data_ptr(), x.numel(), half)
    odd = _kernel().bits_pack(
        x.data_ptr(), bits.data_ptr(), x.numel(), pattern, half, torch.get_num_threads()
    )
    return None if odd else Bits(bits, pattern, *kind)


def goes_compiled(x: Tensor) -> bool:
    """Whether the compiled kernel packs this tensor."""
    return x.device.type == "cpu" and library() is not None


def _storage(x: Tensor) -> Tensor:
    return x.as_strided((x.numel(),), (1,)).view(_PATTERNS[x.dtype])


@cache
def _kernel() -> ctypes.CDLL:
    kernel = library()
    kernel.bits_pack.argtypes, kernel.bits_pack.restype = (
        [_POINTER, _POINTER, _SIZE, _PATTERN, _INT, _INT],
        _SIZE,
    )
    kernel.bits_unpack.argtypes, kernel.bits_unpack.restype = (
        [_POINTER, _POINTER, _SIZE, _PATTERN, _INT, _INT],
        None,
    )
    kernel.bits_value.argtypes, kernel.bits_value.restype = [_POINTER, _SIZE, _INT], _PATTERN
    return kernel
