"""Neuron that switches its synapses on and off once per window."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from snnexp.cell import changes
from snnexp.limits import Fraction, Positive
from snnexp.neurons.threshold import Threshold
from snnexp.neurons.windowed import Window, Windowed


class Switch(Windowed):
    """Sends its value as the time between two spikes: the first switches its synapses on, the
    second off.

        c = floor(clip(m / threshold, 0, 1) (N - 1) + initial_potential), at most N - 1
            charge, m the mean of the window before
        a positive spike at step 0 and a negative one at step c; none where c = 0            fire
        y = threshold 1[k < c]                                    emit: the level between the spikes

    A synapse adds every spike to its current and the current to the potential, so it delivers w
    threshold c in a window, and N - 1 times w threshold where the value is clipped. The output is
    that level, the running sum of the spikes, and a spike is a change of it: two accumulates per
    synapse and window at most. The last step of a window is always off.

    Source: Han & Roy 2020, temporal switch coding (survey [39]). The paper's rule for hidden layers
    could not be read; windows, which follow from its encoder, are this project's choice and cost N
    steps of latency per layer, where the paper's T is the whole.

    Args:
        window: steps N, >= 2; a value has N levels.
        threshold: upper end of what can be sent, > 0, in units of the input current.
        initial_potential: share of a level added to every value, in [0, 1]; 0 cuts, 0.5 rounds.
    """

    silent: ClassVar[int] = 1

    def __init__(self, window: Window, threshold: Positive, initial_potential: Fraction):
        super().__init__(window)
        self.threshold = Threshold(threshold, initial_potential)

    def receive(self, value: Float[Tensor, "B *n"]) -> Float[Tensor, "B *n"]:
        levels = self.window - 1
        share = ((value * levels + self.threshold.initial_potential) / self.threshold.value).floor()
        return share.clamp(0, levels)

    def send(
        self, k: int, memory: Float[Tensor, "B *n"]
    ) -> tuple[Float[Tensor, "B *n"], Float[Tensor, "B *n"]]:
        return self.threshold.value * (memory > k).to(memory.dtype), memory

    def spikes(
        self, y: Float[Tensor, "T B *n"], before: Float[Tensor, "B *n"] | None
    ) -> Float[Tensor, "T B *n"]:
        """How many spikes an output stands for: one where it changes; `before` is the output of the
        step before the first.
        """
        return changes(y, before)

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the upper end, and what is added to every value, given as a share of a level."""
        self.threshold.set(value, initial_potential)
