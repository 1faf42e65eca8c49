"""A training pass by three factors: what has come to a synapse, how near its neuron is to firing,
and an error that output neurons tell to all others at once.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from snnexp.layers.connection import Connection
from snnexp.losses.reading import Reading
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units

Broadcast = Literal["symmetric", "random", "uniform"]


class ThreeFactor(nn.Module):
    """Runs the network through time so that no gradient passes from layer to layer.

        dL/dw_ij = sum_t e_i(t) g_ij(t)
        g_ij(t) = what s_i has been changed by w_ij so far: traces of the neuron alone
        e_i(t) = dL/ds_i(t)                  output neurons
        e_i(t) = sum_k B_ik e_k(t)           all others, k over the output

    B is what `broadcast` says: `symmetric` the weights from layer to layer, backward, as they are;
    `random` normal numbers of variance 1 / K, drawn once; `uniform` 1 / sqrt(K). Within a layer the
    gradient is that through time, which is the same as the sum over eligibility traces g that run
    forward in time.

    Source: Zenke & Ganguli 2018 SuperSpike (survey [48]), where e is a filtered error of spike
    trains: with the loss `spike_train` it is here.

    Args:
        network: the spiking form, its layers a chain.
        steps: the timesteps.
        broadcast: how the error reaches hidden layers.
        seed: of the random numbers.
    """

    def __init__(self, network: Network, steps: range, broadcast: Broadcast, seed: int):
        super().__init__()
        self.network = network
        self.steps = steps
        self.broadcast = broadcast
        self.seed = seed

    def forward(self, images: Float[Tensor, "B *sample"], keys: Int[Tensor, "B"]) -> Reading:
        hidden: list[Tensor] = []
        with ExitStack() as stack:
            for hook in self._hooks(hidden):
                stack.callback(hook.remove)
            reading = self.network(images, self.steps, keys)
        drive = _Told.apply(reading.drive, self, *hidden)
        return Reading(self.network.readout(drive), drive)

    def _hooks(self, hidden: list[Tensor]) -> Iterator[Any]:
        """Cut what comes to weights off from where it came from, and collect what neurons send."""
        for connection in connections(self.network).values():
            before = connection.before  # which is called however the connection keeps memory
            yield before.register_forward_pre_hook(lambda _, given: (given[0].detach(),))
        for unit in hidden_units(self.network):
            yield unit.register_forward_hook(lambda _, __, spikes: hidden.append(spikes))

    def errors(
        self, error: Float[Tensor, "T B K"], hidden: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        """The error of every hidden layer."""
        if self.broadcast == "symmetric":
            return tuple(self._backward(error, hidden))
        return tuple(
            torch.tensordot(error, self._weights(place, spikes[0, 0], error.shape[-1]), 1)
            for place, spikes in enumerate(hidden)
        )

    def _weights(self, place: int, neurons: Tensor, outputs: int) -> Float[Tensor, "K *n"]:
        shape = outputs, *neurons.shape
        if self.broadcast == "uniform":
            return torch.full(shape, outputs**-0.5, dtype=neurons.dtype, device=neurons.device)
        draws = torch.Generator().manual_seed(self.seed + place)
        return (torch.randn(shape, generator=draws) / outputs**0.5).to(neurons)

    def _backward(self, error: Tensor, hidden: tuple[Tensor, ...]) -> list[Tensor]:
        """The error through the weights of one layer after the other, from the last on."""
        errors: list[Tensor] = []
        behind = reversed([*connections(self.network).values()][1:])
        for connection, spikes in zip(behind, reversed(hidden), strict=True):
            error = _through(connection, spikes, error)
            errors.insert(0, error)
        return errors


def hidden_units(network: Network) -> list[nn.Module]:
    """The units with weights of their own, in the order of the forward pass."""
    units = spiking_units(network).values()
    return [unit for unit in units if isinstance(unit.connection, Connection)]


def _through(connection: Connection, spikes: Tensor, error: Tensor) -> Tensor:
    """What of an error at the current of a connection is that of the spikes before it."""
    with torch.enable_grad():
        sent = spikes.detach().requires_grad_()
        current = connection.weights(connection.before(sent))
        return torch.autograd.grad(current, sent, error.reshape(current.shape))[0]


class _Told(torch.autograd.Function):
    """Hands the output on; tells its error to hidden layers on the way back."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, told: ThreeFactor, *hidden: Tensor) -> Tensor:
        ctx.told = told
        ctx.save_for_backward(*hidden)
        return drive.view_as(drive)

    @staticmethod
    def backward(ctx: Any, error: Tensor) -> tuple[Tensor | None, ...]:
        return error, None, *ctx.told.errors(error, ctx.saved_tensors)
