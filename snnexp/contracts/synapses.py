"""What synapses promise."""

import torch

from snnexp.cell import Over
from snnexp.contracts.drives import (
    DTYPES,
    STEPS,
    Build,
    noise,
    require,
    require_chunks,
    require_shape,
)


def gives_currents_of_the_shape_and_dtype_of_its_input(build: Build) -> None:
    for dtype in DTYPES:
        x = noise(STEPS, 2, 3, dtype=dtype)
        require_shape(Over(build())(x), x.shape, dtype)


def is_linear(build: Build) -> None:
    loop, x = Over(build()), noise(STEPS, 2, 3, dtype=torch.float64)
    of_sum, sum_of = loop(2 * x - x.flip(1)), 2 * loop(x) - loop(x).flip(1)
    require(torch.allclose(of_sum, sum_of, rtol=1e-5), "the output of a sum is no sum of outputs")


def is_silent_without_input(build: Build) -> None:
    require(not Over(build())(torch.zeros(STEPS, 2, 3)).any(), "it gives something for nothing")


def gives_the_same_in_chunks(build: Build) -> None:
    require_chunks(Over(build()), noise(STEPS, 2, 3))


PROMISES = (
    gives_currents_of_the_shape_and_dtype_of_its_input,
    is_linear,
    is_silent_without_input,
    gives_the_same_in_chunks,
)
