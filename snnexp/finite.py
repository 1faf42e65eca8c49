"""Whether numbers are finite: cheap to ask at every step, exact in saying where they are not."""

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.errors import NumericalError

Named = Iterable[tuple[str, Tensor]]


def size(tensors: Iterable[Tensor]) -> Tensor:
    """The sum of the norms: finite only if every number is. One that is not may be an overflow:
    `faulty` tells.
    """
    given = [each.detach() for each in tensors if each.is_floating_point() and each.numel()]
    return torch.stack(torch._foreach_norm(given)).sum() if given else torch.zeros(())


def faulty(named: Named) -> Iterator[str]:
    """The names of the tensors in which something is not a finite number."""
    yield from (
        name for name, tensor in named if tensor.is_floating_point() and not tensor.isfinite().all()
    )


def require_finite(network: nn.Module, place: str) -> None:
    """Raises `NumericalError`, naming the layer, where a weight or a buffer of `network` is not
    finite; `place` says when that is.
    """
    require(network.state_dict().items(), place)


def require(named: Named, place: str) -> None:
    """Raises `NumericalError`, naming the layer, where a tensor is not finite."""
    tensors = dict(named)
    if not math.isfinite(float(size(tensors.values()))) and (names := [*faulty(tensors.items())]):
        raise NumericalError(
            f"{place}: {names[0]} is not finite (NaN or infinity){_others(names)}; {REMEDY}"
        )


REMEDY = "train with a lower optimizer.lr, gradient_clip, or precision=float32"


def _others(names: list[str]) -> str:
    return f", and {len(names) - 1} more" if len(names) > 1 else ""


def figures(value: Any, path: str = "") -> Iterator[str]:
    """The dotted names of the figures in nested mappings and lists that are not finite."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from figures(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            yield from figures(item, f"{path}[{place}]")
    elif hasattr(value, "tolist"):  # numpy and torch
        yield from figures(value.tolist(), path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path


def require_figures(block: Mapping[str, Any], place: str) -> None:
    """Raises `NumericalError` where a figure of a result is not finite: written as null it would
    look like one that was not measured.
    """
    if found := [*figures(block)]:
        raise NumericalError(
            f"{place}: {found[0]} is not a finite number{_others(found)}; {REMEDY}"
        )
