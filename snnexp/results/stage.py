"""The result of one stage."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from snnexp.files.atomic import plain
from snnexp.limits import Count, Natural, NonNegative
from snnexp.results import record
from snnexp.results.parts import (
    EarlyExit,
    Energy,
    Exit,
    GradientSpread,
    LayerFidelity,
    LayerSpikes,
    NeuroBenchMetrics,
    Operations,
    Percent,
    Reference,
    Resolution,
)


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What was chosen for a stage, what it measured on the test set when it ended, and what its
    training has shown.

    `from_json` reads what runs of every age have written: fields that have come since are None.
    """

    experiment: str | None
    """Name of the experiment; null for a run without one."""
    stage: str | None
    """Name of the stage in the strategy."""
    strategy: str | None
    """The chosen option of this group of the configuration, as are the next ones up to
    `calibration`; null where there is none.
    """
    dataset: str | None
    """Chosen option."""
    encoder: str | None
    """Chosen option."""
    neuron: str | None
    """Chosen option."""
    synapse: str | None
    """Chosen option."""
    surrogate: str | None
    """Chosen option."""
    norm: str | None
    """Chosen option."""
    architecture: str | None
    """Chosen option."""
    readout: str | None
    """Chosen option."""
    presimulation: str | None
    """Chosen option."""
    activation: str | None
    """Chosen option."""
    loss: str | None
    """Chosen option."""
    optimizer: str | None
    """Chosen option."""
    scheduler: str | None
    """Chosen option."""
    threshold: str | None
    """Chosen option; null where nothing is converted."""
    calibration: str | None
    """Chosen option; null where nothing is converted."""
    seed: Natural | None
    """Of all random numbers of the run."""
    timesteps: Count | None
    """T: all timesteps that the network runs for an image; 1 for an analog network."""
    hidden_timesteps: Natural | None
    """How many of them, the first ones, a presimulation spends before the network answers."""
    epochs: Natural | None
    """Passes over the training set in this stage; 0 where it trains nothing."""
    form: str | None
    """Form of the network that the stage leaves: analog, spiking or timed."""
    accuracy: Percent
    """Top-1 accuracy on the test set after T timesteps, in percent."""
    accuracy_by_timestep: list[Percent | None]
    """T numbers: [t - 1] is the accuracy in percent after t timesteps, null for t <=
    `hidden_timesteps`.

    Of a network of spike times it is read at the finest resolution of discrete time.
    """
    timestep_is: str | None = None
    """What a timestep shows, where samples are frames of events: such as `1/8 of the events`, `1/8
    of the time` or `10 ms` of a recording; not where a timestep is one of the network alone.
    """
    timesteps_per_layer: Count | None
    """The window of a code in windows, else null.

    Spikes and operations then are those of one window in every layer, since a new image may enter
    with each.
    """
    undecided: Percent | None
    """Percent of the test images for which no class is ahead of all others at T; they count as
    wrong.
    """
    test_loss: float | None
    """Mean loss per test image of the scores at T."""
    spikes_per_inference: NonNegative | None
    """Spikes of all neurons per test image, mean. Of neurons that fire once at most they are those
    of the image.
    """
    spikes_per_neuron: NonNegative | None
    """The same over the number of spiking neurons; null for a network without them."""
    spikes_by_layer: dict[str, LayerSpikes] | None
    """Per layer of spiking neurons."""
    operations: Operations | None
    """Per test image."""
    parameters: Natural | None
    """Number of parameters of the network."""
    test_images: Natural | None
    """Number of images that were evaluated."""
    evaluate_seconds: NonNegative | None
    """Wall-clock time of the evaluation, in seconds."""
    reference: Reference | None
    """What the experiment stands for; null for a run without an experiment, or of one that stands
    for nothing published.
    """
    selection: str | None
    """Which weights the training keeps: last, best_test or best_validation."""
    accuracy_last: Percent | None
    """Accuracy on the test set after the last epoch, in percent; that of the network where nothing
    was trained.
    """
    accuracy_best_test: Percent | None
    """Highest accuracy on the test set that was seen while training, in percent; null where none
    was seen.
    """
    flags: list[str] | None
    """What the accuracy should not be read without, such as `silent: body.layer1`; null in files
    from before there were flags.
    """
    resolution: list[Resolution] | None = None
    """Of a network of spike times: in discrete time, the coarsest resolution first."""
    accuracy_ties_as_correct: Percent | None = None
    """Of a network of spike times: accuracy in percent if the right class among several first ones
    counted as right.
    """
    ties: Percent | None = None
    """Of a network of spike times: percent of the test images for which several classes are
    first.
    """
    unanswered: Percent | None = None
    """Of a network of spike times: percent of the test images for which no output fires."""
    decision_time: dict[str, float | None] | None = None
    """Of a network of spike times: `median` and `p95` of the first output spike, in its unit of
    time; null where none fires.
    """
    spikes_per_neuron_until_decision: NonNegative | None = None
    """Of a network of spike times: as `spikes_per_neuron`, of the spikes before the first one of
    the output.
    """
    spikes_by_layer_until_decision: dict[str, NonNegative] | None = None
    """Of a network of spike times: the same by layer."""
    windows: Count | None = None
    """Of a network of spike times in windows: how many windows an image takes."""
    train_seconds: NonNegative | None = None
    """Wall-clock time of the stage without the evaluation at its end, in seconds, over all
    attempts; not where a run is evaluated again.
    """
    accuracy_at_best_validation: Percent | None = None
    """Accuracy on the test set, in percent, after the epoch that was best on the validation split;
    where there is such a split.
    """
    early_exit: EarlyExit | None = None
    """Of a network whose norms have a scale of their own for every timestep, with `norm.exit_scale`
    set: where it may stop.
    """
    energies: dict[str, Energy] | None = None
    """Energy per test image, by the names of energy models (`energy` of the configuration)."""
    neurobench: NeuroBenchMetrics | None = None
    """With `evaluate.neurobench`: metrics as NeuroBench defines them."""
    exits: list[Exit] | None = None
    """What early exit by one rule and threshold after another comes to, each on its own."""
    conversion: dict[str, LayerFidelity] | None = None
    """Of a conversion by thresholds: every hidden layer against that of the analog network."""
    surrogate_width: NonNegative | None = None
    """Width of the surrogate, where a stage has chosen it."""
    gradient_spread: dict[str, GradientSpread] | None = None
    """By the widths of the surrogate that such a stage has tried."""
    accuracy_by_bits: dict[str, Percent] | None = None
    """Accuracy in percent by the number of bits of the weights, where the stage was asked for
    it.
    """
    accuracy_by_jitter: dict[str, Percent] | None = None
    """Accuracy in percent by the standard deviation of noise on spike times, in windows, where the
    stage was asked for it.
    """
    accuracy_by_variation: dict[str, Percent] | None = None
    """Accuracy in percent by the relative standard deviation of weights and thresholds, where the
    stage was asked for it.
    """
    extra: dict[str, Any] = field(default_factory=dict)
    """What a stage of one's own shows besides, and what older versions wrote; in the file each
    stands under its own name.
    """
    ann_accuracy: Percent | None = None
    """Accuracy in percent of the last analog network that a stage has left; where there is one."""
    validation_accuracy: Percent | None = None
    """Accuracy on the validation split, in percent; where there is such a split."""
    gap: float | None
    """Accuracy less the published one, in percentage points, both at one T; of the last stage, null
    where they cannot be compared.
    """

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> "StageResult":
        """The result that a mapping says; `fault` says whether it is one."""
        others = {key: value for key, value in found.items() if key not in record.hints(cls)}
        return replace(record.from_json(cls, found), extra=others)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        return record.to_json(self)

    def with_shown(self, shown: Mapping[str, Any]) -> "StageResult":
        """The same with what making or measuring the network has shown: fields by their names,
        whatever else as `extra`.

        Raises:
            ValueError: a field is shown with another type than it has.
        """
        known = {name: value for name, value in shown.items() if name in record.hints(StageResult)}
        for wrong in record.faults(StageResult, plain(known)):
            raise ValueError(
                f"what the stage {self.stage} shows is none of a result: {wrong}; show it "
                "under a name of its own"
            )
        converted = {
            name: record.convert(record.hints(StageResult)[name], value)
            for name, value in known.items()
        }
        others = {name: value for name, value in shown.items() if name not in known}
        return replace(self, **converted, extra=self.extra | others)


_NAMES = [each.name for each in fields(StageResult)]
CHOICES = ("experiment", *_NAMES[_NAMES.index("strategy") : _NAMES.index("seed")])
"""The fields that name a chosen option; each but the first is a group of the configuration."""
