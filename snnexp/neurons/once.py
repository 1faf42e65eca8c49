"""Firing at most once, which the neurons of the timed form have in common."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Once(nn.Module):
    """Emits the first crossing of the threshold and none after it.

        s = 1[u >= threshold] waiting         waiting <- waiting (1 - s)

    Args:
        threshold: potential at which the spike is fired, > 0.
        surrogate: potential minus threshold to spikes, with a slope for a backward pass through
            time.
    """

    def __init__(self, threshold: float, surrogate: nn.Module):
        super().__init__()
        self.threshold = threshold
        self.surrogate = surrogate

    def forward(
        self, u: Float[Tensor, "B *n"], waiting: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        """Spikes, and who still waits for theirs (1) or not (0)."""
        s = self.surrogate(u - self.threshold) * waiting
        return s, torch.where(s.detach() > 0, torch.zeros_like(waiting), waiting)


def check_exponent(horizon: float, time_constant: float) -> None:
    """Times enter as exp(t / time_constant); single precision must hold products of such.

    Raises:
        ValueError: the horizon is too many time constants away.
    """
    if horizon > 40 * time_constant:
        raise ValueError(
            f"horizon={horizon:g} is more than 40 time constants of {time_constant:g}; lower "
            "horizon or raise time_constant"
        )
