"""Accuracy against energy of trained networks, each evaluated for several numbers of timesteps.

snnexp train epochs=3 hydra.run.dir=outputs/lif
snnexp train epochs=3 encoder=poisson hydra.run.dir=outputs/poisson
python docs/examples/accuracy_against_energy.py energy.png outputs/lif outputs/poisson
"""

import sys
from pathlib import Path

import snnexp
from snnexp.report.curves import NoMatplotlib, picture

TIMESTEPS = (1, 2, 4, 8)


def main(file: str, *folders: str) -> None:
    """Prints a line for every network and number of timesteps, and draws a curve per network."""
    print(f"{'run':20} {'T':>3} {'accuracy %':>11} {'spikes/neuron':>14} {'energy nJ':>10}")
    curves = {folder: [point(folder, steps) for steps in TIMESTEPS] for folder in folders}
    try:
        Path(file).write_bytes(picture(lambda figure: draw(figure, curves), (6, 4), "png"))
        print(f"picture  {file}")
    except NoMatplotlib as error:
        print(error)


def point(folder: str, steps: int) -> tuple[float, float]:
    """Energy per image in nJ, accuracy in percent."""
    evaluation = snnexp.evaluate(folder, f"timesteps={steps}")
    tally = evaluation.tally
    energy = 1e9 * tally.operations()["energy_joule"]
    figures = f"{evaluation.accuracy:11.2f} {tally.spikes_per_neuron():14.2f} {energy:10.1f}"
    print(f"{folder[-20:]:20} {steps:3} {figures}")
    return energy, evaluation.accuracy


def draw(figure, curves: dict[str, list[tuple[float, float]]]) -> None:
    """A curve for each network, from few timesteps to many."""
    axes = figure.subplots()
    for folder, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=folder)
    axes.set(xlabel="energy per image, nJ", ylabel="accuracy, %", xscale="log")
    axes.legend()


if __name__ == "__main__":
    main(*(sys.argv[1:] if len(sys.argv) > 2 else ("energy.png", "outputs/lif")))
