"""Training of the analog form."""

from pathlib import Path
from typing import Any

from snnexp.limits import Count, Natural, Positive, Probability
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import analog_units
from snnexp.network.transfer import transfer
from snnexp.runs.start import refuse_other_classes, start
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.training.loop import train
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session


class ANN(Stage):
    """Trains the analog form of the network: every unit is an activation function, images are seen
    once.

    An analog network from the stage before hands over its weights, and what its activations have
    learned where they are of the same kind. The accuracy is that of the network as it is, with
    quantised activations where they are quantised.

    Source: the ANN rows of the survey; first stage of conversion and hybrid training (sections
    III.A and III.B).

    Args:
        epochs: passes over the training set; 0 leaves the initial weights.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends, >= 1; null for never.
        average: decay of an exponential average of the weights, which is then what is evaluated and
            kept, in [0, 1); null for none.
        activation: activation function of the units.
        start: folder of a run whose analog network this one starts from, with whatever activation
            it had; null for initial weights. With `epochs=0` one network serves many conversions;
            it then has to tell the same classes apart.

    Raises:
        DataError: there is no analog network of this shape in `start`, or its classes are others.
    """

    form = "analog"

    def __init__(
        self,
        epochs: Natural,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        gradient_clip: Positive | None,
        patience: Count | None,
        average: Probability | None,
        activation: Factory,
        start: str | None,
    ):
        self.start = start
        self.activation = activation
        self.schedule = Schedule(
            epochs, optimizer, scheduler, loss(), gradient_clip, average=average, patience=patience
        )

    def untrained(self, blueprint: Blueprint) -> Network:
        return analog_network(blueprint, self.activation)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        analog = self.untrained(session.blueprint).to(session.device)
        if self.start is not None:
            refuse_other_classes(Path(self.start), session.class_names, self.schedule.epochs)
            start(Path(self.start), analog)
        elif network is not None:
            transfer(network, analog)
            _hand_over_activations(network, analog)
        shown: dict[str, Any] = train(name, analog, range(1), self.schedule, session)
        return Outcome(analog, shown)


def _hand_over_activations(source: Network, target: Network) -> None:
    theirs = analog_units(target)
    for name, unit in analog_units(source).items():
        if type(unit.activation) is type(theirs[name].activation):
            theirs[name].activation.load_state_dict(unit.activation.state_dict())
