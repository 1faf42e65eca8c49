"""Writes into the pages of docs/strategies what recorded runs of each strategy have come to.

    python scripts/strategy_pages.py

The table stands between two markers at the end of each page.
"""

from pathlib import Path

from snnexp.files.atomic import write_text
from snnexp.report.formats import as_markdown
from snnexp.report.lines import in_units
from snnexp.results.run import RunResult
from snnexp.results.stage import StageResult
from snnexp.survey.recorded import recorded

ROOT = Path(__file__).parents[1]
PAGES = ROOT / "docs" / "strategies"
BEGIN, END = "<!-- recorded: begin -->", "<!-- recorded: end -->"
COLUMNS = ["data set", "network", "accuracy %", "T", "spikes per neuron", "energy", "result"]
NONE = "None yet."


def main() -> None:
    """Rewrites the tables."""
    for path, text in pages().items():
        write_text(path, text)


def pages() -> dict[Path, str]:
    """The pages with today's tables, by their paths."""
    results = recorded(ROOT / "results")
    return {
        path: _filled(path.read_text(), table(path.stem, results))
        for path in sorted(PAGES.glob("*.md"))
        if BEGIN in path.read_text()
    }


def _filled(text: str, table: str) -> str:
    before, _, rest = text.partition(BEGIN)
    return f"{before}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def table(strategy: str, results: dict[str, RunResult]) -> str:
    """A row for each recorded run of a strategy, as Markdown, with the energy models below."""
    own = {name: run.last for name, run in results.items() if run.last.strategy == strategy}
    if not own:
        return NONE
    lines = [_line(name, result) for name, result in own.items()]
    text = as_markdown(strategy, COLUMNS, lines).partition("\n\n")[2].strip()
    operations = (result.operations for result in own.values())
    models = dict.fromkeys(each.energy_model for each in operations if each and each.energy_model)
    return "\n\n".join([text, *(f"Energy per image: {model}." for model in models)])


def _line(name: str, result: StageResult) -> dict[str, str]:
    spikes, operations = result.spikes_per_neuron, result.operations
    joule = operations.energy_joule if operations else None
    cells = (
        result.dataset or "",
        result.architecture or "",
        f"{result.accuracy:.2f}",
        str(result.timesteps),
        "" if spikes is None else f"{spikes:.2f}",
        "" if joule is None else in_units(joule, "J"),
        f"[{name.removesuffix('.json').removesuffix('/result')}](../../results/{name})",
    )
    return dict(zip(COLUMNS, cells, strict=True))


if __name__ == "__main__":
    main()
