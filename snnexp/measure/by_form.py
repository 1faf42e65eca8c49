"""Evaluation of networks of every form: each by the evaluator of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from snnexp.datasets.batches import Batches
from snnexp.measure.evaluator import Evaluation
from snnexp.measure.exit_rule import Onlooker
from snnexp.network.network import Network

Evaluate = Callable[..., Evaluation]
"""A network, images, and whether spikes and operations are counted, to what came of it; of networks
that are read at every timestep also who looks on.
"""


@dataclass(frozen=True)
class ByForm:
    """Evaluates a network by the evaluator of its form.

    Args:
        evaluators: by form.
        loss: scores `[T, B, K]` and labels to the mean loss, that of every evaluator.
    """

    evaluators: Mapping[str, Evaluate]
    loss: Callable[[Tensor, Tensor], Tensor]

    def __call__(
        self,
        network: Network,
        batches: Batches,
        count: bool = False,
        onlooker: Onlooker | None = None,
    ) -> Evaluation:
        """Evaluates `network` on all images; with `count`, spikes and operations too. The
        `onlooker` sees all scores of a network that is read at every timestep.
        """
        beside = () if onlooker is None or network.form != "spiking" else (onlooker,)
        return self.evaluators[network.form](network, batches, count, *beside)
