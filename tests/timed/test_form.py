"""The timed form of whole networks: pools, dropout, clocks, decisions, training, and what it
refuses.
"""

import math
from collections import OrderedDict
from dataclasses import replace

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.errors import NumericalError
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.per_step import PerStep
from snnexp.measure.timed_report import through_time
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections
from snnexp.network.spiking import spiking_network
from snnexp.stages.single_spike import Objective
from snnexp.timed.averages import arriving
from snnexp.timed.body import Silencing, TimePool, timed_layers
from snnexp.timed.delays import Delays, terminals
from snnexp.timed.discrete import clocked, output_of
from snnexp.timed.form import Form
from snnexp.timed.network import timed_network
from snnexp.timed.quantisation import quantised
from snnexp.timed.spike_times import spike_times
from snnexp.timed.stepped import stepped, steps_until
from snnexp.timed.synapses import Synapses
from tests.support import networks
from tests.support.options import CONF, build_option

KERNELS = ["if_exp", "if_linear", "alpha", "lif2"]
PARTS = {
    "encoder": "spike_time",
    "readout": "first_spike",
    "architecture": ("mlp", {"widths": [12], "bias": True}),
}


def form(**changes) -> Form:
    given = {
        key: value
        for key, value in OmegaConf.load(CONF / "stage" / "single_spike.yaml").form.items()
        if key != "_target_"
    }
    given |= {key: list(given[key]) for key in ("drive", "deviation", "delays")}
    return Form(**{**given, **changes})


def timed(seed: int = 0, *, changes: dict | None = None, **chosen) -> Network:
    torch.manual_seed(seed)
    blueprint = networks.blueprint(**{**PARTS, "neuron": "if_exp", **chosen})
    return timed_network(blueprint, form(**(changes or {}))).eval()


def scores(network: Network, count: int = 5) -> torch.Tensor:
    return network(networks.images(count), range(1), networks.keys(count)).scores


def test_weights_have_the_names_of_the_other_forms():
    blueprint = networks.blueprint(**PARTS, neuron="if_exp")
    timed = timed_network(blueprint, form())
    names = [
        connections(network).keys()
        for network in (timed, spiking_network(blueprint), analog_network(blueprint))
    ]
    assert names[0] == names[1] == names[2] and timed.form == "timed"
    analog_network(blueprint).load_state_dict(timed.state_dict(), strict=True)


def test_scores_are_minus_the_times_of_two_layers():
    network = timed()
    times = build_option("encoder", "spike_time").times(networks.images(5)).flatten(1)
    for connection in connections(network).values():
        times = spike_times(
            times,
            Synapses(connection.layer.weight, connection.layer.bias),
            build_option("neuron", "if_exp", surrogate=nn.Identity()),
        )
    assert torch.equal(scores(network), -times.clamp(max=11.5)[None])


def test_pools_take_the_first_or_the_last_spike():
    x = (
        torch.tensor([[1.0, 2.0, 3.0, math.inf], [0.5, 4.0, math.inf, math.inf]])
        .view(1, 1, 1, 2, 4)
        .requires_grad_()
    )
    first, last = (TimePool(nn.MaxPool2d(2), spike)(x) for spike in ("first", "last"))
    assert first.flatten().tolist() == [0.5, 3.0] and last.flatten().tolist() == [4.0, math.inf]
    first.sum().backward()
    assert x.grad.flatten().tolist() == [0, 0, 1, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("pool", "first", "last"),
    [
        (
            nn.MaxPool2d(3, stride=2, ceil_mode=True),
            [1, 3],
            [3, math.inf],
        ),  # the second window hangs over the edge
        (nn.MaxPool2d(3, stride=1, padding=1), [1, 1, 2, 3], [2, 3, math.inf, math.inf]),
    ],
)
def test_pools_leave_out_what_lies_beyond_the_edge(pool, first, last):
    x = torch.tensor([1.0, 2.0, 3.0, math.inf]).expand(1, 1, 1, 3, 4)
    found = [TimePool(pool, spike)(x)[0, 0, 0, 0].tolist() for spike in ("first", "last")]
    assert found == [first, last]


