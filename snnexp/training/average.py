"""An average of the weights along a training."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential average of all that a network has learned, norms' statistics included.

        a <- decay a + (1 - decay) w   after every step, from the weights before the first

    It is what is evaluated, and kept in the end; training goes on with the weights themselves.
    Averages of late weights are better than the last where the learning rate is still high, and
    need a schedule that falls to nothing less. Polyak & Juditsky 1992.

    Args:
        decay: in [0, 1); about 1 - 1 / steps of the span that is averaged over. None for no
            average.
        network: with its weights before the first step.
    """

    def __init__(self, decay: float | None, network: nn.Module):
        self.decay = decay
        self.network = network
        self.weights = {} if decay is None else _copied(network)

    @torch.no_grad()
    def see(self) -> None:
        """Takes in the weights after a step."""
        if self.decay is not None:
            for name, value in _learned(self.network):
                self.weights[name].lerp_(value, 1 - self.decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within the block the network has the average."""
        own = _copied(self.network) if self.weights else {}
        self.settle()
        try:
            yield
        finally:
            _put(own, self.network)

    def settle(self) -> None:
        """Gives the network the average."""
        _put(self.weights, self.network)

    def state_dict(self) -> dict[str, Tensor]:
        """The average so far."""
        return dict(self.weights)

    def load_state_dict(self, state_dict: dict[str, Tensor]) -> None:
        """Sets it to what it was. Raises `KeyError` for the average of another network."""
        for name, value in self.weights.items():
            value.copy_(state_dict[name])


def _learned(network: nn.Module) -> Iterator[tuple[str, Tensor]]:
    return (
        (name, value) for name, value in network.state_dict().items() if value.is_floating_point()
    )


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in _learned(network)}


@torch.no_grad()
def _put(weights: dict[str, Tensor], network: nn.Module) -> None:
    places = dict(_learned(network))
    for name, value in weights.items():
        places[name].copy_(value)
