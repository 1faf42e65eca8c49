"""Networks of codes in windows and of late neurons: what they equal, what is counted, and which
configurations are refused.
"""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import Over, streaming
from snnexp.configuration.check import check
from snnexp.conversion.units import hidden_units
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.errors import ConfigError
from snnexp.layers.squeeze_excitation import SqueezeExcitation
from snnexp.measure.evaluator import Evaluator
from snnexp.measure.fan_out import fan_out
from snnexp.measure.record import recording
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import analog_units, code_window, connections, depth, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import transfer
from tests.support.augmented import augmentation
from tests.support.composed import changed, configuration
from tests.support.networks import blueprint, chunks, keys, seeded
from tests.support.options import build_option

CNN = ("cnn", {"layers": ["6C3", "AP2", "8C3", "FC16"]})
RESIDUAL = {"widths": [4, 6], "blocks": 1}
PAD, PROJECTION = (
    ("resnet20", {**RESIDUAL, "shortcut": shortcut}) for shortcut in ("pad", "projection")
)
MAXIMA = ("cnn", {"layers": ["6C3", "MP2", "8C3", "MP3p1s2", "FC16"]})
STEM = {"stem": ["6C3", "MP3p1s2"], "widths": [4, 6], "blocks": [1, 1], "strides": [1, 2]}
BOTTLENECKS = ("resnet50", STEM)
WINDOW = 6
SILENT = {"switch": 1}
LAYERS = [(CNN, 3), (PAD, 5), (PROJECTION, 5), (("mlp", {"widths": [5, 5]}), 2)]
COUNT = 4


@pytest.fixture(autouse=True)
def double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


class Quantised(nn.Module):
    """The staircase that a code in windows stands for."""

    def __init__(self, code: str, threshold: float):
        super().__init__()
        self.code, self.threshold = code, threshold

    def forward(self, z: Tensor) -> Tensor:
        levels = 2**WINDOW if self.code == "few_spikes" else WINDOW - 1
        if (
            self.code == "time_to_first_spike"
        ):  # values count the steps down from the last: cut downwards as well
            return ((z / self.threshold).clamp(0, 1) * levels).floor() / levels * self.threshold
        highest = levels - 1 if self.code == "few_spikes" else levels
        return (z / self.threshold * levels).floor().clamp(0, highest) / levels * self.threshold


def pair(code: str, architecture: Any, encoder: Any = "direct") -> tuple[Network, Network]:
    """A network in windows, and the network of its staircases, of the same weights."""
    readout = ("window", {"window": WINDOW, "silent": SILENT.get(code, 0)})
    made = blueprint(
        architecture=architecture,
        norm="batch",
        encoder=encoder,
        neuron=(code, {"window": WINDOW}),
        readout=readout,
    )
    spiking, analog = (
        spiking_network(made).eval(),
        analog_network(made, lambda: Quantised(code, 1.0)).eval(),
    )
    for name, tensor in spiking.named_buffers():
        if name.endswith("running_var"):
            tensor.copy_(0.1 + 0.2 * torch.rand(tensor.shape))
    for connection in connections(spiking).values():
        connection.layer.weight.data.mul_(1.5)
        if connection.layer.bias is not None:
            connection.layer.bias.data.uniform_(-0.3, 0.5)
    transfer(spiking, analog)
    for place, name in enumerate(spiking_units(spiking)):
        threshold = 0.8 + 0.1 * place
        spiking.get_submodule(name).neuron.set_threshold(threshold, 0.0)
        analog_units(analog)[name].activation.threshold = threshold
    return spiking, analog


def pictures() -> Tensor:
    return torch.rand(COUNT, 1, 8, 8, generator=seeded(3))


def run(network: Network, parts: list[range]) -> Tensor:
    with streaming(network):
        return torch.cat([network(pictures(), part, keys(COUNT)).scores for part in parts])


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [CNN, PAD, PROJECTION])
@pytest.mark.parametrize("code", ["few_spikes", "switch", "time_to_first_spike"])
def test_equals_the_network_of_its_staircases(code, architecture):
    spiking, analog = pair(code, architecture)
    timesteps = (depth(spiking) + 1) * WINDOW
    with torch.no_grad():
        expected = analog(pictures(), range(1), keys(COUNT)).scores[0]
    scores = run(spiking, [range(timesteps)])
    torch.testing.assert_close(scores[-1], expected, rtol=0, atol=1e-10)
    assert (expected[0] - expected[1]).abs().max() > 0.01  # it is alive
    assert (
        scores[-1 - WINDOW] - expected
    ).abs().max() > 1e-3  # a window earlier it is not there yet
    later = run(spiking, [range(timesteps + 2 * WINDOW)])
    torch.testing.assert_close(later[-1], expected, rtol=0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [MAXIMA, BOTTLENECKS])
