"""Training of the spiking form through time."""

from snnexp.limits import Count, Natural, Positive
from snnexp.network import Network, is_spiking, transfer
from snnexp.stages.base import Factory, Outcome, Session, Stage
from snnexp.stages.training import Schedule, train


class BPTT(Stage):
    """Backpropagation through time with surrogate derivatives, over all timesteps at once.

    Source: Wu 2018 STBP (survey [31], equations 7-10); survey section III.B.2.
    A spiking network from the stage before is trained on; an analog one hands over its weights.

    Args:
        epochs: passes over the training set; 0 leaves the weights as they are.
        timesteps: length T of the training sequences.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores.
        gradient_clip: largest gradient norm, > 0; null for no limit.
    """

    def __init__(
        self,
        epochs: Natural,
        timesteps: Count,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        gradient_clip: Positive | None,
    ):
        self.steps = range(timesteps)
        self.schedule = Schedule(epochs, optimizer, scheduler, loss(), gradient_clip)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        return Outcome(spiking, train(name, spiking, self.steps, self.schedule, session))


def spiking_form(network: Network | None, session: Session) -> Network:
    """The network to train: what the stage before left, if need be in spiking form, or a new one."""
    if network is not None and is_spiking(network):
        return network
    spiking = session.blueprint.spiking().to(session.device)
    if network is not None:
        transfer(network, spiking)
    return spiking
