"""Memory that runs out: of the device, and of a process that reads images."""

import json
import logging
import os
import signal
from collections.abc import Iterator
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from snnexp.datasets.reading import Decoder, ReaderLost, read
from snnexp.network.network import Network
from snnexp.track.none import NoTracker
from tests.support.tiny_run import attempted

FEW = ["epochs=1", "dataset.validation=1337", "evaluate.images=20"]


@pytest.mark.fault(
    "24: out of memory", "the CUDA allocator fails in a training step, in an evaluation"
)
@pytest.mark.parametrize(
    "training, knobs",
    [(True, ("batch_size", "memory=lean", "time_segments")), (False, ("evaluate.chunk",))],
)
def test_memory_that_runs_out_is_explained(
    training: bool, knobs: tuple, tmp_path: Path, monkeypatch: Any, capsys: Any, happened: Any
):
    ends: list[int] = []
    monkeypatch.setattr(NoTracker, "finish", lambda self, exit_code: ends.append(exit_code))
    forward = Network.forward

    def failing(self, *arguments: Any) -> Any:
        if self.training == training and (not training or self.body.training):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, *arguments)

    monkeypatch.setattr("snnexp.training.loop.estimate", lambda *more: 10**9)
    monkeypatch.setattr(Network, "forward", failing)
    assert attempted(tmp_path, *FEW)[2] == 4
    told = capsys.readouterr().err
    assert (
        "out of memory" in told
        and all(knob in told for knob in knobs)
        and (not training or "1 GB" in told)
    )
    assert ends == [1] and json.loads((tmp_path / "status.json").read_text())["exit_code"] == 4
    happened("exit 4, estimate and knobs are printed, the tracker is closed as failed")


def begun(folder: Path, images: int) -> Iterator[torch.Tensor]:
    """Batches of four pictures that two processes read, the first of which has been taken."""
    names = [f"{number}.png" for number in range(images)]
    for name in names:
        Image.new("RGB", (16, 16)).save(folder / name)
    decoder = Decoder(
        folder, np.array([os.fsencode(name) for name in names]), size=8, augmentation=None
    )
    chunks = [
        (np.arange(start, start + 4), np.zeros(4, dtype=np.int64)) for start in range(0, images, 4)
    ]
    passing = read(decoder, chunks, 2, torch.device("cpu"))
    next(passing)
    return passing


@pytest.mark.fault("24: out of memory", "the system kills a process that reads images")
def test_a_reader_that_is_killed_leaves_no_other(tmp_path: Path, happened: Any):
    passing = begun(tmp_path, 64)
    os.kill(active_children()[0].pid, signal.SIGKILL)
    with pytest.raises(ReaderLost, match="Set dataset.workers lower"):
        list(passing)
    logging.getLogger("snnexp").debug("joined")
    assert active_children() == []
    happened("an error of memory (exit 4) that names the knob, no reader is left")


@pytest.mark.fault(
    "B: signals", "Ctrl+C in a terminal, which reaches the processes that read images, too"
)
def test_readers_leave_signals_to_the_run(tmp_path: Path, happened: Any):
    passing = begun(tmp_path, 32)
    for child in active_children():
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            os.kill(child.pid, number)
    assert len(list(passing)) == 7 and active_children() == []
    happened("they read on until the run ends them")
