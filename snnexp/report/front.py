"""Accuracy against spikes: where more of one is to be had for less of the other no longer."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from snnexp.report.curves import COLOURS, picture

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MARKERS = "osD^vPX*"


@dataclass(frozen=True)
class Point:
    """What runs that differ in the seed alone have come to: means, and deviations over seeds."""

    label: str
    spikes: float
    accuracy: float
    spikes_deviation: float = 0.0
    accuracy_deviation: float = 0.0


def front(values: list[tuple[float, ...]]) -> list[int]:
    """The places of the values that no other beats: one that is as large everywhere and larger
    somewhere; the best by the first number come first.
    """
    kept = [
        place
        for place, value in enumerate(values)
        if not any(_beats(other, value) for other in values)
    ]
    return sorted(kept, key=lambda place: values[place], reverse=True)


def _beats(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def drawn(points: list[Point], split: str, form: str) -> bytes:
    """A picture of the points and their front as a file of `form`.

    Args:
        split: whose accuracy it is: test or validation.

    Raises:
        NoMatplotlib: it is not installed.
    """
    rows = -(-len(points) // 2)
    size = (7.2, 4.4 + 0.2 * min(rows, 20))
    return picture(lambda figure: _draw(figure, points, split), size, form)


def _draw(figure: "Figure", points: list[Point], split: str) -> None:
    axes = figure.subplots()
    for number, point in enumerate(points):
        axes.errorbar(
            point.spikes,
            point.accuracy,
            xerr=point.spikes_deviation or None,
            yerr=point.accuracy_deviation or None,
            fmt=MARKERS[number // len(COLOURS) % len(MARKERS)],
            color=COLOURS[number % len(COLOURS)],
            elinewidth=1.0,
            capsize=2,
            label=point.label,
        )
    best = [points[place] for place in front([(each.accuracy, -each.spikes) for each in points])]
    axes.plot(
        [each.spikes for each in best],
        [each.accuracy for each in best],
        color="#555555",
        linewidth=1.0,
        drawstyle="steps-pre",
        zorder=1,
        label="front",
    )
    axes.set(xlabel="spikes per image", ylabel=f"{split} accuracy (%)")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    handles, names = axes.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="outside lower center", ncols=2, frameon=False, fontsize="small"
    )
