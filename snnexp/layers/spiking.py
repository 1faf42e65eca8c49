"""The spiking form of a unit."""

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import Cell, Over
from snnexp.layers.lean import Everything, Keeping
from snnexp.layers.recurrent import Feedback, Recurrent


class SpikingUnit(nn.Module):
    """A connection and the neurons it drives: spikes `[T, B, *n]` to spikes `[T, B, *m]`.

    Args:
        connection: spikes to input current; a `Connection`, a `Sum` of branches, or `nn.Identity()`
            where the current is already there; with a `Recurrent` one the neurons hear each other.
        synapse: filter of the current over time.
        neuron: current to spikes.
    """

    def __init__(self, connection: nn.Module, synapse: Cell, neuron: Cell):
        super().__init__()
        self.connection = connection
        self.cells = _over(connection, synapse, neuron)
        self.keeping: Keeping = Everything()

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        return self.keeping.fired(self.connection, self.cells, x)

    @property
    def neuron(self) -> Cell:
        """The cell that fires."""
        last = self.cells.cells[-1]
        return last.neuron if isinstance(last, Feedback) else last

    @property
    def feedback(self) -> nn.Linear | None:
        """The weights from the neurons to themselves; None where they do not hear each other."""
        last = self.cells.cells[-1]
        return last.weights if isinstance(last, Feedback) else None


def _over(connection: nn.Module, synapse: Cell, neuron: Cell) -> Over:
    if isinstance(connection, Recurrent):
        return Over(Feedback(connection.feedback, synapse, neuron))
    return Over(synapse, neuron)
