"""Neuron that fires once and for all, and whose synapses stay on from then."""

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from snnexp.cell import State, at_rest, changes
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron
from snnexp.neurons.firing import Amplitude
from snnexp.neurons.threshold import Threshold


class FirstSpike(Neuron):
    """Integrates without leak, fires once, and drives what follows from the next step on, for ever.

        u <- u + step x                                       charge
        fires at the first timestep with u >= threshold       fire
        y = threshold, in all timesteps after that   emit: the postsynaptic current of the one spike

    A spike at t_j so adds a ramp w (t - t_j) to the potentials behind, a bias adds b t. The state
    is (u, whether it has fired). No gradient passes: these neurons are for conversion. Their output
    is right for a while only, since in the end every neuron with positive input fires: read it with
    readout=first_spike.

    Source: Rueckauer & Liu 2018 (survey [19]), the base version. There a bias is added only while
    an input is on; here from the start.

    Args:
        threshold: potential at which the spike is fired, > 0, in units of current times time.
        initial_potential: potential before the first timestep, in [0, 1], as a fraction of the
            threshold.
        step: length of a timestep, > 0; the largest input takes 1 / step timesteps to the
            threshold.
    """

    differentiable: ClassVar[bool] = False
    latches: ClassVar[bool] = True
    amplitude: ClassVar[Amplitude] = "threshold"

    def __init__(self, threshold: Positive, initial_potential: Fraction, step: Positive):
        super().__init__()
        self.step_length = step
        self.threshold = Threshold(threshold, initial_potential)

    def initial(self, x: Float[Tensor, "B *n"]) -> State:
        return at_rest(x, self.threshold.initial_potential), at_rest(x)

    def step(self, x: Float[Tensor, "B *n"], state: State) -> tuple[Float[Tensor, "B *n"], State]:
        u, fired = state
        u = u + self.step_length * x.to(u.dtype)
        return self.threshold.value * fired, (
            u,
            torch.maximum(fired, (u >= self.threshold.value).to(fired.dtype)),
        )

    def spikes(
        self, y: Float[Tensor, "T B *n"], before: Float[Tensor, "B *n"] | None
    ) -> Float[Tensor, "T B *n"]:
        """How many spikes an output stands for: one where it goes on; `before` is the output of the
        step before the first.
        """
        return changes(y, before)

    def set_threshold(self, value: float, initial_potential: Fraction) -> None:
        """Changes the threshold, and with it the potential at the start, given as a fraction of the
        threshold.
        """
        self.threshold.set(value, initial_potential)
