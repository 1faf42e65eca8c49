"""What the timed form asks of a neuron."""

from typing import Protocol, runtime_checkable

from jaxtyping import Bool, Float
from torch import Tensor


@runtime_checkable
class TimedNeuron(Protocol):
    """A neuron that fires once, at a time that two weighted sums over the inputs before it
    determine.

        s0 = sum_i w_i a(t_i),  s1 = sum_i w_i b(t_i)             over inputs t_i < t_out
        t_out = solve(s0, s1)
        dt_out/dw_i = dt/ds0 a(t_i) + dt/ds1 b(t_i)
        dt_out/dt_i = w_i (dt/ds0 a'(t_i) + dt/ds1 b'(t_i))

    The first crossing lies in the first interval between two inputs in which the potential reaches
    the threshold at all. Of a windowed neuron all sums are over all inputs, and times count from
    the beginning of the window they lie in.
    """

    kind: str
    """Name of the equations, by which compiled kernels know them."""
    monotone: bool
    """Whether the potential has no maximum between two inputs, so that discrete time shows every
    crossing.
    """
    forced: bool
    """Whether a neuron that does not fire is treated as if it did at the horizon, for its own
    weights' sake.
    """
    windowed: bool
    """Whether it answers, in a window of its own, when the window of its inputs is over: then all
    of them count.
    """
    threshold: float
    horizon: float
    step_length: float

    def factors(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """a(t) and b(t)."""

    def slopes(self, t: Float[Tensor, "*n"]) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """a'(t) and b'(t)."""

    def potential(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], t: Float[Tensor, "..."]
    ) -> Float[Tensor, "*n"]:
        """The potential at `t`, of the sums over the inputs until then."""

    def reaches(
        self,
        s0: Float[Tensor, "*n"],
        s1: Float[Tensor, "*n"],
        start: Float[Tensor, "..."],
        end: Float[Tensor, "..."],
    ) -> Bool[Tensor, "*n"]:
        """Whether the potential, below the threshold at `start`, is at it until `end`, if nothing
        arrives in between.
        """

    def solve(
        self, s0: Float[Tensor, "*n"], s1: Float[Tensor, "*n"], start: Float[Tensor, "*n"]
    ) -> tuple[Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"], Float[Tensor, "*n"]]:
        """t_out, dt/ds0, dt/ds1 and -dt/du, for a crossing after the input at `start`."""


MEMBERS = (*TimedNeuron.__annotations__, "factors", "slopes", "potential", "reaches", "solve")
"""Names of all that it asks for."""
