"""Writes into the heads of experiments what the recorded runs have measured.

    python scripts/heads.py

The line `Measured` of an experiment that stands for rows says what `snnexp table` reads for them;
of another it says what each of its recorded runs has ended with. A test compares heads and records.
"""

from dataclasses import replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from statistics import fmean
from textwrap import wrap

from snnexp.results.read import read_result
from snnexp.results.run import RunResult
from snnexp.survey.experiments import references
from snnexp.survey.measured import Measured, machine, measured, reduced
from snnexp.survey.recorded import histories, read_results, standing
from snnexp.survey.rows import Row, every_row, no_row

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
EXPERIMENTS = ROOT / "conf" / "experiment"
NOT_RUN = "not run."
WIDTH = 98


def main() -> None:
    """Rewrites the line of every experiment that has one, or has recorded runs."""
    for path in sorted(EXPERIMENTS.glob("*.yaml")):
        path.write_text(with_measured(path.read_text(), words(path.stem)))


def with_measured(text: str, measurement: str | None) -> str:
    """A file with what was measured in its head, behind the command."""
    lines = without_measured(text.splitlines())
    place = end_of_label(lines, "Run")
    added = [] if measurement is None else label(f"Measured: {measurement}")
    return "\n".join([*lines[:place], *added, *lines[place:]]) + "\n"


def without_measured(lines: list[str]) -> list[str]:
    """The lines of a file without those of the label."""
    starts = [index for index, line in enumerate(lines) if line.startswith("# Measured:")]
    return lines if not starts else [*lines[: starts[0]], *lines[end_of_label(lines, "Measured") :]]


def end_of_label(lines: list[str], name: str) -> int:
    """The index of the line behind a label and what belongs to it, which is indented."""
    start = next(index for index, line in enumerate(lines) if line.startswith(f"# {name}:"))
    return start + 1 + len([*takewhile(lambda line: line.startswith("#   "), lines[start + 1 :])])


def label(text: str) -> list[str]:
    """The lines of a label."""
    indents = {"initial_indent": "# ", "subsequent_indent": "#   "}
    return wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False, **indents)


def words(name: str) -> str | None:
    """What was measured; None where an experiment has neither rows nor recorded runs."""
    served = references().get(name, {}).get("rows", [])
    clauses = of_rows(name, served) if served else of_files(name)
    if not clauses:
        return NOT_RUN if served else None
    return f"{'; '.join(clauses)}."


def of_rows(name: str, served: list[str]) -> list[str]:
    """A clause for every configuration that answers for a row, with its accuracy for each."""
    own = [result for result in recorded() if result.last.experiment == name]
    answers: dict[str, tuple[list[str], str, list[RunResult]]] = {}
    for row in (every_row()[identifier] for identifier in served):
        if (found := measured(row, own)) is None:
            continue
        runs = behind(row, own, found)
        key = f"{runs[0].config_hash} {found.budget}"
        answers.setdefault(key, ([], found.budget, runs))[0].append(accuracy(row, found))
    return [clause(", ".join(texts), runs, budget) for texts, budget, runs in answers.values()]


def behind(row: Row, own: list[RunResult], found: Measured) -> list[RunResult]:
    """The runs of the configuration of which the table says `found`."""
    hashes = dict.fromkeys(result.config_hash for result in own)
    groups = [[result for result in own if result.config_hash == each] for each in hashes]
    return next(group for group in groups if measured(row, group) == found)


def accuracy(row: Row, found: Measured) -> str:
    """The mean accuracy, the deviation of several runs, and T where there are spikes."""
    spread = "" if found.std is None else f" ± {found.std:.2f}"
    return f"{found.mean:.2f}{spread} %" + (f" at T = {found.timesteps}" if row.coding else "")


def run_name(path: Path) -> str:
    """What a recorded run is called: by its folder, or where the result lies alone by that."""
    return path.parent.name if path.name == "result.json" else path.stem


def of_files(name: str) -> list[str]:
    """A clause for every recorded run of an experiment without rows, by the name of its file."""
    past = histories(RESULTS)
    folder = RESULTS / name
    paths = sorted([*folder.glob("*.json"), *folder.glob("*/result.json")])
    runs = {path: replace(read_result(path), history=past.get(path.resolve())) for path in paths}
    own = {run_name(path): run for path, run in runs.items() if run.last.experiment == name}
    return [
        clause(
            ending(run) if len(own) == 1 else f"{stem} {ending(run)}",
            [run],
            reduced(no_row(), run.last, run),
        )
        for stem, run in own.items()
    ]


def ending(run: RunResult) -> str:
    """The accuracy at the end of a run, and its T where there are spikes."""
    timesteps = "" if run.last.form == "analog" else f" at T = {run.last.timesteps}"
    return f"{run.last.accuracy:.2f} %{timesteps}"


def clause(figures: str, runs: list[RunResult], budget: str) -> str:
    """Accuracies, seeds, mean hours, machine, and what they should not be read without."""
    seeds = sorted(run.last.seed for run in runs)
    numbers = ", ".join(map(str, seeds))
    hours = fmean(seconds(run) for run in runs) / 3600
    machines = " and ".join(dict.fromkeys(machine(run) for run in runs))
    duration = f"{hours:.2f} h{' behind a trained network' if any(map(starts, runs)) else ''}"
    parts = [figures, f"seed{'s' if len(seeds) > 1 else ''} {numbers}", f"{duration} on {machines}"]
    budgets = [f" ({budget})"] if budget else []
    old = any(run.history or str(run.git_commit).endswith("+changes") for run in runs)
    return ", ".join(parts) + "".join(budgets) + (", by earlier code" if old else "")


def starts(run: RunResult) -> bool:
    """Whether the analog network was trained by another run, whose hours are not among these."""
    return any(stage.form == "analog" and not stage.epochs for stage in run.stages.values())


def seconds(run: RunResult) -> float:
    """What training and evaluation of all stages took."""
    stages = run.stages.values()
    return sum((stage.train_seconds or 0.0) + (stage.evaluate_seconds or 0.0) for stage in stages)


@cache
def recorded() -> list[RunResult]:
    """The recorded runs, with the rows for which their experiments stand today."""
    return standing(read_results([RESULTS]), references())


if __name__ == "__main__":
    main()
