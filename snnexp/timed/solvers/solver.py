"""What a solver of one timed layer is."""

from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from snnexp.timed.neuron import TimedNeuron
from snnexp.timed.synapses import Synapses

Sums = tuple[Tensor, Tensor, Tensor]
"""Both sums at the spike, and the time of the last input that counts, -inf where there is no spike;
each `[B, *m]`.
"""
Gradients = tuple[Tensor, Tensor | None, Tensor, Tensor]
"""Of the weight, of the bias where there is one, and of the two factors of each input, `[B,
*n]`.
"""


@runtime_checkable
class Solver(Protocol):
    """Finds which inputs a spike depends on, and brings a gradient back to them. A module with two
    functions.

        s0 = sum_i w_i a(t_i),  s1 = sum_i w_i b(t_i)       over the inputs that count, t_i <= start
        dL/dw_i = p a(t_i) + q b(t_i),  dL/da(t_i) = p w_i,  dL/db(t_i) = q w_i,
            p = dL/ds0, q = dL/ds1

    All solvers give the same sums; they differ in what they cost and where they run. When and with
    what slope a neuron fires is left to the neuron, which gets the sums (`TimedNeuron.solve`).
    """

    def forward(
        self, times: Float[Tensor, "B *n"], synapses: Synapses, neuron: TimedNeuron
    ) -> Sums:
        """The sums of every neuron, and the last input that counts. Times from the horizon on are
        infinite.
        """

    def backward(
        self,
        times: Float[Tensor, "B *n"],
        synapses: Synapses,
        neuron: TimedNeuron,
        start: Float[Tensor, "B *m"],
        p: Float[Tensor, "B *m"],
        q: Float[Tensor, "B *m"],
    ) -> Gradients:
        """The gradients, for `p` and `q` of the two sums; `start` is what `forward` gave, -inf for
        what gets none.
        """
