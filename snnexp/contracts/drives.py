"""What components are tried on."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from snnexp.cell import Over, streaming

Build = Callable[..., Any]
"""Makes a new component; takes by name what code hands over."""
DTYPES = (torch.bfloat16, torch.float32, torch.float64)
CUTS = (0, 1, 4, 11)
"""Where a sequence is cut into chunks."""
STEPS, SAMPLES = 20, 4


def noise(*shape: int, seed: int = 2, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers of mean 0 and variance 1, the same at every call."""
    draws = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draws, dtype=torch.float64).to(dtype)


def uniform(*shape: int, seed: int = 3, dtype: torch.dtype = torch.float32) -> Tensor:
    """Numbers in [0, 1), the same at every call."""
    draws = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=draws, dtype=torch.float64).to(dtype)


def require(holds: Any, said: str) -> None:
    """Raises `AssertionError` with what is not so."""
    if not bool(holds):
        raise AssertionError(said)


def require_chunks(loop: Over, x: Tensor) -> None:
    """Raises where chunks of timesteps do not give what the whole gives, or a call leaves a
    trace.
    """
    whole = loop(x)
    parts = [*zip(CUTS, (*CUTS[1:], len(x)), strict=True)]
    with streaming(loop):
        chunks = torch.cat([loop(x[start:stop]) for start, stop in parts])
    require(torch.equal(chunks, whole), "chunks of timesteps give another output than the whole")
    require(torch.equal(loop(x), whole), "the same input gives another output when it comes again")


def require_shape(y: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Raises where an output is of another shape or dtype, or not finite."""
    require(y.shape == shape, f"expected the shape {tuple(shape)}, got {tuple(y.shape)}")
    require(y.dtype == dtype, f"expected {dtype}, as the input has it, got {y.dtype}")
    require(y.isfinite().all(), f"not all of the output is finite in {dtype}")
