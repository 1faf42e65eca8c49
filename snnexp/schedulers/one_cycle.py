"""A learning rate that rises and falls once along half cosines, from batch to batch."""

import math

from snnexp.schedulers.linear import Linear


class OneCycle(Linear):
    """From `start` up to the optimizer's learning rate and from there down to `final`, along a half
    cosine each, anew at every batch.

        lr(x) = lr0 (start + (1 - start) (1 - cos(pi q)) / 2),  q = x / warm_up,   x < warm_up
                lr0 (final + (1 - final) (1 + cos(pi q)) / 2),
                    q = (x - warm_up) / (1 - warm_up),                             x >= warm_up

    where x is the share of the training that is over. The rate is what changes; momentum stays.
    Worth choosing for short trainings at a high rate, which the slow beginning makes stable.

    Source: Smith & Topin 2019; half cosines as in `torch.optim.lr_scheduler.OneCycleLR`, whose
    div_factor is 1 / start.

    Args: as those of `Linear`.
    """

    def factor(self, x: float) -> float:
        """On the learning rate when the share x of the training is over."""
        if x < self.warm_up:
            return _between(self.start, 1.0, x / self.warm_up)
        rest = 1 - self.warm_up
        return _between(1.0, self.final, (x - self.warm_up) / rest) if rest else 1.0


def _between(begin: float, end: float, share: float) -> float:
    return end + (begin - end) * (1 + math.cos(math.pi * share)) / 2
