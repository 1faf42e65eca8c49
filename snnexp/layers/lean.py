"""What training keeps of a unit for its backward pass: everything, or, where memory is short,
spikes as bits and no normalised currents.

Per value and timestep, in float32, a unit with a norm keeps its input spikes (4 bytes), the current
before the norm (4) and the current after it (4). Kept lean these are 1/8, 4 and 0: spikes are
unpacked and pooled again, the norm is applied again, with the same result to the last bit.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.kernels.bits import pack


@runtime_checkable
class Keeping(Protocol):
    """How the two steps of a unit are taken, which decides what autograd keeps of them."""

    def weighted(self, before: nn.Module, weights: nn.Module, spikes: Tensor) -> Tensor:
        """`weights(before(spikes))`."""

    def fired(self, connection: nn.Module, cells: nn.Module, x: Tensor) -> Tensor:
        """`cells(connection(x))`."""


class Everything:
    """Keeps what autograd keeps by itself."""

    def weighted(self, before: nn.Module, weights: nn.Module, spikes: Tensor) -> Tensor:
        """See `Keeping`."""
        return weights(before(spikes))

    def fired(self, connection: nn.Module, cells: nn.Module, x: Tensor) -> Tensor:
        """See `Keeping`."""
        return cells(connection(x))


class Little:
    """Keeps one bit per spike in place of what the weights see, and the current before the norm
    alone (which the norm keeps anyway) in place of the normalised current beside it.
    """

    def weighted(self, before: nn.Module, weights: nn.Module, spikes: Tensor) -> Tensor:
        """See `Keeping`."""
        bits = None if is_static(spikes) or not torch.is_grad_enabled() else pack(spikes.detach())
        seen = before(spikes)
        if bits is None:
            return weights(seen)
        with _recalled(seen, lambda: before(bits.unpack()).detach()):
            return weights(seen)

    def fired(self, connection: nn.Module, cells: nn.Module, x: Tensor) -> Tensor:
        """See `Keeping`."""
        norm = getattr(connection, "norm", None)  # joints have none
        if not hasattr(norm, "again"):
            return cells(connection(x))
        raw = connection.raw(x)
        current = norm(raw)
        if is_static(current) or not torch.is_grad_enabled():
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
