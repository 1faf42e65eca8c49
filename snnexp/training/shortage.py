"""What is said when memory is short, and what to do then."""

import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from snnexp.errors import OutOfMemory, ran_out

logger = logging.getLogger(__name__)


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


def resident(device: torch.device) -> int:
    """Bytes in use: of the device's allocator on CUDA, of the whole process elsewhere, where the
    system says it.
    """
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, IndexError):
        return 0


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
def explaining_evaluation(settings: Mapping[str, Any]) -> Iterator[None]:
    """If memory runs out in the block, in an evaluation or conversion and not in a training step,
    the error says what needs less.

    Args:
        settings: timesteps, batch_size and chunk of the evaluation.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not ran_out(error):
            raise
        own = ", ".join(
            f"evaluate.{key} = {settings[key]}" for key in ("timesteps", "batch_size", "chunk")
        )
        raise OutOfMemory(
            f"out of memory outside a training step, with {own}; smaller ones of the latter "
            "two need less"
        ) from error


def in_gigabytes(size: int) -> str:
    """Such as `1.25 GB`."""
    return f"{size / 1e9:.3g} GB"
