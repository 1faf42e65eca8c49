"""What a stage is, and what it works with."""

import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.training.session import Session

Factory = Callable
"""A nested component of the configuration, handed over as a constructor that waits for what code
provides.
"""


@dataclass
class Outcome:
    """What a stage has come to.

    Args:
        network: what it leaves.
        shown: what its making has shown, by the fields of `StageResult`. Whatever else stands in it
            is kept in the result under its own name, so that a stage of one's own may show what it
            likes.
    """

    network: Network
    shown: dict


class Stage(abc.ABC):
    """One step of a training strategy: network in, network out.

    A stage may change the form of the network. It neither writes results nor reads the
    configuration.

    The check asks a class for the abilities below, never for its name. Settings are abilities too,
    and mean the same in whatever stage has them: `epochs`, `timesteps`, `optimizer`, `scheduler`,
    `loss`, `activation` of the analog form, `teacher`, `start`, `form` of timed networks.
    """

    form: ClassVar[str] = "spiking"
    """The form of the network that it leaves: spiking, analog, timed."""
    starts_from: ClassVar[str | None] = None
    """The form of the network that the stage right before has to leave; None if it needs none."""
    trains: ClassVar[bool] = True
    """Whether it trains the network of the form that it leaves."""
    code: ClassVar[
        Literal["rates", "counts", "firing_rates", "traces", "whole_numbers", "times"] | None
    ] = None
    """What it takes the spikes of its network to stand for; None where they are spikes and no more.
    rates: of steady input, for the activations of an analog network; counts: in all timesteps, for
    sums of current; traces: low-pass filtered, for potentials; whole_numbers: for activations that
    are such; times: for values; firing_rates: on average over time, for the gradient."""
    keeps_norms: ClassVar[bool] = True
    """Whether norms are at work in the network that it leaves; else they are folded, or absent."""

    @abc.abstractmethod
    def untrained(self, blueprint: Blueprint) -> Network:
        """A network of that form, with first weights: what a run that is opened again puts its
        weights into.

        Raises:
            ValueError: something in the blueprint has no such form; the message says what to set
                instead.
        """

    @abc.abstractmethod
    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        """Runs the stage.

        Args:
            name: the name under which the strategy lists the stage.
            network: what the stage before left; None for the first.
            session: data, evaluation and trackers.
        """

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        """Why networks of `blueprint` cannot go through this stage, each with a remedy.

        Args:
            blueprint: of the run; what is built of it here has no memory.
            activation: makes the activations of the analog form.
            path: where the stage stands in the configuration.
        """
        yield from ()
