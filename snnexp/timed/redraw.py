"""New weights for neurons that hardly ever fire."""

from typing import Any

import torch
from torch import Tensor, nn

from snnexp.distributed import total
from snnexp.network.network import Network
from snnexp.ranks import exact
from snnexp.timed.body import timed_layers
from snnexp.timed.form import Form


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
        form: what the first weights are drawn by.
        network: the network, in the timed form.
    """

    def __init__(self, share: float, form: Form, network: Network):
        self.share, self.form = share, form
        self.layers = [(connection, timed) for _, connection, timed, _ in timed_layers(network)][
            :-1
        ]
        self._reset()

    def see(self, images: int) -> None:
        """Counts a training batch of so many, through which the network has just passed."""
        self.images = self.images + images
        self.fired = [
            fired + images * (1 - timed.silent.double())
            for fired, (_, timed) in zip(self.fired, self.layers, strict=True)
        ]

    def state_dict(self) -> dict[str, Any]:
        """What this process has counted within an epoch."""
        return {"images": self.images, "fired": self.fired}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Sets it to what it had counted."""
        device = next((connection.layer.weight.device for connection, _ in self.layers), None)
        self.images, fired = state_dict["images"], state_dict["fired"]
        self.fired = [each.to(device) if isinstance(each, Tensor) else each for each in fired]

    @torch.no_grad()
    def __call__(self, seed: int) -> dict[str, int]:
        """Ends an epoch; returns what its record says of it."""
        if not self.share:
            return {}
        generator, redrawn = torch.Generator().manual_seed(seed), 0
        images = (
            total(torch.tensor(float(self.images), device=self.fired[0].device))
            if self.layers
            else 0
        )
        for place, (fired, (connection, timed)) in enumerate(
            zip(self.fired, self.layers, strict=True)
        ):
            dead = total(fired) < float(
                exact(self.share) * round(float(images))
            )  # a neuron at exactly the share stays
            self._renew(
                connection.layer,
                dead,
                self.form.weights(connection.layer, timed.neuron.threshold, place, generator),
            )
            redrawn += int(dead.sum())
        self._reset()
        return {"train/redrawn": redrawn}

    def _reset(self) -> None:
        self.images, self.fired = 0, [0.0] * len(self.layers)

    @staticmethod
    def _renew(layer: nn.Conv2d | nn.Linear, dead: Tensor, weights: Tensor) -> None:
        layer.weight[dead] = weights.to(layer.weight)[dead]
        if layer.bias is not None:
            layer.bias[dead] = 0
