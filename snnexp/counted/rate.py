"""Training on firing rates: forward over time in spikes, backward once on their means."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from snnexp.cell import is_static
from snnexp.counted.spike_count import Mean
from snnexp.counted.twin import count_network
from snnexp.counted.unit import count_units, valued
from snnexp.kernels.layout import once
from snnexp.layers.batch_norm import BatchNorm, normalised_as, taken
from snnexp.layers.connection import Connection
from snnexp.losses.reading import Reading
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units


class Rates(nn.Module):
    """Trains a spiking network without a graph over time: what is kept for the backward pass does
    not depend on T.

        1. spikes over all timesteps without gradients, norms with the statistics of the batch.
           Measured are, per neuron and per synaptic current,
               r = 1/T sum_t s(t)                      firing rate
               e = 1/T sum_t ds(t)/dx                  its slope by a current x added throughout
               z = 1/T sum_t (W s_before(t) + b)       mean current before the norm
        2. the gradient of the chain r -> z = W r + b -> norm -> r, once:
               dL/dW = dL/dz r',  dL/dr = W' dL/dz,  dL/dcurrent = e dL/dr

    e is what the neurons' own backward pass gives with their surrogate, so that leak and reset are
    in it; with a soft, detached reset

        e = 1/T sum_t (1 + leak + ... + leak^t) slope(u(t) - threshold),   t from 0

    The gradient is that of training through time if inputs and slopes of a neuron were
    independent over time, and equal to it at T = 1. A norm is differentiated as if its moments
    were those of the mean current; their values are those of all timesteps. Dropout has the same
    mask in both.

    Nothing is computed twice: the second pass takes the currents of the first, so that it is a
    backward pass alone.

    Source: Yu 2024 (rate-based backpropagation), in multi-step mode.

    Args:
        network: the spiking form, whose connections both share.
        steps: the timesteps.
        blueprint: from which the rate form is built.
    """

    def __init__(self, network: Network, steps: range, blueprint: Blueprint):
        super().__init__()
        self.network, self.steps = network, steps
        self.twin = count_network(blueprint, network, _rule)
        self.carriers = {
            name: RateConnection(connection) for name, connection in connections(network).items()
        }
        for name, carrier in self.carriers.items():
            self.twin.set_submodule(name, carrier)

    def forward(self, images: Float[Tensor, "B *sample"], keys: Int[Tensor, "B"]) -> Reading:
        encoded = self.network.encoder(images, self.steps, keys)
        with torch.random.fork_rng([images.device] if images.device.type == "cuda" else []):
            measured = self._measured(encoded)
        drive = self.twin.output(self.twin.body(_mean(encoded)))
        drive = drive.to(measured.drive.dtype).expand(measured.drive.shape)
        scores = self.network.readout(drive)
        self._forget()
        return Reading(valued(scores, measured.scores), valued(drive, measured.drive))

    @torch.no_grad()
    def _measured(self, encoded: Float[Tensor, "T B *n"]) -> Reading:
        units = count_units(self.twin)
        with measuring(self.network) as notes:
            current = self.network.body(encoded)
            current = current.to(torch.promote_types(current.dtype, torch.float32))
            drive = self.network.output(current)
            scores = self.network.readout(drive)
        for name, note in notes.items():
            receiver = self.carriers if name in self.carriers else units
            receiver[name].measured = note.taken
        return Reading(scores, drive)

    def _forget(self) -> None:
        for part in (*self.carriers.values(), *count_units(self.twin).values()):
            part.measured = None


class Note:
    """Takes the steps of a unit or connection as they are, and notes what of it is needed later:
    mean and moments of currents, rates and slopes of spikes.

    Args:
        norm: batch normalisation behind the current; None for none.
    """

    def __init__(self, norm: BatchNorm | None = None):
        self.norm = norm
        self.taken: Any = None

    def weighted(self, before: nn.Module, weights: nn.Module, spikes: Tensor) -> Tensor:
        """`weights(before(spikes))`."""
        raw = weights(before(spikes))
        self.taken = Current(_mean(raw), None if self.norm is None else _moments(raw, self.norm))
        return raw

    def fired(self, connection: nn.Module, cells: nn.Module, x: Tensor) -> Tensor:
        """`cells(connection(x))`."""
        current = connection(x)
        static = is_static(current)
        with torch.enable_grad():
            given = (once(current) if static else current).detach().requires_grad_()
            spikes = cells(given.expand(current.shape) if static else given)
            mean = torch.full((), 1 / len(spikes), dtype=spikes.dtype, device=spikes.device)
            (slope,) = torch.autograd.grad(spikes, given, mean.expand(spikes.shape))
        slope = slope[None] if static else _total(slope)
        self.taken = Firing(_mean(spikes.detach()), slope)
        return spikes.detach()


@dataclass(frozen=True)
class Current:
    """A mean current before the norm, and the moments of the currents of all timesteps."""

    mean: Float[Tensor, "1 B *m"]
    batch: Any


@dataclass(frozen=True)
class Firing:
    """Firing rates, and their slopes by a current that is added at every timestep."""

    rate: Float[Tensor, "1 B *m"]
    slope: Float[Tensor, "1 B *m"]


@contextmanager
def measuring(network: Network) -> Iterator[dict[str, Note]]:
    """Within the block every connection and unit of the network is noted down, by its name."""
    parts = {**connections(network), **spiking_units(network)}
    kept = {name: part.keeping for name, part in parts.items()}
    notes = {name: Note(_norm_of(part)) for name, part in parts.items()}
    for name, part in parts.items():
        part.keeping = notes[name]
    try:
        yield notes
    finally:
        for name, part in parts.items():
            part.keeping = kept[name]


def _norm_of(part: nn.Module) -> BatchNorm | None:
    norm = part.norm if isinstance(part, Connection) else nn.Identity()
    return next((each for each in norm.modules() if isinstance(each, BatchNorm)), None)


def _moments(raw: Float[Tensor, "T B m *s"], norm: BatchNorm) -> Any:
    static = is_static(raw)
    batch = taken(once(raw) if static else raw.flatten(0, 1), norm.weight, norm.epsilon)
    return batch if static else type(batch)(batch.moments, batch.count / len(raw), batch.epsilon)


def _mean(x: Float[Tensor, "T B *n"]) -> Float[Tensor, "1 B *n"]:
    mean = Mean()
    mean.add(x)
    return mean.value().to(x.dtype)


def _total(x: Float[Tensor, "T B *n"]) -> Float[Tensor, "1 B *n"]:
    return (_mean(x) * len(x)).to(x.dtype)


class RateConnection(Connection):
    """The connection of another network, whose current on average has been measured: only its
    gradient is computed.

    Args:
        connection: whose weights and norm these are.
    """

    def __init__(self, connection: Connection):
        super().__init__(connection.layer, connection.norm)
        self.before, self.weights = connection.before, connection.weights
        self.measured: Current | None = None  # lent for the length of a pass

    def forward(self, x: Float[Tensor, "1 B *n"]) -> Float[Tensor, "1 B *m"]:
        current = self.measured.mean[0].detach()
        rate, layer = self.before(x)[0].to(current.dtype), self.layer
        bias = None if layer.bias is None else layer.bias.to(current.dtype)
        apply = _Convolved if isinstance(layer, nn.Conv2d) else _Linear
        z = apply.apply(rate, layer.weight.to(current.dtype), bias, current, layer)
        norm = _norm_of(self)
        if norm is None:
            return z[None]
        gamma = norm.gain * norm.weight
        return normalised_as(z, gamma, norm.bias, self.measured.batch)[None]


class _Linear(torch.autograd.Function):
    """Gives a current that is known, with the gradient of the linear layer it came from."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, current: Tensor, layer: nn.Module
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased = bias is not None
        return current.view_as(current)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        back = grad @ weight if ctx.needs_input_grad[0] else None
        return back, grad.T @ x, grad.sum(0) if ctx.biased else None, None, None


class _Convolved(torch.autograd.Function):
    """The same of a convolution."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, current: Tensor, layer: nn.Module
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.biased, ctx.layer = bias is not None, layer
        return current.view_as(current)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        layer, biased = ctx.layer, ctx.biased
        found = torch.ops.aten.convolution_backward(
            grad,
            x,
            weight,
            [len(weight)] if biased else None,
            layer.stride,
            layer.padding,
            layer.dilation,
            False,
            [0, 0],
            layer.groups,
            [ctx.needs_input_grad[0], True, biased],
        )
        return *found, None, None


class Rate(nn.Module):
    """Firing rates as activations: their value is what was measured, their gradient the slope."""

    def forward(self, z: Float[Tensor, "1 B *m"], measured: Firing) -> Float[Tensor, "1 B *m"]:
        return _Rate.apply(z, measured.rate.to(z.dtype), measured.slope.to(z.dtype))


def _rule(neuron: nn.Module, output: bool) -> Rate:
    return Rate()


class _Rate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z: Tensor, rate: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return rate.view_as(z)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (slope,) = ctx.saved_tensors
        return grad * slope, None, None
