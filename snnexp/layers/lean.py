"""What a unit keeps for its backward pass when memory is short: spikes as bits, and no normalised
currents.

Per value and timestep, in float32, a unit with a norm keeps its input spikes (4 bytes), the current
before the norm (4) and the current after it (4). Kept lean these are 1/8, 4 and 0: spikes are
unpacked and pooled again, the norm is applied again, with the same result to the last bit.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.kernels.bits import pack


def weighted(before: nn.Module, weights: nn.Module, spikes: Tensor) -> Tensor:
    """`weights(before(spikes))`, which keeps one bit per spike instead of what the weights see."""
    bits = None if is_static(spikes) or not torch.is_grad_enabled() else pack(spikes.detach())
    seen = before(spikes)
    if bits is None:
        return weights(seen)
    with _recalled(seen, lambda: before(bits.unpack()).detach()):
        return weights(seen)


def fired(norm: nn.Module, cells: nn.Module, raw: Tensor) -> Tensor:
    """`cells(norm(raw))`, which keeps `raw` alone (as the norm does anyway) instead of the
    normalised current beside it.
    """
    current = norm(raw)
    if not hasattr(norm, "again") or is_static(current) or not torch.is_grad_enabled():
        return cells(current)
    raw = raw.detach()
    with _recalled(current, lambda: norm.again(raw)):
        return cells(current)


def _recalled(tensor: Tensor, recall: Callable[[], Tensor]) -> AbstractContextManager:
    """Within the block, what autograd would keep of `tensor` it gets from `recall()` when it needs
    it.
    """
    place, size = tensor.data_ptr(), tensor.numel()

    def kept(saved: Tensor) -> tuple[Tensor | None, tuple]:
        same = saved.data_ptr() == place and saved.numel() == size
        return (None, (saved.shape, saved.stride())) if same else (saved, ())

    def given(what: tuple[Tensor | None, tuple]) -> Tensor:
        saved, form = what
        return recall().as_strided(*form) if saved is None else saved

    return torch.autograd.graph.saved_tensors_hooks(kept, given)
