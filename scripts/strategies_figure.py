"""Draws accuracy against T of every strategy on one network, from recorded runs on digits.

    python scripts/strategies_figure.py

The pictures are docs/pictures/strategies.svg and strategies_dark.svg, for light and dark pages.
"""

from collections.abc import Iterator
from pathlib import Path

from snnexp.files.atomic import write_text
from snnexp.report.charts.lines import Lines, Look, Place, Series
from snnexp.report.svg.colours import COUNT, DARK, LIGHT
from snnexp.report.svg.draw import as_file
from snnexp.results.read import read_result
from snnexp.results.stage import StageResult

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PICTURES = {
    ROOT / "docs" / "pictures" / "strategies.svg": LIGHT,
    ROOT / "docs" / "pictures" / "strategies_dark.svg": DARK,
}
RUNS = (
    "digits_ann/s1.json",
    "digits_table/bptt_direct_lif/result.json",
    "digits_strategies/analog_front.json",
    "digits_distilled/s1.json",
    "digits_temporal_pruning/s1.json",
    "digits_strategies/surrogate_scale.json",
    "digits_rate_based/s1.json",
    "digits_table/conversion_direct_if/result.json",
    "digits_qcfs/s1/result.json",
    "digits_hybrid/s1.json",
    "digits_qcfs_bptt/s1/result.json",
    "digits_tandem/s1.json",
    "digits_spatial/s1.json",
    "digits_low_pass/s1.json",
    "digits_spikegrad/s1.json",
    "digits_strategies/single_spike.json",
    "digits_strategies/single_spike_quantized.json",
    "digits_strategies/mapping.json",
)
"""Recorded runs of one network, `architecture=cnn`, on one data set."""
FROM = 88.0
"""Percent from which on curves are drawn: below, none is of use."""


def main() -> None:
    """Draws both."""
    for path, text in pictures().items():
        write_text(path, text)


def pictures() -> dict[Path, str]:
    """The pictures as text, by their files."""
    return {path: as_file([chart()], colours) for path, colours in PICTURES.items()}


def chart() -> Lines:
    """A curve of each run."""
    results = [read_result(RESULTS / name).last for name in RUNS]
    series = [_series(result, number - 1) for number, result in enumerate(results)]
    return Lines(
        title="Accuracy against T, by strategy",
        about="Test accuracy on the embedded digits after t timesteps, of one convolutional "
        f"network trained in every way there is; from {FROM:g} % on.",
        x="timesteps t",
        y="test accuracy (%)",
        series=tuple(series),
        logarithmic=True,
        whole=True,
    )


def _series(result: StageResult, number: int) -> Series:
    if result.form == "analog":
        return Series(_label(result), (Place(1, result.accuracy),), None, "dashed", level=True)
    places = tuple(_places(result))
    return Series(_label(result), places, number, _look(places, number))


def _look(places: tuple[Place, ...], number: int) -> Look:
    """A third round through the colours is dashed; the second one is so by itself."""
    if len(places) == 1:
        return "points"
    return "dashed" if number >= 2 * COUNT else "line"


def _label(result: StageResult) -> str:
    quantised = f", {result.activation}" if result.activation == "qcfs" else ""
    return f"{result.strategy}{quantised}"


def _places(result: StageResult) -> Iterator[Place]:
    for step, accuracy in enumerate(result.accuracy_by_timestep, 1):
        if accuracy is not None and accuracy >= FROM:
            yield Place(step, accuracy)


if __name__ == "__main__":
    main()
