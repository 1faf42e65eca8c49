"""A table of the survey with the measured columns beside the published ones."""

import re
from collections.abc import Callable, Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from snnexp.report import formats as forms
from snnexp.report.lines import in_units
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
    "energy_joule",
    "energy_model",
    "gap",
    "status",
    "budget",
    "marks",
    "commit",
    "machine",
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
    "partial: the run was given less than its experiment asks for, as stated; not run: nobody has "
    "run the experiment yet; no experiment: none stands for the row; "
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
    "measured_timesteps": "read at T",
    "spikes_per_neuron": "spikes per neuron",
    "energy": "energy",
    "gap": "gap",
    "status": "status",
    "budget": "reduced",
    "marks": "marks",
    "command": "command",
}
"""The columns of a page."""
ALWAYS = ("measured", "n", "status")
"""Those that a table in Markdown has even where nothing stands in them."""
FIGURES = {
    "timesteps",
    "accuracy",
    "measured",
    "std",
    "n",
    "measured_timesteps",
    "spikes_per_neuron",
    "energy",
    "gap",
}
STYLES = {
    "reproduced": "green",
    "above": "green",
    "below": "red",
    "partial": "yellow",
    "not run": "dim",
    "no experiment": "dim",
}
WIDE = 150
"""Columns of a terminal from which every row has a line."""
WIDEST = 190
"""Those from which what was reduced stands in it, too."""
CUT = ("system", "reduced")
ONE_LINE = (
    *("system", "T", "published", "measured", "n", "gap", "spikes", "energy", "status"),
    *("reduced", "experiment"),
)
"""The columns of a row in one line."""
ROOM = ("energy", "reduced")
"""Those of them that only the widest terminals have room for."""
LEGEND = (
    f"reproduced, below, above: of n >= {FROM} runs by their deviation ({CONFIDENCE:.0%}), of "
    f"fewer within {WITHIN} points.",
    "partial: a run that was given less than its experiment asks for. not run: nobody has run the "
    "experiment yet. no experiment: none stands for the row.",
    "±: standard deviation over n seeds. gap: measured less published, in points. spikes: per "
    "neuron and image. (!): not to be read without the mark.",
    "Run a row with: snnexp train +experiment=NAME",
)


def lines(rows: list[Row], results: list[RunResult], experiments: dict[str, str]) -> forms.Lines:
    """One mapping per row: id, the published columns, the measured ones; empty strings where there
    is nothing.
    """
    return [
        {"id": row.id}
        | {name: getattr(row, name) for name in PUBLISHED}
        | _measured_columns(row, measured(row, results), row.id in experiments)
        | {
            "command": f"snnexp train +experiment={experiments[row.id]}"
            if row.id in experiments
            else ""
        }
        for row in rows
    ]


def _measured_columns(row: Row, found: Measured | None, has_experiment: bool) -> dict[str, str]:
    if found is None:
        return dict.fromkeys(MEASURED, "") | {"status": status(row, found, has_experiment)}
    return {
        "measured": f"{found.mean:.2f}",
        "std": "" if found.std is None else f"{found.std:.2f}",
        "n": str(len(found.accuracies)),
        "measured_timesteps": str(found.timesteps),
        "spikes_per_neuron": ""
        if found.spikes_per_neuron is None
        else f"{found.spikes_per_neuron:.2f}",
        "energy_joule": "" if found.energy_joule is None else f"{found.energy_joule:.4g}",
        "energy_model": "; ".join(found.energy_models),
        "gap": f"{found.mean - float(row.accuracy):+.2f}" if row.accuracy else "",
        "status": status(row, found),
        "budget": found.budget,
        "marks": "; ".join(found.marks),
        "commit": "; ".join(found.commits),
        "machine": "; ".join(found.machines),
    }


def as_csv(name: str, table: forms.Lines) -> str:
    """Every column."""
    return forms.as_csv(["id", *PUBLISHED, *MEASURED], table)


