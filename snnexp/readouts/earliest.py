"""Readout of spike times: the class whose neuron fires first."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State
from snnexp.readouts.base import Readout


class Earliest(Readout):
    """Scores of a network whose values are spike times: the earlier, the larger.

        score_c = -t_c,  of a neuron that does not fire  -horizon

    The timed form reads its output with it where the spiking form has `FirstSpike`.

    Args:
        horizon: time from which on no spike counts, > 0.
    """

    memoryless = True
    spiking: ClassVar[bool] = True
    of_first_spikes: ClassVar[bool] = True

    def __init__(self, horizon: float):
        super().__init__()
        self.horizon = horizon

    def features(self, classes: int) -> int:
        """Width of the output layer."""
        return classes

    def initial(self, x: Float[Tensor, "B K"]) -> State:
        return ()

    def step(self, x: Float[Tensor, "B K"], state: State) -> tuple[Float[Tensor, "B K"], State]:
        # only what never comes: a neuron that is forced to fire keeps its gradient
        return -x.masked_fill(x.isinf(), self.horizon), state
