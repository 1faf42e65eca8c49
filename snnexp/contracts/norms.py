"""What norms promise."""

import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.contracts.drives import SAMPLES, Build, noise, require, require_shape
from snnexp.network.sizing import size_cells

SHAPES = ((3,), (3, 4, 5))
STEPS = 4
"""Those of the default configuration: a norm may have values of its own for each."""


def norm_of(build: Build, shape: tuple[int, ...]) -> nn.Module:
    """One for currents of a shape."""
    made: nn.Module = build(features=shape[0], dimensions=2 if shape[1:] else 1, branches=1)
    torch.manual_seed(0)  # of those that draw numbers for every place
    size_cells(made, shape)
    return made


def currents(shape: tuple[int, ...]) -> Tensor:
    """Whose spread differs from timestep to timestep."""
    sizes = torch.arange(1.0, STEPS + 1).view(-1, 1, *[1] * len(shape))
    return 3 + sizes * noise(STEPS, SAMPLES, *shape)


def keeps_shapes_and_passes_gradients(build: Build) -> None:
    for shape in SHAPES:
        x = currents(shape).requires_grad_()
        y = norm_of(build, shape)(x)
        require_shape(y, x.shape, x.dtype)
        (y.square() * currents(shape)).sum().backward()
        require(x.grad.isfinite().all() and x.grad.any(), "the current gets no finite gradient")


def gives_a_current_that_stands_still_what_it_gives_any(build: Build) -> None:
    for shape in SHAPES:
        still = currents(shape)[:1].expand(STEPS, SAMPLES, *shape)
        one, other = norm_of(build, shape), norm_of(build, shape)
        alike = torch.allclose(one(still), other(still.contiguous()), rtol=1e-4, atol=1e-5)
        require(alike, "a constant current is normalised otherwise than the same one as a copy")


def gives_the_same_in_chunks(build: Build) -> None:
    norm, x = norm_of(build, SHAPES[1]), currents(SHAPES[1])
    norm(x)
    norm.eval()
    with streaming(norm):
        chunks = torch.cat([norm(part) for part in (x[:1], x[1:])])
    alike = torch.allclose(chunks, norm(x), rtol=1e-5, atol=1e-6)
    require(alike, "in evaluation chunks of timesteps give another output than the whole")


PROMISES = (
    keeps_shapes_and_passes_gradients,
    gives_a_current_that_stands_still_what_it_gives_any,
    gives_the_same_in_chunks,
)
