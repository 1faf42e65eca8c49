"""Conversion of a trained analog network into a spiking one by threshold balancing."""

import logging
from collections.abc import Iterator

from snnexp.conversion.balancing import Balancing
from snnexp.conversion.converted import Converted
from snnexp.conversion.fidelity import Report, fidelity
from snnexp.conversion.obstacles import conventional, structural, temporal
from snnexp.conversion.thresholds import apply
from snnexp.conversion.units import BlockThreshold, Weights, unconvertible
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
        2. thresholds are chosen by the rule, layer by layer, then multiplied by `scale`
        3. all at once they take the place of neuron.threshold, and weights are normalised, if they
           are not to be kept; the calibration corrects what is left
        4. every layer is compared with its analog one on the same images

    Three conventions of what a spike carries (see `Thresholds`):
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
        self.balancing = Balancing(threshold(), scale, initial_potential, block_threshold, weights)
        self.calibration = calibration()
        self.samples = samples
        self.timesteps = timesteps

    def untrained(self, blueprint: Blueprint) -> Network:
        return spiking_network(blueprint)

    def __call__(self, name: str, network: Network | None, session: Session) -> Outcome:
        if network is None or network.form != "analog":
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
        batch = session.train.sample(self.samples)
        thresholds = self.balancing.thresholds(spiking, analog, batch)
        apply(thresholds, spiking)
        return Converted(analog, spiking, dict(thresholds.neurons), dict(thresholds.spans))

    def obstacles(self, blueprint: Blueprint, activation: Factory, path: str) -> Iterator[str]:
        spiking = spiking_network(blueprint)
        if unconvertible(spiking):  # for a rule on the configuration of neurons to say
            return
        yield from self._against(spiking, path)
        function = activation()
        rule = self.balancing.rule
        if rule.reads_bound and not hasattr(function, "clip"):
            lacking = f"{type(function).__name__} has none; set activation=qcfs"
            reads = f"{type(rule).__name__} reads the bound of an activation"
            yield f"threshold: {reads}, and {lacking}"

    def _against(self, spiking: Network, path: str) -> Iterator[str]:
        for neuron in unconvertible(spiking)[:1]:
            lacking = ", ".join(name for name in MEMBERS if not hasattr(neuron, name))
            yield f"neuron: {type(neuron).__name__} lacks {lacking}; set neuron=if"
            return
        yield from structural(spiking)
        yield from conventional(spiking, self.balancing, path)
        yield from temporal(spiking, self.balancing.rule, self.calibration)


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
