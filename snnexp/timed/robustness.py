"""How a timed network stands what hardware does to it: few bits, jitter, parts that differ."""

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from snnexp.network.network import Network
from snnexp.timed.layers import timed_layers
from snnexp.timed.variation import varied


@dataclass(frozen=True)
class Robustness:
    """Tests a trained network under each of these, one draw of what is random: that of the seed,
    whatever was drawn before.

    Args:
        bits: of the weights: 8, 4, 2.
        jitters: standard deviations of noise on every spike time, in horizons.
        variations: relative standard deviations of weights and thresholds.
    """

    bits: list[Literal[2, 4, 8]]
    jitters: list[float]
    variations: list[float]

    @torch.no_grad()
    def __call__(
        self, network: Network, accuracy: Callable[[Network], float], seed: int
    ) -> dict[str, dict[str, float]]:
        """The accuracies, by what the result file calls them; without those that are not asked for.

        Args:
            network: in timed form.
            accuracy: measures that of a changed network.
            seed: of noise, weights and thresholds.
        """
        tests = {
            "accuracy_by_bits": {str(bits): _coarse(network, bits) for bits in self.bits},
            "accuracy_by_jitter": {
                str(jitter): _jittered(network, jitter) for jitter in self.jitters
            },
            "accuracy_by_variation": {
                str(variation): _varied(network, variation) for variation in self.variations
            },
        }
        devices = [each.device for each in network.parameters() if each.device.type == "cuda"][:1]
        measured = partial(_measured, accuracy, seed, devices)
        return {
            name: {strength: measured(test) for strength, test in of_kind.items()}
            for name, of_kind in tests.items()
            if of_kind
        }


def _measured(
    accuracy: Callable[[Network], float],
    seed: int,
    devices: list[torch.device],
    test: AbstractContextManager[Network],
) -> float:
    with torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        with test as changed:
            return accuracy(changed)


@contextmanager
def _coarse(network: Network, bits: int) -> Iterator[Network]:
    chip = copy.deepcopy(network)
    for layer in timed_layers(chip):
        layer.timed.solving = replace(layer.timed.solving, bits=bits)
    yield chip


@contextmanager
def _varied(network: Network, variation: float) -> Iterator[Network]:
    chip = copy.deepcopy(network)
    for layer in timed_layers(chip):
        vary = vary_windowed if layer.timed.neuron.windowed else _scaled
        vary(layer.connection.layer, variation)
    yield chip


def _scaled(layer: nn.Module, variation: float) -> None:
    """Weights that differ, and thresholds, which are in the unit of weights."""
    layer.weight.copy_(varied(layer.weight, variation))


def vary_windowed(layer: nn.Module, variation: float) -> None:
    """Weights and biases that differ, and thresholds of constant slopes: a threshold of (1 + d)
    horizons takes d off every value.
    """
    layer.weight.mul_(1 + variation * torch.randn_like(layer.weight))
    layer.bias.mul_(1 + variation * torch.randn_like(layer.bias)).sub_(
        variation * torch.randn_like(layer.bias)
    )


@contextmanager
def _jittered(network: Network, deviation: float) -> Iterator[Network]:
    neurons = [layer.timed for layer in timed_layers(network)]
    horizon = neurons[0].neuron.horizon
    hooks = [
        module.register_forward_hook(partial(_noisy, deviation * horizon, horizon))
        for module in (network.encoder, *neurons)
    ]
    try:
        yield network
    finally:
        for hook in hooks:
            hook.remove()


def _noisy(
    deviation: float, horizon: float, module: nn.Module, arguments: tuple, t: Tensor
) -> Tensor:
    """Spikes that come earlier or later by chance; none comes before its window, and none where
    there was none.
    """
    return torch.where(t < horizon, (t + deviation * torch.randn_like(t)).clamp(min=0), t)