def branched(unit, **about):
    """A convolution, three branches of which two have a pool or a chain, and an average before the
    output.
    """

    def fire(inputs, outputs, kernel=1):
        return unit(
            Connection(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.Identity())
        )

    pooled = nn.Sequential(PerStep(nn.MaxPool2d(3, stride=1, padding=1)), fire(3, 2))
    block = Concatenation(fire(3, 4), nn.Sequential(fire(3, 2), fire(2, 3, kernel=3)), pooled)
    output = Connection(
        nn.Linear(9 * 4, about["features"]),
        nn.Identity(),
        before=(AveragePool((4, 4)), nn.Flatten()),
    )
    return nn.Sequential(OrderedDict(first=fire(1, 3, kernel=3), block=block, output=output))


def with_branches() -> Network:
    torch.manual_seed(2)
    given = replace(networks.blueprint(**PARTS, neuron="if_exp"), architecture=branched)
    return timed_network(given, form()).eval()


def test_branches_stand_side_by_side():
    network = with_branches()
    x = network.encoder(networks.images(5), range(1), networks.keys(5))
    h = network.body.first(x)
    near, (narrow, wide), (_, behind) = network.body.block.branches
    pooled = -nn.functional.max_pool2d(-h[0], 3, 1, 1)[None]
    expected = torch.cat([near(h), wide(narrow(h)), behind(pooled)], 2)
    assert torch.equal(network.body.block(h), expected) and expected.isfinite().any()
    assert scores(network).shape == (1, 5, 10) and (scores(network) > -11.5).any()


def test_layers_of_branches_are_counted_in_the_order_they_fire_in():
    network = with_branches()
    names = [name for name, *_ in timed_layers(network)]
    branches = [f"body.block.branches.{place}" for place in ("0", "1.0", "1.1", "2.1")]
    assert names == ["body.first", *branches, "body.output"]
    split = Split((255 * networks.images(6)).to(torch.uint8), torch.arange(6), torch.arange(6))
    batches = Batches(split, 6, Pixels([0.0], [1.0]), None, device=torch.device("cpu"), seed=1)
    tally, shown = through_time(network, batches, 16)
    neurons = {name: layer["neurons"] for name, layer in tally.spikes_by_layer().items()}
    assert (
        neurons == dict(zip(names, [3 * 64, 4 * 64, 2 * 64, 3 * 64, 2 * 64, 10], strict=True))
        and len(shown["resolution"]) == 2
    )


def test_a_network_with_branches_learns():
    network = with_branches().train()
    optimizer, losses = torch.optim.Adam(network.parameters(), 0.01), []
    for _ in range(30):
        value = build_option("loss", "spike_time", {"domain": "exponential"})(
            networks.reading(scores(network, 10)), torch.arange(10)
        )
        optimizer.zero_grad()
        value.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        losses.append(value.item())
    assert (
        all(parameter.grad is not None for parameter in network.parameters())
        and losses[-1] < 0.9 * losses[0]
    )


@pytest.mark.parametrize("layer", ["linear", "convolution", "two pools"])
def test_weights_behind_an_average_are_divided_among_its_spikes(layer):
    """Where all spikes of a window come at once, they act as one; columns beyond the last whole
    window do not act at all.
    """
    draws = networks.seeded(3)
    pooled = 2 * torch.rand(4, 2, 3, 3, generator=draws, dtype=torch.float64)
    times = pooled.repeat_interleave(4, 2).repeat_interleave(2, 3)
    times = nn.functional.pad(times, (0, 1, 0, 3), value=0.01)
    weights, flat = (
        (nn.Conv2d(2, 5, 3, 2, 1), ())
        if layer == "convolution"
        else (nn.Linear(18, 5), (nn.Flatten(),))
    )
    pools = (
        (AveragePool((2, 1)), AveragePool((2, 2)))
        if layer == "two pools"
        else (AveragePool((4, 2)),)
    )
    nn.init.uniform_(weights.double().weight, 0, 0.5)
    synapses, neuron = (
        Synapses.of(weights),
        build_option("neuron", "if_exp", surrogate=nn.Identity()),
    )
    arrived = arriving(Connection(weights, nn.Identity(), before=(*pools, *flat)), times, synapses)
    expected = spike_times(
        pooled if layer == "convolution" else pooled.flatten(1), synapses, neuron, "scan"
    )
    torch.testing.assert_close(spike_times(*arrived, neuron, "scan"), expected, rtol=1e-10, atol=0)
    assert expected.isfinite().any()


def test_a_gain_of_a_pool_is_one_of_its_weights():
    times = torch.rand(4, 2, 4, 4, generator=networks.seeded(3), dtype=torch.float64)
    layer = nn.Conv2d(2, 5, 3).double()
    (_, plain), (_, scaled) = (
        arriving(
            Connection(layer, nn.Identity(), before=(AveragePool((2, 2), gain),)),
            times,
            Synapses.of(layer),
        )
        for gain in (1.0, 4.4)
    )
    torch.testing.assert_close(scaled.weight, 4.4 * plain.weight)


