"""A rise of the learning rate before any schedule."""

from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from snnexp.limits import Fraction, Natural


class WarmUp(LRScheduler):
    """Another schedule, whose rates are multiplied by a factor that rises to 1 along a straight
    line, anew at every batch.

        lr(x) = (start + (1 - start) x / warm_up) schedule(x)     for x < warm_up
                schedule(x)                                       for x >= warm_up

    where x is the share of the training that is over. Worth choosing where the rate that suits the
    training is too high for its first steps, as with large batches.

    Source: Goyal 2017, section 2.2.

    Args:
        optimizer: whose learning rates, those of all its groups, are multiplied.
        epochs: of the training; 0 for none.
        warm_up: share of the training in which the rate rises, in [0, 1]; 0 for none.
        start: factor at the beginning, in [0, 1].
        scheduler: the other schedule, which changes within an epoch if it can.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        epochs: Natural,
        warm_up: Fraction,
        start: Fraction,
        scheduler: Callable,
    ):
        # Not that of the parent, which would take the rates of the other for its own.
        self.optimizer = optimizer
        self.length, self.start = epochs * warm_up, start
        self.behind: LRScheduler = scheduler(optimizer=optimizer)
        self.last_epoch = 0
        self.within(0.0)

    def get_lr(self) -> list[float]:
        """The rates as they are set."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch."""
        self._set(self.rates)  # from which the other goes on
        self.behind.step()
        self.rates = self.get_lr()
        self.last_epoch += 1
        self._set([rate * self.factor(0.0) for rate in self.rates])

    def within(self, share: float) -> None:
        """Sets the rates to what they are when `share` of the epoch, in [0, 1), is over."""
        if hasattr(self.behind, "within"):
            self.behind.within(share)
            self.rates = self.get_lr()
        elif not hasattr(self, "rates"):
            self.rates = self.get_lr()
        self._set([rate * self.factor(share) for rate in self.rates])

    def factor(self, share: float) -> float:
        """On the rates of the other schedule when `share` of the epoch is over."""
        done = self.last_epoch + share
        return 1.0 if done >= self.length else self.start + (1 - self.start) * done / self.length

    def state_dict(self) -> dict[str, Any]:
        """What goes on when a run is resumed."""
        return {
            "last_epoch": self.last_epoch,
            "rates": self.rates,
            "behind": self.behind.state_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Sets it to where it was."""
        self.last_epoch, self.rates = state_dict["last_epoch"], state_dict["rates"]
        self.behind.load_state_dict(state_dict["behind"])

    def _set(self, rates: list[float]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
