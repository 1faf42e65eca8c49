"""Conversion against what it stands on: folding, thresholds, amplitudes, and rates that stand for activations. All in float64."""

import math
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.datasets.batches import Batch
from snnexp.layers.analog import AnalogUnit
from snnexp.layers.spiking import SpikingUnit
from snnexp.network import Blueprint, Network, connections, fold_norms, spiking_units, transfer
from snnexp.stages.base import Outcome, Session
from snnexp.stages.conversion import Conversion, percentile
from tests.networks import blueprint, chunks, images, keys, seeded
from tests.options import build_option, settings

CNN = ("cnn", {"layers": ["6C3", "AP2", "8C3", "FC16"]})
MLP = ("mlp", {"widths": [20, 15], "bias": True, "initialization": "default"})
RESIDUAL = {"widths": [4, 6], "blocks": 1}
PAD, PROJECTION = (("resnet20", {**RESIDUAL, "shortcut": shortcut}) for shortcut in ("pad", "projection"))
COUNT = 4


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


class Sample:
    """Training data of which the first images are the sample."""

    def sample(self, count: int) -> Batch:
        return Batch(images(COUNT)[:count].double(), torch.zeros(COUNT, dtype=torch.int64)[:count], keys(COUNT)[:count])


def plan(architecture: Any = CNN, norm: Any = "none", **neuron: Any) -> Blueprint:
    return blueprint(architecture=architecture, norm=norm, neuron=("if", {"amplitude": "threshold", **neuron}))


def trained(net: Network) -> Network:
    """`net` as if it had been trained: norms with statistics and scales of their own."""
    for name, tensor in [*net.named_parameters(), *net.named_buffers()]:
        if ".norm." in name and tensor.is_floating_point():
            low = 0.5 if name.endswith(("weight", "running_var")) else -0.3
            tensor.data.copy_(low + torch.rand(tensor.shape, generator=seeded(len(name))) * (1.0 if low > 0 else 0.6))
    return net.eval().requires_grad_(False)


def conversion(**changes: Any) -> Conversion:
    return build_option("stage", "conversion", {"samples": COUNT, **changes})


def converted(made: Blueprint, analog: Network, **changes: Any) -> Outcome:
    session = Mock(spec=Session, blueprint=made, device=torch.device("cpu"), train=Sample(), selection="last")
    return conversion(**changes)("convert", analog, session)


def run(net: Network, steps: int) -> Tensor:
    """Scores at every timestep, streamed."""
    with streaming(net):
        return torch.cat([net(images(COUNT).double(), part, keys(COUNT)) for part in chunks(steps, 64)])


def outputs(net: Network, kind: type[nn.Module], steps: int) -> dict[str, Tensor]:
    """What the units of a kind sent, summed over time."""
    sums: dict[str, Tensor] = {}
    hooks = []
    for name, module in net.named_modules():
        if isinstance(module, kind):
            hooks.append(module.register_forward_hook(lambda _, __, y, name=name: sums.update({name: sums.get(name, 0) + y.sum(0)})))
    run(net, steps)
    for hook in hooks:
        hook.remove()
    return sums


def correlation(a: Tensor, b: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1])


@pytest.mark.parametrize("architecture", [CNN, PAD, PROJECTION])
def test_rates_stand_for_clipped_activations(architecture):
    made, steps = plan(architecture, "batch"), 256
    analog = trained(made.analog())
    result = converted(made, analog, percentile=95.0)
    for name, threshold in result.shown["thresholds"].items():
        analog.get_submodule(name).register_forward_hook(lambda _, __, y, threshold=threshold: y.clamp(max=threshold))
    activations = outputs(analog, AnalogUnit, 1)
    rates = {name: total / steps for name, total in outputs(result.network, SpikingUnit, steps).items()}
    assert rates.keys() == activations.keys() == result.shown["thresholds"].keys() and len(rates) >= 3
    for name, threshold in result.shown["thresholds"].items():
        assert (activations[name] == threshold).any() and correlation(rates[name], activations[name]) > 0.99, name
        assert (rates[name] - activations[name]).abs().mean() < 0.05 * activations[name].mean(), name


@pytest.mark.parametrize("architecture", [CNN, PAD, PROJECTION])
def test_scores_converge_to_those_of_the_analog_network(architecture):
    made = plan(architecture, "batch")
    analog = trained(made.analog())
    expected = analog(images(COUNT).double(), range(1), keys(COUNT))[0]
    scores = run(converted(made, analog, percentile=100.0).network, 512)
    errors = [float((scores[steps - 1] - expected).abs().max() / expected.std()) for steps in (8, 64, 512)]
    assert errors[0] > errors[1] > errors[2] and errors[2] < 0.05


