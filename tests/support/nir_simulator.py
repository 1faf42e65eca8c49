"""A simulator of NIR graphs that does what the equations of NIR say, by Euler's method: slow,
plain, and without a line of the package's own.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

Step = Callable[[Tensor], Tensor]


def simulate(graph: Any, inputs: Tensor) -> dict[str, Tensor]:
    """What every node of a graph gives at every timestep, `[T, B, ...]`, by name.

    Args:
        graph: as `nir.read` gives it, with `dt` in its metadata.
        inputs: `[T, B, ...]`.
    """
    return Simulation(graph).run(inputs)


class Simulation:
    """Nodes with their states, and what each has given at the timestep before."""

    def __init__(self, graph: Any):
        dt = float(graph.metadata["dt"])
        self.graph = graph
        self.steps = {name: step_of(node, dt) for name, node in graph.nodes.items()}
        self.before: dict[str, Tensor] = {}

    def run(self, inputs: Tensor) -> dict[str, Tensor]:
        given: dict[str, list[Tensor]] = {name: [] for name in self.steps}
        for x in inputs:
            now = {"input": x}
            self._value("output", now, set())
            self.before = now
            for name, y in now.items():
                given[name].append(y)
        return {name: torch.stack(values) for name, values in given.items()}

    def _value(self, name: str, now: dict[str, Tensor], waiting: set[str]) -> Tensor:
        """Of a node that waits for this one, what it gave a timestep ago: 0 at first."""
        if name in waiting:
            return self.before.get(name, self._nothing(name, len(now["input"])))
        if name not in now:
            sources = [source for source, target in self.graph.edges if target == name]
            values = [self._value(source, now, waiting | {name}) for source in sources]
            now[name] = self.steps[name](total(values))
        return now[name]

    def _nothing(self, name: str, batch: int) -> Tensor:
        return torch.zeros(batch, *map(int, self.graph.nodes[name].output_type["output"]))


def total(values: Iterable[Any]) -> Any:
    first, *others = values
    for other in others:
        first = first + other
    return first


def step_of(node: Any, dt: float) -> Step:
    """What a node does with its input at a timestep."""
    fields = {
        key: torch.tensor(value)
        for key, value in vars(node).items()
        if key not in ("input_type", "output_type", "metadata", "input_shape")
    }
    kind = type(node).__name__
    neurons = {"IF": integrate, "LIF": leak, "CubaLIF": filtered, "LI": smooth}
    if kind in neurons:
        return Neurons(partial(neurons[kind], dt=dt), fields, node.metadata)
    return partial(LAYERS[kind], fields)


class Neurons:
    """Cells with potential v and current i, which reset as their metadata says."""

    def __init__(self, charge: Callable, fields: dict[str, Tensor], metadata: dict[str, Any]):
        self.charge, self.fields, self.metadata = charge, fields, metadata
        self.v = torch.tensor(metadata.get("initial_potential", 0.0))
        self.i = torch.zeros(())

    def __call__(self, x: Tensor) -> Tensor:
        self.v, self.i = self.charge(self.fields, self.v, self.i, x)
        if "v_threshold" not in self.fields:
            return self.v
        s = (self.v > self.fields["v_threshold"]).float()
        kept = {
            "zero": (1 - s) * self.v + s * self.fields["v_reset"],
            "subtract": self.v - s * self.fields["v_threshold"],
        }
        self.v = kept[self.metadata["reset"]]
        return s


def integrate(f: dict, v: Tensor, i: Tensor, x: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    return v + dt * f["r"] * x, i


def leak(f: dict, v: Tensor, i: Tensor, x: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    return v + dt / f["tau"] * (f["v_leak"] - v + f["r"] * x), i


smooth = leak


def filtered(f: dict, v: Tensor, i: Tensor, x: Tensor, dt: float) -> tuple[Tensor, Tensor]:
    i = i + dt / f["tau_syn"] * (f["w_in"] * x - i)
    return v + dt / f["tau_mem"] * (f["v_leak"] - v + f["r"] * i), i


def _convolved(f: dict, x: Tensor) -> Tensor:
    return functional.conv2d(
        x,
        f["weight"],
        f["bias"],
        stride=f["stride"].tolist(),
        padding=f["padding"].tolist(),
        dilation=f["dilation"].tolist(),
        groups=int(f["groups"]),
    )


def _pooled(f: dict, x: Tensor, divisor: int | None = None) -> Tensor:
    kernel, stride = f["kernel_size"].tolist(), f["stride"].tolist()
    return functional.avg_pool2d(x, kernel, stride, divisor_override=divisor)


LAYERS: dict[str, Callable[[dict, Tensor], Tensor]] = {
    "Input": lambda f, x: x,
    "Output": lambda f, x: x,
    "Affine": lambda f, x: functional.linear(x, f["weight"], f["bias"]),
    "Conv2d": _convolved,
    "AvgPool2d": _pooled,
    "SumPool2d": partial(_pooled, divisor=1),
    "Scale": lambda f, x: f["scale"] * x,
    "Flatten": lambda f, x: x.flatten(1 + int(f["start_dim"])),
}
