"""The analog form of a unit: the same weights under an activation function instead of a neuron."""

from jaxtyping import Float
from torch import Tensor, nn


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
        return self.activation(self.connection(x))
