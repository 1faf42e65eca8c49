"""How much memory a training pass needs, and what to do when it is not there."""

import copy
import logging
import os

import torch
from torch import Tensor, nn

from snnexp.datasets.batches import Batch
from snnexp.errors import OutOfMemory
from snnexp.network import Network
from snnexp.stages.execution import Forward

logger = logging.getLogger(__name__)

_CPU_ALLOCATOR = "can't allocate memory"


def estimate(network: Network, steps: range, segments: int, few: Batch, batch_size: int) -> int:
    """Bytes that a training pass over a batch keeps for its backward pass: measured on a few samples, on a copy of the network."""
    kept = saved_bytes(Forward(copy.deepcopy(network).train(), steps, 1), few.images, few.keys)
    return kept * batch_size // len(few.labels) // segments


def saved_bytes(forward: nn.Module, images: Tensor, keys: Tensor) -> int:
    """Storages that autograd keeps of one pass, each once and without parameters, in bytes."""
    storages: dict[int, int] = {}
    own = {parameter.untyped_storage().data_ptr() for parameter in forward.parameters()}

    def seen(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    devices = [images.device] if images.device.type == "cuda" else []
    with torch.random.fork_rng(devices), torch.autograd.graph.saved_tensors_hooks(seen, lambda tensor: tensor):
        forward(images, keys)
    return sum(storages.values())


def warn_if_short(needed: int, device: torch.device) -> None:
    """Says so when an estimate is more than what is free."""
    free = available(device)
    if free is not None and needed > free:
        logger.warning("a training pass keeps about %s, %s are free; %s", in_gigabytes(needed), in_gigabytes(free), REMEDY)


def available(device: torch.device) -> int | None:
    """Free bytes of the device, where it can be asked."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


REMEDY = "smaller batch_size, memory=lean, time_segments=auto, precision=bfloat16 and fewer timesteps need less"


def explained(timesteps: int, needed: int, batch: int, error: BaseException) -> BaseException:
    """`error`, or if it says that memory has run out, one that says what was asked for and what to do."""
    kinds = (MemoryError, torch.OutOfMemoryError)
    if not isinstance(error, kinds) and _CPU_ALLOCATOR not in str(error):
        return error
    return OutOfMemory(f"out of memory with T = {timesteps} and batches of {batch}; a pass keeps about {in_gigabytes(needed)}. {REMEDY}")


def in_gigabytes(size: int) -> str:
    """Such as `1.25 GB`."""
    return f"{size / 1e9:.3g} GB"
