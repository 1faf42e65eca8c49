"""What a `_target_` may name, by the slot of the configuration it stands in: a component of that
slot's kind, and nothing else.
"""

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler

from snnexp.activations.base import Activation
from snnexp.calibrations.base import Calibration
from snnexp.cell import Cell
from snnexp.composition.trust import REMEDY, trusted
from snnexp.configuration.build import PROVIDED, locate
from snnexp.datasets.base import Source
from snnexp.datasets.dataset import Dataset
from snnexp.datasets.transforms import Augmenter, Normalisation
from snnexp.encoders.base import Encoder
from snnexp.energy.base import EnergyModel
from snnexp.events.camera import Camera
from snnexp.events.slicing import Slicing
from snnexp.losses.base import Loss
from snnexp.neurons.base import Neuron
from snnexp.norms.base import Norm
from snnexp.optimizers.base import Optimizer
from snnexp.presimulations.base import Presimulation
from snnexp.readouts.base import Readout
from snnexp.stages.base import Stage
from snnexp.surrogates.base import Surrogate
from snnexp.synapses.base import Synapse
from snnexp.thresholds.base import Rule
from snnexp.timed.settings import TimedSettings
from snnexp.track.base import Tracker

OPTIMIZERS = tuple(
    f"torch.optim.{name}"
    for name in (
        *("ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "NAdam"),
        *("RAdam", "RMSprop", "Rprop", "SGD"),
    )
)
"""All that take a step from gradients alone: no closure, no sparse gradients, weights of any
shape.
"""
SCHEDULES = tuple(
    f"torch.optim.lr_scheduler.{name}"
    for name in (
        *("ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "ExponentialLR"),
        *("LinearLR", "MultiStepLR", "PolynomialLR", "StepLR"),
    )
)
"""All that are stepped once per epoch and depend on nothing but its number."""
ALLOWED = frozenset({*OPTIMIZERS, *SCHEDULES})
"""The classes of torch that a `_target_` may name."""
PLAIN = re.compile(r"[A-Za-z]\w*(?:\.[A-Za-z]\w*)+", re.ASCII)


class Slot(NamedTuple):
    """The components that may stand in a slot.

    Args:
        package: the folder of this package that they live in.
        base: what they are.
        named: classes of torch that may stand there, too.
        abilities: the class that says what they may say of themselves, and what is so where one
            does not say it; None for `base`.
    """

    package: str
    base: type
    named: tuple[str, ...] = ()
    abilities: type | None = None


SLOTS = {
    "dataset": Slot("datasets", Dataset),
    "source": Slot("datasets", Source),
    "frames": Slot("events", Slicing),
    "camera": Slot("events", Camera),
    "normalisation": Slot("datasets", Normalisation),
    "augmentation": Slot("datasets", Augmenter),
    "encoder": Slot("encoders", Encoder),
    "neuron": Slot("neurons", Cell, abilities=Neuron),
    "synapse": Slot("synapses", Cell, abilities=Synapse),
    "surrogate": Slot("surrogates", Surrogate),
    "norm": Slot("norms", nn.Module, abilities=Norm),
    "architecture": Slot("architectures", nn.Module),
    "readout": Slot("readouts", Cell, abilities=Readout),
    "presimulation": Slot("presimulations", Presimulation),
    "activation": Slot("activations", nn.Module, abilities=Activation),
    "loss": Slot("losses", Loss, abilities=Loss),
    "optimizer": Slot("optimizers", torch.optim.Optimizer, OPTIMIZERS, Optimizer),
    "scheduler": Slot("schedulers", LRScheduler, SCHEDULES),
    "energy": Slot("energy", EnergyModel),
    "tracker": Slot("track", Tracker),
    "threshold": Slot("thresholds", Rule),
    "calibration": Slot("calibrations", Calibration),
    "stage": Slot("stages", Stage),
    "form": Slot("timed", TimedSettings),
}
HANDED = {slot: PROVIDED[slot] for slot in ("norm", "architecture", "optimizer", "scheduler")}
"""What code hands over to every component of a slot, so that one which does not take it is none."""


class Refused(Exception):
    """A `_target_` names what may not stand there; the message says what may."""


def refused(target: str, slot: str) -> str | None:
    """Why `target` may not be loaded for a slot, or None; nothing is imported to find out."""
    kind = SLOTS[slot]
    ours = target.startswith(f"snnexp.{kind.package}.")
    if PLAIN.fullmatch(target) and (
        ours or target in kind.named or target.partition(".")[0] in trusted()
    ):
        return None
    place = f"lives in snnexp.{kind.package}" + (
        f" or is one of {', '.join(kind.named)}" if kind.named else ""
    )
    return (
        f"{target!r} is not allowed; a component for {slot} {place}, or in a package that {REMEDY}"
    )


def component_of(target: str, slot: str) -> Callable[..., Any]:
    """The class or function that `target` names. Raises `Refused` where it is not a component of
    the slot's kind.
    """
    if refusal := refused(target, slot):
        raise Refused(refusal)
    try:
        found = locate(target)
    except Exception as error:  # whatever a module of the user's own raises when it is imported
        raise Refused(f"cannot load {target!r}: {error}") from error
    if target not in ALLOWED and getattr(found, "__module__", None) != target.rpartition(".")[0]:
        raise Refused(f"{target!r} is not defined there; name the module that defines it")
    if (
        not _makes(found, SLOTS[slot].base)
        or not HANDED.get(slot, frozenset()) <= inspect.signature(found).parameters.keys()
    ):
        raise Refused(f"{target!r} is no component for {slot}; expected {_expected(slot)}")
    return found


def class_of(target: str) -> type:
    """The class of what `target` makes, a component: that class, or a function that says so."""
    found = locate(target)
    return found if inspect.isclass(found) else annotations(found)["return"]


def ability(target: str, slot: str, name: str) -> Any:
    """What the class of a component says of itself, or else what its kind says.

    Args:
        target: the component.
        slot: the slot it stands in.
        name: of the ability.
    """
    kind = SLOTS[slot]
    return getattr(class_of(target), name, getattr(kind.abilities or kind.base, name))


def annotations(found: Callable[..., Any]) -> dict[str, Any]:
    """The types of the arguments of a class or function, and of what it returns. Raises `Refused`
    where they lead nowhere.
    """
    try:
        return typing.get_type_hints(
            found.__init__ if inspect.isclass(found) else found, include_extras=True
        )
    except Exception as error:
        raise Refused(f"cannot read the annotations of {found.__name__}: {error}") from error


def _makes(found: Any, base: type) -> bool:
    if inspect.isclass(found):
        return issubclass(found, base) and not inspect.isabstract(found)
    made = annotations(found).get("return") if inspect.isfunction(found) else None
    return inspect.isclass(made) and issubclass(made, base)


def _expected(slot: str) -> str:
    handed = ", ".join(sorted(HANDED.get(slot, ())))
    kind = f"a class, or a function that says what it returns, of {SLOTS[slot].base.__name__}"
    return f"{kind} that takes {handed}" if handed else kind
