"""A learning rate that rises and falls along straight lines, from batch to batch."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from snnexp.limits import Fraction, Natural


class Linear(LRScheduler):
    """From `start` up to the optimizer's learning rate and from there down to `final`, anew at
    every batch.

        lr(x) = lr0 (start + (1 - start) x / warm_up)                   for x < warm_up
                lr0 (1 + (final - 1) (x - warm_up) / (1 - warm_up))     for x >= warm_up

    where x is the share of the training that is over. With few epochs a rate that stays the same
    for a whole one is too coarse.

    Source: Smith & Topin 2019 for the triangle; Jordan 2024 for the straight way down.

    Args:
        optimizer: whose learning rates, those of all its groups, are multiplied.
        epochs: of the training; 0 for none.
        warm_up: share of the training in which the rate rises, in [0, 1]; 0 for none.
        start: factor at the beginning of a warm-up, in [0, 1].
        final: factor at the end, in [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        epochs: Natural,
        warm_up: Fraction,
        start: Fraction,
        final: Fraction,
    ):
        self.epochs, self.warm_up, self.start, self.final = epochs, warm_up, start, final
        super().__init__(optimizer)

    def get_lr(self) -> list[float]:
        """The rates at the beginning of an epoch."""
        return self._at(float(self.last_epoch))

    def within(self, share: float) -> None:
        """Sets the rates to what they are when `share` of the epoch, in [0, 1), is over."""
        for group, rate in zip(
            self.optimizer.param_groups, self._at(self.last_epoch + share), strict=True
        ):
            group["lr"] = rate

    def _at(self, epochs: float) -> list[float]:
        return [
            rate * self.factor(min(epochs / max(self.epochs, 1), 1.0)) for rate in self.base_lrs
        ]

    def factor(self, x: float) -> float:
        """On the learning rate when the share x of the training is over."""
        if x < self.warm_up:
            return self.start + (1 - self.start) * x / self.warm_up
        return (
            1 + (self.final - 1) * (x - self.warm_up) / (1 - self.warm_up)
            if self.warm_up < 1
            else 1.0
        )
