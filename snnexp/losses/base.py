"""What training makes small."""

import abc
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.losses.reading import Reading


class Loss(nn.Module, abc.ABC):
    """A reading of a network and the labels to one number: the mean over the batch, so that it does
    not depend on how large that is.

    A loss of one's own is a subclass with a `forward`:

        on the answer           reading.answer      `[B, K]`, the scores at the last timestep
        on every timestep       reading.scores      `[T, B, K]`
        on output spike trains  reading.drive
            `[T, B, N]`, with a readout that reads spikes, such as rate
        on output currents      reading.drive  with a readout that reads currents, such as potential

    Training hands over all timesteps, whatever is done in chunks or segments.
    """

    of_times: ClassVar[bool] = False
    """Whether the scores must be minus the times of output spikes; only timed networks have
    such.
    """
    of_currents: ClassVar[bool] = False
    """Whether it reads the current of the output layer at every timestep, one per class, which a
    readout of spikes, or of codes in windows, does not get.
    """
    of_spikes: ClassVar[bool] = False
    """Whether it reads the trains of output neurons."""
    of_chances: ClassVar[bool] = False
    """Whether it draws which classes are kept, for which the readout has to give their chances."""
    every_timestep: ClassVar[bool] = False
    """True where the loss reads more than the last timestep. An evaluation, which streams, then
    keeps all of them for it.
    """

    @abc.abstractmethod
    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        """The loss of a batch."""
