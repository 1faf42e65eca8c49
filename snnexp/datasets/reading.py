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
from torch import Tensor
from torch.utils.data import DataLoader, get_worker_info

from snnexp.datasets.base import DataError, fault
from snnexp.datasets.pictures import opened
from snnexp.datasets.resized_crop import ResizedCrop, middle
from snnexp.errors import OutOfMemory
from snnexp.files.foreign import Absent, Unreadable

Chunk = tuple[np.ndarray, np.ndarray]
"""Places and keys of the samples of one batch; arrays, since tensors would travel to the workers as
open files.
"""


_FOR_MEMORY = (signal.SIGKILL, signal.SIGBUS)
"""What ends a process when memory runs out: its own, or that in which it hands over pixels
(/dev/shm).
"""
_OF_A_TERMINAL = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
"""What reaches a run and all its processes together."""


class ReaderLost(OutOfMemory):
    """A worker process was killed before its work was done, as the system does when memory runs
    out.
    """


class ReaderFailed(RuntimeError):
    """A worker process ended before its work was done, and not for want of memory."""


@dataclass(frozen=True)
class Decoder:
    """Files to squares of pixels, a whole batch at a time: what a worker process does.

    Args:
        root: folder the names are seen from.
        names: of the files, as bytes: an array of them is shared with the workers, a list would be
            copied to each.
        size: side of the squares.
        augmentation: for training; None for the middle.
    """

    root: Path
    names: np.ndarray
    size: int
    augmentation: ResizedCrop | None

    def __getitem__(self, chunk: Chunk) -> UInt8[Tensor, "B 3 H W"] | DataError | OutOfMemory:
        """The pixels, or the error for the first file that cannot be read: raised here, torch would
        bury its words in a traceback.
        """
        try:
            return _handed_over(
                torch.stack(
                    [
                        self.square(*each)
                        for each in zip(*map(np.ndarray.tolist, chunk), strict=True)
                    ]
                )
            )
        except (DataError, OutOfMemory) as error:
            return error

    def square(self, place: int, key: int) -> UInt8[Tensor, "3 H W"]:
        """The pixels of one file. Raises `DataError` and `OutOfMemory`."""
        path = self.root / os.fsdecode(self.names[place])
        try:
            with opened(path) as image:
                square = (
                    middle(image, self.size)
                    if self.augmentation is None
                    else self.augmentation(image, self.size, key)
                )
                return torch.from_numpy(np.array(square)).permute(2, 0, 1)
        except Absent:
            raise fault(
                path, "missing", "what was there when the folder was listed", "put it back"
            ) from None
        except Unreadable as error:
            raise fault(
                path, error.why, "an image readable by Pillow", "unpack it again from its archive"
            ) from error
        except MemoryError as error:
            raise OutOfMemory(
                f"out of memory while {path} was read; set dataset.workers lower, or 0"
            ) from error


def _handed_over(pixels: Tensor) -> Tensor:
    """The pixels where the process that computes can see them: left to torch, both would wait for
    ever where there is no room for it.
    """
    if get_worker_info() is None:
        return pixels
    try:
        return pixels.share_memory_()
    except RuntimeError as error:
        raise OutOfMemory(
            f"a process that reads images cannot hand over {pixels.nbytes} bytes of pixels "
            f"({error}). Give /dev/shm more room "
            "(docker run --shm-size=8g), set a smaller batch_size, or dataset.workers=0 to "
            "read without such processes"
        ) from None


def read(
    decoder: Decoder, chunks: Sequence[Chunk], workers: int, device: torch.device
) -> Iterator[UInt8[Tensor, "_ 3 H W"]]:
    """The pixels of the chunks in order, on `device`; how many workers read them changes nothing.

    The workers start with the first batch and end with the iterator, whichever way it ends.

    Args:
        decoder: what the workers do.
        chunks: batch by batch.
        workers: number of processes, at most one per usable core; 0 to read in this one.
        device: where the pixels go; copies to CUDA do not wait for the computation.

    Raises:
        DataError: a file cannot be read.
        OutOfMemory: there was no room for one; or, as `ReaderLost`, a worker was killed.
        ReaderFailed: a worker has ended otherwise.
    """
    settings = {
        "num_workers": min(workers, _cores()),
        "pin_memory": device.type == "cuda",
        "worker_init_fn": _deaf,
    }
    # A generator of its own, since the loader draws from it: dropout must not see how the images
    # are read.
    loader = DataLoader(
        decoder, batch_size=None, sampler=chunks, generator=torch.Generator(), **settings
    )
    passing, processes = _started(loader)
    lost: tuple[Exception, Exception] | None = None
    try:
        for pixels in passing:
            if isinstance(pixels, Exception):
                raise pixels
            yield pixels.to(device, non_blocking=True)
    except (
        RuntimeError,
        OSError,
        EOFError,
    ) as error:  # a dead worker shows itself in each of these
        wait(
            [process.sentinel for process in processes], timeout=1.0
        )  # its connection may end before it does
        ended = next((process.exitcode for process in processes if process.exitcode), None)
        if ended is None:
            raise
        lost = _lost(ended), RuntimeError(str(error))
    finally:
        del passing  # its end is the workers' end
    if lost is not None:
        # Out here, apart from the error of the loader, whose frames would keep the other workers
        # alive for as long as it is.
        raise lost[0] from lost[1]


def _lost(code: int) -> Exception:
    """The error for a worker that ended with `code`, that of a signal below 0."""
    how = (
        f"was ended by {signal.Signals(-code).name}"
        if -code in set(signal.Signals)
        else f"has ended with exit code {code}"
    )
    if -code in _FOR_MEMORY:
        return ReaderLost(
            f"a process that reads images has ended: it {how}, as the system does when memory "
            "runs out. Set dataset.workers "
            "lower, or 0 to read without such processes; look at the free space of /dev/shm, too"
        )
    return ReaderFailed(
        f"a process that reads images has ended: it {how}. If that comes again, a picture may "
        "be what its decoder does not bear: "
        "set dataset.workers=0 to read without such processes, and `snnexp data verify` "
        "looks at every file"
    )


def _started(loader: DataLoader) -> tuple[Iterator, set[BaseProcess]]:
    """The batches to come and the processes that make them."""
    before = set(active_children())
    with _no_alarm(), _born_deaf():
        return iter(loader), set(active_children()) - before


@contextmanager
def _born_deaf() -> Iterator[None]:
    """Holds back from workers what `_deaf` has them ignore, which takes a moment to come to; this
    process gets it at the end.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _OF_A_TERMINAL)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _no_alarm() -> Iterator[None]:
    """Keeps torch from having the end of a worker raised, by a signal, in whatever line is running:
    the next batch will tell.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.getsignal(signal.SIGCHLD)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, handler or signal.SIG_DFL)


def _deaf(number: int) -> None:
    """A worker goes on when a terminal tells all its processes to stop: the run that it reads for
    ends it, at the edge of a batch.
    """
    for each in _OF_A_TERMINAL:
        signal.signal(each, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _OF_A_TERMINAL)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
