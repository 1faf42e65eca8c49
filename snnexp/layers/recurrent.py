"""Recurrent layers: neurons whose spikes come back to them a timestep later."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Sized, State, at_rest, stepwise
from snnexp.layers.connection import Connection


class Recurrent(Connection):
    """A connection to neurons that also hear each other.

        current(t) = norm(W s_before(t) + b) + V s_own(t - 1)

    As a connection it gives the first part, all timesteps in one call. The second part depends on
    what the neurons do, so that it is taken step by step where they are (`Feedback`); the weights V
    are kept here, with the others. An analog form, which has one timestep, does without them.

    Args:
        connection: from the layer before.
        feedback: the weights V, from the layer to itself, without bias; a neuron hears itself too.
    """

    def __init__(self, connection: Connection, feedback: nn.Linear):
        super().__init__(connection.layer, connection.norm, connection.preceding)
        self.feedback = feedback


class Feedback(Cell):
    """A synapse and a neuron that also get the neuron's own spikes of the timestep before, through
    weights.

        c(t) = x(t) + V s(t - 1),  s = neuron(synapse(c)),  s(-1) = 0

    The state is the last spikes and the states of both. It runs step by step, since what comes next
    depends on what was fired: no kernel takes the loop. Of neurons whose gradient needs all
    timesteps at once only those can stand here whose gradient is that of counts (`MacroMicro`):
    with d_i = dL/do_i of neuron i by what the layer behind gets of it, and k_l e_l|i V_li /
    (threshold o_i) what its count does to that of l,

        dL/do_i = d_i + sum_l dL/do_l k_l V_li e_l|i / (threshold o_i)

    is solved for all neurons of a sample at once.

    Source: Bellec 2018 (survey [50]); counts: Zhang & Li 2019 ST-RSBP (survey [52]), where k is
    read from a polynomial that is fitted to pairs of random trains.

    Args:
        weights: V, known here, kept by the connection (`Recurrent`).
        synapse: filter of the current.
        neuron: current to spikes.

    Raises:
        ValueError: the neuron's gradient, or its answer, is that of a whole window.
    """

    def __init__(self, weights: nn.Linear, synapse: Cell, neuron: Cell):
        super().__init__()
        counted = hasattr(neuron, "with_gradient")
        if (neuron.own_gradient and not counted) or getattr(neuron, "windowed", False):
            raise ValueError(
                f"neuron: {type(neuron).__name__} needs all timesteps at once, but what a "
                "recurrent layer gets depends on what it has fired; set neuron=lif or alif, or "
                "architecture.layers without R"
            )
        self.known = (weights,)  # in a tuple, for its parameters are the connection's
        self.synapse = synapse
        self.neuron = neuron
        self.counted = counted

    @property
    def weights(self) -> nn.Linear:
        """From the layer to itself."""
        return self.known[0]

    def sized(self, shape: tuple[int, ...]) -> None:
        """Tells both what is behind the weights."""
        for cell in (self.synapse, self.neuron):
            if isinstance(cell, Sized):
                cell.sized(shape)

    def initial(self, x: Float[Tensor, "B N"]) -> State:
        return at_rest(x), self.synapse.initial(x), self.neuron.initial(x)

    def step(self, x: Float[Tensor, "B N"], state: State) -> tuple[Float[Tensor, "B N"], State]:
        s, filtering, firing = state
        current = x + self.weights(s.to(x.dtype))
        current, filtering = self.synapse.step(current, filtering)
        s, firing = self.neuron.step(current, firing)
        return s, (s, filtering, firing)

    def through(
        self, x: Float[Tensor, "T B N"], state: State, count: bool
    ) -> tuple[Float[Tensor, "T B N"], State, None] | None:
        """All timesteps, where the gradient is that of counts; None where it is that of steps."""
        if not self.counted:
            return None
        with torch.no_grad():
            s, after = stepwise(self, x, state)
        if not torch.is_grad_enabled():
            return s, after, None
        heard = torch.cat([state[0][None].to(x.dtype), s[:-1].to(x.dtype)])
        current, _ = stepwise(self.synapse, x + self.weights(heard), state[1])
        return self.neuron.with_gradient(current, s, self._across(s, heard, current)), after, None

    @torch.no_grad()
    def _across(self, s: Tensor, heard: Tensor, current: Tensor) -> Float[Tensor, "B N N"]:
        """What the count of a neuron (second axis) does to the counts of the others (third)."""
        reach = self.neuron.reach(s)
        filtered, _ = stepwise(self.synapse, heard, self.synapse.initial(heard[0]))
        effect = torch.einsum("tbl,tbi->bil", reach, filtered.to(reach.dtype))
        counts = s.sum(0).clamp(min=1)[..., None]
        return (
            effect * self.weights.weight.T * self.neuron.slope(current, s, reach)[:, None] / counts
        )
