"""A table of the survey with the measured columns beside the published ones."""

import re
from collections.abc import Callable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.report import formats as forms
from snnexp.results.run import RunResult
from snnexp.survey.measured import Measured, measured, status
from snnexp.survey.rows import Row
from snnexp.survey.verdict import CONFIDENCE, FROM, WITHIN

PUBLISHED = (
    "dataset",
    "reference",
    "citation",
    "strategy",
    "coding",
    "neuron",
    "synapse",
    "architecture",
    "parameters",
    "encoding_layer",
    "regularization",
    "additional",
    "timesteps",
    "accuracy",
)
MEASURED = (
    "measured",
    "std",
    "n",
    "measured_timesteps",
    "spikes_per_neuron",
    "gap",
    "status",
    "budget",
    "marks",
    "command",
)
TITLES = {
    "1": "Table I: static images",
    "2": "Table II: event-based images",
    "3": "Table III: strategies compared",
    "text": "Running text",
}
NOTE = (
    f"Accuracy in percent. reproduced, below, above: of n >= {FROM} runs by their deviation "
    f"({CONFIDENCE:.0%}), of fewer by {WITHIN}; "
    "partial: the run was given less than its experiment asks for, as stated; T: timesteps "
    "at which the accuracy was read; "
    "marks: what the accuracy should not be read without, such as layers that never fire, or "
    "that today's code no longer gives it."
)
HEADINGS = {
    "dataset": "data set",
    "citation": "system",
    "strategy": "strategy",
    "architecture": "network",
    "timesteps": "T",
    "accuracy": "published",
    "measured": "measured",
    "std": "std",
    "n": "n",
    "measured_timesteps": "T",
    "spikes_per_neuron": "spikes per neuron",
    "gap": "gap",
    "status": "status",
    "budget": "reduced",
    "marks": "marks",
    "command": "command",
}
"""The columns of a page."""
FIGURES = {
    "timesteps",
    "accuracy",
    "measured",
    "std",
    "n",
    "measured_timesteps",
    "spikes_per_neuron",
    "gap",
}
STYLES = {
    "reproduced": "green",
    "above": "green",
    "below": "red",
    "partial": "yellow",
    "not run": "dim",
}


def lines(rows: list[Row], results: list[RunResult], experiments: dict[str, str]) -> forms.Lines:
    """One mapping per row: id, the published columns, the measured ones; empty strings where there
    is nothing.
    """
    return [
        {"id": row.id}
        | {name: getattr(row, name) for name in PUBLISHED}
        | _measured_columns(row, measured(row, results))
        | {
            "command": f"snnexp train +experiment={experiments[row.id]}"
            if row.id in experiments
            else ""
        }
        for row in rows
    ]


def _measured_columns(row: Row, found: Measured | None) -> dict[str, str]:
    if found is None:
        return dict.fromkeys(MEASURED, "") | {"status": status(row, found)}
    return {
        "measured": f"{found.mean:.2f}",
        "std": "" if found.std is None else f"{found.std:.2f}",
        "n": str(len(found.accuracies)),
        "measured_timesteps": str(found.timesteps),
        "spikes_per_neuron": ""
        if found.spikes_per_neuron is None
        else f"{found.spikes_per_neuron:.2f}",
        "gap": f"{found.mean - float(row.accuracy):+.2f}" if row.accuracy else "",
        "status": status(row, found),
        "budget": found.budget,
        "marks": "; ".join(found.marks),
    }


def as_csv(name: str, table: forms.Lines) -> str:
    """Every column."""
    return forms.as_csv(["id", *PUBLISHED, *MEASURED], table)


def as_markdown(name: str, table: forms.Lines) -> str:
    """The columns in which anything stands."""
    columns = [column for column in (*PUBLISHED, *MEASURED) if any(line[column] for line in table)]
    return forms.as_markdown(TITLES[name], columns, table)


def as_html(name: str, table: forms.Lines) -> str:
    """A page that needs nothing else."""
    cited = [line | {"citation": f"[{line['reference']}] {line['citation']}"} for line in table]
    return forms.as_html(TITLES[name], NOTE, HEADINGS, FIGURES, cited)


def as_rich(name: str, table: forms.Lines) -> str:
    """For a terminal, from 80 columns on: what tells the rows apart, the comparison, and the
    experiment.
    """
    page = Table(title=TITLES[name], title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 1, 0))
    page.add_column("system", overflow="fold")
    for title in ("T", "published", "measured", "gap", "spikes"):
        page.add_column(title, justify="right", no_wrap=True)
    page.add_column("status", min_width=10, overflow="fold")
    for line in table:
        page.add_row(*_cells(line))
    console = Console()
    with console.capture() as capture:
        console.print(page)
        console.print(
            "spikes: per neuron and image.  Run a row with: snnexp train +experiment=NAME",
            style="dim",
        )
    return capture.get()


def _cells(line: dict[str, str]) -> tuple[str | Text, ...]:
    system = Text(
        f"{line['dataset']} {line['architecture']}\n[{line['reference']}] "
        f"{line['strategy'].partition(' (+')[0]}"
    )
    if line["command"]:
        system.append(f"\n{line['command'].rpartition('=')[2]}", "cyan")
    found = Text(line["measured"] + (f" ±{line['std']}" if line["std"] else ""))
    if line["measured"]:
        found.append(f"\nT {line['measured_timesteps']}, n {line['n']}", "dim")
    verdict = Text(line["status"], STYLES.get(line["status"], ""))
    for shortfall in filter(None, re.split(", |; ", line["budget"])):
        verdict.append(f"\n{shortfall}", "dim")
    for mark in filter(None, line["marks"].split("; ")):
        verdict.append(f"\n(!) {mark}", "yellow")
    return (
        system,
        line["timesteps"],
        line["accuracy"],
        found,
        line["gap"],
        line["spikes_per_neuron"],
        verdict,
    )


FORMATS: dict[str, Callable[[str, forms.Lines], str]] = {
    "rich": as_rich,
    "markdown": as_markdown,
    "csv": as_csv,
    "html": as_html,
}
