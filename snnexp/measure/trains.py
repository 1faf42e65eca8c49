"""The spikes of a network, one by one."""

import torch
from torch import Tensor, nn

from snnexp.conversion import probe
from snnexp.datasets.batches import Batch
from snnexp.measure.evaluator import in_evaluation
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units


def spike_trains(network: Network, batch: Batch, timesteps: int) -> dict[str, Tensor]:
    """What the neurons of every layer send, `[T, B, *n]`, by the name of the layer in the order of
    the forward pass.

    Raises:
        ValueError: the network has no spikes over time.
    """
    if network.form != "spiking":
        raise ValueError(
            f"a network of form {network.form!r} sends no spikes over time; load a run whose last "
            "stage leaves a spiking one"
        )
    units = spiking_units(network)
    sent: dict[str, list[Tensor]] = {name: [] for name in units}
    seen: dict[nn.Module, probe.See] = {units[name]: sent[name].append for name in units}
    with in_evaluation(network):
        probe.run(network, batch, timesteps, seen)
    return {name: torch.cat(parts) for name, parts in sent.items()}
