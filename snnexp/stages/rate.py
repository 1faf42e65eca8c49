"""Training of the spiking form on its firing rates."""

from collections.abc import Iterator
from functools import partial

from snnexp.counted.rate import Rates
from snnexp.limits import Count, Natural, Positive, Probability
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.stages.bptt import spiking_form
from snnexp.training.execution import TrainingPass
from snnexp.training.loop import train
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session


class RateBased(Stage):
    """Rate-based backpropagation: forward over time in spikes, backward once on firing rates and
    the slopes that neurons have had on average.

    Neither memory nor time of the backward pass depend on T; the forward pass runs all timesteps,
    and most of a step is its convolutions. Worth choosing for direct training of leaky neurons
    where training through time takes too much; see `Rates` for the equations. A loss sees the
    scores of every timestep; its gradient reaches them by the mean current of the output layer.

    Source: Yu 2024. The authors' code divides the gradient by T, which is a choice of the learning
    rate; here it is the sum over timesteps, as through time.

    Args:
        epochs: passes over the training set; 0 leaves the weights as they are.
        timesteps: length T of the training sequences.
        optimizer: torch optimizer.
        scheduler: schedule of the learning rate, stepped per epoch.
        loss: loss on the scores.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends, >= 1; null for never.
        average: decay of an exponential average of the weights, which is then what is evaluated and
            kept, in [0, 1); null for none.
    """

    form = "spiking"
    code = "firing_rates"

    def __init__(
        self,
        epochs: Natural,
        timesteps: Count,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        gradient_clip: Positive | None,
        patience: Count | None,
        average: Probability | None,
    ):
        self.steps = range(timesteps)
        self.schedule = Schedule(
            epochs, optimizer, scheduler, loss(), gradient_clip, average=average, patience=patience
        )

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        training_pass = self.training_pass(session.blueprint)
        return Outcome(
            spiking, train(name, spiking, self.steps, self.schedule, session, training_pass)
        )

    def training_pass(self, blueprint: Blueprint) -> TrainingPass:
        """The training pass of a network of `blueprint`."""
        return partial(Rates, blueprint=blueprint)

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        """Why networks of `blueprint` cannot go through this stage, each with a remedy."""
        units = spiking_units(spiking_network(blueprint)).values()  # sized: norms of potentials too
        learning = (unit.neuron for unit in units if [*unit.neuron.parameters()])
        if (neuron := next(learning, None)) is not None:
            learns = f"{type(neuron).__name__} learns numbers of its own, which rates do not reach"
            yield f"neuron: {learns}; set neuron=lif"
