"""`snnexp evaluate RUN_DIR`: the weights of a run, or of a published network, evaluated again."""

import re
import shlex
import sys
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from snnexp.cli.exits import exit_code
from snnexp.cli.own import with_own_components
from snnexp.cli.usable import refuse_unusable
from snnexp.composition.explain import MISTAKES, explained
from snnexp.composition.identity import starts
from snnexp.composition.resolvers import stamp
from snnexp.datasets.base import DataError
from snnexp.distributed import processes
from snnexp.files.atomic import write_json
from snnexp.files.drafts import remove_dead_drafts
from snnexp.files.foreign import Absent, Unreadable
from snnexp.files.visible import visible
from snnexp.measure.exit_rule import ExitRule
from snnexp.measure.exit_rules import exit_rules, exits_of, learned_before
from snnexp.progress.waiting import waiting
from snnexp.published.address import is_address
from snnexp.published.fetched import local
from snnexp.reopen.opened import Reopened
from snnexp.reopen.reopened import reopened
from snnexp.report.summary import summary
from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from snnexp.results.stage import CHOICES, StageResult
from snnexp.runs.result import stage_result, surroundings
from snnexp.runs.stored import EXPECTED
from snnexp.training.shortage import explaining_evaluation

USAGE = (
    "usage: snnexp evaluate RUN_DIR [group=option] [key=value], or the address of a published "
    "network, e.g. snnexp evaluate outputs/train/... timesteps=32"
)


def evaluate(arguments: list[str]) -> int:
    """Evaluates a run again under the changes given, prints the result and keeps it under
    RUN_DIR/evaluations.
    """
    return with_own_components(partial(_with_changes, arguments), arguments)


def _with_changes(typed: list[str], arguments: list[str]) -> int:
    if not arguments or re.match(r"[+~]*[\w.@/]+=", arguments[0]):
        print(USAGE, file=sys.stderr)
        return 2
    if processes() > 1:
        print(
            "snnexp: several processes (torchrun) train one run; evaluate without torchrun",
            file=sys.stderr,
        )
        return 2
    try:
        command = shlex.join(["snnexp", "evaluate", *typed])
        return _evaluate(_folder(arguments[0]), arguments[1:], command)
    except MISTAKES as error:
        print(visible(f"snnexp: {explained(error, arguments[1:])}"), file=sys.stderr)
        return exit_code(error)
    except Exception as error:
        print(visible(f"snnexp: {error}"), file=sys.stderr)
        return exit_code(error)


def _folder(place: str) -> Path:
    with waiting("fetching the network") if is_address(place) else nullcontext():
        return local(place)


def _evaluate(run_dir: Path, changes: list[str], command: str) -> int:
    if run_dir.is_dir():
        refuse_unusable(run_dir, files=(), folders=("evaluations",))
        remove_dead_drafts(run_dir / "evaluations")
    with waiting("opening the run"):
        run = reopened(run_dir, changes)
    before = result_of(run_dir)
    known = {
        "command": command,
        **surroundings(run.config, run.session.device, before.started_from or starts(run.config)),
    }
    name = stamp(run.config["seed"])
    last = _evaluated(run, before.last, run_dir / "evaluations" / f"{name}.npz")
    result = RunResult(last=last, **known, classes=list(run.session.class_names), changes=changes)
    path = run_dir / "evaluations" / f"{name}.json"
    write_json(path, result.to_json())
    summary(last, run_dir)
    print(visible(f"written     {path}"))
    return 0


def _evaluated(run: Reopened, before: StageResult, predictions: Path) -> StageResult:
    """The result of the stage that ends the strategy, as it is now; predictions that are asked for
    go into a file of their own.
    """
    chosen = {group: option for group in CHOICES if (option := getattr(before, group))}
    with waiting("evaluating"), explaining_evaluation(run.config["evaluate"]):
        exits = exits_of(_exit_rules(run, before))
        evaluation = run.session.evaluator(
            run.network, run.session.test, count=True, onlooker=exits
        )
    if evaluation.predictions is not None:
        evaluation.predictions.write(predictions, run.session.class_names)
    shown: dict[str, Any] = {}
    if before.ann_accuracy is not None:
        shown["ann_accuracy"] = before.ann_accuracy
    shown |= run.session.timestep_of(run.network)
    stage = list(run.config["strategy"]["stages"])[-1]
    return stage_result(stage, run.network, evaluation, run.config, chosen | run.choices, shown)


def _exit_rules(run: Reopened, before: StageResult) -> list[ExitRule]:
    """Those of the settings, and those that the run has learned for this T."""
    settings = run.config["evaluate"]
    return exit_rules(settings, lambda _: learned_before(before, settings["timesteps"]))


def result_of(run_dir: Path) -> RunResult:
    """The result of a run. Raises `DataError` where it is missing or none."""
    try:
        return read_result(run_dir / "result.json")
    except Absent as error:
        raise DataError(f"{error}. {EXPECTED}") from None
    except Unreadable as error:
        raise DataError(f"{error}. {EXPECTED}, with the file as it was written") from None
