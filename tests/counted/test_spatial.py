"""Spatial training: counts, low-pass filtered spikes and whole numbers, each against what it stands
on.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.activations.rounded import Rounded
from snnexp.cell import Over, State, at_rest, streaming
from snnexp.configuration.build import component
from snnexp.counted.low_pass import LowPass, Trace, full_trace
from snnexp.counted.spike_count import SpikeCount
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading
from snnexp.measure.tally import INTEGER_JOULE, energy
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import transfer
from snnexp.neurons.base import Neuron
from snnexp.neurons.lateral_lif import LateralLIF
from snnexp.neurons.signed_flush import SignedFlush
from snnexp.runs.weights import load, save
from snnexp.stages.low_pass import Penalised, start_thresholds, thresholds_learning_at
from snnexp.training.parameters import optimizer, parameter_groups
from tests.support.composed import node
from tests.support.networks import blueprint, chunks, dyadic, images, keys, reading, seeded
from tests.support.options import build_option, settings
from tests.support.tiny_run import job, records

# Spike counts


def integrate_and_fire(**changes: Any) -> Over:
    return Over(
        build_option("neuron", "if", changes, surrogate=build_option("surrogate", "arctan"))
    )


@pytest.mark.parametrize("threshold", [1.0, 4.0])
def test_counts_by_hand(threshold):
    """Four steps of 0.6 thresholds are 2.4 in all: two spikes, and the rest stays on the
    membrane.
    """
    loop = integrate_and_fire(threshold=threshold)
    current = torch.full((4, 1, 1), 0.6 * threshold, dtype=torch.float64)
    rate = loop(current).mean(0, keepdim=True)
    z = current[:1].clone().requires_grad_()
    x = SpikeCount(loop.cells[0], output=False)(z, rate)
    x.backward(torch.full_like(x, 3.0))
    assert 4 * x.item() == 2 and z.grad.item() == pytest.approx(3 / threshold)


@pytest.mark.parametrize("output, expected", [(False, 0.0), (True, 3.0)])
def test_only_output_neurons_learn_from_a_negative_current(output, expected):
    z = torch.tensor([[[-0.5]]], requires_grad=True)
    SpikeCount(integrate_and_fire().cells[0], output)(z, torch.zeros(1, 1, 1)).backward(
        torch.full((1, 1, 1), 3.0)
    )
    assert z.grad.item() == expected


@pytest.mark.parametrize(
    "saturation, gradient, expected",
    [("pass", -3.0, -3.0), ("lower", -3.0, 0.0), ("lower", 3.0, 3.0)],
)
def test_a_neuron_at_its_limit_may_be_asked_for_fewer_spikes_only(saturation, gradient, expected):
    z = torch.tensor(
        [[[1.5, 0.5]]], requires_grad=True
    )  # the one fires at every timestep, the other at every second
    rule = SpikeCount(integrate_and_fire().cells[0], False, saturation)
    rule(z, torch.tensor([[[1.0, 0.5]]])).backward(torch.full((1, 1, 2), gradient))
    assert z.grad.flatten().tolist() == [expected, gradient]


# Whole numbers (SpikeGrad)

CASES, EVENTS = 3000, 40


def rounding_cases(flush_after: int) -> tuple[Tensor, Tensor]:
    """Counts of neurons under events of mixed sign in random order, and the activations that they
    should come to.
    """
    draws = seeded(3)
    x = torch.randn(EVENTS, 1, CASES, generator=draws, dtype=torch.float64) * torch.rand(
        CASES, generator=draws, dtype=torch.float64
    )
    x = x + 0.3 * torch.randn(CASES, generator=draws, dtype=torch.float64)
    threshold = 0.7
    drained = torch.cat([x, x.new_zeros(4 * EVENTS, 1, CASES)])
    count = Over(SignedFlush(threshold, flush_after))(drained).sum(0)[0]
    return count, (x.sum(0)[0] / threshold + 0.5).floor().clamp(min=0)


def test_the_flush_makes_the_count_the_rounded_activation_in_every_case():
    count, activation = rounding_cases(EVENTS)
    assert (
        torch.equal(count, activation) and len(activation.unique()) > 10 and (activation == 0).any()
    )


def test_without_the_flush_it_is_not():
    count, activation = rounding_cases(10**6)
    assert 0.05 * CASES < (count != activation).sum()


def test_the_order_of_the_input_does_not_matter():
    x = 0.8 * torch.randn(20, 1, 500, generator=seeded(4), dtype=torch.float64) + 0.1
    rest, neuron = torch.zeros(60, 1, 500, dtype=torch.float64), Over(SignedFlush(1.0, 20))
    one, other = (neuron(torch.cat([each, rest])).sum(0) for each in (x, x.flip(0)))
    assert torch.equal(one, other)


def test_signed_spikes_by_hand():
    neuron = Over(SignedFlush(1.0, 4))
    x = torch.tensor([1.5, -1.75, -1.5, 0.25, 0.0, 0.0], dtype=torch.float64).view(-1, 1, 1)
    # u: 1.5 | -1.25 takes the spike back | -1.75 has none left to take back | -1.5 | flush: none
    # left
    assert neuron(x).flatten().tolist() == [1, -1, 0, 0, 0, 0]
    y = torch.tensor([0.25, 0.25, 0.0, 0.0, 0.0, 1.25, 0.0], dtype=torch.float64).view(-1, 1, 1)
    # 0.5 is half way and goes up in the flush at step 4, to -0.5, which stays; then 0.75 goes up
    assert neuron(y).flatten().tolist() == [0, 0, 0, 0, 1, 1, 0]


def whole_numbers(timesteps: int = 8, **encoder: Any) -> tuple[Network, Network]:
    """A network of whole numbers and its spiking form, with the same exact weights."""
    made = blueprint(
        encoder=("count", {"duration": timesteps, "height": 8.0, **encoder}),
        neuron=("signed_flush", {"flush_after": timesteps}),
        architecture=("cnn", {"layers": ["4C3", "AP2", "6C3", "FC12"], "bias": False}),
        readout=("potential", {"average": False}),
    )
    analog = dyadic(analog_network(made, lambda: Rounded(1.0, None)), shift=0.0)
    spiking = spiking_network(made)
    transfer(analog, spiking)
    return analog, spiking.eval()


@pytest.mark.slow
def test_the_spiking_form_comes_to_the_scores_of_the_whole_numbers():
    analog, spiking = whole_numbers()
    expected = analog(images(), range(1), keys()).scores[0]
    with streaming(spiking):
        scores = torch.cat([spiking(images(), part, keys()).scores for part in chunks(400, 50)])
    assert torch.equal(scores[-1], expected) and expected.unique().numel() > 10
    assert not torch.equal(scores[7], expected)  # which takes longer than the input


def test_all_spikes_of_a_pixel_are_sent_evenly_and_in_time():
    encoder = build_option("encoder", "count", {"duration": 5, "height": 10.0})
    pixels = torch.tensor([0.0, 0.19, 0.4, 1.0, 2.0, -0.6]).view(1, 1, 1, -1)
    spikes = encoder(pixels, range(7), keys(1)) / 2
    assert spikes.sum(0).flatten().tolist() == [0, 1, 2, 5, 5, -3]
    assert spikes[:, 0, 0, 0].T.tolist()[2] == [0, 0, 1, 0, 1, 0, 0]
    assert torch.equal(spikes.sum(0) * 2, encoder.analog(pixels)[0])


def test_errors_are_whole_numbers_too():
    z = (
        torch.tensor([[[-1.0, 0.2, 1.4]], [[0.6, 2.0, 2.6]]], dtype=torch.float64)
        .transpose(0, 1)
        .requires_grad_()
    )  # two samples
    y = Rounded(2.0, 10.0)(z)
    assert y.flatten().tolist() == [0, 0, 1, 0, 1, 1]
    y.backward(torch.full_like(z, 0.13))  # an error of 0.26 per sample: 2.6 spikes are 3
    assert z.grad.flatten().tolist() == pytest.approx([0, 0.075, 0.075, 0.075, 0.075, 0.075])


# Low-pass filtered spikes


def test_a_trace_is_what_spikes_have_left():
    spikes = torch.tensor([1.0, 0, 1, 1]).view(4, 1, 1)
    trace = Trace(0.5)
    for part in (spikes[:1], spikes[1:3], spikes[3:]):
        trace.add(part)
    assert trace.value().item() == 1 / 8 + 1 / 2 + 1
    static = Trace(0.5)
    static.add(torch.ones(1, 1).expand(3, 1, 1))
    assert static.value().item() == 1.75


def lateral(**changes: Any) -> LateralLIF:
    return build_option(
        "neuron", "lateral_lif", changes, surrogate=build_option("surrogate", "arctan")
    )


def test_a_spike_holds_down_the_others():
    x = torch.tensor([[[2.0, 0.5]], [[0.0, 0.75]], [[0.0, 0.5]]], dtype=torch.float64)
    assert Over(lateral(leak=1.0, inhibition=0.0))(x)[:, 0, 1].tolist() == [0, 1, 0]
    assert Over(lateral(leak=1.0, inhibition=0.5))(x)[:, 0, 1].tolist() == [0, 0, 0]


def test_after_a_spike_the_input_counts_for_less():
    x = torch.full((6, 1, 1), 0.5, dtype=torch.float64)
    assert Over(lateral(leak=1.0))(x).flatten().tolist() == [0, 1, 0, 1, 0, 1]
    # after the spike a quarter, 0.125 + 0.5 * 1: 0.625 ; then 1.125
    assert Over(lateral(leak=1.0, refractory=2.0))(x).flatten().tolist() == [0, 1, 0, 0, 1, 0]


@pytest.mark.parametrize("inhibition", [0.0, 0.2])
def test_low_pass_gradients_are_those_of_the_equation(inhibition):
    """a solves a_i threshold_i = z_i - inhibition threshold_i sum_(j != i) a_j; here all neurons
    have fired.
    """
    neuron = lateral(inhibition=inhibition)
    neuron.sized((4,))
    neuron.spread(1.0)
    neuron.threshold.data = torch.tensor([0.5, 1.0, 1.5, 2.0], dtype=torch.float64)
    z = (1 + torch.rand(1, 3, 4, generator=seeded(1), dtype=torch.float64)).requires_grad_()
    error = torch.randn(1, 3, 4, generator=seeded(2), dtype=torch.float64)

    def solved(z: Tensor, threshold: Tensor) -> Tensor:
        mutual = torch.eye(4, dtype=torch.float64) * (1 - inhibition) + inhibition
        return torch.linalg.solve(mutual, (z / threshold).transpose(1, 2)).transpose(1, 2)

    a = solved(z, neuron.threshold)
    expected = torch.autograd.grad(a, z, error)[0]
    rule = LowPass(neuron, output=False, normalise=False, limit=100.0, pull=0.0)
    (found,) = torch.autograd.grad(rule(z, a.detach().abs() + 0.1), z, error)
    torch.testing.assert_close(found, expected)


def test_thresholds_learn_by_the_equation():
    neuron = lateral(inhibition=0.2)
    neuron.sized((2,))
    neuron.spread(2.0)
    z, a = torch.ones(1, 1, 2, requires_grad=True), torch.tensor([[[3.0, 1.0]]])
    LowPass(neuron, output=False, normalise=False, limit=100.0, pull=0.0)(z, a).backward(
        torch.tensor([[[1.0, 5.0]]])
    )
    assert neuron.threshold.grad.tolist() == pytest.approx(
        [-(1 / 2) * (3 + 0.2 * 1), -(5 / 2) * (1 + 0.2 * 3)]
    )


@pytest.mark.parametrize("output, expected", [(False, [1, 0]), (True, [1, 1])])
def test_silent_neurons_get_no_error(output, expected):
    z = torch.ones(1, 1, 2, requires_grad=True)
    LowPass(lateral(), output, normalise=False, limit=100.0, pull=0.0)(
        z, torch.tensor([[[2.0, 0.0]]])
    ).sum().backward()
    assert z.grad.flatten().tolist() == expected


def test_a_neuron_that_fired_at_every_timestep_gets_only_errors_that_would_have_it_fire_less():
    limit = full_trace(decay=0.5, timesteps=3)
    assert limit == 1 + 0.5 + 0.25
    z = torch.ones(1, 1, 4, requires_grad=True)
    rule = LowPass(lateral(), output=False, normalise=False, limit=limit, pull=0.0)
    rule(z, torch.tensor([[[limit, limit, 1.5, 1.5]]])).backward(
        torch.tensor([[[-1.0, 2.0, -3.0, 4.0]]])
    )
    assert z.grad.flatten().tolist() == [0, 2, -3, 4]


def test_the_size_of_the_error_depends_neither_on_thresholds_nor_on_how_many_fired():
    sizes = []
    for threshold, active in ((1.0, 10), (0.01, 10), (1.0, 3)):
        neuron, z = lateral(threshold=threshold), torch.ones(1, 1, 10, requires_grad=True)
        rule = LowPass(neuron, output=False, normalise=True, limit=100.0, pull=0.0)
        rule(z, (torch.arange(10.0) < active).float().view(1, 1, 10)).sum().backward()
        sizes.append(float(z.grad.norm()))
    assert sizes == pytest.approx([math.sqrt(10)] * 3)


def test_a_low_threshold_makes_the_error_of_its_neuron_larger_by_as_much():
    neuron, z = lateral(), torch.ones(1, 1, 2, requires_grad=True)
    neuron.sized((2,))
    neuron.spread(1.0)
    neuron.threshold.data = torch.tensor([0.5, 1.0])
    LowPass(neuron, output=False, normalise=True, limit=100.0, pull=0.0)(
        z, torch.ones(1, 1, 2)
    ).sum().backward()
    assert z.grad.flatten().tolist() == pytest.approx(
        [2 / math.sqrt(2.5), 1 / math.sqrt(2.5)]
    )  # g_i / rms(g), g = (2, 1)


def test_thresholds_are_shared_out():
    neuron = lateral()
    neuron.sized((3,))
    neuron.spread(1.0)
    rule = LowPass(neuron, output=False, normalise=False, limit=100.0, pull=0.1)
    rule(torch.ones(1, 2, 3), torch.tensor([[[1.0, 0, 0], [1.0, 0, 1.0]]]))
    assert neuron.threshold.tolist() == pytest.approx([1 + 0.1 * (3 - 1.5), 1 - 0.1 * 1.5, 1.0])
    assert neuron.threshold.sum().item() == pytest.approx(3)
    rule.eval()(torch.ones(1, 2, 3), torch.ones(1, 2, 3))
    assert neuron.threshold.sum().item() == pytest.approx(3)


def low_pass_network() -> Network:
    made = blueprint(
        neuron="lateral_lif",
        architecture=("cnn", {"layers": ["4C3", "AP2", "FC12"], "bias": False}),
        readout="rate",
        norm="none",
    )
    return spiking_network(made)


@pytest.mark.slow
def test_thresholds_start_from_the_weights(tmp_path):
    network = low_pass_network()
    start_thresholds(network, 2.0)
    found = {name: unit.neuron.threshold for name, unit in spiking_units(network).items()}
    fan_in = {"body.convolution1": 9, "body.linear1": 64, "output": 12}
    assert {name: len(each) for name, each in found.items()} == {
        "body.convolution1": 4,
        "body.linear1": 12,
        "output": 10,
    }
    assert all(
        found[name].tolist() == pytest.approx([2 * math.sqrt(3 / fan)] * len(found[name]))
        for name, fan in fan_in.items()
    )
    save(network, tmp_path / "weights.safetensors")
    cpu = torch.device("cpu")
    again = load(lambda form: low_pass_network(), tmp_path / "weights.safetensors", cpu)
    assert all(
        torch.equal(unit.neuron.threshold, found[name])
        for name, unit in spiking_units(again).items()
    )


class Nothing(Loss):
    def forward(self, reading: Reading, labels: Tensor) -> Tensor:
        return reading.scores.sum() * 0


def test_the_penalty_is_that_of_the_paper():
    network = low_pass_network()
    for parameter in network.parameters():
        nn.init.zeros_(parameter)
    layer = network.body.linear1.connection.layer
    layer.weight.data[0, :2] = 0.8
    none = Penalised(Nothing(), network, 0.0, 10.0)
    some = Penalised(Nothing(), network, 0.02, 10.0)
    nothing = reading(torch.zeros(1, 1, 10)), torch.zeros(1, dtype=torch.int64)
    silent = (4 + 11 + 10) * math.exp(-10)
    assert none(*nothing).item() == 0
    assert some(*nothing).item() == pytest.approx(
        0.01 * (math.exp(10 * (1.28 - 1)) + silent), rel=1e-5
    )


def test_weights_that_have_grown_far_too_large_are_still_drawn_back():
    network = low_pass_network()
    layer = network.body.linear1.connection.layer
    layer.weight.data[0] = 1.0
    Penalised(Nothing(), network, 0.02, 10.0)(
        reading(torch.zeros(1, 1, 10)), torch.zeros(1, dtype=torch.int64)
    ).backward()
    assert layer.weight.grad[0].tolist() == pytest.approx([0.01 * math.exp(5) * 10 * 2 * 1.0] * 64)


def test_thresholds_learn_more_slowly_and_last():
    network = low_pass_network()
    stage = component(node("stage", "low_pass"))
    with thresholds_learning_at(0.1, network):
        made = optimizer(network, stage._schedule(network))
    weights, thresholds = ([id(each) for each in group["params"]] for group in made.param_groups)
    units = spiking_units(network).values()
    assert thresholds == [id(unit.neuron.threshold) for unit in units]
    assert weights == [id(each) for each in network.parameters() if id(each) not in thresholds]
    fast, slow = (group["lr"] for group in made.param_groups)
    assert slow == 0.1 * fast and not any("rate" in group for group in made.param_groups)
    assert isinstance(parameter_groups(network)[0], nn.Parameter)  # behind the stage all are alike


class OwnTraced(Neuron):
    """Thresholds of its own kind: their logarithms are learned."""

    leak, inhibition = 0.9, 0.0

    def __init__(self) -> None:
        super().__init__()
        self.rates: dict[str, float] = {}
        self.threshold = nn.Parameter(torch.zeros(1))

    def initial(self, x: Tensor) -> State:
        return at_rest(x)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        return x, state

    def threshold_of(self, x: Tensor) -> Tensor:
        return self.threshold.exp()

    def spread(self, value: float) -> None:
        self.threshold.data = torch.full((3,), value).log()

    def shift(self, change: Tensor) -> None:
        self.threshold.data = (self.threshold.exp() + change).log()


def test_a_neuron_of_ones_own_has_low_pass_signals():
    neuron = OwnTraced()
    neuron.spread(1.0)
    rule = LowPass(neuron, output=False, normalise=False, limit=100.0, pull=0.1)
    z = torch.ones(1, 2, 3, requires_grad=True)
    rule(z, torch.tensor([[[1.0, 0, 0], [1.0, 0, 1.0]]])).sum().backward()
    assert z.grad.flatten().tolist() == [1, 0, 0, 1, 0, 1]
    expected = [1 + 0.1 * (3 - 1.5), 1 - 0.1 * 1.5, 1.0]
    assert neuron.threshold.exp().tolist() == pytest.approx(expected)


# What they are for


def test_efficiency_of_tandem_learning_is_that_of_integers_with_a_first_layer_at_every_timestep():
    """CifarNet, 792.1 M MAC of which 3.54 M in the first layer, 8 timesteps, 0.4 spikes per neuron:
    published as up to 20 times.
    """
    mac, first, steps, rate = 792.1e6, 3.54e6, 8, 0.4
    at_every_step, once = steps * first, first

    def efficiency(multiplied: float, *joule: tuple[float, float]) -> float:
        return energy(mac, 0.0, *joule) / energy(multiplied, rate * (mac - first), *joule)

    assert [
        efficiency(first_layer, INTEGER_JOULE) for first_layer in (at_every_step, once)
    ] == pytest.approx([20.8, 59], rel=0.01)
    assert efficiency(at_every_step) == pytest.approx(
        8.8, rel=0.02
    )  # in floating point the claim does not hold


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, settled",
    [("spatial", []), ("low_pass", []), ("spikegrad", ["timesteps=8", "evaluate.timesteps=40"])],
)
def test_every_rule_learns(tmp_path, name, settled):
    own = settings("architecture", "cnn")["layers"]
    result = job(
        tmp_path,
        f"+experiment=digits_{name}",
        "architecture=cnn",
        "timesteps=8",
        "epochs=3",
        "optimizer.lr=3e-3",
        *settled,
    )
    losses = [record["train/loss"] for record in records(tmp_path)]
    assert (
        own
        and losses[-1] < 0.8 * losses[0]
        and result["accuracy"] > 50
        and result["form"] == "spiking"
    )
    if name == "spikegrad":
        assert (
            result["accuracy"]
            == result["stages"]["train"]["accuracy"]
            > result["accuracy_by_timestep"][3]
        )