def test_an_average_before_the_output_is_that_of_exponential_times():
    times = torch.tensor([0.0, 0.4, 1.0, 1.2], dtype=torch.float64)
    connection = Connection(
        nn.Linear(1, 1, bias=False).double(),
        nn.Identity(),
        before=(AveragePool((2, 2)), nn.Flatten()),
    )
    nn.init.constant_(connection.layer.weight, 1.5)
    arrived = arriving(connection, times.view(1, 1, 2, 2), Synapses.of(connection.layer))
    found = spike_times(
        *arrived, build_option("neuron", "if_exp", surrogate=nn.Identity()), "scan"
    ).item()
    assert (
        found == pytest.approx(math.log(1.5 * times.exp().mean() / 0.5), rel=1e-12) and found > 1.2
    )


def test_dropout_silences_in_training_only():
    drop, x = Silencing(0.5), torch.ones(1, 4, 1000)
    kept = drop(x).isfinite().float().mean()
    assert (
        0.4 < kept < 0.6
        and set(drop(x).unique().tolist()) == {1.0, math.inf}
        and drop.eval()(x) is x
    )


def test_a_convolutional_network_learns():
    network = timed(
        architecture=("cnn", {"layers": ["4C3", "MP2", "D0.1", "FC16"], "bias": False}),
        changes={"slope_limit": 10.0},
    ).train()
    loss = Objective(
        build_option("loss", "spike_time", {"domain": "exponential"}),
        network,
        10.0,
        1.0,
        "mean",
        0.0,
    )
    optimizer, labels = torch.optim.Adam(network.parameters(), 0.003), torch.arange(20) % 10
    images = torch.rand(10, 1, 8, 8, generator=networks.seeded()).repeat(2, 1, 1, 1)
    losses = []
    for _ in range(60):
        value = loss(network(images, range(1), networks.keys(20)), labels)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    assert sum(losses[-5:]) < 0.5 * sum(losses[:5])


@pytest.mark.parametrize(
    ("chosen", "remedy"),
    [
        ({"architecture": ("cnn", {"layers": ["4C3", "AP2", "D0.1", "FC12"]})}, "MP instead of AP"),
        ({"architecture": "resnet20"}, "architecture=mlp"),
        ({"norm": "batch"}, "norm=none"),
        ({"encoder": "direct"}, "encoder=spike_time"),
        ({"neuron": "lif"}, "neuron=if_exp"),
    ],
)
def test_what_has_no_timed_form_is_refused_with_a_remedy(chosen, remedy):
    with pytest.raises(ValueError, match=remedy):
        timed(**chosen)


# Discrete time


@pytest.mark.parametrize("layer", ["linear", "convolution"])
@pytest.mark.parametrize("kind", KERNELS)
def test_discrete_time_converges_to_the_exact_times(kind, layer):
    draws = networks.seeded(3)
    shape, size = {"linear": ((6, 20), (15, 20)), "convolution": ((2, 2, 6, 6), (4, 2, 3, 3))}[
        layer
    ]
    times = 2 * torch.rand(shape, generator=draws, dtype=torch.float64)
    synapses = Synapses(torch.rand(size, generator=draws, dtype=torch.float64) * 0.5, None)
    exact, errors = (
        spike_times(times, synapses, build_option("neuron", kind, surrogate=nn.Identity()), "scan"),
        [],
    )
    for step in (1 / 4, 1 / 16, 1 / 64):
        neuron = build_option(
            "neuron", kind, {"step": step}, surrogate=build_option("surrogate", "arctan")
        )
        found = stepped(times, synapses, neuron, int(12 / step))
        assert (found.isfinite() == exact.isfinite()).double().mean() > 0.95
        both = found.isfinite() & exact.isfinite()
        errors.append((found - exact)[both].abs().max().item() / step)
    assert both.any() and all(error < 4 for error in errors), errors


