"""What readouts promise."""

import torch
from torch import Tensor

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

CLASSES = 3


def drive(build: Build, dtype: torch.dtype = torch.float32) -> Tensor:
    """Spikes for a readout of spikes, currents for another."""
    made = build()
    values = noise(STEPS, 4, made.features(CLASSES), dtype=torch.float64)
    return (values > 0 if made.spiking else values).to(dtype)


def gives_scores_of_every_class_at_every_timestep(build: Build) -> None:
    for dtype in DTYPES:
        require_shape(Over(build())(drive(build, dtype)), (STEPS, 4, CLASSES), dtype)


def knows_nothing_of_what_is_to_come(build: Build) -> None:
    loop, x = Over(build()), drive(build)
    whole = loop(x)
    running = all(torch.equal(loop(x[:steps]), whole[:steps]) for steps in range(1, STEPS))
    require(running, "the scores at a timestep depend on later ones")


def gives_the_same_in_chunks(build: Build) -> None:
    require_chunks(Over(build()), drive(build))


def passes_gradients(build: Build) -> None:
    x = drive(build, torch.float64).requires_grad_()
    Over(build())(x)[-1].square().sum().backward()
    require(x.grad.isfinite().all() and x.grad.any(), "what it reads gets no finite gradient")


PROMISES = (
    gives_scores_of_every_class_at_every_timestep,
    knows_nothing_of_what_is_to_come,
    gives_the_same_in_chunks,
    passes_gradients,
)
