"""Kills runs at random moments, starts them again until they end, and compares what they leave with
a run that nothing has disturbed.

    python scripts/kills.py --count 100 --kind both --shorten
        200 runs: 100 with SIGKILL, 100 with SIGTERM, SIGUSR1, SIGHUP, SIGINT

Each run is disturbed up to three times. `metrics.jsonl` and `weights.safetensors` must be the same
bytes, `result.json` the same less times; a signal must end a run with 128 + its number and the
status `preempted`, unless it comes before the run has begun or when it is over. Exit code 1 if any
is not so. Runs are forked from one process that has imported everything, so that few moments are of
the start.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_NUM_THREADS", "1")

RUNS = {
    "bptt": ["encoder=poisson", "architecture.layers=[8C3,AP2,D0.2,8C3,AP2]"],
    "diet": ["+experiment=digits_diet"],
    "tandem": ["+experiment=digits_tandem"],
    "single spike": ["+experiment=digits_single_spike"],
}
SHORTER = {
    "bptt": ["epochs=3"],
    "diet": ["epochs=2", "strategy.stages.finetune.epochs=2", "strategy.stages.convert.samples=64"],
    "tandem": ["epochs=3"],
    "single spike": ["epochs=3", "timesteps=16"],
}
FEW = [
    "dataset.validation=1037",
    "evaluate.images=100",
    "selection=best_validation",
    "batch_size=32",
]
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP, signal.SIGINT)
TIMES = ("train_seconds", "evaluate_seconds", "peak_memory_bytes", "git_commit")


class Straight(NamedTuple):
    """A run that nothing has disturbed."""

    folder: Path
    seconds: float


class Trial(NamedTuple):
    """What became of a run that was disturbed."""

    starts: int
    wrong: list[str]


def main() -> int:
    """Runs the trials and prints a table of them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100, help="runs of each kind of disturbance")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=("kill", "signal", "both"), default="both")
    parser.add_argument(
        "--shorten", action="store_true", help="few images and epochs, so that a run takes seconds"
    )
    chosen = parser.parse_args()
    kinds = ("kill", "signal") if chosen.kind == "both" else (chosen.kind,)
    folder = Path(tempfile.mkdtemp(prefix="snnexp-kills-"))
    try:
        return trials(folder, kinds, chosen.count, random.Random(chosen.seed), chosen.shorten)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def trials(
    folder: Path, kinds: tuple[str, ...], count: int, rng: random.Random, shorten: bool
) -> int:
    """`count` runs of each kind, in turn over all ways of training; prints a table, and returns 1
    if any was not as it should be.
    """
    import_everything()
    words = {
        name: [*settings, *(SHORTER[name] + FEW if shorten else [])]
        for name, settings in RUNS.items()
    }
    straight = {
        name: undisturbed(folder / name.replace(" ", "_"), settings)
        for name, settings in words.items()
    }
    failed = 0
    print(f"{'run':13} {'disturbed by':13} {'runs':>5} {'starts':>7} {'equal':>6}")
    for kind in kinds:
        for place, name in enumerate(RUNS):
            share = len(range(place, count, len(RUNS)))
            done = [
                trial(folder / "disturbed", words[name], straight[name], kind, rng)
                for _ in range(share)
            ]
            good = sum(not each.wrong for each in done)
            failed += share - good
            print(
                f"{name:13} {kind:13} {share:5} {sum(each.starts for each in done):7} {good:6}",
                flush=True,
            )
            for said, times in Counter(said for each in done for said in each.wrong).items():
                print(f"    {times} times: {said}", flush=True)
    return int(failed > 0)


def import_everything() -> None:
    """What takes seconds, once for all runs."""
    import sklearn.datasets  # noqa: F401

    import snnexp.cli.job
    import snnexp.cli.train  # noqa: F401


def started(folder: Path, words: list[str]) -> int:
    """Starts `snnexp train` in `folder`; the number of the process."""
    number = os.fork()
    if number == 0:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        with open(folder.with_suffix(".log"), "ab") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        sys.argv = [
            "snnexp",
            "train",
            "tracker=none",
            "progress=plain",
            "device=cpu",
            *words,
            f"hydra.run.dir={folder}",
        ]
        run_and_leave()
    return number


def run_and_leave() -> None:
    """Runs the command in this process, which ends here."""
    from snnexp.cli.main import main as command

    code = 1
    try:
        command()
    except SystemExit as end:
        code = end.code
    finally:
        os._exit(code)


def ended(number: int) -> int:
    """Waits for a process; its exit code, negative for a signal that killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def undisturbed(folder: Path, words: list[str]) -> Straight:
    """Runs it once for all comparisons."""
    begun = time.monotonic()
    code = ended(started(folder, words))
    if code:
        sys.exit(
            f"the undisturbed run ended with {code}:\n{folder.with_suffix('.log').read_text()}"
        )
    return Straight(folder, time.monotonic() - begun)


def trial(
    folder: Path, words: list[str], straight: Straight, kind: str, rng: random.Random
) -> Trial:
    """Disturbs a run up to three times, lets it end, and compares."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".log").unlink(missing_ok=True)
    wrong, starts = [], 0
    for _ in range(rng.randint(1, 3)):
        wrong += disturbed(folder, words, straight.seconds, kind, rng)
        starts += 1
    code = ended(started(folder, words))
    wrong += (
        [f"ended with {code}: {folder.with_suffix('.log').read_text()[-300:]}"]
        if code
        else differences(folder, straight.folder)
    )
    return Trial(starts + 1, wrong)


def disturbed(
    folder: Path, words: list[str], seconds: float, kind: str, rng: random.Random
) -> list[str]:
    """Starts the run and sends it something at a random moment; what is wrong with how it ended."""
    number = started(folder, words)
    time.sleep(rng.uniform(0, seconds))
    sent = signal.SIGKILL if kind == "kill" else rng.choice(SIGNALS)
    os.kill(number, sent)
    if kind == "signal" and rng.random() < 0.2:  # a second one, which may end it at once
        time.sleep(rng.uniform(0, 0.05))
        os.kill(number, sent)
    code = ended(number)
    if code in (0, -sent) or kind == "kill":
        return []
    told = (
        json.loads((folder / "status.json").read_text())["status"]
        if (folder / "status.json").exists()
        else "preempted"
    )
    return (
        []
        if (code, told) == (128 + sent, "preempted")
        else [f"{sent.name} ended it with {code}, {told}"]
    )


def differences(folder: Path, straight: Path) -> list[str]:
    """What a run has left that is not as the undisturbed one has left it."""
    wrong = [
        name
        for name in ("metrics.jsonl", "weights.safetensors")
        if (folder / name).read_bytes() != (straight / name).read_bytes()
    ]
    wrong += ["result.json"] if timeless(folder) != timeless(straight) else []
    wrong += [str(path.relative_to(folder)) for path in folder.rglob(".*")]
    return [f"{name} differs" for name in wrong]


def timeless(folder: Path) -> dict:
    """The result without times and memory."""
    result = json.loads((folder / "result.json").read_text())
    for block in (result, *result["stages"].values()):
        for key in TIMES:
            block.pop(key, None)
    return result


if __name__ == "__main__":
    sys.exit(main())
