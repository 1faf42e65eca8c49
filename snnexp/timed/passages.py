"""What passes through timed layers while a network runs."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.timed.layers import TimedLayer


class Passage(NamedTuple):
    """The last call of a timed layer.

    Args:
        inputs: spike times that it got.
        outputs: spike times that it gave.
    """

    inputs: Float[Tensor, "1 B *n"]
    outputs: Float[Tensor, "1 B *m"]


@contextmanager
def passages(layers: Iterable[TimedLayer]) -> Iterator[dict[str, Passage]]:
    """Within the block, the last call of each layer is kept under its name."""
    kept: dict[str, Passage] = {}
    hooks = [
        layer.timed.register_forward_hook(partial(_keep, kept, layer.name)) for layer in layers
    ]
    try:
        yield kept
    finally:
        for hook in hooks:
            hook.remove()


def _keep(
    kept: dict[str, Passage], name: str, timed: nn.Module, arguments: tuple, outputs: Tensor
) -> None:
    _, inputs, *_ = arguments
    kept[name] = Passage(inputs, outputs)
