"""Conversion of a trained analog network into a spiking one by threshold balancing."""

import logging
from collections.abc import Iterator

from snnexp.conversion.balancing import Balance
from snnexp.conversion.converted import Converted
from snnexp.conversion.fidelity import Report, fidelity
from snnexp.conversion.obstacles import conventional, structural, temporal
from snnexp.conversion.units import BlockThreshold, Weights, parts, unconvertible
from snnexp.datasets.batches import Batch
from snnexp.limits import Count, Fraction, Positive
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import fold_norms, transfer
from snnexp.neurons.convertible import MEMBERS
from snnexp.stages.base import Factory, Outcome, Stage
from snnexp.training.session import Session

logger = logging.getLogger(__name__)


class Conversion(Stage):
    """Makes the spiking network whose firing rates stand for the activations of the analog one.

        1. weights are copied and norms folded into them
        2. thresholds are chosen by the rule, layer by layer, then multiplied by `scale`; they take
           the place of neuron.threshold
        3. weights are normalised, if they are not to be kept; the calibration corrects what is left
        4. every layer is compared with its analog one on the same images

    Three conventions of what a spike carries (see balancing.py):
        neuron.amplitude=threshold      B: spikes carry the threshold, weights stay those of the ANN
        neuron.amplitude=unit, weights=kept
            A: thresholds in units of weighted unit spikes: rules on spikes, no biases
        neuron.amplitude=unit, weights=normalised
            C: thresholds of 1, the same spikes as B; layers in a chain
    A scale changes the range of activations in B and C, and in A the gain of every layer behind.

    Source: survey section III-A; Diehl 2015 ([35]), Rueckauer 2017 ([10]), Sengupta 2019 ([36]),
    Rathi 2020 ([66]), Rathi & Roy 2021 ([70]), Bu 2022 ([40]). Reset by subtraction: Han 2020
    ([38]). The output layer has no threshold; its weights are not normalised.

    Args:
        threshold: rule that chooses the thresholds.
        calibration: correction of the converted network.
        scale: factor on every threshold once all have been read, > 0.
        initial_potential: potential before the first step as a fraction of the threshold, in [0,
            1]; not neuron.initial_potential.
        block_threshold: threshold of the neurons in residual blocks in place of a measured one, >
            0, not scaled; null measures them too. In convention A the same for all is what gives
            both branches spikes of one scale ([36], [66]: 1; [70]: 0.4). "stem" is the threshold of
            the last layer before the blocks, scaled as that is: in B what 1 is in A.
        weights: kept, or normalised so that every threshold is 1.
        samples: number of training images, without augmentation.
        timesteps: T of the comparison.
    """

    form = "spiking"
    starts_from = "analog"
    trains = False
    code = "rates"
    keeps_norms = False

    def __init__(
        self,
        threshold: Factory,
        calibration: Factory,
        scale: Positive,
        initial_potential: Fraction,
        block_threshold: BlockThreshold,
        weights: Weights,
        samples: Count,
        timesteps: Count,
    ):
        self.threshold = threshold()
        self.calibration = calibration()
        self.scale = scale
        self.initial_potential = initial_potential
        self.block_threshold = block_threshold
        self.weights = weights
        self.samples = samples
        self.timesteps = timesteps

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is None or network.form == "spiking":
            raise ValueError(
                f"stage {name}: conversion starts from an analog network; put a stage that "
                "trains one (stage=ann) before it"
            )
        spiking = self.untrained(session.blueprint).to(session.device).eval()
        for obstacle in self._against(spiking, f"strategy.stages.{name}"):
            raise ValueError(f"stage {name}: {obstacle}")
        transfer(network, spiking)
        fold_norms(spiking)
        converted = self._balanced(network.eval(), spiking, session)
        self.calibration(converted, session.train)
        report = fidelity(
            converted, session.train.sample(self.samples), self.timesteps, session.train.batch_size
        )
        logger.info(_words(name, report, self.timesteps))
        return Outcome(spiking, {"conversion": report})

    def _balanced(self, analog: Network, spiking: Network, session: Session) -> Converted:
        balance = Balance(spiking, analog, self.initial_potential, self.weights)
        self._choose(balance, session.train.sample(self.samples), spiking)
        spans = balance.spans()
        balance.normalise()
        return Converted(analog, spiking, balance.thresholds, spans)

    def _choose(self, balance: Balance, batch: Batch, spiking: Network) -> None:
        measured, blocks, behind = (
            parts(spiking) if self.block_threshold is not None else (list(balance.units), [], [])
        )
        balance.read(self.threshold, batch, measured)
        self._fix(balance, blocks, measured)
        balance.read(self.threshold, batch, behind)
        balance.scale(self.scale, measured + behind)
        self._fix(balance, blocks, measured)  # with the stem, if they follow it

    def _fix(self, balance: Balance, blocks: list[str], stem: list[str]) -> None:
        for name in blocks:
            balance.set(
                name,
                balance.thresholds[stem[-1]]
                if self.block_threshold == "stem"
                else self.block_threshold,
            )

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        spiking = spiking_network(blueprint)
        if unconvertible(spiking):  # for a rule on the configuration of neurons to say
            return
        yield from self._against(spiking, path)
        function = activation()
        if self.threshold.reads_bound and not hasattr(function, "clip"):
            rule = type(self.threshold).__name__
            lacking = f"{type(function).__name__} has none; set activation=qcfs"
            yield f"threshold: {rule} reads the bound of an activation, and {lacking}"

    def _against(self, spiking: Network, path: str) -> Iterator[str]:
        for neuron in unconvertible(spiking)[:1]:
            lacking = ", ".join(name for name in MEMBERS if not hasattr(neuron, name))
            yield f"neuron: {type(neuron).__name__} lacks {lacking}; set neuron=if"
            return
        yield from structural(spiking)
        yield from conventional(spiking, self.threshold, self.weights, self.block_threshold, path)
        yield from temporal(spiking, self.threshold, self.calibration)


def _words(name: str, report: Report, timesteps: int) -> str:
    thresholds = [layer["threshold"] for layer in report.values()]
    worst = min(
        report,
        key=lambda layer: (
            -1.0 if report[layer]["correlation"] is None else report[layer]["correlation"]
        ),
    )
    lowest = report[worst]["correlation"]
    return (
        f"{name}  thresholds {min(thresholds):.3g} to {max(thresholds):.3g} in place of "
        f"neuron.threshold; at T={timesteps} "
        f"{worst} is furthest from its activations (correlation "
        f"{'none' if lowest is None else format(lowest, '.3f')}, "
        f"{100 * report[worst]['saturated']:.1f} % saturated, "
        f"{100 * report[worst]['dead']:.1f} % dead)"
    )
