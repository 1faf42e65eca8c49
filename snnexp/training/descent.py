"""A step of training: forward, backward, and the weights after it."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim import Optimizer

from snnexp.datasets.batches import Batch
from snnexp.datasets.cut_mix import Blend
from snnexp.distributed import processes
from snnexp.losses.reading import Reading
from snnexp.measure.answers import right
from snnexp.measure.evaluator import autocast
from snnexp.training.average import Average
from snnexp.training.clip import clip, clip_weights
from snnexp.training.schedule import Schedule
from snnexp.training.session import Session
from snnexp.training.watch import Watch

Explain = Callable[[int, BaseException], BaseException]
"""From the size of a batch and what went wrong with it to the error to raise."""

Sums = tuple[float, int, int]
"""Loss, right answers and images of a step, of all processes together."""


class Descent:
    """One step down the loss of a batch.

    Args:
        forward: the training pass, over all processes.
        schedule: loss, and the limit of its gradients.
        optimizer: of the weights of `forward`.
        average: of these weights, which sees every step.
        session: what the stages share.
        watch: looks at every step before the weights take it in.
        explain: see `Explain`.
    """

    def __init__(
        self,
        forward: nn.Module,
        schedule: Schedule,
        optimizer: Optimizer,
        average: Average,
        session: Session,
        watch: Watch,
        explain: Explain,
    ):
        self.forward = forward
        self.schedule = schedule
        self.optimizer = optimizer
        self.average = average
        self.session = session
        self.watch = watch
        self.explain = explain

    def step(self, batch: Batch, place: tuple[int, int]) -> Sums:
        """Trains on a batch, the one of that epoch and number from 1.

        Raises:
            NumericalError: a loss, gradient or weight is not finite.
            OutOfMemory: with what would need less.
        """
        whole = self.session.train.size_of(place[1] - 1)
        try:
            return self._descend(batch, whole, place)
        except (MemoryError, RuntimeError) as error:
            raise self.explain(whole, error) from error

    def _descend(self, batch: Batch, whole: int, place: tuple[int, int]) -> Sums:
        reading = self._read(batch)
        blend = self.session.train.blend(batch, self.session.epochs_before + place[0], place[1] - 1)
        loss = blended(self.schedule.loss, reading, batch.labels, blend)
        self.schedule.after_batch(len(batch.labels))
        # Gradients are averaged over processes; this makes their average that of the whole batch.
        self._differentiate(loss * (len(batch.labels) * processes() / whole))
        labels = blend.leading(batch.labels) if blend else batch.labels
        hits = right(reading.scores[-1].detach(), labels).sum()
        sums = self.watch.sums(loss, hits, batch, place)
        self._move()
        return sums

    def _read(self, batch: Batch) -> Reading:
        with autocast(self.session.device, self.session.precision):
            if hasattr(self.schedule.loss, "see"):
                self.schedule.loss.see(batch)
            return self.forward(batch.input, batch.keys)

    def _differentiate(self, loss: Tensor) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()

    def _move(self) -> None:
        if self.schedule.gradient_clip is not None:
            clip(self.forward.parameters(), self.schedule.gradient_clip)
        self.optimizer.step()
        if self.schedule.weight_limit is not None:
            clip_weights(self.forward, self.schedule.weight_limit)
        bound(self.forward)
        self.average.see()


def blended(
    loss: Callable[..., Tensor], reading: Reading, labels: Tensor, blend: Blend | None
) -> Tensor:
    """The loss of a batch into which others may have been mixed."""
    own = loss(reading, labels)
    if blend is None:
        return own
    return blend.share * own + (1 - blend.share) * loss(reading, blend.labels)


def bound(network: nn.Module) -> None:
    """Puts learned numbers that have a range, such as thresholds and leaks, back into it: every
    module that has a `bound` does its own.
    """
    for module in network.modules():
        if hasattr(module, "bound"):
            module.bound()