@pytest.mark.parametrize("code", ["few_spikes", "time_to_first_spike"])
def test_max_pools_take_the_largest_value_that_is_sent(code, architecture):
    spiking, analog = pair(code, architecture)
    with torch.no_grad():
        expected = analog(pictures(), range(1), keys(COUNT)).scores[0]
    scores = run(spiking, chunks((depth(spiking) + 1) * WINDOW, 5))
    torch.testing.assert_close(scores[-1], expected, rtol=0, atol=1e-10)
    assert (expected[0] - expected[1]).abs().max() > 0.01


class Fitted(nn.Module):
    """The function that few spikes of a fitted neuron send."""

    def __init__(self, function: str):
        super().__init__()
        self.neuron = build_option("neuron", "fitted_few_spikes", {"function": function})

    def forward(self, z: Tensor) -> Tensor:
        return Over(self.neuron)(z.expand(2 * self.neuron.window, *z.shape[1:]))[
            self.neuron.window :
        ].mean(0, keepdim=True)


STAGES = {
    "widths": [4, 6, 6],
    "blocks": [1, 2, 1],
    "strides": [1, 2, 1],
    "kernels": [3, 5, 3],
    "expansions": [1, 2, 3],
}
INVERTED = ("efficientnet_b7", {"stem": 6, "last": 8, **STAGES})


@pytest.mark.slow
def test_inverted_bottlenecks_and_their_gates_are_sent_by_fitted_neurons():
    made = blueprint(
        architecture=INVERTED,
        norm="batch",
        neuron="fitted_few_spikes",
        readout=("window", {"window": 16}),
    )
    spiking, analog = (
        spiking_network(made).eval(),
        analog_network(made, lambda: Fitted("silu")).eval(),
    )
    transfer(spiking, analog)
    gates = [module for module in analog.modules() if isinstance(module, SqueezeExcitation)]
    for gate in gates:
        gate.gate = Fitted("sigmoid")
    with torch.no_grad():
        expected = analog(pictures(), range(1), keys(COUNT)).scores[0]
    scores = run(spiking, chunks((depth(spiking) + 1) * 16, 48))
    torch.testing.assert_close(scores[-1], expected, rtol=0, atol=1e-10)
    assert (
        len(gates) == 4 and depth(spiking) == 1 + 4 + 3 * 5 + 1
    )  # a gate is squeezed, sent, and held
    assert expected.std() > 0.01 and not torch.allclose(
        scores[10 * 16 - 1], expected, atol=1e-4
    )  # on its way


@pytest.mark.slow
def test_neurons_of_gates_are_counted_and_stand_for_no_layer():
    made = blueprint(
        architecture=INVERTED, neuron="fitted_few_spikes", readout=("window", {"window": 16})
    )
    spiking = spiking_network(made).eval()
    gates = set(spiking_units(spiking)) - set(hidden_units(spiking))
    assert len(gates) == 4 and set(hidden_units(spiking)) == set(analog_units(analog_network(made)))
    timesteps = (depth(spiking) + 1) * 16
    tally = counted(spiking, [range(timesteps)], timesteps - 16)
    assert all(
        tally.layers[name].spikes > 0 and tally.layers[name].neurons in (6, 8, 12, 18)
        for name in gates
    )


@pytest.mark.slow
@pytest.mark.parametrize("code", ["few_spikes", "switch", "time_to_first_spike"])
def test_chunks_give_what_the_whole_gives(code):
    spiking, _ = pair(code, PAD)
    timesteps = (depth(spiking) + 1) * WINDOW
    whole = run(spiking, [range(timesteps)])
    for length in (1, 4, WINDOW, 11):
        assert torch.equal(run(spiking, chunks(timesteps, length)), whole)


