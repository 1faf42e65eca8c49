"""Training of the spiking form through time."""

from dataclasses import replace
from functools import partial

from snnexp.limits import Count, Fraction, Natural, Positive, Probability
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import transfer
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.training.distillation import Distilled
from snnexp.training.loop import train
from snnexp.training.parameters import scale_linear_rates
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session


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
        linear_rate: factor on the learning rate of linear layers, > 0; Wu 2019 (survey [51]) has
            0.1.
        gradient_clip: largest gradient norm, > 0; null for no limit.
        weight_limit: largest size of a weight, to which all are cut after every step, > 0; null for
            no limit.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends, >= 1; null for never.
        average: decay of an exponential average of the weights, which is then what is evaluated and
            kept, in [0, 1); null for none.
        teacher: name of an earlier stage whose analog network tells beside the labels what it sees
            (see `Distilled`); null for none.
        teacher_share: its share of the loss, in [0, 1].
        temperature: of the comparison with it, > 0.
    """

    form = "spiking"

    def __init__(
        self,
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
        self.steps = range(timesteps)
        self.schedule = Schedule(
            epochs,
            optimizer,
            scheduler,
            loss(),
            gradient_clip,
            weight_limit=weight_limit,
            average=average,
            patience=patience,
        )
        self.linear_rate = linear_rate
        self.teacher, self.taught = (
            teacher,
            partial(Distilled, share=teacher_share, temperature=temperature),
        )

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def beginning(self, network: Network | None, session: Session) -> Network:
        """The network to train."""
        return spiking_form(network, session)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking, schedule = self.beginning(network, session), self.schedule
        scale_linear_rates(spiking, self.linear_rate)
        if self.teacher is not None:
            schedule = replace(
                schedule, loss=self.taught(schedule.loss, session.earlier[self.teacher])
            )
        return Outcome(spiking, train(name, spiking, self.steps, schedule, session))


def spiking_form(network: Network | None, session: Session) -> Network:
    """The network to train: what the stage before left, if need be in spiking form, or a new
    one.
    """
    if network is not None and network.form == "spiking":
        return network
    spiking = spiking_network(session.blueprint).to(session.device)
    if network is not None:
        transfer(network, spiking)
    return spiking
