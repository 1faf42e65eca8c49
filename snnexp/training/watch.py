"""Looks at every step of a training whether its numbers are finite, before the weights take it
in.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from snnexp.datasets.batches import Batch
from snnexp.distributed import gathered, summed
from snnexp.errors import NumericalError
from snnexp.finite import faulty, size
from snnexp.training.session import Session

REMEDY = "lower optimizer.lr, set gradient_clip of the stage, or use precision=float32"


class Watch:
    """One look per step: at the loss, at all gradients and at all weights together. It costs one
    wait for the device.

    Args:
        stage: name of the stage.
        network: what is trained.
        session: what the stages share.
        limited: whether gradients are scaled down before an optimizer squares them.
    """

    def __init__(self, stage: str, network: nn.Module, session: Session, limited: bool):
        self.stage, self.network, self.session, self.limited = stage, network, session, limited
        self.parameters = dict(network.named_parameters())

    def sums(
        self, loss: Tensor, hits: Tensor, batch: Batch, place: tuple[int, int]
    ) -> tuple[float, int, int]:
        """Loss, right answers and images of this step over all processes.

        Args:
            loss: mean over the images of this process; gradients have been taken.
            hits: how many of them were answered rightly.
            batch: they and their labels.
            place: epoch and number of the batch, from 1.

        Raises:
            NumericalError: something is not finite; in all processes at the same step, since the
                others would wait for one that stops.
        """
        sizes = size(self._gradients().values()), size(self.parameters.values())
        dtype = torch.promote_types(loss.dtype, torch.float32)
        figures = torch.stack(
            [each.to(loss.device, dtype) for each in (loss.detach(), hits, *sizes)]
        )
        value, correct, *sizes = figures.tolist()
        images = len(batch.labels)
        bad = not math.isfinite(value + sum(sizes)) and self._is_fault(value, sizes[0])
        value, correct, images, bad = summed(
            value * images, round(correct), images, float(bad), device=self.session.device
        )
        if bad:
            raise self._error(value / images, batch, place)
        return value, correct, images

    def _is_fault(self, loss: float, gradients: float) -> bool:
        """Whether something is not finite, or so large that it is not when squared: Adam would
        never move such a weight again.
        """
        overflow = not math.isfinite(gradients) and not self.limited
        return overflow or not math.isfinite(loss) or any(faulty(self._all()))

    def _gradients(self) -> dict[str, Tensor]:
        return {name: each.grad for name, each in self.parameters.items() if each.grad is not None}

    def _all(self) -> Iterator[tuple[str, Tensor]]:
        yield from self.parameters.items()
        yield from self._gradients().items()

    def _error(self, loss: float, batch: Batch, place: tuple[int, int]) -> NumericalError:
        epoch, number = place
        what, layers = self._what(loss, batch)
        named = f" ({', '.join(layers[:3])}{', ...' if len(layers) > 3 else ''})" if layers else ""
        facts = {
            "stage": self.stage,
            "epoch": epoch,
            "batch": number,
            "step": (epoch - 1) * len(self.session.train) + number,
        }
        facts |= {
            "what": what,
            "layers": layers,
            "loss": loss,
            "seed": self.session.train.seed,
            **self._images(batch, epoch),
        }
        return NumericalError(
            f"{what}{named} in epoch {epoch}, batch {number} of stage {self.stage}; {REMEDY}", facts
        )

    def _what(self, loss: float, batch: Batch) -> tuple[str, list[str]]:
        """In the order in which one makes the next: images, weights, loss, gradients; and the
        layers where it is.
        """
        weights, gradients = (
            [*faulty(self.parameters.items())],
            [*faulty(self._gradients().items())],
        )
        if not all(gathered(bool(batch.input.isfinite().all()))):
            return (
                "the images of the batch are not finite (see dataset.mean and dataset.std)",
                weights or gradients,
            )
        if weights:
            return "weights are not finite", weights
        if not math.isfinite(loss):
            return f"the loss is {loss}", gradients
        return (
            "the gradients are not finite"
            if gradients
            else "the squares of the gradients are not finite"
        ), gradients

    def _images(self, batch: Batch, epoch: int) -> dict[str, Any]:
        indices = self.session.train.indices(batch, self.session.epochs_before + epoch)
        return {"images": [each for part in gathered(indices) for each in part]}
