"""Small networks in the timed form."""

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


def timed_form(**changes) -> TimedSettings:
    given = {
        key: value
        for key, value in OmegaConf.load(CONF / "stage" / "single_spike.yaml").form.items()
        if key != "_target_"
    }
    given |= {key: list(given[key]) for key in ("drive", "deviation", "delays")}
    return timed_settings(**{**given, **changes})


def timed(seed: int = 0, *, changes: dict | None = None, **chosen) -> Network:
    torch.manual_seed(seed)
    blueprint = networks.blueprint(**{**PARTS, "neuron": "if_exp", **chosen})
    return timed_network(blueprint, timed_form(**(changes or {}))).eval()


def scores(network: Network, count: int = 5) -> torch.Tensor:
    return network(networks.images(count), range(1), networks.keys(count)).scores
