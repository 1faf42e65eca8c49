"""Exact counts of spikes and synaptic operations, taken by hooks while a network runs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnexp.cell import is_static
from snnexp.layers.connection import Connection
from snnexp.layers.spiking import SpikingUnit
from snnexp.network import Network, connections, is_spiking, spiking_units

MAC_JOULE = 4.6e-12
AC_JOULE = 0.9e-12
ENERGY_MODEL = "45 nm CMOS, 0.9 V, float32: 4.6 pJ per multiply-accumulate, 0.9 pJ per accumulate (Horowitz 2014)"


@dataclass
class Layer:
    """Totals of one layer over all images and timesteps seen."""

    neurons: int = 0
    spikes: int = 0


@dataclass
class Tally:
    """Counts over all images seen.

    A multiply-accumulate (MAC) is a weight times a real number; an accumulate (AC) is a weight added because a spike arrived.
    AC are exact: every spike times the number of weights it reaches from its position, borders included, through average pools.
    MAC follow the convention k^2 C_in C_out H W (borders counted as if padded). A real-valued input that does not change with time
    is multiplied once per image; one that changes, at every timestep. Source: Dampfhoffer et al. 2023, energy values of [21].
    """

    layers: dict[str, Layer] = field(default_factory=dict)
    images: int = 0
    mac: int = 0
    ac: float = 0.0
    mac_ann: int = 0

    def spikes_by_layer(self) -> dict[str, dict[str, float]]:
        """Per layer: number of neurons, mean spikes per neuron and inference."""
        return {
            name: {"neurons": layer.neurons, "spikes_per_neuron": layer.spikes / (layer.neurons * self.images)}
            for name, layer in self.layers.items()
        }

    def spikes_per_inference(self) -> float:
        """Mean number of spikes of all spiking neurons per image."""
        return sum(layer.spikes for layer in self.layers.values()) / self.images

    def spikes_per_neuron(self) -> float | None:
        """The survey's figure: spikes per inference over the number of spiking neurons; None for a network without them."""
        neurons = sum(layer.neurons for layer in self.layers.values())
        return self.spikes_per_inference() / neurons if neurons else None

    def operations(self) -> dict[str, float | str]:
        """Operations and energy per image, those of the analog network of the same shape beside them."""
        mac, ac, mac_ann = self.mac / self.images, self.ac / self.images, self.mac_ann / self.images
        return {
            "mac": mac,
            "ac": ac,
            "mac_ann": mac_ann,
            "energy_joule": mac * MAC_JOULE + ac * AC_JOULE,
            "energy_ann_joule": mac_ann * MAC_JOULE,
            "energy_model": ENERGY_MODEL,
        }


@contextmanager
def recording(network: Network) -> Iterator[Tally]:
    """Within the block, every call of `network` is counted into the tally; `tally.images` is for the caller to set.

    Works for chunks of timesteps: a static input is counted with the chunk that starts at timestep 0.
    """
    recorder = _Recorder(network)
    hooks = [network.register_forward_pre_hook(recorder.started), network.encoder.register_forward_hook(recorder.encoded)]
    hooks += [unit.register_forward_hook(partial(recorder.fired, name)) for name, unit in spiking_units(network).items()]
    hooks += [connection.register_forward_hook(recorder.connected) for connection in connections(network).values()]
    try:
        yield recorder.tally
    finally:
        for hook in hooks:
            hook.remove()


class _Recorder:
    def __init__(self, network: Network):
        self.tally = Tally()
        self.real_input = not network.encoder.spiking
        self.spiking = is_spiking(network)
        self.input: Tensor | None = None
        self.first_chunk = True
        self.fan_outs: dict[Connection, Tensor] = {}

    def started(self, network: Network, arguments: tuple) -> None:
        self.first_chunk = arguments[1].start == 0

    def encoded(self, encoder: nn.Module, arguments: tuple, output: Tensor) -> None:
        self.input = output

    def fired(self, name: str, unit: SpikingUnit, arguments: tuple, spikes: Tensor) -> None:
        layer = self.tally.layers.setdefault(name, Layer(neurons=spikes[0, 0].numel()))
        layer.spikes += int(torch.count_nonzero(spikes))

    def connected(self, connection: Connection, arguments: tuple, current: Tensor) -> None:
        x = arguments[0]
        macs = x.shape[1] * _multiplications(connection.layer, current)
        self.tally.mac_ann += macs if self.first_chunk else 0
        if not self.spiking or (self.real_input and x.data_ptr() == self.input.data_ptr()):
            self.tally.mac += macs * self._times(x)
        else:
            self.tally.ac += self._accumulations(connection, x)

    def _times(self, x: Tensor) -> int:
        return int(self.first_chunk) if is_static(x) or not self.spiking else len(x)

    def _accumulations(self, connection: Connection, x: Tensor) -> float:
        if connection not in self.fan_outs:
            self.fan_outs[connection] = fan_out(connection, x[0, :1])
        spikes = torch.count_nonzero(x.detach(), dim=(0, 1)).to(torch.float64)
        return float((spikes * self.fan_outs[connection]).sum())


def _multiplications(layer: nn.Conv2d | nn.Linear, current: Tensor) -> int:
    positions = current[0, 0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
    return layer.weight.numel() * positions


def fan_out(connection: Connection, x: Tensor) -> Tensor:
    """How many weights a spike at each position of `x` `[1, *n]` reaches; broadcasts against `[*n]`, float64."""
    layer = connection.layer
    if isinstance(layer, nn.Linear):
        return torch.tensor(float(layer.out_features), dtype=torch.float64, device=x.device)
    with torch.enable_grad():
        plane = torch.ones_like(x[:, :1], dtype=torch.float64, requires_grad=True)
        reached = plane
        for module in () if isinstance(connection.before, nn.Identity) else connection.before:
            reached = functional.avg_pool2d(reached, module.window, divisor_override=1)
        kernel = torch.ones(1, 1, *layer.kernel_size, dtype=torch.float64, device=x.device)
        reached = functional.conv2d(reached, kernel, None, layer.stride, layer.padding, layer.dilation)
        (count,) = torch.autograd.grad(reached.sum(), plane)
    return count[0] * (layer.out_channels // layer.groups)
