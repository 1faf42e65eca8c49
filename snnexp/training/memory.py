"""How much memory a training pass needs, and what to do when it is not there."""

import copy
import logging
import os
import re
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from snnexp.datasets.batches import Batch, Batches
from snnexp.distributed import processes
from snnexp.errors import OutOfMemory, ran_out
from snnexp.measure.evaluator import autocast
from snnexp.network.network import Network
from snnexp.network.parts import keep
from snnexp.training.execution import Execution, Forward, TrainingPass

logger = logging.getLogger(__name__)

_FEW = 4  # samples on which a pass is measured; half of them tell what does not grow with the batch


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
    return extrapolated_bytes(
        forward, batches.sample(_FEW), -(-batches.batch_size // processes()), precision
    )


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
        _Allocations() as allocations,
    ):
        with autocast(device, precision):
            reading = forward(batch.input, batch.keys)
        if reading.scores.requires_grad:
            reading.scores.sum().backward()
    forward.zero_grad()
    return allocations.most


class _Allocations(TorchDispatchMode):
    """Notes when the memory of a tensor comes and when it goes, whoever holds it: autograd, a
    context that packs it, or a list.
    """

    def __init__(self):
        super().__init__()
        self.alive: dict[int, tuple[weakref.ref, int]] = {}
        self.now, self.most = 0, 0

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


def warn_if_short(needed: int, device: torch.device) -> None:
    """Says so when an estimate is more than what is free."""
    free = available(device)
    if free is not None and needed > free:
        logger.warning(
            "a training step needs about %s, %s are free; %s",
            in_gigabytes(needed),
            in_gigabytes(free),
            REMEDY,
        )


def available(device: torch.device) -> int | None:
    """Free bytes of the device, where it can be asked. Files that the kernel keeps in memory are in
    nobody's way.
    """
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        told = re.search(
            r"^MemAvailable: *(\d+) kB$",
            Path("/proc/meminfo").read_text(encoding="ascii"),
            re.MULTILINE,
        )
        return int(told[1]) * 1024 if told else _unused()
    except OSError:
        return _unused()


def _unused() -> int | None:
    """Bytes that nothing is in, where the system says it."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


REMEDY = (
    "smaller batch_size, memory=lean, time_segments=auto, precision=bfloat16 and fewer timesteps "
    "need less"
)


def explained(timesteps: int, needed: int, batch: int, error: BaseException) -> BaseException:
    """`error`, or if it says that memory has run out, one that says what was asked for and what to
    do.
    """
    if isinstance(error, OutOfMemory) or not ran_out(
        error
    ):  # which may be of another place, and has its own words
        return error
    return OutOfMemory(
        f"out of memory with T = {timesteps} and batches of {batch}; a training step needs "
        f"about {in_gigabytes(needed)}. {REMEDY}"
    )


@contextmanager
def explaining_elsewhere(config: Mapping[str, Any]) -> Iterator[None]:
    """If memory runs out in the block, in an evaluation or conversion and not in a training step,
    the error says what needs less.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        own = ", ".join(
            f"evaluate.{key} = {config['evaluate'][key]}"
            for key in ("timesteps", "batch_size", "chunk")
        )
        raise OutOfMemory(
            f"out of memory outside a training step, with {own}; smaller ones of the latter "
            "two need less"
        ) from error


def in_gigabytes(size: int) -> str:
    """Such as `1.25 GB`."""
    return f"{size / 1e9:.3g} GB"
