"""Accuracy against timesteps, drawn."""

import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from snnexp.report.comparison import Run
from snnexp.report.labels import seeds_together
from snnexp.survey.rows import TABLES, rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Told apart by colour-blind readers, too. Source: Okabe & Ito 2008, without the yellow that is
lost on white.
"""
DASHES = ("-", (0, (5, 1, 1, 1)), (0, (1, 1)))
"""For runs beyond the number of colours."""
LONG = 32
"""Number of timesteps from which the axis is logarithmic."""


class NoMatplotlib(Exception):
    """Drawing needs matplotlib, which is not installed."""


def drawn(runs: list[Run], form: str) -> bytes:
    """A picture of the accuracy of every run at t = 1..T as a file of `form`; that of its ANN
    dashed, what was published as points.

    Raises:
        NoMatplotlib: it is not installed.
    """
    return picture(lambda figure: draw(figure, runs), (7.2, 4.6), form)


def picture(draw: Callable[["Figure"], None], size: tuple[float, float], form: str) -> bytes:
    """What `draw` puts on a figure of `size` in inches, as a file of `form`.

    Raises:
        NoMatplotlib: it is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError as error:
        raise NoMatplotlib(
            f"pictures need matplotlib, which cannot be imported ({error}); install it with: "
            "pip install 'snnexp[plot]'"
        ) from None
    with matplotlib.rc_context(
        {"svg.fonttype": "none", "pdf.fonttype": 42, "svg.hashsalt": "snnexp"}
    ):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format=form, dpi=150)
    return file.getvalue()


def draw(figure: "Figure", runs: list[Run]) -> None:
    """Draws the accuracies of the runs over T into an empty figure; those that differ in the seed
    alone as one line of means, within a band from the lowest to the highest.
    """
    axes = figure.subplots()
    for number, (label, group) in enumerate(seeds_together(runs).items()):
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        _group(axes, group, label, COLOURS[number % len(COLOURS)], dash)
    longest = (len(run.result.last.accuracy_by_timestep) for run in runs)
    _scale(axes, max(*longest, 1, *(t for run in runs for t, _ in published(run) if t)))
    axes.set(xlabel=f"timesteps T{_unit(runs)}", ylabel="test accuracy (%)")
    axes.grid(True, color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    _legend(figure, axes, runs)


def _unit(runs: list[Run]) -> str:
    """What a timestep is, where it is the same of all runs and more than one of the network."""
    units = {run.result.last.timestep_is for run in runs}
    (unit,) = units if len(units) == 1 else (None,)
    return f" ({unit} each)" if unit else ""


def _group(axes: "Axes", runs: list[Run], label: str, colour: str, dash: object) -> None:
    curves = [_accuracies(run) for run in runs]
    means = [sum(values) / len(values) for values in zip(*curves, strict=True)]
    last = runs[0].result.last
    label = label if len(runs) == 1 else f"{label} ({len(runs)} seeds)"
    if last.form == "analog":
        axes.axhline(means[-1], color=colour, linestyle="--", linewidth=1.2, label=f"{label} (ANN)")
    else:
        marker = "o" if len(means) <= 16 else None
        look = {"linestyle": dash, "linewidth": 1.8, "marker": marker, "markersize": 3.5}
        steps = range(1, len(means) + 1)
        axes.plot(steps, means, color=colour, label=label, **look)
        _band(axes, curves, colour)
        _line_of_ann(axes, runs, colour)
    for timesteps, accuracy in published(runs[0]):
        _published(axes, timesteps, accuracy, colour)


def _accuracies(run: Run) -> list[float]:
    every = run.result.last.accuracy_by_timestep
    return [math.nan if accuracy is None else accuracy for accuracy in every]


def _band(axes: "Axes", curves: list[list[float]], colour: str) -> None:
    if len(curves) > 1:
        lowest, highest = ([*map(end, zip(*curves, strict=True))] for end in (min, max))
        steps = range(1, len(lowest) + 1)
        axes.fill_between(steps, lowest, highest, color=colour, alpha=0.15, linewidth=0)


def _line_of_ann(axes: "Axes", runs: list[Run], colour: str) -> None:
    every = [run.result.last.ann_accuracy for run in runs]
    known = [accuracy for accuracy in every if accuracy is not None]
    if known:
        axes.axhline(sum(known) / len(known), color=colour, linestyle="--", linewidth=1.0)


def _published(axes: "Axes", timesteps: int | None, accuracy: float, colour: str) -> None:
    if timesteps is None:
        axes.axhline(accuracy, color=colour, linestyle=":", linewidth=1.2)
        return
    look = {"markeredgecolor": "white", "markersize": 7.5, "zorder": 5, "clip_on": False}
    axes.plot(timesteps, accuracy, "D", color=colour, **look)


def published(run: Run) -> list[tuple[int | None, float]]:
    """T, if it is stated, and accuracy of every published row that the run stands for."""
    reference = run.result.last.reference
    if reference is None:
        return []
    known = {row.id: row for table in TABLES for row in rows(table)}
    found = [known[name] for name in reference.rows if name in known and known[name].accuracy]
    points = [
        (int(row.timesteps) if row.timesteps.isdigit() else None, float(row.accuracy))
        for row in found
    ]
    own = [(reference.timesteps, reference.accuracy)] if reference.accuracy is not None else []
    return list(dict.fromkeys(points or own))


def _scale(axes: "Axes", longest: int) -> None:
    if longest > LONG:
        ticks = [2**power for power in range(longest.bit_length()) if 2**power <= longest]
        axes.set_xscale("log", base=2)
        axes.set_xlim(1, longest * 1.05)
        axes.set_xticks(ticks, labels=list(map(str, ticks)))
    else:
        step = 1 if longest <= 16 else 4
        axes.set_xticks([1, *range(step, longest + 1, step)] if step > 1 else range(1, longest + 1))


def _legend(figure: "Figure", axes: "Axes", runs: list[Run]) -> None:
    from matplotlib.lines import Line2D

    handles, names = axes.get_legend_handles_labels()
    points = [point for run in runs for point in published(run)]
    kinds = {
        "accuracy of the run's ANN": (dict(linestyle="--"), any(_has_ann(run) for run in runs)),
        "published": (
            dict(linestyle="none", marker="D", markersize=6.5),
            any(t is not None for t, _ in points),
        ),
        "published, T not stated": (dict(linestyle=":"), any(t is None for t, _ in points)),
    }
    shown = {
        name: Line2D([], [], color="#555555", linewidth=1.2, **style)
        for name, (style, there) in kinds.items()
        if there
    }
    handles, names = [*handles, *shown.values()], [*names, *shown]
    columns = 1 if max(map(len, names)) > 44 else 2
    figure.legend(
        handles, names, loc="outside lower center", ncols=columns, frameon=False, fontsize="small"
    )


def _has_ann(run: Run) -> bool:
    return run.result.last.form != "analog" and run.result.last.ann_accuracy is not None
