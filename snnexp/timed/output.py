"""The output layer of the timed form."""

from jaxtyping import Float
from torch import Tensor

from snnexp.layers.connection import Connection
from snnexp.timed.unit import Timed


class TimedOutput(Connection):
    """The connection at the end of a network and the neurons it drives, in the timed form: spike
    times `[1, B, *n]` to spike times `[1, B, K]`.

    A unit holds its connection, which puts `connection` into the names of its weights. In every
    other form the output layer is a connection and no unit: this is a connection too, so that its
    weights have the names of theirs, and weights of one form and of runs of before load into
    another.

    Args:
        connection: weights without norm, which are shared with it.
        timed: the neurons.
    """

    def __init__(self, connection: Connection, timed: Timed):
        super().__init__(connection.layer, connection.norm, connection.preceding)
        self.timed = timed

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B K"]:
        return self.timed(self, x)
