"""A table of the survey with the measured columns beside the published ones, in the forms people use."""

import csv
import io
from collections.abc import Callable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.survey.measured import Measured, measured, status
from snnexp.survey.rows import Row

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
MEASURED = ("measured", "std", "n", "measured_timesteps", "spikes_per_neuron", "gap", "status", "budget", "command")
TITLES = {"1": "Table I: static images", "2": "Table II: event-based images", "3": "Table III: strategies compared", "text": "Running text"}


def lines(rows: list[Row], results: list[dict], experiments: dict[str, str]) -> list[dict[str, str]]:
    """One mapping per row: id, the published columns, the measured ones; empty strings where there is nothing."""
    return [
        {"id": row.id}
        | {name: getattr(row, name) for name in PUBLISHED}
        | _measured_columns(row, measured(row, results))
        | {"command": f"snnexp train +experiment={experiments[row.id]}" if row.id in experiments else ""}
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
        "spikes_per_neuron": "" if found.spikes_per_neuron is None else f"{found.spikes_per_neuron:.2f}",
        "gap": f"{found.mean - float(row.accuracy):+.2f}" if row.accuracy else "",
        "status": status(row, found),
        "budget": found.budget,
    }


def as_csv(name: str, table: list[dict[str, str]]) -> str:
    """Every column, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["id", *PUBLISHED, *MEASURED], lineterminator="\n")
    writer.writeheader()
    writer.writerows(table)
    return text.getvalue()


def as_markdown(name: str, table: list[dict[str, str]]) -> str:
    """The columns that differ between rows."""
    columns = _telling(table)
    head = [f"**{TITLES[name]}**", "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return "\n".join([*head, *(f"| {' | '.join(line[column] for column in columns)} |" for line in table)]) + "\n"


def as_rich(name: str, table: list[dict[str, str]]) -> str:
    """For a terminal: what tells the rows apart, and the comparison."""
    page = Table("data set", "system", "network", title=TITLES[name], title_justify="left")
    for title in ("T", "published", "measured", "T", "gap", "status"):
        page.add_column(title, no_wrap=True)
    for line in table:
        system = f"[{line['reference']}] {line['strategy'].partition(' (+')[0]}"
        spread = f" ±{line['std']}" if line["std"] else ""
        figures = (line["accuracy"], f"{line['measured']}{spread}", line["measured_timesteps"], line["gap"], line["status"])
        page.add_row(line["dataset"], Text(system), line["architecture"], line["timesteps"], *figures)
    console = Console()
    with console.capture() as capture:
        console.print(page)
    return capture.get()


def _telling(table: list[dict[str, str]]) -> list[str]:
    return [column for column in (*PUBLISHED, *MEASURED) if any(line[column] for line in table)]


FORMATS: dict[str, Callable[[str, list[dict[str, str]]], str]] = {"rich": as_rich, "markdown": as_markdown, "csv": as_csv}
