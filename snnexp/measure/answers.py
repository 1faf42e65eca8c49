"""What scores say: the one class that is ahead of all others, or nothing."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from snnexp.distributed import gathered

UNDECIDED = -1
"""What stands for the class where there is no answer."""


def decided(scores: Float[Tensor, "*n K"]) -> Bool[Tensor, "*n"]:
    """Where one class is ahead: a tie at the top is no answer, whichever class `argmax` would name,
    and neither is NaN.
    """
    return (scores == scores.amax(-1, keepdim=True)).sum(-1) == 1


def right(scores: Float[Tensor, "*n K"], labels: Int[Tensor, "*m"]) -> Bool[Tensor, "*n"]:
    """Where the class that is ahead is that of the label."""
    return (scores.argmax(-1) == labels) & decided(scores)


def predicted(scores: Float[Tensor, "*n K"]) -> Int[Tensor, "*n"]:
    """The class that is ahead, `UNDECIDED` where there is none."""
    return torch.where(decided(scores), scores.argmax(-1), UNDECIDED)


def answers(scores: Float[Tensor, "B K"]) -> Int[Tensor, "K"]:
    """How many images each class is the answer for."""
    return torch.bincount(scores.argmax(-1)[decided(scores)], minlength=scores.shape[-1])


def added(own: Int[Tensor, "K"] | None) -> list[int]:
    """The answers of all processes together, one of which may have seen no image."""
    parts = [each for each in gathered([] if own is None else own.tolist()) if each]
    return [sum(each) for each in zip(*parts, strict=True)]
