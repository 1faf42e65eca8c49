"""How a network is trained."""

from collections.abc import Callable
from dataclasses import dataclass

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from snnexp.losses.base import Loss


def nothing(*given: object) -> dict:
    """What is done where a schedule says nothing."""
    return {}


@dataclass(frozen=True)
class Schedule:
    """How a network is trained, whatever its form.

    Args:
        epochs: passes over the training set.
        optimizer: parameters to an optimizer.
        scheduler: optimizer to a schedule of its learning rate, stepped once per epoch; one that
            has a `within` is told at every batch what share of the epoch is over.
        loss: a reading of the network and labels to a scalar; one that has a `see` is shown every
            batch before its reading.
        gradient_clip: largest norm of all gradients together; None for no limit.
        weight_limit: largest size of a weight after every step; None for no limit.
        average: decay of an exponential average of the weights, which is then what is evaluated and
            kept; None for none.
        patience: evaluations one after the other without a better accuracy on the validation set
            after which training ends; None for never.
        after_batch: is told how many images a batch of this process had, when its loss has been
            taken.
        between: what is done to the network between two epochs, told a seed that belongs to the
            first; what it returns is recorded. One that has a state has `state_dict` and
            `load_state_dict`.
    """

    epochs: int
    optimizer: Callable[..., Optimizer]
    scheduler: Callable[..., LRScheduler]
    loss: Loss
    gradient_clip: float | None
    weight_limit: float | None = None
    average: float | None = None
    patience: int | None = None
    after_batch: Callable[[int], object] = nothing
    between: Callable[[int], dict] = nothing
