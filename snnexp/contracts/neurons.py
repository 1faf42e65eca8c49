"""What neurons promise."""

import torch

from snnexp.cell import Over
from snnexp.contracts.drives import DTYPES, STEPS, Build, require, require_chunks, require_shape
from snnexp.contracts.drives import uniform as drawn


def currents(dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Of both signs, most of them positive."""
    return (2 * drawn(STEPS, 2, 5, dtype=torch.float64) - 0.25).to(dtype)


def gives_spikes_of_the_shape_and_dtype_of_its_input(build: Build) -> None:
    for dtype in DTYPES:
        x = currents(dtype)
        s = Over(build())(x)
        require_shape(s, x.shape, dtype)
        require(s.any(), "no spike at currents between -0.25 and 1.75")


def is_silent_without_input(build: Build) -> None:
    require(not Over(build())(torch.zeros(STEPS, 2, 5)).any(), "it spikes at a current of 0")


def gives_the_same_in_chunks(build: Build) -> None:
    require_chunks(Over(build()), currents())


def passes_gradients_where_it_says_so(build: Build) -> None:
    neuron, x = build(), currents().requires_grad_()
    if not getattr(neuron, "differentiable", True):
        return
    Over(neuron)(x).square().sum().backward()
    gradients = [x.grad, *(each.grad for each in neuron.parameters())]
    require(all(each is not None for each in gradients), "a parameter gets no gradient")
    require(all(each.isfinite().all() for each in gradients), "a gradient is not finite")
    require(all(each.any() for each in gradients), "a gradient is 0 everywhere")


PROMISES = (
    gives_spikes_of_the_shape_and_dtype_of_its_input,
    is_silent_without_input,
    gives_the_same_in_chunks,
    passes_gradients_where_it_says_so,
)
