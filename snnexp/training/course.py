"""How far a pass over the training set has come."""

from dataclasses import asdict, dataclass, field

from torch import Tensor

from snnexp.runs.checkpoint import Reached, random_states, set_random_states


@dataclass
class Course:
    """What is summed over the batches of an epoch, of all processes together, and what a pass that
    was interrupted goes on with.

    Args:
        batches: that are done.
        loss: sum over images.
        correct: images.
        seen: images.
        random: states of the random generators to go on with; none at the beginning.
    """

    batches: int = 0
    loss: float = 0.0
    correct: int | float = 0
    seen: int | float = 0
    random: list[Tensor] = field(default_factory=list)

    @classmethod
    def after(cls, reached: Reached) -> "Course":
        """Goes on where a training had come to within an epoch."""
        return cls(**reached.sums, random=reached.random)

    def begin(self) -> None:
        """Sets the random generators to where the pass goes on."""
        set_random_states(self.random)

    def add(self, loss: float, correct: int | float, seen: int | float) -> None:
        """Takes in a batch."""
        self.batches, self.loss, self.correct, self.seen = (
            self.batches + 1,
            self.loss + loss,
            self.correct + correct,
            self.seen + seen,
        )
        self.random = []

    def reached(self, epochs: int) -> Reached:
        """The place to go on from, with so many epochs behind it."""
        sums = {key: value for key, value in asdict(self).items() if key != "random"}
        return Reached(
            epochs, self.batches, sums, self.random or (random_states() if self.batches else [])
        )

    def shown(self) -> dict[str, float]:
        """What the record of the epoch says: mean loss and accuracy along the way."""
        return {
            "train/loss": self.loss / self.seen,
            "train/accuracy": 100.0 * self.correct / self.seen,
        }
