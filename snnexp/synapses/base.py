"""What every synapse may say of itself."""

import abc
from typing import ClassVar

from snnexp.cell import Cell


class Synapse(Cell, abc.ABC):
    """A linear filter over time, between spikes and the neurons that they drive.

    The check asks a class for these abilities, never for its name. A synapse that states none, or
    is a plain `Cell`, filters the current behind the weights.
    """

    before_weights: ClassVar[bool] = False
    """Whether it filters what comes to the weights in place of the current behind them. Every
    connection then has a filter of its own, the output layer's too."""
    stages: ClassVar[tuple[float, ...] | None] = None
    """Where it is a row of filters y <- y + (x - y) / time_constant: their time constants, in
    timesteps. A property where settings decide. It is how it is exported."""
