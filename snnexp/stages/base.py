"""What a stage is, and what it works with."""

import abc
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.training.session import Session


@dataclass
class Outcome:
    """What a stage has come to.

    Args:
        network: what it leaves.
        shown: what its making has shown, by the fields of `StageResult`. Whatever else stands in it is kept in the result under its own
            name, so that a stage of one's own may show what it likes.
    """

    network: Network
    shown: dict


class Stage(abc.ABC):
    """One step of a training strategy: network in, network out.

    A stage may change the form of the network. It neither writes results nor reads the configuration.
    """

    form: ClassVar[str]
    """The form of the network that it leaves."""

    @abc.abstractmethod
    def untrained(self, blueprint: Blueprint) -> Network:
        """A network of that form, with first weights: what a run that is opened again puts its weights into.

        Raises:
            ValueError: something in the blueprint has no such form; the message says what to set instead.
        """

    @abc.abstractmethod
    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        """Runs the stage.

        Args:
            name: the name under which the strategy lists the stage.
            network: what the stage before left; None for the first.
            session: data, evaluation and trackers.
        """


Factory = Callable
"""A nested component of the configuration, handed over as a constructor that waits for what code provides."""
