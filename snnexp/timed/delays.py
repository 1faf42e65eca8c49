"""Synapses of several terminals, each with a delay and a weight of its own."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.layers.per_step import PerStep


class Delays(nn.Module):
    """Every spike arrives once per terminal, those of one channel one behind the other.

        t_ik = t_i + delay_k

    Source: Bohte 2002 SpikeProp (survey [65]: 16 terminals, delays of 1 to 16 ms).

    Args:
        delays: of the terminals, >= 0 each, in the unit of time.
    """

    def __init__(self, delays: list[float]):
        super().__init__()
        self.register_buffer("delays", torch.tensor(delays), persistent=False)

    def forward(self, x: Float[Tensor, "B C *n"]) -> Float[Tensor, "B terminals *n"]:
        delays = self.delays.to(x.dtype).view(-1, *[1] * (x.dim() - 2))
        return (x.unsqueeze(2) + delays).flatten(1, 2)


def delay(connection: Connection, delays: list[float]) -> None:
    """Gives every synapse of a connection a terminal per delay, in place; each has a copy of the
    synapse's weight.
    """
    layer = connection.layer
    layer.weight = nn.Parameter(layer.weight.detach().repeat_interleave(len(delays), 1))
    inputs = "in_features" if isinstance(layer, nn.Linear) else "in_channels"
    setattr(layer, inputs, len(delays) * getattr(layer, inputs))
    connection.before = PerStep(Delays(delays), *connection.preceding)


def terminals(connection: Connection) -> int:
    """How many weights each synapse of a connection has."""
    return next(
        (len(layer.delays) for layer in connection.preceding if isinstance(layer, Delays)), 1
    )