@pytest.mark.slow
def test_switched_pixels_are_the_image_cut_to_levels():
    direct, _ = pair("switch", CNN)
    switched, _ = pair("switch", CNN, encoder=("switch", {"window": WINDOW}))
    switched.load_state_dict(direct.state_dict())
    timesteps = (depth(direct) + 1) * WINDOW
    cut = (pictures() * (WINDOW - 1)).floor() / (WINDOW - 1)
    with streaming(direct):
        expected = direct(cut, range(timesteps), keys(COUNT)).scores[-1]
    torch.testing.assert_close(run(switched, [range(timesteps)])[-1], expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("curve", ["linear", "exponential"])
def test_the_encoder_sends_pixels_as_the_neuron_sends_values(curve):
    window, tau = 9, 3.0
    settings = {"window": window, "curve": curve, "time_constant": tau}
    neuron = build_option("neuron", "time_to_first_spike", settings)
    sent = build_option("encoder", "time_to_first_spike", settings)(
        pictures(), range(window), keys(COUNT)
    )
    torch.testing.assert_close(
        Over(neuron)(pictures().expand(2 * window, *pictures().shape))[window:], sent
    )


@pytest.mark.parametrize(("architecture", "layers"), LAYERS)
def test_depth_is_the_longest_path(architecture, layers):
    spiking, _ = pair("switch", architecture)
    assert depth(spiking) == layers and code_window(spiking) == WINDOW
    assert code_window(spiking_network(blueprint())) is None


# What is counted


def counted(network: Network, parts: list[range], since: int) -> Any:
    with recording(network, since) as tally:
        run(network, parts)
    tally.images = COUNT
    return tally


@pytest.mark.slow
@pytest.mark.parametrize("architecture", [CNN, PAD])
def test_an_image_costs_two_spikes_per_switched_neuron(architecture):
    spiking, analog = pair("switch", architecture, encoder=("switch", {"window": WINDOW}))
    timesteps = (depth(spiking) + 1) * WINDOW
    tally = counted(spiking, [range(timesteps)], timesteps - WINDOW)
    active = {}
    for name, unit in analog_units(analog).items():
        unit.register_forward_hook(
            lambda _, __, y, name=name: active.update({name: 2 * int((y > 0).sum())})
        )
    with torch.no_grad():
        analog((pictures() * (WINDOW - 1)).floor() / (WINDOW - 1), range(1), keys(COUNT))
    assert {name: int(layer.spikes) for name, layer in tally.layers.items()} == active and sum(
        active.values()
    ) > 0
    assert tally.mac == 0 and float(tally.ac) > 0
    for length in (1, 4, 11):
        again = counted(spiking, chunks(timesteps, length), timesteps - WINDOW)
        assert again.spikes_by_layer() == tally.spikes_by_layer() and float(again.ac) == float(
            tally.ac
        )


def test_accumulates_of_switches_are_those_of_their_spikes():
    spiking, _ = pair("switch", ("mlp", {"widths": [5, 4]}), encoder=("switch", {"window": WINDOW}))
    timesteps = 3 * WINDOW
    tally = counted(spiking, [range(timesteps)], timesteps - WINDOW)
    pixels = 2 * int((pictures() * (WINDOW - 1) >= 1).sum())
    first, second = (int(layer.spikes) for layer in tally.layers.values())
    assert float(tally.ac) == pixels * 5 + first * 4 + second * 10


@pytest.mark.parametrize("code", ["few_spikes", "time_to_first_spike"])
def test_a_max_pool_sends_on_the_spikes_of_one_neuron(code):
    spiking, _ = pair(code, ("cnn", {"layers": ["6C3", "MP2", "FC16"]}))
    timesteps, sent = 3 * WINDOW, {}
    pool, fully = spiking.body.pool1, connections(spiking)["body.linear1.connection"]
    pool.register_forward_hook(lambda _, __, y: sent.update(pool=y[-WINDOW:]))
    spiking.body.linear1.register_forward_hook(lambda _, __, y: sent.update(linear=y[-WINDOW:]))
    tally = counted(spiking, [range(timesteps)], timesteps - WINDOW)
    expected = (
        sent["pool"].count_nonzero() * fully.layer.out_features
        + sent["linear"].count_nonzero() * 10
    )
    assert float(tally.ac) == int(expected) > 0


def test_the_largest_of_real_values_is_multiplied_and_not_added():
    spiking, _ = pair("few_spikes", ("cnn", {"layers": ["MP2", "6C3", "FC16"]}))
    plain, _ = pair("few_spikes", ("cnn", {"layers": ["AP2", "6C3", "FC16"]}))
    macs = [counted(network, [range(3 * WINDOW)], 2 * WINDOW).mac for network in (spiking, plain)]
    assert macs[0] >= macs[1] > 0


def test_accumulates_behind_shortcuts_and_pools_are_those_of_the_spikes():
    spiking, _ = pair("switch", PAD, encoder=("switch", {"window": WINDOW}))
    timesteps = (depth(spiking) + 1) * WINDOW
    sent = {"": spiking.encoder(pictures(), range(timesteps), keys(COUNT))}
    for name, unit in spiking_units(spiking).items():
        unit.register_forward_hook(lambda _, __, y, name=name: sent.update({name: y}))
    tally = counted(spiking, [range(timesteps)], timesteps - WINDOW)
    spikes = {
        name: (y[-WINDOW:] != y[-WINDOW - 1 : -1]).sum((0, 1)).double() for name, y in sent.items()
    }
    stem, first, block, second, last = list(spiking_units(spiking))
    senders = [
        "",
        stem,
        first,
        block,
        second,
        last,
    ]  # of the six connections, in the order of the forward pass
    reached = zip(connections(spiking).values(), senders, strict=True)
    expected = sum(
        float((spikes[sender] * fan_out(layer, sent[sender][0, :1])).sum())
        for layer, sender in reached
    )
    shortcuts = float(spikes[stem].sum() + spikes[block][:, ::2, ::2].sum())
    assert float(tally.ac) == expected + shortcuts and shortcuts > 0


@pytest.mark.slow
@pytest.mark.parametrize("code", ["few_spikes", "time_to_first_spike"])
def test_an_image_costs_one_window(code):
    spiking, _ = pair(code, CNN)
    timesteps = (depth(spiking) + 1) * WINDOW
    sent = {}
    for name, unit in spiking_units(spiking).items():
        unit.register_forward_hook(lambda _, __, y, name=name: sent.update({name: y}))
    tally = counted(spiking, [range(timesteps)], timesteps - WINDOW)
    assert {name: int(layer.spikes) for name, layer in tally.layers.items()} == {
        name: int((y[-WINDOW:] != 0).sum()) for name, y in sent.items()
    }
    whole = counted(spiking, [range(timesteps)], 0)
    assert whole.spikes_per_inference() > tally.spikes_per_inference() > 0
    assert whole.mac == tally.mac > 0  # the image is multiplied once


def batches() -> Batches:
    pixels = torch.randint(0, 256, (COUNT, 1, 8, 8), generator=seeded(3), dtype=torch.uint8)
    whole = Split(pixels, torch.arange(COUNT), torch.arange(COUNT))
    return Batches(
        whole,
        COUNT,
        Pixels([0.0], [1.0]),
        augmentation=augmentation(
            crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=0
        ),
        device="cpu",
        seed=3,
    )


def evaluator(timesteps: int) -> Evaluator:
    return Evaluator(timesteps, 5, build_option("loss", "cross_entropy"), torch.float32)


@pytest.mark.slow
def test_the_evaluator_counts_the_last_window():
    spiking = pair("few_spikes", CNN)[0].float()
    timesteps = (depth(spiking) + 1) * WINDOW
    (batch,) = batches().epoch(0, shuffle=False)
    with recording(spiking, timesteps - WINDOW) as expected, streaming(spiking):
        spiking(batch.input, range(timesteps), batch.keys)
    found = evaluator(timesteps)(spiking, batches(), count=True).tally
    assert {name: int(layer.spikes) for name, layer in found.layers.items()} == {
        name: int(layer.spikes) for name, layer in expected.layers.items()
    }
    assert float(found.ac) == float(expected.ac) > 0


@pytest.mark.slow
def test_an_undecided_image_is_counted_and_wrong():
    """Class 0 is right for the first image, and the first of equals."""
    decided, silent = (pair("few_spikes", CNN)[0].float() for _ in range(2))
    for parameter in silent.body.output.parameters():
        nn.init.zeros_(parameter)
    assert evaluator(24)(decided, batches()).undecided == 0
    assert (
        evaluator(24)(silent, batches()).undecided == 100
        and evaluator(24)(silent, batches()).accuracy == 0
    )


# Pitfall: neurons that fire before they are charged, in no more steps than layers.


@pytest.mark.parametrize("timesteps", [3, 4])
def test_late_neurons_reach_the_output_after_as_many_steps_as_layers(timesteps):
    made = blueprint(architecture=CNN, neuron=("if", {"order": "fire_before", "threshold": 0.05}))
    network = spiking_network(made).eval()
    for connection in connections(network).values():
        connection.layer.weight.data.abs_()
        connection.layer.bias = None
    assert depth(network) == 3
    scores = run(network, [range(timesteps)])
    assert bool(scores.any()) == (timesteps > 3)


LATE = ["neuron=if", "neuron.order=fire_before"]
CODED = [
    "strategy=conversion",
    "neuron=few_spikes",
    "readout=window",
    "timesteps=32",
    "evaluate.timesteps=32",
]


def faults(*changes: str) -> str:
    try:
        check(changed(configuration(), *changes))
    except ConfigError as error:
        return str(error)
    return ""


@pytest.mark.slow
def test_the_rules_let_pass_what_fits():
    assert faults(*LATE) == "" and faults(*CODED) == ""


@pytest.mark.slow
def test_more_windows_than_needed_are_fine():
    assert faults(*CODED, "timesteps=48", "evaluate.timesteps=40") == ""
