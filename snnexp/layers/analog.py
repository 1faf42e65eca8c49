"""The analog form of a unit: the same weights under an activation function instead of a neuron."""

from jaxtyping import Float
from torch import Tensor, nn

from snnexp.cell import is_static
from snnexp.kernels.layout import once
from snnexp.layers.signal import Real, Signal


class AnalogUnit(nn.Module):
    """A connection and an activation function; an artificial neural network is made of these at T =
    1.

    Args:
        connection: activations to pre-activations.
        activation: elementwise function, e.g. ReLU.
    """

    def __init__(self, connection: nn.Module, activation: nn.Module):
        super().__init__()
        self.connection = connection
        self.activation = activation

    def forward(self, x: Float[Tensor, "T B *n"]) -> Float[Tensor, "T B *m"]:
        current = self.connection(x)
        if is_static(current):
            y = self.activation(once(current))
            return y.expand(len(current), *y.shape)
        return self.activation(current)

    def passed(self, signals: list[Signal], values: Tensor) -> Signal:
        """Real numbers, which change whenever those before them do."""
        (signal,) = signals
        return signal if isinstance(signal, Real) else Real(len(values))
