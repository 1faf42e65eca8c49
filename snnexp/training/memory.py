"""How much memory a training pass needs."""

import copy
import weakref
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from snnexp.datasets.batches import Batch, Batches
from snnexp.distributed import processes
from snnexp.measure.evaluator import autocast
from snnexp.network.network import Network
from snnexp.network.parts import keep
from snnexp.training.execution import Execution, Forward, TrainingPass

_FEW = 4  # samples on which a pass is measured; half tell what does not grow with the batch


def estimate(
    execution: Execution,
    network: Network,
    steps: range,
    batches: Batches,
    precision: torch.dtype,
    training_pass: TrainingPass | None = None,
) -> int:
    """Bytes that a training step needs, for this process's part of a batch, beside the network:
    measured on few samples, on a copy.
    """
    copied = copy.deepcopy(network).train()
    keep(copied, execution.keeping(steps))
    forward = (
        Forward(copied, steps, execution.segments(steps))
        if training_pass is None
        else training_pass(copied, steps)
    )
    samples = -(-batches.batch_size // processes())
    # Not more than a step takes: what is measured may just fit.
    few = batches.sample(min(_FEW, max(samples, 2)))
    return extrapolated_bytes(forward, few, samples, precision)


def extrapolated_bytes(forward: nn.Module, few: Batch, samples: int, precision: torch.dtype) -> int:
    """The bytes that a batch of so many samples needs, by what half of a small one and all of it
    need: some do not grow with the batch.
    """
    half = len(few.labels) // 2
    if half < 2:  # statistics of a batch need two samples
        return needed_bytes(forward, few, precision) * samples // len(few.labels)
    less = needed_bytes(forward, Batch(*(part[:half] for part in few)), precision)
    slope = (needed_bytes(forward, few, precision) - less) / (len(few.labels) - half)
    return round(less + slope * (samples - half))


def needed_bytes(forward: nn.Module, batch: Batch, precision: torch.dtype) -> int:
    """The most that the tensors made in a forward and a backward pass take at one time."""
    device = batch.input.device
    with (
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        Allocations() as allocations,
    ):
        with autocast(device, precision):
            reading = forward(batch.input, batch.keys)
        if reading.scores.requires_grad:
            reading.scores.sum().backward()
    forward.zero_grad()
    return allocations.most


class Allocations(TorchDispatchMode):
    """Notes when the memory of a tensor comes and when it goes, whoever holds it: autograd, a
    context that packs it, or a list.
    """

    def __init__(self):
        super().__init__()
        self.alive: dict[int, tuple[weakref.ref, int]] = {}
        self.now, self.most = 0, 0

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """No: torch would import its compiler, which takes seconds, to keep it away from here."""
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        given = {
            self._place(tensor)
            for tensor in tree_leaves((args, kwargs))
            if isinstance(tensor, Tensor)
        }
        made = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(made):
            if isinstance(tensor, Tensor) and self._place(tensor) not in given:
                self._comes(tensor.untyped_storage())
        return made

    @staticmethod
    def _place(tensor: Tensor) -> int:
        return tensor.untyped_storage()._cdata

    def _comes(self, storage: torch.UntypedStorage) -> None:
        place, size = storage._cdata, storage.nbytes()
        if place in self.alive:
            return
        self.alive[place] = weakref.ref(storage, lambda _: self._goes(place)), size
        self.now += size
        self.most = max(self.most, self.now)

    def _goes(self, place: int) -> None:
        _, size = self.alive.pop(place)
        self.now -= size
