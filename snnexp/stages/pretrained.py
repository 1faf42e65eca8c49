"""The analog form with weights that others have trained."""

from typing import Literal

import torch

from snnexp.errors import ConfigError
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.runs import torchvision_weights
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.training.session import Session


class Pretrained(Stage):
    """Starts from published weights of the analog form, in place of a stage that trains one.

    They are read from torchvision's cache (`$TORCH_HOME/hub/checkpoints`, else
    `~/.cache/torch/hub/checkpoints`) and never downloaded here. It is the first stage of a
    strategy.

    Source: torchvision's reference training (survey [73]).

    Args:
        source: who has published the weights.
        model: under which name.
        weights: which of the published sets, torchvision calls them IMAGENET1K_V1, IMAGENET1K_V2,
            ...
        activation: activation function of the units.
    """

    form = "analog"
    trains = False

    def __init__(
        self,
        source: Literal["torchvision"],
        model: torchvision_weights.Model,
        weights: str,
        activation: Factory,
    ):
        self.source = source
        self.model = model
        self.weights = weights
        self.activation = activation

    def untrained(self, blueprint: Blueprint) -> Network:
        return analog_network(blueprint, self.activation)

    @torch.no_grad()
    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is not None:
            raise ConfigError(
                f"stage {name}: would throw away what the stages before it have trained; make "
                "it the first"
            )
        published = torchvision_weights.layers(
            self.model, torchvision_weights.read(self.model, self.weights)
        )
        analog = self.untrained(session.blueprint)
        for misfit in torchvision_weights.misfits(published, analog):
            raise ConfigError(
                f"stage {name}: weights {self.weights} of {self.model} do not fit this "
                f"network: {misfit}"
            )
        torchvision_weights.load(published, analog)
        return Outcome(analog.to(session.device).eval(), {})
