"""What a loss is."""

import abc
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn


class Loss(nn.Module, abc.ABC):
    """From scores and labels to one number, the mean over the batch."""

    of_times: ClassVar[bool] = False
    """Whether scores must be minus the times of output spikes; only timed networks have such."""

    @abc.abstractmethod
    def forward(self, logits: Float[Tensor, "T B K"], labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        """The loss of a batch."""
