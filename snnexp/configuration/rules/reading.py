"""How rules read a configuration: its values, and what its components say of themselves.

Classes are looked up and never built. A rule that compared their names would know no class but
those of this package, so that there is no such rule.
"""

from collections.abc import Mapping
from typing import Any

from torch import nn

from snnexp.configuration.build import component
from snnexp.configuration.slots import ability, class_of
from snnexp.datasets.dataset import Dataset

Config = Mapping[str, Any]
Node = Mapping[str, Any]
UNBUILDABLE = (ValueError, RuntimeError, TypeError, LookupError, AttributeError)
"""What components raise that cannot be built, which is for `everything_builds` to say."""


def kind(node: Node) -> str:
    """The name of the class or function that a component names, for messages."""
    return node["_target_"].rpartition(".")[2]


def says(config: Config, group: str, name: str) -> Any:
    """What the component of a group says of itself; the base class of its kind lists abilities."""
    return ability(config[group]["_target_"], group, name)


def does(config: Config, group: str, method: str) -> bool:
    """Whether the component of a group has a method that not all of its kind have."""
    return hasattr(class_of(config[group]["_target_"]), method)


def has_norm(config: Config) -> bool:
    """Whether anything is normalised; what changes nothing is torch's `Identity`."""
    return not issubclass(class_of(config["norm"]["_target_"]), nn.Identity)


def is_timed(config: Config) -> bool:
    """Whether the neurons have exact spike times."""
    return does(config, "neuron", "solve")


def is_mapped(config: Config) -> bool:
    """Whether the neurons are those of a mapping, with spike times a window after their inputs."""
    return is_timed(config) and says(config, "neuron", "windowed")


def stage(config: Config, name: str, what: str) -> Any:
    """What a stage says of itself, by the name of an ability."""
    return ability(config["strategy"]["stages"][name]["_target_"], "stage", what)


def stages_with(config: Config, **abilities: Any) -> list[str]:
    """Names of the stages that say all this of themselves, in order."""
    names = config["strategy"]["stages"]
    return [
        name
        for name in names
        if all(stage(config, name, key) == value for key, value in abilities.items())
    ]


def beyond_spikes(config: Config) -> list[str]:
    """Names of the stages that do more than train spikes through time: they have or take another
    form of the network, or go by what spikes stand for.
    """
    plain = stages_with(config, form="spiking", starts_from=None, code=None)
    return [name for name in config["strategy"]["stages"] if name not in plain]


def before(config: Config, name: str) -> list[str]:
    """Names of the stages before one, in order."""
    names = list(config["strategy"]["stages"])
    return names[: names.index(name)]


def data(config: Config) -> Dataset | None:
    """The data set, which reads nothing yet; None where it does not build, which is for
    `everything_builds` to say.
    """
    try:
        return component(config["dataset"])
    except UNBUILDABLE:
        return None


def values(config: Config) -> tuple[float, float] | None:
    """The smallest and the largest number that the network sees; None where the data set sets no
    bounds to them.
    """
    found = data(config)
    return None if found is None or found.normalisation is None else found.normalisation.values


def has_events(config: Config) -> bool:
    """Whether samples are frames of events."""
    found = data(config)
    return found is not None and found.source.augmented == "frames"


def use(config: Config, encoder: str) -> str:
    """Tells to set an encoder; one of images goes with images alone."""
    images = "dataset=digits " if has_events(config) else ""
    return f"set {images}encoder={encoder}"


def trained(config: Config) -> list[str]:
    """Names of the stages that train, in order."""
    stages = config["strategy"]["stages"].items()
    return [name for name, node in stages if node.get("epochs", 0) > 0]
