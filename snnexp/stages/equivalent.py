"""From a network of whole numbers to the spiking network that computes the same."""

from snnexp.network import Network, is_spiking, transfer
from snnexp.stages.base import Outcome, Session, Stage


class Equivalent(Stage):
    """Puts the weights of an analog network, whose activations are whole numbers of spikes, into the spiking form as they are.

    Once every neuron has come to rest the scores of the two are the same; the accuracy at each timestep tells how long that takes.

    Source: Thiele 2020 (survey [45]), who state the accuracy of the equivalent network and not the timesteps of the spiking one.
    """

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is None or is_spiking(network):
            raise ValueError(f"stage {name}: starts from an analog network; put a stage that trains one (stage=ann) before it")
        spiking = session.blueprint.spiking().to(session.device)
        transfer(network, spiking)
        return Outcome(spiking, {})
