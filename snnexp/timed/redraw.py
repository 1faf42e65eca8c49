"""New weights for neurons that hardly ever fire."""

from typing import Any

import torch
from torch import Tensor, nn

from snnexp.distributed import total
from snnexp.network.network import Network
from snnexp.ranks import exact
from snnexp.timed.first_weights import FirstWeights
from snnexp.timed.layers import TimedLayer, timed_layers


class Redraw:
    """Draws the weights of hidden neurons that fired for too few images of an epoch anew, as they
    were drawn at first.

        f_j = 1/B sum_s 1[neuron j fired for s]
            over the B images of an epoch; of a channel the mean over its positions
        w_j <- first weights, bias_j <- 0                where f_j < share

    The draws depend on the seed of the call alone: a resumed run, and every process of several,
    comes to the same weights.

    Source: Kheradpisheh & Masquelier 2020 S4NN (survey [63]: share 0.001).

    Args:
        share: of the images, in [0, 1]; 0 for never.
        first_weights: what new weights are drawn by.
        network: the network, in the timed form.
    """

    def __init__(self, share: float, first_weights: FirstWeights, network: Network):
        self.share = share
        self.first_weights = first_weights
        *self.hidden, _ = timed_layers(network)
        self._reset()

    def see(self, images: int) -> None:
        """Counts a training batch of so many, through which the network has just passed."""
        self.images = self.images + images
        self.fired = [
            fired + images * (1 - layer.timed.silent.double())
            for fired, layer in zip(self.fired, self.hidden, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """What this process has counted within an epoch."""
        return {"images": self.images, "fired": self.fired}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Sets it to what it had counted."""
        self.images = state_dict["images"]
        self.fired = [
            fired.to(layer.connection.layer.weight.device) if isinstance(fired, Tensor) else fired
            for fired, layer in zip(state_dict["fired"], self.hidden, strict=True)
        ]

    @torch.no_grad()
    def __call__(self, seed: int) -> dict[str, int]:
        """Ends an epoch; returns what its record says of it."""
        if not self.share:
            return {}
        generator = torch.Generator().manual_seed(seed)
        redrawn = 0
        images = self._all_images()
        for place, (fired, layer) in enumerate(zip(self.fired, self.hidden, strict=True)):
            weights = self._weights(layer, place, generator)
            # a neuron at exactly the share stays
            dead = total(fired) < float(exact(self.share) * images)
            self._renew(layer.connection.layer, dead, weights)
            redrawn += int(dead.sum())
        self._reset()
        return {"train/redrawn": redrawn}

    def _all_images(self) -> int:
        """Of this epoch, in all processes."""
        if not self.hidden:
            return 0
        return round(float(total(torch.tensor(float(self.images), device=self.fired[0].device))))

    def _weights(self, layer: TimedLayer, place: int, generator: torch.Generator) -> Tensor:
        return self.first_weights.draw(
            layer.connection.layer, layer.timed.neuron.threshold, place, generator
        )

    def _reset(self) -> None:
        self.images = 0
        self.fired = [0.0] * len(self.hidden)

    @staticmethod
    def _renew(layer: nn.Conv2d | nn.Linear, dead: Tensor, weights: Tensor) -> None:
        layer.weight[dead] = weights.to(layer.weight)[dead]
        if layer.bias is not None:
            layer.bias[dead] = 0
