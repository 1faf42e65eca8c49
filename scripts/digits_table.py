"""Runs every encoder with every neuron on the embedded digits and writes the table of the README
from the results.

    python scripts/digits_table.py [--runs DIR]
        train what is missing in DIR (default outputs/digits_table), then rewrite the table

The table stands between two markers in README.md. Every figure comes from a result.json that the
command line wrote.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from snnexp.results.read import read_result

ROOT = Path(__file__).parents[1]
ENCODERS = {
    "direct": "quickstart",
    "poisson": "digits_poisson",
    "latency": "digits_latency",
    "dct": "digits_dct",
}
NEURONS = ("if", "lif", "plif")
CONVERTED = ("direct", "poisson")
BEGIN, END = "<!-- digits table: begin -->", "<!-- digits table: end -->"


def main() -> None:
    """Trains what is missing and rewrites the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=Path, default=ROOT / "outputs" / "digits_table")
    runs = parser.parse_args().runs
    for encoder, experiment in ENCODERS.items():
        for neuron in NEURONS:
            train(
                runs / f"bptt_{encoder}_{neuron}", [f"+experiment={experiment}", f"neuron={neuron}"]
            )
    for encoder in CONVERTED:
        train(
            runs / f"conversion_{encoder}_if",
            ["+experiment=digits_conversion", f"encoder={encoder}"],
        )
    write(table(sorted(runs.glob("*/result.json"))))


def train(run_dir: Path, overrides: list[str]) -> None:
    """One run through the command line, unless its result is there."""
    if not (run_dir / "result.json").exists():
        command = [
            sys.executable,
            "-m",
            "snnexp",
            "train",
            *overrides,
            "tracker=none",
            f"hydra.run.dir={run_dir}",
        ]
        subprocess.run(command, check=True)


def table(paths: list[Path]) -> str:
    """Results as a Markdown table: accuracy, timesteps, spikes per neuron."""
    lines = [
        "| strategy | encoder | neuron | accuracy % | T | spikes per neuron |",
        "|---|---|---|---|---|---|",
    ]
    for path in paths:
        last = read_result(path).last
        cells = (
            last.strategy,
            last.encoder,
            last.neuron,
            f"{last.accuracy:.2f}",
            str(last.timesteps),
        )
        cells += (f"{last.spikes_per_neuron:.2f}",)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def write(text: str) -> None:
    """Puts the table between its markers."""
    readme = ROOT / "README.md"
    before, _, rest = readme.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    readme.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
