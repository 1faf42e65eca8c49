"""How long a run will take, from a few measured steps of everything that it does."""

import json
import math
import resource
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from snnexp.files.atomic import write_json
from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.reproduce.command import started
from snnexp.reproduce.jobs import Job
from snnexp.results.read import read_result
from snnexp.results.stage import StageResult

FILE = "estimates.json"
BATCHES, IMAGES = 4, 20
"""Batches of training and images of an evaluation that are measured."""
IMAGES_OF = {"digits": (1437, 360), "cifar10": (50000, 10000)} | dict.fromkeys(
    ("mnist", "mnist16", "fashion_mnist"), (60000, 10000)
)
"""Training and test images of the data sets that are read whole; estimates of others are not
made.
"""


def seconds(
    job: Job, config: Mapping[str, Any], dataset: str, runs: Path, copy: Path, threads: int
) -> float | None:
    """Seconds that the run of `job` would take; None where it cannot be measured. What has been
    measured is kept.

    A run of a few batches and images goes through all stages; its times are scaled by what the
    whole run has more of:

        s = sum over stages of  train_seconds epochs N / (BATCHES B)  +
            evaluate_seconds M / IMAGES (1 + epochs / every + R)

    with N training images in batches of B and M test images, and R tests of robustness. First steps
    are slow, so that it is too long rather than too short. Where others have kept the processor
    from it, seconds are counted as far as it was had.
    """
    kept = _kept(runs)
    key = json.dumps([job.experiment, job.settings, threads])
    if kept.get(key) is None:  # one that failed may have been stopped: it is measured again
        kept[key] = _measured(job, config, dataset, runs, copy, threads)
        write_json(runs / FILE, kept)
    return kept[key]


def _measured(
    job: Job, config: Mapping[str, Any], dataset: str, runs: Path, copy: Path, threads: int
) -> float | None:
    if dataset not in IMAGES_OF:
        return None
    for older in runs.glob(".measured.*"):
        shutil.rmtree(older, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(dir=runs, prefix=".measured."))
    words = [f"+experiment={job.experiment}", *job.settings, *_few(config, IMAGES_OF[dataset][0])]
    with (runs / "measured.log").open("wb") as log, processor_share(threads) as share:
        code = started(
            ["train", *words, "tracker=none", f"hydra.run.dir='{folder}'"], copy, threads, log
        ).wait()
    found = read_result(folder / "result.json").stages if code == 0 else None
    shutil.rmtree(folder, ignore_errors=True)
    if found is None:
        return None
    epochs = {
        name: stage.get("epochs") or 0 for name, stage in config["strategy"]["stages"].items()
    }
    if job.start is not None:
        epochs[job.stage] = 0
    return share() * sum(
        scaled(found[name], count, config, dataset) for name, count in epochs.items()
    )


@contextmanager
def processor_share(threads: int) -> Iterator[Callable[[], float]]:
    """Gives, after the block, the share of so many processors that the processes which ended within
    it have had, at most 1.
    """
    shares: list[float] = []
    before, began = _processor_seconds(), time.perf_counter()
    yield lambda: shares[0]
    shares.append(
        min(
            (_processor_seconds() - before) / max(threads * (time.perf_counter() - began), 1e-9),
            1.0,
        )
    )


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _few(config: Mapping[str, Any], images: int) -> list[str]:
    """Overrides that leave a few batches and images of a run."""
    left = min(BATCHES * config["batch_size"], images - 1)
    shorter = [
        f"strategy.stages.{name}.epochs=1"
        for name, stage in config["strategy"]["stages"].items()
        if stage.get("epochs")
    ]
    shorter += [
        f"strategy.stages.{name}.samples={IMAGES}"
        for name, stage in config["strategy"]["stages"].items()
        if "samples" in stage
    ]
    return [
        *shorter,
        f"dataset.validation={images - left}",
        f"evaluate.images={IMAGES}",
        "evaluate.every=1",
        "progress=plain",
    ]


def scaled(found: StageResult, epochs: int, config: Mapping[str, Any], dataset: str) -> float:
    """Seconds of a whole stage by those of a short one, as `seconds` says."""
    training, test = IMAGES_OF[dataset]
    training -= config["dataset"].get("validation") or 0
    held = config["dataset"].get("validation") or 0
    images = min(config["evaluate"]["images"] or test, test) + min(
        config["evaluate"]["images"] or held, held
    )
    measured = min(BATCHES * config["batch_size"], IMAGES_OF[dataset][0] - 1)
    evaluations = 1 + math.ceil(epochs / config["evaluate"]["every"]) + _robustness(found)
    return (
        found.train_seconds * epochs * training / measured
        + found.evaluate_seconds * evaluations * images / IMAGES
    )


def _robustness(found: StageResult) -> int:
    """Times that the test set was seen under fewer bits, jitter or variation."""
    tests = found.accuracy_by_bits, found.accuracy_by_jitter, found.accuracy_by_variation
    return sum(len(test or {}) for test in tests)


def _kept(runs: Path) -> dict[str, Any]:
    try:
        return read_json(runs / FILE)
    except Unreadable:
        return {}
