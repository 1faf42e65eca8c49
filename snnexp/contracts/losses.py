"""What losses promise."""

import torch
from torch import Tensor

from snnexp.contracts.drives import Build, noise, require
from snnexp.losses.reading import Reading

LABELS = torch.tensor([2, 0, 1, 1])


def reading(scores: Tensor) -> Reading:
    """Scores that are what was read, too."""
    return Reading(scores, scores)


def scores(dtype: torch.dtype = torch.float64) -> Tensor:
    """Of four samples and three classes at five timesteps."""
    return noise(5, 4, 3, seed=4, dtype=dtype)


def is_a_number_that_a_step_down_the_gradient_lowers(build: Build) -> None:
    loss, logits = build(), scores().requires_grad_()
    value = loss(reading(logits), LABELS)
    require(value.shape == () and value.isfinite(), "it is not one finite number")
    value.backward()
    require(logits.grad.isfinite().all() and logits.grad.any(), "scores get no finite gradient")
    lower = loss(reading(logits - 0.01 * logits.grad), LABELS)
    require(lower < value, "a step down the gradient does not lower it")


def is_lower_for_the_label_than_for_another_class(build: Build) -> None:
    loss, certain = build(), torch.eye(3)[LABELS].expand(5, -1, -1)
    right, wrong = loss(reading(certain), LABELS), loss(reading(certain), (LABELS + 1) % 3)
    require(right < wrong, "scores of the label cost as much as those of another class")


def raises_half_precision_first(build: Build) -> None:
    loss, logits = build(), scores(torch.bfloat16)
    value = loss(reading(logits), LABELS)
    exact = torch.equal(value, loss(reading(logits.float()), LABELS))
    require(value.dtype == torch.float32 and exact, "it is rounded in bfloat16")


PROMISES = (
    is_a_number_that_a_step_down_the_gradient_lowers,
    is_lower_for_the_label_than_for_another_class,
    raises_half_precision_first,
)
