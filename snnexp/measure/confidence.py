"""How sure scores are of the class that is ahead."""

import math
from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

Confidence = Callable[[Tensor], Tensor]
"""Probabilities `[*n, K]` to a confidence `[*n]` in [0, 1], the larger the surer."""


def probability(p: Float[Tensor, "*n K"]) -> Float[Tensor, "*n"]:
    """That of the class ahead."""
    return p.amax(-1)


def margin(p: Float[Tensor, "*n K"]) -> Float[Tensor, "*n"]:
    """By how much the class ahead is more probable than the next one."""
    first, second = p.topk(2, -1).values.unbind(-1)
    return first - second


def entropy(p: Float[Tensor, "*n K"]) -> Float[Tensor, "*n"]:
    """1 - H / ln K, with the entropy H of the classes in nats: 0 where all are alike."""
    return 1 + p.xlogy(p).sum(-1) / math.log(p.shape[-1])


CONFIDENCES: dict[str, Confidence] = {
    "probability": probability,
    "margin": margin,
    "entropy": entropy,
}
"""By name. They are read from the softmax of the scores."""


def confidences(scores: Float[Tensor, "*n K"]) -> dict[str, Float[Tensor, "*n"]]:
    """All of them, of scores."""
    p = scores.float().softmax(-1)
    return {name: confidence(p) for name, confidence in CONFIDENCES.items()}
