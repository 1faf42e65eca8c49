"""From the composed configuration to objects. With `check` and `run` the only reader of the
configuration.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from inspect import signature
from typing import Any

from snnexp.activations.relu import ReLU
from snnexp.energy.base import EnergyModel
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.stages.base import Stage

GROUPS = (
    "dataset",
    "encoder",
    "neuron",
    "synapse",
    "surrogate",
    "norm",
    "architecture",
    "readout",
    "presimulation",
    "activation",
    "loss",
    "optimizer",
    "scheduler",
    "tracker",
)
"""The groups that name one component each."""

SEVERAL = ("energy",)
"""Groups of which any number of options is chosen, each under its own name."""

STAGE_GROUPS = ("threshold", "calibration")
"""Groups of which there is a component only where a stage brings one."""

PROVIDED = {
    "neuron": frozenset({"surrogate"}),
    "norm": frozenset({"features", "dimensions", "branches"}),
    "architecture": frozenset({"unit", "norm", "shape", "features"}),
    "optimizer": frozenset({"params"}),
    "scheduler": frozenset({"optimizer"}),
}
"""Arguments that code hands over, by the key under which a component stands; YAML names all
others.
"""


def locate(target: str) -> Any:
    """The class or function a `_target_` names; `check` has already refused every target outside
    the allow-list.
    """
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def component(node: Mapping[str, Any], **provided: Any) -> Any:
    """Builds what `node` names: its keys are the hyper-parameters, `provided` is what code hands
    over.
    """
    return factory(node)(**provided)


def factory(node: Mapping[str, Any]) -> partial:
    """The constructor of what `node` names, waiting for what code provides; nested components
    become factories too.
    """
    settings = {
        key: factory(value) if _names_component(value) else value
        for key, value in node.items()
        if key != "_target_"
    }
    return partial(locate(node["_target_"]), **settings)


def _names_component(value: Any) -> bool:
    return isinstance(value, Mapping) and "_target_" in value


def tracker_nodes(node: Any) -> dict[str, Any]:
    """The trackers of a configuration by the paths of their settings.

    Options that stand under names of their own, as `tracker=[wandb,csv]` composes them, are
    trackers beside the one that the settings right below `tracker` are of.
    """
    if not isinstance(node, Mapping):
        return {"tracker": node}
    others = {f"tracker.{key}": value for key, value in node.items() if _names_component(value)}
    own = {key: value for key, value in node.items() if f"tracker.{key}" not in others}
    return {"tracker": own, **others} if own or not others else others


def trackers(config: Mapping[str, Any]) -> list[Any]:
    """What a run reports to beside its own files."""
    return [component(node) for node in tracker_nodes(config["tracker"]).values()]


def energy(config: Mapping[str, Any]) -> dict[str, EnergyModel]:
    """The energy models by their names."""
    return {name: component(node) for name, node in (config["energy"] or {}).items()}


def blueprint(config: Mapping[str, Any], shape: tuple[int, ...], classes: int) -> Blueprint:
    """The blueprint of the configured network for samples of `shape` and `classes`."""
    return Blueprint(
        encoder=component(config["encoder"]),
        architecture=factory(config["architecture"]),
        norm=factory(config["norm"]),
        synapse=factory(config["synapse"]),
        neuron=neuron(config),
        readout=factory(config["readout"]),
        shape=shape,
        classes=classes,
    )


def neuron(config: Mapping[str, Any]) -> Callable[[], Any]:
    """The constructor of the neurons; those that are not trained through time, or bring their own
    slope, take no surrogate.
    """
    surrogate, own = factory(config["surrogate"]), factory(config["neuron"])
    return (lambda: own(surrogate=surrogate())) if takes(own, "surrogate") else own


def takes(constructor: Callable[..., Any], argument: str) -> bool:
    """Whether a constructor has an argument of that name."""
    return argument in signature(constructor).parameters


def activation(config: Mapping[str, Any]) -> Callable[[], Any]:
    """The constructor of the activations of the analog form: those of the last stage that chooses
    some.
    """
    chosen = [
        stage["activation"]
        for stage in config["strategy"]["stages"].values()
        if "activation" in stage
    ]
    return factory(chosen[-1]) if chosen else ReLU


def stages(config: Mapping[str, Any]) -> dict[str, Stage]:
    """The stages of the strategy by name, in order."""
    return {name: component(node) for name, node in config["strategy"]["stages"].items()}


def untrained(config: Mapping[str, Any], blueprint: Blueprint, form: str) -> Network:
    """A network of a form as the last stage builds it that leaves one of that form.

    Raises:
        LookupError: no stage does.
    """
    leaving = [stage for stage in stages(config).values() if stage.form == form]
    if not leaving:
        raise LookupError(f"no stage of this configuration leaves a {form} network")
    return leaving[-1].untrained(blueprint)
