"""The exact mapping from an analog network of ReLUs to one whose neurons fire once at most."""

import copy
import logging
import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Annotated, Literal

import torch
from torch import Tensor

from snnexp.activations.base import Activation
from snnexp.conversion import probe
from snnexp.datasets.batches import Batch
from snnexp.limits import Count, Interval, NonNegative
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.parts import analog_units
from snnexp.network.transfer import absorb_norms, transfer
from snnexp.network.wiring import wiring
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.timed.body import connections
from snnexp.timed.network import timed_network
from snnexp.timed.robustness import Robustness
from snnexp.timed.settings import exact
from snnexp.training.session import Session

logger = logging.getLogger(__name__)


class Mapping(Stage):
    """Makes the timed network whose spike times say what the activations of the analog one are.

        1. weights are copied and norms folded into them
        2. weights and biases are rescaled so that the largest activation of every layer on training
           images, times `margin`, is the value 1 of a spike at the beginning of the layer's window:
           W <- W r_(l-1) / r_l, b <- b / r_l
        3. the scores are shifted and rescaled alike, so that all outputs fire: the first of them is
           the largest score

    The values of all layers, max pools included, are then those of the analog network to rounding,
    except above r_l, where they are cut. It is worth choosing where one spike per neuron and the
    accuracy of an analog network count, and latency does not: an image takes a window per layer.
    Networks of other neurons that fire once are trained from their own first weights
    (stage=single_spike).

    Source: Stanojevic 2022, 2024 (constant slope, "B1"), with windows of one length, for which the
    weights are rescaled.

    Args:
        samples: number of training images, without augmentation, on which activations are measured.
        margin: by which the values of a spike reach beyond the largest activation seen, >= 1.
        bits: of weights with which the network is tested: 8, 4, 2.
        jitters: standard deviations of noise on all spike times with which it is tested, in
            windows.
        variations: relative standard deviations of weights and thresholds for which it is tested,
            one draw each.

    Raises:
        ValueError: the stage before leaves no analog network of ReLUs in a chain.
    """

    form = "timed"
    starts_from = "analog"
    trains = False
    code = "times"
    keeps_norms = False

    def __init__(
        self,
        samples: Count,
        margin: Annotated[float, Interval(1.0)],
        bits: list[Literal[2, 4, 8]],
        jitters: list[NonNegative],
        variations: list[NonNegative],
    ):
        self.samples, self.margin = samples, margin
        self.robustness = Robustness(bits, jitters, variations)

    def untrained(self, blueprint: Blueprint) -> Network:
        return timed_network(blueprint, exact())

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        yield from _obstacles(analog_network(blueprint, activation), path)

    @torch.no_grad()
    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is None or network.form != "analog":
            raise ValueError(
                f"stage {name}: starts from an analog network; put a stage that trains one "
                "(stage=ann) before it"
            )
        for obstacle in _obstacles(network, f"strategy.stages.{name}"):
            raise ValueError(obstacle)
        timed = self.untrained(session.blueprint).to(session.device).eval()
        _copy(network, timed)
        ranges, scores = self._measured(network.eval(), session.train.sample(self.samples))
        _rescale(timed, [float(session.blueprint.encoder.largest), *ranges], *scores)
        if ranges:
            logger.info(
                "%s  a spike at the beginning of its window is worth %.3g to %.3g",
                name,
                min(ranges),
                max(ranges),
            )
        return Outcome(timed, self.robustness(timed, session.accuracy, session.train.seed))

    def _measured(self, network: Network, batch: Batch) -> tuple[list[float], tuple[float, float]]:
        """The value that 1 stands for in every hidden layer, and the lowest and highest score."""
        seen = {unit: _Extent() for unit in analog_units(network).values()} | {
            network.output: _Extent()
        }
        probe.run(network, batch, 1, seen)
        *hidden, scores = seen.values()
        if silent := [name for name, unit in analog_units(network).items() if seen[unit].high <= 0]:
            raise ValueError(
                f"layer {silent[0]}: no activation above 0 on {self.samples} training images; "
                "train the analog network first"
            )
        spare = (scores.high - scores.low) * (self.margin - 1) / 2
        return [each.high * self.margin for each in hidden], (
            scores.low - spare,
            scores.high + spare,
        )


def _obstacles(network: Network, path: str) -> Iterator[str]:
    """What a network has that no single spike stands for exactly, each with a remedy; `path` is
    where the stage stands.
    """
    activations = [unit.activation for unit in analog_units(network).values()]
    others = [each for each in activations if not getattr(each, "rectifier", Activation.rectifier)]
    if others:
        yield f"{path}: {type(others[0]).__name__} has no exact spike time; set activation=relu"
    if wiring(network).of("joint"):
        yield (
            f"{path}: branches that meet have no range of their own each; set architecture=cnn, "
            "or mlp, fast, a vgg"
        )


class _Extent:
    """The lowest and the highest value that a module has given."""

    def __init__(self) -> None:
        self.low, self.high = math.inf, -math.inf

    def __call__(self, output: Tensor) -> None:
        self.low, self.high = (
            min(self.low, float(output.min())),
            max(self.high, float(output.max())),
        )


def _copy(analog: Network, timed: Network) -> None:
    folded = copy.deepcopy(analog).eval()
    absorb_norms(folded)
    transfer(folded, timed)


def _rescale(timed: Network, ranges: list[float], lowest: float, highest: float) -> None:
    """Makes every value one of [0, 1]: hidden ones by their ranges, scores by where they lie."""
    *hidden, output = (connection.layer for connection in connections(timed.body))
    for layer, (before, own) in zip(hidden, pairwise(ranges), strict=True):
        layer.weight.mul_(before / own)
        layer.bias.div_(own)
    output.weight.mul_(ranges[-1] / (highest - lowest))
    output.bias.sub_(lowest).div_(highest - lowest)