@pytest.mark.parametrize("kind", ["if_exp", "if_linear", "if_delta"])
def test_rounded_exact_times_are_what_the_steps_show(kind):
    times = 2 * torch.rand(20, 10, generator=networks.seeded(4), dtype=torch.float64)
    synapses = Synapses(
        torch.randn(8, 10, generator=networks.seeded(5), dtype=torch.float64) + 0.3, None
    )
    neuron = build_option(
        "neuron",
        kind,
        {"step": 0.125, "horizon": 8.0},
        surrogate=build_option("surrogate", "arctan"),
    )
    grid = steps_until(times, 0.125) * 0.125
    rounded = steps_until(spike_times(grid, synapses, neuron, "scan"), 0.125) * 0.125
    found = stepped(times, synapses, neuron, 63)
    assert (
        torch.equal(rounded.masked_fill(rounded >= 8, math.inf), found)
        and found.isfinite().any()
        and found.isinf().any()
    )


@pytest.mark.parametrize("kind", KERNELS)
def test_a_clocked_network_comes_to_the_exact_decisions(kind):
    network = timed(neuron=kind, changes={"drive": [8.0], "deviation": [4.6]})
    exact = scores(network, 20)[0]
    with torch.no_grad(), clocked(network.body, 1 / 512, 512 * 6):
        output = output_of(
            network.body, network.encoder(networks.images(20), range(1), networks.keys(20)), 1 / 512
        )
        made = output.decisions()
    assert (made.label == exact.argmax(1)).double().mean() > 0.85
    torch.testing.assert_close(made.step.to(exact.dtype) / 512, -exact.amax(1), atol=0.05, rtol=0)
    assert torch.equal(scores(network, 20)[0], exact)  # the clock has been taken off again
    time = (made.step[:, None] / 512).to(exact.dtype)
    peak = output.potential(time).amax(1)
    assert (peak > 0.9 * network.body.last[0].neuron.threshold).all()


def test_ties_go_to_the_larger_potential_and_count_as_such():
    network = timed(
        architecture=("mlp", {"widths": [], "bias": False}), neuron=("if_linear", {"step": 1.0})
    )
    with torch.no_grad():
        weight = next(iter(connections(network).values())).layer.weight.zero_()
        weight[3, 0], weight[5, 0], weight[7, 0] = 0.6, 0.9, 0.4
        inputs = torch.full((1, 1, 1, 8, 8), math.inf)
        inputs[..., 0, 0] = 0.0
        with clocked(network.body, 1.0, 8):
            output = output_of(network.body, inputs, 1.0)
            made = output.decisions()
            assert (made.label.item(), made.step.item(), made.tied.item()) == (5, 2.0, True)
            assert [output.labels_at(step, made).item() for step in (1, 2, 4)] == [5, 5, 5]


def test_counts_and_curves_of_a_network():
    network = timed()
    images = (255 * networks.images(30)[:, :]).to(torch.uint8)
    split = Split(images, torch.arange(30) % 10, torch.arange(30))
    batches = Batches(split, 16, Pixels([0.0], [1.0]), None, device=torch.device("cpu"), seed=1)
    tally, shown = through_time(network, batches, 32)
    assert [row["timesteps"] for row in shown["resolution"]] == [8, 16, 32] and len(
        shown["accuracy_by_timestep"]
    ) == 32
    assert shown["accuracy_by_timestep"][-1] == shown["resolution"][-1]["accuracy"]
    times = network.encoder(images / 255, range(1), networks.keys(30))
    hidden = network.body[0](times)[0]
    outputs = network.body(times)[0]
    until = outputs.amin(1, keepdim=True)
    assert tally.spikes_by_layer()["body.linear1"]["spikes_per_neuron"] == pytest.approx(
        hidden.isfinite().float().mean().item()
    )
    assert shown["spikes_by_layer_until_decision"]["body.linear1"] == pytest.approx(
        (hidden < until).float().mean().item()
    )
    assert shown["spikes_by_layer_until_decision"]["body.output"] == 0
    arrived = times.isfinite().sum() * 12 + hidden.isfinite().sum() * 10
    assert float(tally.ac) == arrived and tally.mac_ann == 30 * (64 * 12 + 12 * 10)


# Training


@pytest.mark.parametrize(
    "loss",
    [("spike_time", {"domain": each}) for each in ("exponential", "time")]
    + ["relative_time", "time_error"],
)
@pytest.mark.parametrize("kernel", [*KERNELS, "if_delta"])
def test_outputs_that_never_fire_give_finite_loss_and_gradients(loss, kernel):
    network = timed(neuron=kernel)
    last = [*connections(network).values()][-1].layer
    torch.nn.init.constant_(last.weight, -0.1)
    silent = network.body(network.encoder(networks.images(5), range(1), networks.keys(5)))
    assert (silent >= network.body.last[0].neuron.horizon).all()
    name, options = (loss, {}) if isinstance(loss, str) else loss
    value = build_option("loss", name, **options)(
        networks.reading(scores(network)), torch.arange(5)
    )
    value.backward()
    assert value.isfinite() and all(
        each.grad is None or each.grad.isfinite().all() for each in network.parameters()
    )