@pytest.mark.parametrize("norm", ["batch", ("tdbn", {"threshold": 0.7})])
@pytest.mark.parametrize("architecture", [CNN, MLP, PAD, PROJECTION])
def test_folded_norms_do_what_the_norms_did(architecture, norm):
    analog = trained(plan(architecture, norm).analog())
    names = [name for name, connection in connections(analog).items() if not isinstance(connection.norm, nn.Identity)]
    expected = run(analog, 1)
    currents = {name: connections(analog)[name] for name in names}
    inputs = {name: torch.randn(2, 3, *input_shape(connection)) for name, connection in currents.items()}
    before = {name: connection(inputs[name]) for name, connection in currents.items()}
    fold_norms(analog)
    assert len(names) >= 2 and all(isinstance(connection.norm, nn.Identity) for connection in connections(analog).values())
    torch.testing.assert_close(run(analog, 1), expected, rtol=0, atol=1e-10)
    for name, connection in currents.items():
        torch.testing.assert_close(connection(inputs[name]), before[name], rtol=0, atol=1e-10)


def input_shape(connection: nn.Module) -> tuple[int, ...]:
    layer = connection.layer
    if isinstance(layer, nn.Conv2d):
        return layer.in_channels, 8, 8
    return (layer.in_features,) if isinstance(connection.before, nn.Identity) else (layer.in_features // 16, 4, 4)


def test_a_norm_without_an_affine_form_cannot_be_folded():
    with pytest.raises(TypeError, match="BNTT.*norm=batch"):
        fold_norms(plan(CNN, "bntt").spiking())


@pytest.mark.parametrize("threshold", [1.0, 0.7, 3.3])
@pytest.mark.parametrize("levels", [1, 4, 7, 32])
def test_half_a_threshold_at_the_start_makes_the_rounding_quantiser(levels, threshold):
    neuron = build_option(
        "neuron",
        "if",
        {"threshold": threshold, "initial_potential": 0.5, "amplitude": "threshold"},
        surrogate=build_option("surrogate", "arctan"),
    )
    z = threshold * (3 * torch.rand(1, 2000, generator=seeded(levels)) - 1)
    spikes = (Over(neuron.double())(z.expand(levels, 1, -1)) > 0).sum(0)
    theta = neuron.firing.threshold
    quantised = torch.floor(z * levels / theta + 0.5).clamp(0, levels)
    assert torch.equal(spikes.double(), quantised) and len(quantised.unique()) == levels + 1


def test_percentile_is_the_nearest_rank():
    values = torch.tensor([5.0, 1.0, 4.0, 2.0, 3.0])
    assert [percentile(values, share) for share in (100.0, 80.1, 80.0, 60.0, 20.0, 0.1)] == [5, 5, 4, 3, 1, 1]
    assert percentile(torch.tensor([1 / 3]), 50.0) == 1 / 3  # not rounded to single precision


@pytest.mark.parametrize("share", [100.0, 99.0, 60.0])
def test_thresholds_are_percentiles_of_the_positive_activations(share):
    made = plan(CNN, "batch")
    analog = trained(made.analog())
    activations = outputs(analog, AnalogUnit, 1)
    result = converted(made, analog, percentile=share, scale=1.5, initial_potential=0.25)
    for name, unit in spiking_units(result.network).items():
        positive = sorted(value for value in activations[name].flatten().tolist() if value > 0)
        assert 0 < len(positive) < activations[name].numel()
        expected = 1.5 * positive[math.ceil(share / 100 * len(positive)) - 1]
        assert result.shown["thresholds"][name] == float(unit.neuron.firing.threshold) == pytest.approx(expected, rel=1e-12)
        assert float(unit.neuron.firing.initial_potential) == pytest.approx(0.25 * expected, rel=1e-12)


def integrate(currents: Tensor, threshold: float, start: float) -> Tensor:
    """Unit spikes of integrate-and-fire neurons with soft reset, one step at a time."""
    potential, spikes = torch.full_like(currents[0], start), []
    for current in currents:
        potential = potential + current
        spikes.append((potential >= threshold).double())
        potential = potential - threshold * spikes[-1]
    return torch.stack(spikes)


@pytest.mark.parametrize(("share", "scale", "start"), [(100.0, 1.0, 0.0), (99.0, 0.7, 0.0), (95.0, 0.4, 0.5)])
def test_thresholds_from_spikes_are_found_layer_by_layer(share, scale, start):
    made, steps = plan(MLP, amplitude="unit"), 12
    analog = trained(made.analog())
    result = converted(made, analog, statistics="snn", percentile=share, scale=scale, timesteps=steps, initial_potential=start)
    first, second = (connections(analog)[f"body.linear{number}.connection"].layer for number in (1, 2))
    currents = first(images(COUNT).double().flatten(1)).expand(steps, -1, -1)
    found = []
    for layer in (second, None):
        found.append(max(nearest_rank(current, share) for current in currents))
        spikes = integrate(currents, found[-1], start * found[-1])  # by the threshold itself: it is scaled when all are known
        currents = layer(spikes) if layer is not None else currents
    assert list(result.shown["thresholds"].values()) == pytest.approx([scale * each for each in found], rel=1e-12)
    assert [float(each.neuron.firing.threshold) for each in spiking_units(result.network).values()] == pytest.approx(
        [scale * each for each in found], rel=1e-12
    )


def nearest_rank(values: Tensor, share: float) -> float:
    ordered = sorted(values.flatten().tolist())
    return ordered[math.ceil(share / 100 * len(ordered)) - 1]


# From 0 the current that became the threshold would meet it exactly, or miss it by rounding.
@pytest.mark.parametrize("start", [0.5, 0.3])
def test_spikes_of_the_threshold_are_unit_spikes_through_scaled_weights(start):
    made, steps = plan(CNN, "batch"), 40
    analog = trained(made.analog())
    balanced = converted(made, analog, percentile=99.0, initial_potential=start)
    scaled = plan(CNN, "none", amplitude="unit", threshold=1.0, initial_potential=start).spiking().eval()
    thresholds, before = [*balanced.shown["thresholds"].values(), 1.0], 1.0
    with torch.no_grad():
        for source, target, threshold in zip(connections(balanced.network).values(), connections(scaled).values(), thresholds, strict=True):
            target.layer.weight.copy_(source.layer.weight * before / threshold)
            target.layer.bias.copy_(source.layer.bias / threshold)
            before = threshold
    ours, theirs = trains(balanced.network, steps), trains(scaled, steps)
    for name, threshold in balanced.shown["thresholds"].items():
        assert 0 < theirs[name].count_nonzero() < theirs[name].numel()
        torch.testing.assert_close(ours[name], theirs[name] * threshold, rtol=1e-12, atol=0)
    torch.testing.assert_close(run(balanced.network, steps), run(scaled, steps), rtol=0, atol=1e-10)


def trains(net: Network, steps: int) -> dict[str, Tensor]:
    """The spike trains of every unit."""
    found: dict[str, Tensor] = {}
    hooks = [unit.register_forward_hook(lambda _, __, y, name=name: found.update({name: y})) for name, unit in spiking_units(net).items()]
    with torch.no_grad():
        net(images(COUNT).double(), range(steps), keys(COUNT))
    for hook in hooks:
        hook.remove()
    return found


def test_the_analog_network_keeps_its_norms_and_weights():
    made = plan(CNN, "batch")
    analog = trained(made.analog())
    before = {name: value.clone() for name, value in analog.state_dict().items()}
    converted(made, analog)
    assert before.keys() == analog.state_dict().keys() and all(torch.equal(before[name], analog.state_dict()[name]) for name in before)


def test_dropout_is_off_while_balancing():
    made = plan(("cnn", {"layers": ["6C3", "D0.5", "FC16"]}))
    analog = trained(made.analog())
    assert converted(made, analog.train()).shown == converted(made, analog.eval()).shown


def test_nothing_is_converted_without_an_analog_network():
    made = plan()
    for network in (None, made.spiking()):
        with pytest.raises(ValueError, match="stage convert: .*stage=ann"):
            converted(made, network)


@pytest.mark.parametrize("statistics", ["ann", "snn"])
def test_a_silent_layer_is_named(statistics):
    made = plan(MLP)
    analog = trained(made.analog())
    connections(analog)["body.linear2.connection"].layer.bias.fill_(-100.0)
    with pytest.raises(ValueError, match=r"layer body\.linear2 is silent"):
        converted(made, analog, statistics=statistics, timesteps=3)


def test_transfer_refuses_another_network_and_copies_nothing():
    source, target = plan(CNN).analog(), plan(("cnn", {"layers": ["6C3", "AP2", "FC16"]})).spiking()
    before = {name: value.clone() for name, value in target.state_dict().items()}
    with pytest.raises(RuntimeError, match="body.convolution2.connection"):
        transfer(source, target)
    assert all(torch.equal(value, before[name]) for name, value in target.state_dict().items())


def test_transfer_refuses_weights_of_another_size():
    with pytest.raises(RuntimeError, match="size mismatch"):
        transfer(plan(MLP).analog(), plan(("mlp", {**MLP[1], "widths": [20, 14]})).spiking())


def test_transfer_refuses_to_lose_a_norm():
    with pytest.raises(RuntimeError, match="norm"):
        transfer(plan(CNN, "batch").analog(), plan(CNN).spiking())


@pytest.mark.parametrize("folded", [True, False])
def test_transfer_brings_weights_and_norms(folded):
    made = plan(PROJECTION, "batch")
    source, target = trained(made.analog()), made.spiking()
    if folded:
        fold_norms(source)
    transfer(source, target)
    ours, theirs = connections(source), connections(target)
    assert all(torch.equal(value, theirs[name].state_dict()[key]) for name in ours for key, value in ours[name].state_dict().items())


def test_every_hyper_parameter_of_the_stage_is_in_its_yaml():
    assert settings("stage", "conversion").keys() == {"_target_", *vars(conversion())}
