"""The last rule: everything is built."""

from collections.abc import Iterator

import torch

from snnexp.configuration.build import blueprint, component, stages
from snnexp.configuration.rules.data import encoder_takes_the_samples
from snnexp.configuration.rules.reading import Config, does, is_mapped, stages_with
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.optimizers.untraced import spare_compiler
from snnexp.stages.base import Stage


def everything_builds(config: Config) -> Iterator[str]:
    """Constructors have the last word; the network is built without memory."""
    timeless = stages_with(config, code="times") and not does(config, "encoder", "times")
    if timeless or [*encoder_takes_the_samples(config)]:
        return  # which has been said
    try:
        dataset = component(config["dataset"])
        last = list(stages(config).values())[-1]
        for node in (config, *config["strategy"]["stages"].values()):
            _schedule(node)
        with torch.device("meta"):
            built = blueprint(config, dataset.shape, classes=10)
            _built(config, last, built)
    except (ValueError, RuntimeError) as error:
        yield str(error)
    except (
        TypeError,
        LookupError,
        AttributeError,
    ) as error:  # not in words that a constructor chose
        yield (
            f"the components cannot be built from these values ({type(error).__name__}: {error}); "
            "see them with `snnexp train --cfg job`"
        )


def _built(config: Config, last: Stage, plan: Blueprint) -> Network:
    """The network that is evaluated last; of an analog one the spiking form, whose neurons are then
    known to be sound.
    """
    if stages_with(config, code="times", trains=False) and not is_mapped(config):
        return analog_network(plan)  # the neurons have a rule of their own
    return spiking_network(plan) if last.form == "analog" else last.untrained(plan)


def _schedule(node: Config) -> None:
    if "optimizer" in node and "scheduler" in node:
        spare_compiler()
        parameters = [torch.zeros(1, requires_grad=True)]
        component(node["scheduler"], optimizer=component(node["optimizer"], params=parameters))


RULES = (everything_builds,)