def test_the_guard_names_the_layer_that_has_fallen_silent():
    network = timed(changes={"drive": [0.1, 4.0], "deviation": [0.0]}).train()
    loss = Objective(build_option("loss", "spike_time"), network, 0.0, 1.0, "mean", 0.0)
    with pytest.raises(NumericalError, match=r"layer body.linear1 is silent: .*form\.drive"):
        for _ in range(20):
            value = loss(networks.reading(scores(network, 100)), torch.zeros(100, dtype=torch.long))
            assert value.isfinite()


@pytest.mark.parametrize("terms", [{"weight_sum": 10.0}, {"silence": 0.1}])
def test_both_terms_bring_silent_neurons_back(terms):
    network = timed(changes={"drive": [0.4, 4.0], "deviation": [0.0]}).train()
    given = {"weight_sum": 0.0, "margin": 1.5, "reduction": "sum", "silence": 0.0, **terms}
    loss = Objective(build_option("loss", "spike_time"), network, **given)
    optimizer = torch.optim.Adam(network.parameters(), 0.005)
    for _ in range(30):
        optimizer.zero_grad()
        loss(networks.reading(scores(network, 20)), torch.zeros(20, dtype=torch.long)).backward()
        optimizer.step()
    assert all(int(layer.fired) > 0 for _, _, layer, _ in timed_layers(network))


def test_weights_of_few_bits():
    weight = torch.tensor([[-1.0, -0.4, 0.1, 0.9]], requires_grad=True)
    ternary = quantised(weight, 2)
    assert ternary[0].tolist() == pytest.approx([-2.3 / 3, -2.3 / 3, 0, 2.3 / 3]) or ternary[
        0
    ].tolist() == pytest.approx([-0.95, 0, 0, 0.95])
    assert len(quantised(torch.randn(50, 50), 4).unique()) <= 15
    ternary.sum().backward()
    assert weight.grad.tolist() == [[1.0] * 4]


def test_pulses_are_inputs_at_learned_times():
    network = timed(changes={"pulses": 3, "pulse_span": 2.0, "pulse_drive": 1.0}).train()
    scores(network).sum().backward()
    pulses = network.body[0].pulses
    assert (
        pulses.times.tolist() == pytest.approx([0.5, 1.0, 1.5])
        and pulses.times.grad.any()
        and pulses.weight.grad.any()
    )


def test_spikes_arrive_once_per_terminal():
    delays = Delays([1.0, 4.0])
    assert delays(torch.tensor([[0.0, 2.0, math.inf]])).tolist() == [
        [1, 4, 3, 6, math.inf, math.inf]
    ]
    assert delays(torch.tensor([0.0, 2.0]).view(1, 2, 1, 1)).flatten().tolist() == [1, 4, 3, 6]


@pytest.mark.parametrize(
    "architecture", [("mlp", {"widths": [6]}), ("cnn", {"layers": ["3C3", "MP2", "FC5"]})]
)
def test_every_synapse_has_a_weight_per_terminal(architecture):
    network, plain = (
        timed(architecture=architecture, changes={"delays": delays})
        for delays in ([0.0, 0.5, 1.0], [])
    )
    for with_delays, without in zip(
        connections(network).values(), connections(plain).values(), strict=True
    ):
        sizes = [list(each.layer.weight.shape) for each in (with_delays, without)]
        assert (
            sizes[0] == [sizes[1][0], 3 * sizes[1][1], *sizes[1][2:]]
            and terminals(with_delays) == 3
            and terminals(without) == 1
        )
    assert scores(network).shape == (1, 5, 10) and not torch.equal(scores(network), scores(plain))


def test_spikes_reach_every_terminal_in_the_counts():
    network = timed(changes={"delays": [0.0, 0.5, 1.0]})
    split = Split((255 * networks.images(6)).to(torch.uint8), torch.arange(6), torch.arange(6))
    batches = Batches(split, 6, Pixels([0.0], [1.0]), None, device=torch.device("cpu"), seed=1)
    tally, _ = through_time(network, batches, 8)
    times = network.encoder(next(batches.epoch(0, False)).input, range(1), networks.keys(6))
    arrived = 3 * 12 * times.isfinite().sum() + 3 * 10 * network.body[0](times).isfinite().sum()
    assert float(tally.ac) == arrived and tally.mac_ann == 6 * 3 * (64 * 12 + 12 * 10)


