"""Small networks in the timed form."""

from typing import Any

import torch
from omegaconf import OmegaConf

from snnexp.network.network import Network
from snnexp.timed.network import timed_network
from snnexp.timed.settings import TimedSettings, timed_settings
from tests.support import networks
from tests.support.options import CONF

KERNELS = ["if_exp", "if_linear", "alpha", "lif2"]

PARTS = {
    "encoder": "spike_time",
    "readout": "first_spike",
    "architecture": ("mlp", {"widths": [12], "bias": True}),
}


def timed_form(**changes: Any) -> TimedSettings:
    """The settings that conf/stage/single_spike.yaml has, with changes."""
    given = {
        key: value
        for key, value in OmegaConf.load(CONF / "stage" / "single_spike.yaml").form.items()
        if key != "_target_"
    }
    given |= {key: list(given[key]) for key in ("drive", "deviation", "delays")}
    return timed_settings(**{**given, **changes})


def timed(seed: int = 0, *, changes: dict[str, Any] | None = None, **chosen: Any) -> Network:
    """A network of the options chosen, in evaluation mode."""
    torch.manual_seed(seed)
    blueprint = networks.blueprint(**{**PARTS, "neuron": "if_exp", **chosen})
    return timed_network(blueprint, timed_form(**(changes or {}))).eval()


def scores(network: Network, count: int = 5) -> torch.Tensor:
    """What it says of a few images."""
    return network(networks.images(count), range(1), networks.keys(count)).scores
