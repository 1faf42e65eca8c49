"""From a network of whole numbers to the spiking network that computes the same."""

from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import transfer
from snnexp.stages.base import Outcome, Stage
from snnexp.training.session import Session


class Equivalent(Stage):
    """Puts the weights of an analog network, whose activations are whole numbers of spikes, into
    the spiking form as they are.

    Once every neuron has come to rest the scores of the two are the same; the accuracy at each
    timestep tells how long that takes.

    Source: Thiele 2020 (survey [45]), who state the accuracy of the equivalent network and not the
    timesteps of the spiking one.
    """

    form = "spiking"
    starts_from = "analog"
    trains = False
    code = "whole_numbers"
    keeps_norms = False

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is None or network.form != "analog":
            raise ValueError(
                f"stage {name}: starts from an analog network; put a stage that trains one "
                "(stage=ann) before it"
            )
        spiking = self.untrained(session.blueprint).to(session.device)
        transfer(network, spiking)
        return Outcome(spiking, {})
