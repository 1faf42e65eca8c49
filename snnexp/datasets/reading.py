"""Pixels of files, read by worker processes while the device computes."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader

from snnexp.datasets.base import DataError, fault
from snnexp.datasets.resized_crop import ResizedCrop, middle

Chunk = tuple[np.ndarray, np.ndarray]
"""Places and keys of the samples of one batch; arrays, since tensors would travel to the workers as open files."""


class ReaderLost(MemoryError):
    """A worker process ended before its work was done; most often the system took its memory."""


@dataclass(frozen=True)
class Decoder:
    """Files to squares of pixels, a whole batch at a time: what a worker process does.

    Args:
        root: folder the names are seen from.
        names: of the files, as bytes: an array of them is shared with the workers, a list would be copied to each.
        size: side of the squares.
        augmentation: for training; None for the middle.
    """

    root: Path
    names: np.ndarray
    size: int
    augmentation: ResizedCrop | None

    def __getitem__(self, chunk: Chunk) -> UInt8[Tensor, "B 3 H W"] | DataError:
        """The pixels, or the error for the first file that cannot be read: raised here, torch would bury its words in a traceback."""
        try:
            return torch.stack([self.square(place, key) for place, key in zip(*map(np.ndarray.tolist, chunk), strict=True)])
        except DataError as error:
            return error

    def square(self, place: int, key: int) -> UInt8[Tensor, "3 H W"]:
        """The pixels of one file. Raises `DataError`."""
        path = self.root / os.fsdecode(self.names[place])
        try:
            with Image.open(path) as file:
                image = file.convert("RGB")
        except FileNotFoundError:
            raise fault(path, "missing", "what was there when the folder was listed", "put it back") from None
        except Exception as error:  # a damaged image can raise anything
            raise fault(path, f"unreadable ({error})", "an image readable by Pillow", "unpack it again from its archive") from error
        square = middle(image, self.size) if self.augmentation is None else self.augmentation(image, self.size, key)
        return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def read(decoder: Decoder, chunks: Sequence[Chunk], workers: int, device: torch.device) -> Iterator[UInt8[Tensor, "_ 3 H W"]]:
    """The pixels of the chunks in order, on `device`; how many workers read them changes nothing.

    The workers start with the first batch and end with the iterator, whichever way it ends.

    Args:
        decoder: what the workers do.
        chunks: batch by batch.
        workers: number of processes, at most one per usable core; 0 to read in this one.
        device: where the pixels go; copies to CUDA do not wait for the computation.

    Raises:
        DataError: a file cannot be read.
        ReaderLost: a worker has ended.
    """
    settings = {"num_workers": min(workers, _cores()), "pin_memory": device.type == "cuda", "worker_init_fn": _deaf}
    # A generator of its own, since the loader draws from it: dropout must not see how the images are read.
    loader = DataLoader(decoder, batch_size=None, sampler=chunks, generator=torch.Generator(), **settings)
    passing, processes = _started(loader)
    try:
        for pixels in passing:
            if isinstance(pixels, DataError):
                raise pixels
            yield pixels.to(device, non_blocking=True)
    except (RuntimeError, OSError, EOFError) as error:  # a dead worker shows itself in each of these
        wait([process.sentinel for process in processes], timeout=1.0)  # its connection may end before it does
        if not any(process.exitcode for process in processes):
            raise
        # Without its traceback, whose frames would keep the other workers alive for as long as the error is.
        raise ReaderLost(
            f"a process that reads images has ended ({type(error).__name__}: {error}). Memory is the usual reason: set dataset.workers "
            "lower, or 0 to read without such processes; look at the free space of /dev/shm, too"
        ) from error.with_traceback(None)
    finally:
        del passing  # its end is the workers' end


def _started(loader: DataLoader) -> tuple[Iterator, set[BaseProcess]]:
    """The batches to come and the processes that make them."""
    before = set(active_children())
    with _no_alarm():
        return iter(loader), set(active_children()) - before


@contextmanager
def _no_alarm() -> Iterator[None]:
    """Keeps torch from having the end of a worker raised, by a signal, in whatever line is running: the next batch will tell."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def _deaf(number: int) -> None:
    """A worker goes on when a terminal tells all its processes to stop: the run that it reads for ends it, at the edge of a batch."""
    for each in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(each, signal.SIG_IGN)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
