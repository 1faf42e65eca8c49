"""The spikes of a trained network, layer by layer, for one image of the test set.

snnexp train epochs=3 hydra.run.dir=outputs/lif
python docs/examples/spikes.py outputs/lif spikes.png
"""

import sys
from pathlib import Path

from torch import Tensor

import snnexp
from snnexp.report.curves import NoMatplotlib, picture

SHOWN = 200
"""Neurons of a layer that are drawn: the first of those that fire for this image."""


def main(folder: str, file: str) -> None:
    """Prints how often each layer fires at every timestep, and draws who fires when."""
    run = snnexp.load(folder)
    trains = {name: train[:, 0].flatten(1) for name, train in snnexp.spikes(run).items()}
    for name, train in trains.items():
        by_timestep = " ".join(f"{count:5.0f}" for count in (train != 0).sum(1).tolist())
        print(f"{name:20} {train.shape[1]:6} neurons, spikes at t = 1, 2, ...: {by_timestep}")
    try:
        height = 1 + 1.2 * len(trains)
        Path(file).write_bytes(picture(lambda figure: raster(figure, trains), (7, height), "png"))
        print(f"picture  {file}")
    except NoMatplotlib as error:
        print(error)


def raster(figure, trains: dict[str, Tensor]) -> None:
    """A panel for each layer: a row for every neuron, black where it fires."""
    panels = figure.subplots(len(trains), sharex=True, squeeze=False)[:, 0]
    for axes, (name, train) in zip(panels, trains.items(), strict=True):
        fires = train.any(0)
        shown = (train[:, fires][:, :SHOWN] != 0).T
        extent = (0.5, len(train) + 0.5, 0, len(shown))
        axes.imshow(shown.tolist(), "Greys", aspect="auto", interpolation="nearest", extent=extent)
        axes.set_title(f"{name}: {int(fires.sum())} of {len(fires)} fire", loc="left")
        axes.set_yticks([])
    panels[-1].set_xlabel("timestep")


if __name__ == "__main__":
    main(*(sys.argv[1:] if len(sys.argv) == 3 else ("outputs/lif", "spikes.png")))