def as_markdown(name: str, table: forms.Lines) -> str:
    """The columns of a page in which anything stands, and below them what the words mean."""
    shown = [_of_page(line) for line in table]
    columns = [key for key in HEADINGS if key in ALWAYS or any(line[key] for line in shown)]
    named = [{HEADINGS[key]: line[key] for key in columns} for line in shown]
    text = forms.as_markdown(TITLES[name], [HEADINGS[key] for key in columns], named)
    return "\n".join([text, *dict.fromkeys([NOTE, *_energy_models(table)]), ""])


def as_html(name: str, table: forms.Lines) -> str:
    """A page that needs nothing else."""
    note = " ".join([NOTE, *_energy_models(table)])
    return forms.as_html(TITLES[name], note, HEADINGS, FIGURES, [*map(_of_page, table)])


def _of_page(line: dict[str, str]) -> dict[str, str]:
    """A row as people read it: with the number of the reference, and energy with its unit."""
    cited = f"[{line['reference']}] {line['citation']}"
    return line | {"citation": cited, "energy": _energy(line)}


def _energy(line: dict[str, str]) -> str:
    return in_units(float(line["energy_joule"]), "J") if line["energy_joule"] else ""


def _energy_models(table: forms.Lines) -> Iterator[str]:
    """By which models the energies of a table were worked out, in a sentence."""
    models = dict.fromkeys(line["energy_model"] for line in table if line["energy_model"])
    if models:
        yield f"Energy per image: {'; '.join(models)}."


def as_rich(name: str, table: forms.Lines) -> str:
    """For a terminal, from 80 columns on: what tells the rows apart, the comparison, and the
    experiment; on a wide one every row has one line.
    """
    console = Console()
    with console.capture() as capture:
        if console.width >= WIDE:
            console.print(_one_line_each(name, table, console.width >= WIDEST))
        else:
            console.print(_folded(name, table))
        for words in LEGEND:
            console.print(Text(words, "dim"))
        for words in _energy_models(table):
            console.print(Text(words, "dim"))
    return capture.get()


def _one_line_each(name: str, table: forms.Lines, wide: bool) -> Table:
    """A line for each row; only the first column, and what was reduced, may be cut."""
    page = Table(title=TITLES[name], title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    titles = [title for title in ONE_LINE if wide or title not in ROOM]
    cells = [[_wide_cells(line)[title] for title in titles] for line in table]
    for number, title in enumerate(titles):
        longest = max(len(title), *(len(line[number]) for line in cells))
        least = min(longest, 24) if title in CUT else longest
        page.add_column(
            title,
            justify="right" if title in ONE_LINE[1:8] else "left",
            no_wrap=True,
            min_width=least,
            max_width=max(least, 44) if title in CUT else None,
            style="cyan" if title == "experiment" else None,
        )
    for line in cells:
        page.add_row(*line)
    return page


def _wide_cells(line: dict[str, str]) -> dict[str, str | Text]:
    strategy = line["strategy"].partition(" (+")[0]
    system = f"{line['dataset']} {line['architecture']} [{line['reference']}] {strategy}"
    verdict = Text(line["status"], STYLES.get(line["status"], ""))
    verdict.append(" (!)" if line["marks"] else "", "yellow")
    cells = (
        Text(system),
        line["timesteps"],
        line["accuracy"],
        line["measured"] + (f" ±{line['std']}" if line["std"] else ""),
        line["n"],
        line["gap"],
        line["spikes_per_neuron"],
        _energy(line),
        verdict,
        Text(line["budget"], "dim"),
        line["command"].rpartition("=")[2],
    )
    return dict(zip(ONE_LINE, cells, strict=True))


def _folded(name: str, table: forms.Lines) -> Table:
    page = Table(title=TITLES[name], title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 1, 0))
    page.add_column("system", overflow="fold")
    for title in ("T", "published", "measured", "gap", "spikes"):
        page.add_column(title, justify="right", no_wrap=True)
    page.add_column("status", min_width=13, overflow="fold")
    for line in table:
        page.add_row(*_cells(line))
    return page


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
    spikes = Text(line["spikes_per_neuron"])
    if line["energy_joule"]:
        spikes.append(f"\n{_energy(line)}", "dim")
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
        spikes,
        verdict,
    )


FORMATS: dict[str, Callable[[str, forms.Lines], str]] = {
    "rich": as_rich,
    "markdown": as_markdown,
    "csv": as_csv,
    "html": as_html,
}
