"""Looks at layers of a network while it runs on training images."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.datasets.batches import Batch
from snnexp.network.network import Network
from snnexp.progress.work import doing
from snnexp.stopping import look_together

PER_CALL = 1024
"""Images times timesteps of one call, for images of up to 64 x 64 pixels; memory grows with it,
nothing else.
"""
PIXELS = 64 * 64

See = Callable[[Tensor], None]
"""Gets what a module gives, `[T, B, *n]`, chunk of timesteps by chunk."""


class _Reached(Exception):
    """The layer in question has been run."""


def run(
    network: Network,
    batch: Batch,
    timesteps: int,
    seen: dict[nn.Module, See],
    last: nn.Module | None = None,
) -> None:
    """Runs `network` without gradients for `timesteps`, showing what the modules in `seen` give;
    what lies behind `last` is not run.

    Raises `Stopped` between two parts if the run is asked to stop.
    """
    stop = {} if last is None else {last: _stop}
    with (
        doing("running", timesteps, "timesteps") as work,
        watching(seen),
        watching(stop),
        streaming(network),
    ):
        for steps in chunks(timesteps, len(batch.input) * -(-batch.input[0, 0].numel() // PIXELS)):
            look_together()
            with suppress(_Reached):
                network(batch.input, steps, batch.keys)
            work.advance(len(steps))


def _stop(output: Tensor) -> None:
    raise _Reached


@contextmanager
def watching(seen: dict[nn.Module, See]) -> Iterator[None]:
    """Within the block, every output of a module is shown to its observer."""
    hooks = [
        module.register_forward_hook(lambda _, __, output, see=see: see(output))
        for module, see in seen.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def chunks(timesteps: int, images: int) -> Iterator[range]:
    """The timesteps in parts that a call can take; `images` counts larger ones as several."""
    length = max(1, PER_CALL // images)
    for start in range(0, timesteps, length):
        yield range(start, min(start + length, timesteps))


def parts(batch: Batch, images: int) -> Iterator[Batch]:
    """The batch in parts of at most so many images."""
    yield from (
        Batch(*part) for part in zip(*(tensor.split(images) for tensor in batch), strict=True)
    )
