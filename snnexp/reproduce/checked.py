"""A cheap evaluation of a recorded network, by which a later version of the program can be held to
the same figures.
"""

from collections.abc import Iterator
from pathlib import Path

from snnexp.files.atomic import write_json
from snnexp.files.documents import read_json
from snnexp.files.foreign import Unreadable
from snnexp.reproduce.command import started
from snnexp.results.read import read_result
from snnexp.results.run import RunResult

FILE = "check.json"
IMAGES, TIMESTEPS = 500, 32
"""Test images, the same for every run, and timesteps at most, where the network can be read after
so few.
"""


def check(run: Path, kept: Path, copy: Path, threads: int) -> bool:
    """Leaves in `kept` what an evaluation of the run gives that is cheap enough for a test, by the
    code that has trained it.

    Without weights there, or where it is there already for these weights, nothing is done. Whether
    it is there in the end.
    """
    result = read_result(run / "result.json")
    if not (kept / "weights.safetensors").exists() or _known(kept) == result.weights_sha256:
        return True
    with (run / "check.log").open("wb") as log:
        for asked in _changes(result):
            if started(["evaluate", str(run), *asked], copy, threads, log).wait() == 0:
                accuracy = _newest(run).last.accuracy
                write_json(
                    kept / FILE,
                    {
                        "changes": asked,
                        "accuracy": accuracy,
                        "weights_sha256": result.weights_sha256,
                    },
                )
                return True
    return False


def _changes(result: RunResult) -> Iterator[list[str]]:
    """What is different from the evaluation in `result`, the cheapest first; some networks cannot
    be read after fewer timesteps.
    """
    fewer = [f"evaluate.images={IMAGES}"] if (result.last.test_images or 0) > IMAGES else []
    if (result.last.timesteps or 0) > TIMESTEPS:
        yield [*fewer, f"timesteps={TIMESTEPS}"]
    yield fewer


def _known(kept: Path) -> str | None:
    try:
        return read_json(kept / FILE).get("weights_sha256")
    except Unreadable:
        return None


def _newest(run: Path) -> RunResult:
    return RunResult.from_json(
        read_json(
            max((run / "evaluations").glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        )
    )
