"""A sample of every class, drawn: images, or the frames of a recording of events."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from snnexp.report.curves import picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_FRAMES = 12
MOST_CLASSES = 12
"""Beyond these some are left out, evenly of frames, the last of classes."""
ON, OFF = np.array([0.84, 0.37, 0.0]), np.array([0.0, 0.45, 0.70])
"""Told apart by colour-blind readers, too. Source: Okabe & Ito 2008."""
WHITE = np.ones(3)
CELL = 0.95
"""Inches of a frame."""


class Example(NamedTuple):
    """A sample as it is stored, an image [C, H, W] or frames of events [T, 2, H, W], and the name
    of its class.
    """

    sample: np.ndarray
    name: str


def drawn(examples: list[Example], timestep: str | None, form: str) -> bytes:
    """A picture of the examples as a file of `form`, one below the other; frames side by side, ON
    in orange and OFF in blue, the more events the stronger.

    Args:
        examples: one of every class.
        timestep: what a frame is, in words.
        form: png, svg or pdf.

    Raises:
        NoMatplotlib: it is not installed.
    """
    examples = examples[:MOST_CLASSES]
    columns = len(_chosen(examples[0].sample))
    size = (max(columns * CELL + 1.2, 3.0), len(examples) * CELL + 0.7)
    return picture(lambda figure: _draw(figure, examples, timestep), size, form)


def _draw(figure: "Figure", examples: list[Example], timestep: str | None) -> None:
    columns = len(_chosen(examples[0].sample))
    rows = figure.subplots(len(examples), columns, squeeze=False)
    for row, example in zip(rows, examples, strict=True):
        most = max(int(example.sample.max()), 1)
        for axes, number in zip(row, _chosen(example.sample), strict=True):
            _show(axes, _colours(example.sample, number, most))
        row[0].set_ylabel(example.name, rotation=0, ha="right", va="center", fontsize="small")
    if examples[0].sample.ndim == 4:
        _name_frames(figure, rows[0], examples[0].sample, timestep)


def _name_frames(
    figure: "Figure", row: np.ndarray, sample: np.ndarray, timestep: str | None
) -> None:
    for axes, number in zip(row, _chosen(sample), strict=True):
        axes.set_title(f"t = {number + 1}", fontsize="small")
    each = f", each {timestep}" if timestep else ""
    figure.supxlabel(f"{len(sample)} frames{each}; ON orange, OFF blue", fontsize="small")


def _chosen(sample: np.ndarray) -> list[int]:
    """The numbers of the frames that are shown; an image is one."""
    if sample.ndim == 3:
        return [0]
    shown = min(len(sample), MOST_FRAMES)
    return [round(each) for each in np.linspace(0, len(sample) - 1, shown)]


def _colours(sample: np.ndarray, number: int, most: int) -> np.ndarray:
    """Of a frame or an image, [H, W, 3] in [0, 1]."""
    if sample.ndim == 3:
        return np.broadcast_to(sample.transpose(1, 2, 0) / 255, (*sample.shape[1:], 3))
    off, on = sample[number][..., None] / most
    return np.clip(WHITE - on * (WHITE - ON) - off * (WHITE - OFF), 0, 1)


def _show(axes: "Axes", colours: np.ndarray) -> None:
    axes.imshow(colours, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_color("#cccccc")
