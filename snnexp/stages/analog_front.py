"""Training of a spiking network whose first layers are analog."""

from collections.abc import Iterator

from snnexp.limits import Count, Fraction, Natural, Positive, Probability
from snnexp.network.analog_front import network_with_analog_front
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.transfer import transfer
from snnexp.stages.base import Factory
from snnexp.stages.bptt import BPTT
from snnexp.training.session import Session


class AnalogFront(BPTT):
    """Backpropagation through time of a network whose first layers are those of an ANN.

        a = activation(norm(W x))      once per image, in each of the first layers
        x_t = a                        current behind their weights, at every timestep

    The image is seen as it is, and what the first layers make of it is a current that stands still
    and that the first neurons integrate. Both parts are trained together, the analog one with the
    gradient summed over time. To be chosen where the first layers cost little and sending the image
    as spikes costs accuracy; a network from the stage before hands over its weights.

    Source: Panda 2020 (survey [78]); survey section V.

    Args:
        front: number of analog layers, counted from the input on, >= 1; at least one layer of
            neurons has to be left.
        activation: activation function of these layers.
        epochs, timesteps, optimizer, scheduler, loss, linear_rate, gradient_clip, weight_limit,
            patience, average, teacher, teacher_share, temperature: as `BPTT` has them.
    """

    def __init__(
        self,
        front: Count,
        activation: Factory,
        epochs: Natural,
        timesteps: Count,
        optimizer: Factory,
        scheduler: Factory,
        loss: Factory,
        linear_rate: Positive,
        gradient_clip: Positive | None,
        weight_limit: Positive | None,
        patience: Count | None,
        average: Probability | None,
        teacher: str | None,
        teacher_share: Fraction,
        temperature: Positive,
    ):
        super().__init__(
            epochs=epochs,
            timesteps=timesteps,
            optimizer=optimizer,
            scheduler=scheduler,
            loss=loss,
            linear_rate=linear_rate,
            gradient_clip=gradient_clip,
            weight_limit=weight_limit,
            patience=patience,
            average=average,
            teacher=teacher,
            teacher_share=teacher_share,
            temperature=temperature,
        )
        self.front = front
        self.activation = activation

    def untrained(self, blueprint: Blueprint) -> Network:
        return network_with_analog_front(blueprint, self.front, self.activation)

    def beginning(self, network: Network | None, session: Session) -> Network:
        """The network to train, with the weights that the stage before has left."""
        built = self.untrained(session.blueprint).to(session.device)
        if network is not None:
            transfer(network, built)
        return built

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        if not spiking_units(self.untrained(blueprint)):
            remedy = f"set {path}.front=1" if self.front > 1 else "set architecture=cnn"
            yield f"{path}.front: {self.front} analog layers leave no neurons; {remedy}"
