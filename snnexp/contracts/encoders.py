"""What encoders promise."""

import torch
from torch import Tensor

from snnexp.cell import streaming
from snnexp.contracts.drives import CUTS, STEPS, Build, require, require_shape, uniform
from snnexp.encoders.base import Encoder
from snnexp.noise import sample_keys

KEYS = sample_keys(1, 0, torch.arange(5))


def samples(made: Encoder, dtype: torch.dtype = torch.float32) -> Tensor:
    """Five that an encoder takes: images of one channel, in [0, 1], or frames of events, in counts
    of 0 to 2.
    """
    if made.axes[0] == "time":
        return (3 * uniform(5, STEPS, 2, 9, 8, dtype=torch.float64)).floor().to(dtype)
    return uniform(5, 1, 9, 8, dtype=dtype)


def encoder(build: Build) -> Encoder:
    """One that knows the images, if it asks for them."""
    made: Encoder = build()
    if hasattr(made, "calibrate"):
        made.calibrate(samples(made))
    return made


def sends_the_shape_that_it_announces(build: Build) -> None:
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        made = encoder(build)
        shown = samples(made, dtype)
        shape = (5, *made.shape(tuple(shown.shape[1:])))
        require_shape(made(shown, range(STEPS), KEYS), (STEPS, *shape), dtype)
        require_shape(made.analog(shown), (1, *shape), dtype)


def gives_the_same_in_chunks(build: Build) -> None:
    made, cuts = encoder(build), (*CUTS, STEPS)
    parts = [range(start, stop) for start, stop in zip(cuts[:-1], cuts[1:], strict=True)]
    shown = samples(made)
    with streaming(made):
        chunks = torch.cat([made(shown, part, KEYS) for part in parts])
    same = torch.equal(chunks, made(shown, range(STEPS), KEYS))
    require(same, "chunks of timesteps give another output than the whole")


def does_not_depend_on_the_rest_of_the_batch(build: Build) -> None:
    made, order = encoder(build), torch.tensor([3, 0, 4])
    whole = made(samples(made), range(STEPS), KEYS)
    some = made(samples(made)[order], range(STEPS), KEYS[order])
    require(torch.equal(some, whole[:, order]), "a sample is encoded otherwise among others")


def draws_nothing_from_the_global_generator(build: Build) -> None:
    made, state = encoder(build), torch.get_rng_state()
    made(samples(made), range(STEPS), KEYS)
    untouched = torch.equal(torch.get_rng_state(), state)
    require(untouched, "it draws from torch's generator; `snnexp.noise` draws by sample and step")


PROMISES = (
    sends_the_shape_that_it_announces,
    gives_the_same_in_chunks,
    does_not_depend_on_the_rest_of_the_batch,
    draws_nothing_from_the_global_generator,
)
