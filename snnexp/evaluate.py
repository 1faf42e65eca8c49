"""Evaluation: one streaming pass gives the accuracy at every timestep and the exact counts of spikes and operations."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.datasets.batches import Batch, Batches
from snnexp.distributed import summed, total
from snnexp.network import Network, is_spiking
from snnexp.record import Tally, recording


@dataclass(frozen=True)
class Evaluation:
    """What one pass over a split shows."""

    accuracy_by_timestep: list[float]
    """Top-1 accuracy in percent, read at t = 1..T."""
    loss: float
    """Mean loss per image of the scores at T."""
    images: int
    seconds: float
    tally: Tally | None

    @property
    def accuracy(self) -> float:
        """Top-1 accuracy in percent after the last timestep."""
        return self.accuracy_by_timestep[-1]


@dataclass(frozen=True)
class Evaluator:
    """How networks are evaluated.

    Args:
        timesteps: length T of the pass for spiking networks; analog ones are read once.
        chunk: timesteps per call; memory grows with it, the result does not change.
        loss: scores `[1, B, K]` and labels to the mean loss.
        precision: dtype of autocast; float32 for none.
    """

    timesteps: int
    chunk: int
    loss: Callable[[Tensor, Tensor], Tensor]
    precision: torch.dtype

    def __call__(self, network: Network, batches: Batches, count: bool = False) -> Evaluation:
        """Evaluates `network` on all images; with `count`, spikes and operations too."""
        started = time.perf_counter()
        with _in_evaluation(network), recording(network) if count else nullcontext() as tally:
            correct, loss, images = self._pass(network, batches)
        if tally is not None:
            tally.images = images
            tally.gather()
        return Evaluation((correct * (100.0 / images)).tolist(), loss / images, images, time.perf_counter() - started, tally)

    def _pass(self, network: Network, batches: Batches) -> tuple[Tensor, float, int]:
        correct = torch.zeros(self._length(network), dtype=torch.float64, device=batches.split.labels.device)
        loss, images = 0.0, 0
        for batch in batches.epoch(0, shuffle=False):
            with streaming(network), autocast(batch.images.device, self.precision):
                scores = [self._scored(network, batch, steps) for steps in self._chunks(network)]
            correct += torch.cat([hits for hits, _ in scores])
            loss += float(self.loss(scores[-1][1], batch.labels)) * len(batch.labels)
            images += len(batch.labels)
        loss, images = summed(loss, images, device=correct.device)
        return total(correct).cpu(), loss, int(images)

    def _scored(self, network: Network, batch: Batch, steps: range) -> tuple[Tensor, Tensor]:
        logits = network(batch.images, steps, batch.keys)
        return (logits.argmax(-1) == batch.labels).sum(1), logits[-1:]

    def _length(self, network: Network) -> int:
        return self.timesteps if is_spiking(network) else 1

    def _chunks(self, network: Network) -> Iterator[range]:
        timesteps = self._length(network)
        for start in range(0, timesteps, self.chunk):
            yield range(start, min(start + self.chunk, timesteps))


@contextmanager
def _in_evaluation(network: nn.Module) -> Iterator[None]:
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Runs convolutions and linear layers in `precision`; membranes, thresholds and counters stay float32."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == torch.bfloat16)
