"""The metrics of NeuroBench, counted as it counts them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from snnexp.distributed import gathered
from snnexp.network.network import Network
from snnexp.network.parts import analog_units, spiking_units

Weighted = nn.Conv2d | nn.Linear


class NeuroBench:
    """Footprint, sparsity, synaptic operations and membrane updates by NeuroBench's definitions.

        footprint             bytes of parameters and buffers
        connection sparsity   share of the weights that are 0
        activation sparsity   share of the outputs of neurons, or activations, that are 0
        dense                 weights times inputs, whatever they are, borders left out
        effective             those of which neither is 0
        membrane updates      potentials that differ from those of the timestep before; all of them
                              at the first

    Whether a layer's operations are accumulates or multiply-accumulates is decided call by call:
    the former where every input of the batch is 0, 1 or -1. So a layer behind an average pool, or
    behind spikes of another height than 1, multiplies here, where `Tally` takes pools and heights
    into the weights and counts accumulates. Pools, norms, biases and neurons are no operations.

    Source: NeuroBench 2.3 (Yik et al. 2025); its code is not used.

    Args:
        network: of spikes or real values, run timestep by timestep, a call for each.
    """

    def __init__(self, network: Network):
        self.network = network
        self.layers = [each for each in network.modules() if isinstance(each, Weighted)]
        self.sums = dict.fromkeys(
            ("dense", "macs", "acs", "nonzero", "activations", "membranes"), 0.0
        )

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Within the block, every call of the network is counted."""
        hooks = [layer.register_forward_pre_hook(self._weighted) for layer in self.layers]
        for unit in (spiking_units(self.network) | analog_units(self.network)).values():
            hooks.append(unit.register_forward_hook(self._activated))
        for unit in spiking_units(self.network).values():
            hooks.append(unit.cells.register_forward_pre_hook(self._before))
            hooks.append(unit.cells.register_forward_hook(self._after))
        try:
            yield
        finally:
            for hook in hooks:
                hook.remove()

    def _weighted(self, layer: Weighted, arguments: tuple[Tensor]) -> None:
        (x,) = arguments
        nonzero = x != 0
        kind = "acs" if (nonzero == (x.abs() == 1)).all() else "macs"
        self.sums[kind] += _operations(layer, nonzero.float(), (layer.weight != 0).float())
        ones = torch.ones_like(x[:1], dtype=torch.float32)
        dense = _operations(layer, ones, torch.ones_like(layer.weight, dtype=torch.float32))
        self.sums["dense"] += dense * len(x)

    def _activated(self, unit: nn.Module, arguments: Any, output: Tensor) -> None:
        self.sums["nonzero"] += int(output.count_nonzero())
        self.sums["activations"] += output.numel()

    def _before(self, loop: Any, arguments: Any) -> None:
        loop.potential_before = None if loop.states is None else _potential(loop.states[-1])

    def _after(self, loop: Any, arguments: Any, output: Tensor) -> None:
        before, after = loop.potential_before, _potential(loop.states[-1])
        if after is not None:
            changed = after.numel() if before is None else int((after != before).sum())
            self.sums["membranes"] += changed
        del loop.potential_before

    def gather(self) -> None:
        """Adds up the counts of all processes, each of which has seen other images."""
        parts = gathered(self.sums)
        self.sums = {name: sum(part[name] for part in parts) for name in self.sums}

    def shown(self, images: int) -> dict[str, Any]:
        """`neurobench` of a result, operations and updates per image."""
        weights = [layer.weight for layer in self.layers]
        zeros = sum(int((each == 0).sum()) for each in weights)
        activations = self.sums["activations"]
        spiking = bool(spiking_units(self.network))
        block = {
            "footprint": _footprint(self.network),
            "connection_sparsity": zeros / max(sum(each.numel() for each in weights), 1),
            "activation_sparsity": 1 - self.sums["nonzero"] / activations if activations else 0.0,
            "dense": self.sums["dense"] / images,
            "effective_macs": self.sums["macs"] / images,
            "effective_acs": self.sums["acs"] / images,
            "membrane_updates": self.sums["membranes"] / images if spiking else None,
        }
        return {"neurobench": block}


def _footprint(network: nn.Module) -> int:
    held = [*network.parameters(), *network.buffers()]
    return sum(each.numel() * each.element_size() for each in held)


def _operations(layer: Weighted, x: Tensor, weights: Tensor) -> float:
    """What the layer comes to with ones as weights and inputs, and no bias."""
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
        if isinstance(layer, nn.Linear):
            return float(functional.linear(x, weights).sum(dtype=torch.float64))
        settings = layer.stride, layer.padding, layer.dilation, layer.groups
        return float(functional.conv2d(x, weights, None, *settings).sum(dtype=torch.float64))


def _potential(state: Any) -> Tensor | None:
    """The membrane potential in a state; of several tensors, the first."""
    if isinstance(state, Tensor):
        return state
    found = (_potential(each) for each in state) if isinstance(state, list | tuple) else ()
    return next((each for each in found if each is not None), None)
