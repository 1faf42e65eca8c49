"""Networks in a .nir file, and what they do beside it."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from snnexp.export.nir import nir_file
from snnexp.export.settings import Pools, Settings
from snnexp.export.spiking import named, spiking_graph, usual_dt
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from tests.support.networks import Option, blueprint, dyadic, seeded

SHAPE = (1, 8, 8)
STEPS, BATCH = 50, 3


def network(coarse: bool = True, **chosen: Option) -> Network:
    """A network of spikes. The sums of a coarse one are exact, so that potentials are at their
    thresholds now and then; another one has any numbers as weights.
    """
    net = spiking_network(blueprint(SHAPE, **chosen)).eval()
    if coarse:
        return dyadic(net)
    draws = seeded()
    for connection in connections(net).values():
        weight = connection.layer.weight
        deviation = 2 / weight[0].numel() ** 0.5
        weight.data = deviation * torch.randn(weight.shape, generator=draws)
    return net


def inputs(coarse: bool = True, steps: int = STEPS) -> Tensor:
    """Another image at every timestep, `[T, B, C, H, W]`."""
    draws = seeded(3)
    if coarse:
        return torch.randint(0, 9, (steps, BATCH, *SHAPE), generator=draws) / 8
    return torch.rand((steps, BATCH, *SHAPE), generator=draws)


def written(net: Network, path: Path, pools: Pools = "average", dt: float | None = None) -> Path:
    """The file of a network."""
    dt = dt or usual_dt(net)
    path.write_bytes(nir_file(spiking_graph(net, SHAPE, Settings(dt, pools)), {"dt": dt}))
    return path


def ours(net: Network, x: Tensor) -> dict[str, Tensor]:
    """The spikes of every unit, 0 or 1, by its name in a file, and what goes out, as `output`."""
    spikes: dict[str, Tensor] = {}

    def keeper(name: str) -> Any:
        return lambda _, __, y: spikes.update({f"{named(name)}_neurons": (y != 0).float()})

    hooks = [unit.register_forward_hook(keeper(name)) for name, unit in spiking_units(net).items()]
    with torch.no_grad():
        output = net.output(net.body(x))
    for hook in hooks:
        hook.remove()
    return spikes | {"output": output}
