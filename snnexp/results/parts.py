"""What stands within a result: mappings that have fields of their own."""

from dataclasses import dataclass, field
from typing import Annotated

from snnexp.limits import Count, Interval, Natural, NonNegative

Percent = Annotated[float, Interval(0.0, 100.0)]


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The published result that an experiment stands for."""

    rows: list[str] = field(default_factory=list)
    """Names of the rows of the survey."""
    accuracy: Percent | None
    """Published top-1 accuracy in percent; null where the survey states none."""
    timesteps: Count | None
    """Published T of inference; null where none is stated."""
    stages: dict[str, str] | None = None
    """By row, the stage that stands for it, where that is not the last of the kind the row is
    about.
    """
    read_at: Count | None = None
    """The T at which the accuracy is read, where the code of the experiment has none that is
    published.
    """


@dataclass(frozen=True, kw_only=True)
class Operations:
    """Operations and energy per test image, those of the analog network of the same shape beside
    them.
    """

    mac: NonNegative | None
    """Multiply-accumulates: a weight times a real number."""
    ac: NonNegative | None
    """Accumulates: a weight added because a spike arrived."""
    mac_ann: NonNegative | None
    """Multiply-accumulates of the analog network of the same shape."""
    energy_joule: NonNegative | None
    """Energy of the operations, in joule."""
    energy_ann_joule: NonNegative | None
    """Energy of the analog network of the same shape, in joule."""
    energy_model: str | None
    """The energies of one operation, in words, with their source."""
    mac_clocked: NonNegative | None = None
    """Of frames of events: multiply-accumulates of a network whose first layer multiplies every
    frame, where `ac` has an accumulate for every event and weight.
    """
    ac_clocked: NonNegative | None = None
    """Of frames of events: accumulates of that network, those of its first layer not among them."""
    energy_clocked_joule: NonNegative | None = None
    """Of frames of events: energy of that network, in joule."""


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Energy per test image by one model, that of the analog network of the same shape beside it.

    What is added up: `docs/energy.md`.
    """

    source: str | None
    """Where the prices are from, in words."""
    first_layer: str | None
    """How often an input that does not change with time is multiplied: once or per_step."""
    joule: NonNegative | None
    """Of the network, at T."""
    joule_by_part: dict[str, NonNegative]
    """What it is spent on: kinds of operations, or levels of memory."""
    joule_by_timestep: list[NonNegative] | None = None
    """[t - 1] is the energy of an image that is stopped after t timesteps; of spiking networks."""
    ann_joule: NonNegative | None = None
    """Of the analog network at the model's full precision; left out where the hardware runs none,
    and of an analog network, whose own it is.
    """
    ann_bits: Count | None = None
    """Bits of an activation that has as many values as T timesteps: ceil(log2(T + 1))."""
    ann_bits_joule: NonNegative | None = None
    """Of the analog network with activations of so many bits."""
    ann_joule_by_bits: dict[str, NonNegative] | None = None
    """The same by the number of bits, up to `ann_bits`; for t timesteps those of
    ceil(log2(t + 1)).
    """


@dataclass(frozen=True, kw_only=True)
class NeuroBenchMetrics:
    """Metrics by the definitions of NeuroBench; how they differ from `operations` is told in
    `docs/energy.md`.
    """

    footprint: Natural | None
    """Bytes of parameters and buffers."""
    connection_sparsity: NonNegative | None
    """Share of the weights that are 0."""
    activation_sparsity: NonNegative | None
    """Share of the outputs of neurons, or of activations, that are 0."""
    dense: NonNegative | None
    """Synaptic operations per test image, whatever weights and inputs are."""
    effective_macs: NonNegative | None
    """Those of which neither is 0, in calls of a layer that get other inputs than 0, 1 and -1."""
    effective_acs: NonNegative | None
    """The same in all other calls."""
    membrane_updates: NonNegative | None
    """Potentials per test image that have changed; null for a network without them."""


@dataclass(frozen=True, kw_only=True)
class Exit:
    """What comes of letting every image stop once a rule is met, on the test set.

    Of all rules but scales, an image stops at the first timestep at which the confidence is at
    least the threshold and one class is ahead of all others, at T at the latest.
    """

    rule: str | None
    """A confidence in [0, 1], from the softmax of the scores: probability (of the class ahead),
    margin (to the next one) or entropy (1 - H / ln K); or scales, those of norms with one for every
    timestep.
    """
    threshold: NonNegative | None
    """From which on an image stops; above 1, none does. Of scales, below which all images stop."""
    learned: bool | None
    """Whether it was chosen on the validation split, as the smallest that keeps the accuracy within
    `evaluate.exit_tolerance` there.
    """
    accuracy: Percent | None
    """In percent."""
    timesteps: NonNegative | None
    """Mean over images, hidden timesteps among them."""
    early: Percent | None
    """Percent of the images that stop before T."""
    spikes_per_inference: NonNegative | None
    """Mean over images, up to where each stops."""
    joule: dict[str, NonNegative]
    """The same of the energy, by the names of the models."""


@dataclass(frozen=True, kw_only=True)
class EarlyExit:
    """Where a network with a scale of its own for every timestep may stop."""

    threshold: NonNegative
    """The mean size of a layer's scales below which it has no more to say."""
    timestep: Count | None
    """The first timestep at which that is so in every layer; null where there is none."""
    accuracy: Percent | None
    """Accuracy on the test set in percent after this timestep."""


@dataclass(frozen=True, kw_only=True)
class LayerSpikes:
    """The spikes of one layer."""

    neurons: Natural | None
    """How many neurons it has."""
    spikes_per_neuron: NonNegative | None
    """Mean over neurons and test images, per image."""


@dataclass(frozen=True, kw_only=True)
class LayerFidelity:
    """How well the firing rates of one layer stand for the activations of the analog network, on
    training images.
    """

    threshold: float | None
    """Of the neurons, in units of their potential."""
    full_scale: float | None
    """The activation that one spike per timestep stands for."""
    rate: float | None
    """Mean spikes per neuron and image."""
    saturated: float | None
    """Share, in [0, 1], of neurons and images with at least T - 1 spikes."""
    dead: float | None
    """Share, in [0, 1], of neurons that fire for no image."""
    correlation: float | None
    """Of the activation, clipped at the full scale, with the rate, in [-1, 1]; null where one of
    them does not vary.
    """
    mse: float | None
    """Mean squared difference of the clipped activation and what the rate stands for."""


@dataclass(frozen=True, kw_only=True)
class GradientSpread:
    """The gradients of a network before its training, with one width of the surrogate."""

    slope: float | None
    """How much the logarithm to base 10 of the spread grows from one layer to the next; null where
    a layer gets none.
    """
    layers: dict[str, NonNegative | None]
    """By layer of spiking neurons, in the order of the forward pass: the standard deviation of the
    gradient of the loss by their current; null where it is not finite.
    """


@dataclass(frozen=True, kw_only=True)
class Resolution:
    """A network of spike times in discrete time, at one length of the timestep."""

    timesteps: Count | None
    """Timesteps of an image."""
    step: NonNegative | None
    """Length of one, in the unit of the neuron's time constants."""
    accuracy: Percent | None
    """Top-1 accuracy in percent."""
    ties: Percent | None
    """Percent of the images for which several classes are first in one timestep."""
    undecided: Percent | None
    """Percent of the images for which no output has fired."""
    decision_step: NonNegative | None
    """Mean timestep of the first output spike; null where there is none."""
    timesteps_per_layer: Count | None = None
    """Timesteps of one window; only of neurons that work in windows."""
