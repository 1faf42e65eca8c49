"""A neuron of one's own, tried beside one of the package: its spikes, its potential, its gradient.

python docs/examples/own_neuron.py neuron.png

To train networks of it, `snnexp new neuron NAME` makes a folder that the command line takes.
"""

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

import snnexp
from snnexp.cell import at_rest
from snnexp.limits import Fraction, Positive
from snnexp.neurons.base import Neuron
from snnexp.report.curves import NoMatplotlib, picture

STEPS = 40


class Refractory(Neuron):
    """Leaky integrate-and-fire neuron that hears nothing while it rests.

        u = leak v + x 1[r = 0]                                  charge
        s = 1[u >= threshold]                                    fire
        v = u (1 - s),  r = rest s + max(0, r - 1) (1 - s)       reset

    Args:
        threshold: > 0.
        leak: share of the potential kept per timestep, in [0, 1].
        rest: timesteps without input after a spike, >= 0.
        surrogate: the step function and its slope.
    """

    def __init__(self, threshold: Positive, leak: Fraction, rest: int, surrogate: nn.Module):
        super().__init__()
        self.threshold, self.leak, self.rest, self.surrogate = threshold, leak, rest, surrogate

    def initial(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return at_rest(x), at_rest(x)

    def step(self, x: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        v, resting = state
        u = self.leak * v + x * (resting == 0)
        s = self.surrogate(u - self.threshold)
        return s, (u * (1 - s), self.rest * s + (resting - 1).clamp(min=0) * (1 - s))


def main(file: str) -> None:
    """Prints spike trains, draws potentials, and takes a gradient through time."""
    surrogate = snnexp.component("surrogate", "arctan")
    own = Refractory(threshold=1.0, leak=0.9, rest=4, surrogate=surrogate)
    neurons = {"lif": snnexp.component("neuron", "lif", leak=0.9), "refractory": own}
    current = torch.full((STEPS, 1, 1), 0.3)
    for name, neuron in neurons.items():
        train = snnexp.Over(neuron)(current).flatten()
        print(f"{name:12} {''.join('|' if spike else '.' for spike in train.tolist())}")
    current.requires_grad_()
    snnexp.Over(own)(current).sum().backward()
    print(f"d spikes / d current at t = 1: {current.grad[0].item():.3f}")
    try:
        traces = {name: potentials(neuron, current.detach()) for name, neuron in neurons.items()}
        Path(file).write_bytes(picture(lambda figure: draw(figure, traces), (7, 3), "png"))
        print(f"picture  {file}")
    except NoMatplotlib as error:
        print(error)


def potentials(neuron: Neuron, current: Tensor) -> list[float]:
    """The potential after every timestep: the state, or the first of it."""
    state, seen = neuron.initial(current[0]), []
    for x in current:
        _, state = neuron.step(x, state)
        seen.append((state[0] if isinstance(state, tuple) else state).item())
    return seen


def draw(figure, traces: dict[str, list[float]]) -> None:
    """Potentials over time."""
    axes = figure.subplots()
    for name, trace in traces.items():
        axes.plot(range(1, len(trace) + 1), trace, drawstyle="steps-mid", label=name)
    axes.set(xlabel="timestep", ylabel="potential after the reset")
    axes.legend()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "neuron.png")