TAU, DELAYS, TARGET = 7.0, [1.0, 2.0, 5.0], (4.0, 9.0)


def response(s):
    """Of a neuron of SpikeProp to a spike, and its derivative: (s / tau) exp(1 - s / tau)."""
    s = s.clamp(min=0)
    return s / TAU * torch.exp(1 - s / TAU), (s > 0) * (1 - s / TAU) / TAU * torch.exp(1 - s / TAU)


def test_the_gradient_is_the_rule_of_spikeprop():
    """Bohte 2002 (survey [65], equations 12 and 17): delta of the outputs and of the hidden
    neurons, written down as they stand.
    """
    neuron = ("alpha", {"time_constant": TAU, "threshold": TAU / math.e, "horizon": 100.0})
    network = timed(
        neuron=neuron,
        architecture=("mlp", {"widths": [4], "bias": False}),
        changes={"delays": DELAYS, "drive": [6.0], "deviation": [3.0]},
    ).double()
    images, labels = networks.images(1).double(), torch.tensor([2])
    loss = build_option("loss", "time_error", {"early": TARGET[0], "late": TARGET[1]})
    loss(network(images, range(1), networks.keys(1)), labels).backward()
    layers = [connection.layer.weight for connection in connections(network).values()]
    times = [network.encoder(images, range(1), networks.keys(1))[0].flatten(1)[0]]
    times += [
        network.body[0](times[0].view(1, 1, 1, 8, 8))[0, 0].detach(),
        network.body(times[0].view(1, 1, 1, 8, 8))[0, 0].detach(),
    ]
    assert all(each.isfinite().all() for each in times[1:])
    given = [
        response(out[:, None, None] - sent[None, :, None] - torch.tensor(DELAYS))
        for sent, out in zip(times, times[1:], strict=False)
    ]
    weights = [
        layers[0].detach().unflatten(1, (len(DELAYS), -1)).transpose(1, 2),
        layers[1].detach().unflatten(1, (-1, len(DELAYS))),
    ]
    (hidden, hidden_slope), (last, last_slope) = given
    target = torch.full((10,), TARGET[1], dtype=torch.float64).scatter(0, labels, TARGET[0])
    delta = (target - times[2]) / (weights[1] * last_slope).sum((1, 2))
    below = (delta[:, None] * (weights[1] * last_slope).sum(2)).sum(0) / (
        weights[0] * hidden_slope
    ).sum((1, 2))
    torch.testing.assert_close(
        layers[1].grad, (last * delta[:, None, None]).flatten(1), rtol=1e-8, atol=1e-12
    )
    torch.testing.assert_close(
        layers[0].grad,
        (hidden * below[:, None, None]).transpose(1, 2).flatten(1),
        rtol=1e-8,
        atol=1e-12,
    )


def test_spikeprop_learns_exclusive_or():
    """Bohte 2002 (survey [65]): three inputs, five hidden neurons, sixteen delays per
    connection.
    """
    torch.manual_seed(1)
    neuron = build_option(
        "neuron",
        "alpha",
        {"time_constant": 7.0, "threshold": 7 / math.e, "horizon": 100.0},
        surrogate=nn.Identity(),
    )
    inputs = torch.tensor([[0.0, a, b] for a in (0, 6) for b in (0, 6)], dtype=torch.float64)
    target = torch.tensor([16.0, 10, 10, 16], dtype=torch.float64)
    delays = Delays([float(each) for each in range(1, 17)])
    hidden = (torch.rand(5, 48, dtype=torch.float64) * 0.3).requires_grad_()
    last = (torch.rand(1, 80, dtype=torch.float64) * 0.2).requires_grad_()
    sign = torch.tensor([1.0, 1, 1, 1, -1], dtype=torch.float64)[:, None].expand(5, 16).reshape(-1)
    optimizer, errors = torch.optim.Adam([hidden, last], 0.02), []
    for _ in range(300):
        times = inputs
        for weight in (hidden, last * sign):
            times = spike_times(
                delays(times), Synapses(weight, None), neuron, "scan", slope_limit=10.0
            )
        error = (times[:, 0].clamp(max=100) - target).square().sum() / 2
        errors.append(error.item())
        optimizer.zero_grad()
        error.backward()
        optimizer.step()
    assert min(errors) < 1.0
