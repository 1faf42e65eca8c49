"""What a figure of a published network should not be read without."""

from collections.abc import Iterator
from statistics import fmean, stdev

from snnexp.published.source import Source
from snnexp.results.run import RunResult
from snnexp.survey.measured import reduced
from snnexp.survey.rows import no_row

CHOSEN = {
    "best_test": "The weights are those of the epoch that was best on the test set: its accuracy "
    "is higher than it would be on other images.",
    "best_validation": "The weights are those of the epoch that was best on a validation split.",
}
"""By `selection`, what has been chosen with which images."""


def limits(source: Source) -> list[str]:
    """Sentences, the gravest first."""
    return [*_flags(source.result), *_budget(source.result), *_seeds(source), *_code(source.result)]


def _flags(result: RunResult) -> Iterator[str]:
    for flag in result.last.flags or ():
        yield f"Flagged: {flag}."


def _budget(result: RunResult) -> Iterator[str]:
    if short := reduced(no_row(), result.last, result):
        yield f"It was given less than its experiment asks for: {short}."
    if result.last.selection in CHOSEN:
        yield CHOSEN[result.last.selection]


def _seeds(source: Source) -> Iterator[str]:
    accuracies = [run.last.accuracy for run in source.runs]
    seeds = ", ".join(sorted((str(run.last.seed) for run in source.runs), key=_by_length))
    if len(accuracies) == 1:
        yield f"One run (n = 1, seed {seeds}): nothing is known of the spread over seeds."
    else:
        spread = f"{fmean(accuracies):.2f} ± {stdev(accuracies):.2f} %"
        yield f"One of n = {len(accuracies)} runs (seeds {seeds}), which come to {spread}."


def _by_length(seed: str) -> tuple[int, str]:
    return len(seed), seed


def _code(result: RunResult) -> Iterator[str]:
    if result.history:
        yield f"History: {result.history}."
    elif result.git_commit is None:
        yield "The commit of the code that trained it is not known."
    elif result.git_commit.endswith("+changes"):
        yield "Made by code that no commit has."
    yield (
        "Spikes, operations and energies are counts of a simulation times prices of operations; "
        "nothing was measured on hardware."
    )
