"""A width of the surrogate at which gradients neither vanish nor explode on their way down."""

import copy
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import linear_regression

import torch
from torch import Tensor, nn

from snnexp.datasets.batches import Batch
from snnexp.limits import SMALLEST, Count, Positive
from snnexp.losses.base import Loss
from snnexp.measure.evaluator import autocast
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import keep, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.stages.bptt import spiking_form
from snnexp.stopping import look_together
from snnexp.surrogates.base import Surrogate
from snnexp.training.session import Session

logger = logging.getLogger(__name__)

Spread = dict[str, float | None]
"""Standard deviation of the gradient, by the name of a unit: 0 where float32 holds none so small,
None where it holds none so large.
"""


class SurrogateScale(Stage):
    """Chooses the width of the surrogate before training: the one with which gradients are of one
    size in all layers.

    Backward, every layer and every timestep multiplies with the slope of a surrogate. A slope that
    is too high makes gradients explode with depth, one that is too low makes them vanish. Of every
    width the gradient of the loss by the input current I_l of each unit l is taken, once, on the
    same images, with the first weights:

        d(w) = slope over l of log10 std(dL/dI_l),  w = the width with the smallest |d(w)|

    l counts the units in the order of the forward pass. A width with which a layer gets no
    gradient, or one that float32 does not hold, is none. The chosen width takes the place of
    surrogate.width in the stages behind. Choose it for deep networks, whose accuracy depends on the
    width, in place of a sweep of trainings.

    Source: Ledinauskas 2020 (survey [58]), which tunes the scale so that the variance of gradients
    stays as it is from layer to layer; how the width is searched is this project's.

    Args:
        timesteps: length T of the sequences.
        loss: loss on the scores.
        samples: number of training images, without augmentation.
        widths: that are tried, > 0, in units of the potential.
    """

    form = "spiking"
    trains = False

    def __init__(self, timesteps: Count, loss: Factory, samples: Count, widths: list[Positive]):
        self.steps = range(timesteps)
        self.loss: Loss = loss()
        self.samples = samples
        self.widths = widths

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        spiking = spiking_form(network, session)
        keep(spiking, session.execution.keeping(self.steps))
        batch, spreads = session.train.sample(self.samples), {}
        for width in self.widths:
            look_together()
            set_width(spiking, width)
            spreads[width] = self._spread(spiking, batch, session)
        slopes = {width: slope(spread) for width, spread in spreads.items()}
        width = flattest(slopes)
        set_width(spiking, width)
        logger.info(_words(name, slopes, width))
        table = {
            f"{each:g}": {"slope": slopes[each], "layers": spreads[each]} for each in self.widths
        }
        return Outcome(spiking, {"surrogate_width": width, "gradient_spread": table})

    def _spread(self, network: Network, batch: Batch, session: Session) -> Spread:
        with _as_it_was(network, session.train.seed), _watching(network) as spread:
            network.train()
            with autocast(session.device, session.precision):
                reading = network(batch.input, self.steps, batch.keys)
            self.loss(reading, batch.labels).backward()
        return spread

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        """Why there is nothing to choose: neurons without a surrogate, surrogates without a
        width.
        """
        if not [*_surrogates(blueprint.neuron())]:
            lacking = f"the neurons have no surrogate with a width for {path} to choose"
            yield f"neuron: {lacking}; set neuron=if surrogate=fast_sigmoid"
        if not self.widths:
            yield f"{path}.widths: names no width; set {path}.widths=[0.05,0.1,0.2,0.5,1.0]"


def set_width(network: nn.Module, width: float) -> None:
    """Sets the width of every surrogate in `network`, in place."""
    for surrogate in _surrogates(network):
        surrogate.width = width


def _surrogates(module: nn.Module) -> Iterator[nn.Module]:
    for each in module.modules():
        if isinstance(each, Surrogate) and hasattr(each, "width"):
            yield each


def size(grad: Tensor) -> float | None:
    """The spread of a gradient, as `Spread` has it."""
    found = float(grad.double().std(correction=0))
    if not math.isfinite(found):
        return None
    return found if found >= SMALLEST else 0.0


def slope(spread: Spread) -> float | None:
    """Change per unit of the logarithm to base 10 of the spread; None where some have no
    gradient, or one that is too large.
    """
    values = list(spread.values())
    if not all(values):
        return None
    if len(values) == 1:
        return 0.0
    return linear_regression(range(len(values)), [math.log10(value) for value in values]).slope


def flattest(slopes: dict[float, float | None]) -> float:
    """The width with the smallest slope either way.

    Raises:
        ValueError: there is none with a slope.
    """
    usable = {width: abs(each) for width, each in slopes.items() if each is not None}
    if not usable:
        raise ValueError(
            "no width brings a gradient to every layer, since no neuron of some comes near its "
            "threshold; set a larger architecture.gain, or norm=batch"
        )
    return min(usable, key=usable.__getitem__)


@contextmanager
def _as_it_was(network: Network, seed: int) -> Iterator[None]:
    """Leaves no trace of a pass in `network`, nor in the random numbers that follow: within the
    block they are those of `seed`.
    """
    state, training = copy.deepcopy(network.state_dict()), network.training
    devices = [each.device for each in network.parameters() if each.device.type == "cuda"][:1]
    try:
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield
    finally:
        network.zero_grad(set_to_none=True)
        network.load_state_dict(state)
        network.train(training)


@contextmanager
def _watching(network: Network) -> Iterator[Spread]:
    """Fills in the spread of gradients by unit, in the order of the forward pass, as they come."""
    units = spiking_units(network)
    spread: Spread = dict.fromkeys(units, 0.0)

    def watch(name: str, current: Tensor) -> tuple[Tensor]:
        def see(grad: Tensor) -> None:
            spread[name] = size(grad)

        # Of a current that stands still neurons see one timestep; here each is to have its own.
        current = current.contiguous()
        current.register_hook(see)
        return (current,)

    hooks = [
        unit.cells.register_forward_pre_hook(lambda _, given, name=name: watch(name, given[0]))
        for name, unit in units.items()
    ]
    try:
        yield spread
    finally:
        for hook in hooks:
            hook.remove()


def _words(name: str, slopes: dict[float, float | None], width: float) -> str:
    told = (
        f"{each:g}: no gradient" if found is None else f"{each:g}: {10**found:.3g}"
        for each, found in slopes.items()
    )
    return (
        f"{name}  width {width:g} in place of surrogate.width; gradients grow from layer to layer "
        f"towards the output by factors of, by width, {', '.join(told)}"
    )
