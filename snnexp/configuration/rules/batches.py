"""Rules of batches: what norms need to have statistics."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from snnexp.configuration.build import blueprint, component
from snnexp.configuration.rules.reading import UNBUILDABLE, Config, says, trained
from snnexp.distributed import processes
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.parts import connections


def every_process_has_a_part(config: Config) -> Iterator[str]:
    """Processes share every batch, and wait for each other after it."""
    if config["batch_size"] < processes():
        yield (
            f"batch_size: {processes()} processes share a batch of {config['batch_size']}; set "
            f"batch_size={processes()} or more"
        )


def norms_see_several_values(config: Config) -> Iterator[str]:
    """One value has no variance: a norm after a fully-connected layer needs two images in every
    batch.
    """
    if config["batch_size"] > 1 or not trained(config) or not says(config, "norm", "over_batch"):
        return
    try:
        with torch.device("meta"):
            layer = _lone_value(blueprint(config, component(config["dataset"]).shape, classes=10))
    except UNBUILDABLE:
        return
    if layer is not None:
        yield (
            f"batch_size: behind {layer} one image has one value per channel, and a single "
            "value has no variance; "
            "set batch_size=2 (or more), or norm=none"
        )


def _lone_value(made: Blueprint) -> str | None:
    """The first layer behind which an image alone has one value per channel; None if there is none.
    For use on the meta device.
    """
    network = analog_network(made).eval()
    lone: list[str] = []

    def measure(name: str, current: Tensor) -> None:
        if current[0, 0, 0].numel() == 1:
            lone.append(name)

    normed = {
        name: each
        for name, each in connections(network).items()
        if not isinstance(each.norm, nn.Identity)
    }
    for name, connection in normed.items():
        connection.weights.register_forward_hook(
            lambda _, __, current, name=name: measure(name, current)
        )
    network.body(torch.zeros(1, 1, *made.encoder.shape(made.shape)))
    return lone[0] if lone else None


RULES = (every_process_has_a_part, norms_see_several_values)
