"""Training of the spiking form by three factors."""

from collections.abc import Iterator
from functools import partial

from snnexp.layers.connection import Connection
from snnexp.layers.recurrent import Recurrent
from snnexp.limits import Count, Natural, Positive, Probability
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.wiring import wiring
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.stages.bptt import spiking_form
from snnexp.training.loop import train
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session
from snnexp.training.three_factor import Broadcast, ThreeFactor


class ThreeFactors(Stage):
    """Training by a local rule: the activity before a synapse, the state of the neuron behind it,
    and an error that is told to all neurons.

    No gradient passes from one hidden layer to another; see `ThreeFactor` for the equations. To be
    chosen to ask what such a rule can learn, not for accuracy.

    Source: Zenke & Ganguli 2018 SuperSpike (survey [48]).

    Args:
        epochs: passes over the training set; 0 leaves the weights as they are.
        timesteps: length T of the training sequences.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores, or on spike trains.
        broadcast: how the error reaches hidden layers: symmetric, random, uniform.
        broadcast_seed: of the random numbers for that, >= 0.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends, >= 1; null for never.
        average: decay of an exponential average of the weights, which is then what is evaluated and
            kept, in [0, 1); null for none.
    """

    form = "spiking"

    def __init__(
        self,
        epochs: Natural,
        timesteps: Count,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        broadcast: Broadcast,
        broadcast_seed: Natural,
        gradient_clip: Positive | None,
        patience: Count | None,
        average: Probability | None,
    ):
        self.steps = range(timesteps)
        self.schedule = Schedule(
            epochs, optimizer, scheduler, loss(), gradient_clip, average=average, patience=patience
        )
        self.training_pass = partial(ThreeFactor, broadcast=broadcast, seed=broadcast_seed)

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        return Outcome(
            spiking, train(name, spiking, self.steps, self.schedule, session, self.training_pass)
        )

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        """Why networks of `blueprint` cannot go through this stage, each with a remedy."""
        network = spiking_network(blueprint)
        if any(node.kind == "joint" for node in wiring(network).nodes):
            yield (
                "architecture: errors are told to layers one behind the other, here branches "
                "meet; set architecture=cnn"
            )
        elif any(isinstance(each, Recurrent) for each in connections(network).values()):
            yield (
                "architecture: a recurrent layer passes gradients to itself, which is not local; "
                "write FC in place of R"
            )
        elif any(not _weighted(unit.connection) for unit in spiking_units(network.body).values()):
            yield (
                "architecture: a pool that fires has no weights to learn, and passes no error "
                "on; set architecture=cnn"
            )


def _weighted(connection: object) -> bool:
    return isinstance(connection, Connection)
