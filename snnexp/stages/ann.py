"""Training of the analog form."""

from typing import Any

from snnexp.limits import Natural, Positive
from snnexp.network import Network, transfer
from snnexp.stages.base import Factory, Outcome, Session, Stage
from snnexp.stages.training import Schedule, train


class ANN(Stage):
    """Trains the analog form of the network: every unit is max(0, x), images are seen once.

    Source: the ANN rows of the survey; first stage of conversion and hybrid training (sections III.A and III.B).

    Args:
        epochs: passes over the training set; 0 leaves the initial weights.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores.
        gradient_clip: largest gradient norm, > 0; null for no limit.
    """

    def __init__(self, epochs: Natural, optimizer: Factory, scheduler: Factory, loss: Factory, gradient_clip: Positive | None):
        self.schedule = Schedule(epochs, optimizer, scheduler, loss(), gradient_clip)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        analog = session.blueprint.analog().to(session.device)
        if network is not None:
            transfer(network, analog)
        shown: dict[str, Any] = train(name, analog, range(1), self.schedule, session)
        return Outcome(analog, shown)
