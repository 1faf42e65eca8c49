"""Small networks and what conversion makes of them, for tests of its parts."""

from typing import Any
from unittest.mock import Mock

import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.configuration.build import component
from snnexp.datasets.batches import Batch, Batches
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.stages.base import Outcome
from snnexp.stages.conversion import Conversion
from snnexp.training.session import Session
from tests.support.composed import node
from tests.support.networks import blueprint, chunks, images, keys, seeded
from tests.support.options import build_option, settings

CNN = ("cnn", {"layers": ["6C3", "AP2", "8C3", "FC16"]})
MLP = ("mlp", {"widths": [20, 15], "bias": True, "initialization": "default"})
BARE = ("mlp", {"widths": [20, 15], "bias": False, "initialization": "default"})
RESIDUAL = {"widths": [4, 6], "blocks": 1}
PAD, PROJECTION = (
    ("resnet20", {**RESIDUAL, "shortcut": shortcut}) for shortcut in ("pad", "projection")
)
COUNT = 4
AMPLITUDES = ("threshold", "unit")


def sample(count: int) -> Batch:
    """The first of the training images."""
    return Batch(
        images(COUNT)[:count].double(),
        torch.zeros(COUNT, dtype=torch.int64)[:count],
        keys(COUNT)[:count],
    )


def plan(architecture: Any = CNN, norm: Any = "none", **neuron: Any) -> Blueprint:
    """A network of integrate-and-fire neurons whose spikes carry their threshold."""
    return blueprint(
        architecture=architecture, norm=norm, neuron=("if", {"amplitude": "threshold", **neuron})
    )


def bounded(made: Blueprint) -> Network:
    """The analog form with activations that have a bound, which some rules read."""
    return analog_network(made, lambda: build_option("activation", "clip", {"clip": 0.6}))


def trained(net: Network) -> Network:
    """`net` as if it had been trained: norms with statistics and scales of their own."""
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if ".norm." in name and tensor.is_floating_point():
            low = 0.5 if name.endswith(("weight", "running_var")) else -0.3
            tensor.data.copy_(
                low
                + torch.rand(tensor.shape, generator=seeded(len(name))) * (1.0 if low > 0 else 0.6)
            )
    return net.eval().requires_grad_(False)


def conversion(
    rule: str = "ann_percentile", calibration: str = "none", **changes: Any
) -> Conversion:
    """The stage; what belongs to the rule or the calibration goes there."""
    parts = {
        "threshold": settings("threshold", rule),
        "calibration": settings("calibration", calibration),
    }
    for part in parts.values():
        part.update(
            {key: changes.pop(key) for key in list(changes) if key in part and key != "timesteps"}
        )
        part.update(
            {"timesteps": changes["timesteps"]}
            if "timesteps" in part and "timesteps" in changes
            else {}
        )
    return component({**node("stage", "conversion"), **parts, "samples": COUNT, **changes})


def converted(
    made: Blueprint,
    analog: Network,
    rule: str = "ann_percentile",
    calibration: str = "none",
    batch_size: int = 3,
    **changes: Any,
) -> Outcome:
    """What the stage makes of `analog`; no image is seen but those of `sample`."""
    session = Mock(
        spec=Session,
        blueprint=made,
        device=torch.device("cpu"),
        train=Mock(spec=Batches, batch_size=batch_size, sample=sample),
        selection="last",
    )
    return conversion(rule, calibration, **changes)("convert", analog, session)


def thresholds(result: Outcome) -> dict[str, float]:
    """What the report says of every layer's threshold."""
    return {name: layer["threshold"] for name, layer in result.shown["conversion"].items()}


def run(net: Network, steps: int) -> Tensor:
    """Scores at every timestep, streamed."""
    with streaming(net):
        return torch.cat(
            [net(images(COUNT).double(), part, keys(COUNT)).scores for part in chunks(steps, 64)]
        )


def outputs(net: Network, kind: type[nn.Module], steps: int) -> dict[str, Tensor]:
    """What the units of a kind sent, summed over time."""
    sums: dict[str, Tensor] = {}
    hooks = []
    for name, module in net.named_modules():
        if isinstance(module, kind):
            hooks.append(
                module.register_forward_hook(
                    lambda _, __, y, name=name: sums.update({name: sums.get(name, 0) + y.sum(0)})
                )
            )
    run(net, steps)
    for hook in hooks:
        hook.remove()
    return sums


def trains(net: Network, steps: int) -> dict[str, Tensor]:
    """The spike trains of every unit."""
    found: dict[str, Tensor] = {}
    hooks = [
        unit.register_forward_hook(lambda _, __, y, name=name: found.update({name: y}))
        for name, unit in spiking_units(net).items()
    ]
    with torch.no_grad():
        net(images(COUNT).double(), range(steps), keys(COUNT))
    for hook in hooks:
        hook.remove()
    return found


def correlation(a: Tensor, b: Tensor) -> float:
    """Pearson's, of all values."""
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])
