"""A loss beside which another network of the same run tells what it sees."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from snnexp.datasets.batches import Batch
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading
from snnexp.measure.evaluator import in_evaluation


class Distilled(Loss):
    """The loss of a stage, and the distance to the answers of a teacher, an analog network that an
    earlier stage has trained.

        L = (1 - share) loss(reading,
            labels) + share temperature^2 KL(softmax(teacher / temperature) || softmax(logits(T) /
                temperature))

    Spiking networks of few timesteps learn more from the similarities of classes than from labels
    alone.

    Source: Hinton 2015; from the analog to the spiking network Xu 2023 (KDSNN).

    Args:
        loss: of the stage.
        teacher: analog network.
        share: of the teacher, in [0, 1].
        temperature: > 0.
    """

    def __init__(self, loss: Loss, teacher: nn.Module, share: float, temperature: float):
        super().__init__()
        self.loss, self.share, self.temperature = loss, share, temperature
        self.teacher = [teacher]  # in a list: it is no part of what is trained
        self.answers: Tensor | None = None

    @torch.no_grad()
    def see(self, batch: Batch) -> None:
        """Asks the teacher about the images of the batch that is to come."""
        with in_evaluation(self.teacher[0]):
            self.answers = self.teacher[0](batch.input, range(1), batch.keys).scores[-1].float()

    def forward(self, reading: Reading, labels: Int[Tensor, "B"]) -> Float[Tensor, ""]:
        theirs, ours = (
            functional.log_softmax(each / self.temperature, 1)
            for each in (self.answers, reading.answer)
        )
        distance = functional.kl_div(ours, theirs, reduction="batchmean", log_target=True)
        return (1 - self.share) * self.loss(
            reading, labels
        ) + self.share * self.temperature**2 * distance
