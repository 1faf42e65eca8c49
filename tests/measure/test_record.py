"""Counts of spikes and operations against a reference that walks every spike to every weight it
meets.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.encoders.base import Encoder
from snnexp.layers.average_pool import AveragePool
from snnexp.layers.concatenation import Concatenation
from snnexp.layers.connection import Connection
from snnexp.layers.dropout import Dropout
from snnexp.layers.elementwise import Elementwise
from snnexp.layers.lean import Little
from snnexp.layers.per_step import PerStep
from snnexp.measure.record import recording
from snnexp.measure.tally import AC_JOULE, MAC_JOULE, Tally
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections, keep, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.norms.neunorm import NeuNorm
from tests.support.networks import Spikes, blueprint, chunks, dyadic, encoder, images, keys

STEPS = 5
BRANCHED = {"widths": [2, 3, 4], "blocks": 1, "shortcut": "pad"}


def count(
    net: Network,
    pictures: Tensor,
    length: int = STEPS,
    batch: int | None = None,
    steps: int = STEPS,
) -> Tally:
    """The tally of a streamed pass in chunks of `length`, in batches of `batch`."""
    batch = batch or len(pictures)
    with recording(net) as tally:
        for some, its_keys in zip(
            pictures.split(batch), keys(len(pictures)).split(batch), strict=True
        ):
            with streaming(net):
                for part in chunks(steps, length):
                    net(some, part, its_keys)
    tally.images = len(pictures)
    return tally


def meets(connection: Connection, shape: tuple[int, ...], place: tuple[int, ...]) -> int:
    """How many weights a spike at `place` of a map of `shape` meets: a walk in plain Python."""
    layer = connection.layer
    size, place = shape[1:], place[1:]
    for module in () if isinstance(connection.before, nn.Identity) else connection.before:
        if isinstance(module, AveragePool):
            place = tuple(
                where // window for where, window in zip(place, module.window, strict=True)
            )
            size = tuple(
                extent // window for extent, window in zip(size, module.window, strict=True)
            )
            if any(where >= extent for where, extent in zip(place, size, strict=True)):
                return 0  # beyond the last whole window
    if isinstance(layer, nn.Linear):
        return layer.out_features
    met = 0
    for row in range(
        (size[0] + 2 * layer.padding[0] - layer.kernel_size[0]) // layer.stride[0] + 1
    ):
        for column in range(
            (size[1] + 2 * layer.padding[1] - layer.kernel_size[1]) // layer.stride[1] + 1
        ):
            offsets = (
                place[0] + layer.padding[0] - row * layer.stride[0],
                place[1] + layer.padding[1] - column * layer.stride[1],
            )
            met += all(
                0 <= offset < kernel
                for offset, kernel in zip(offsets, layer.kernel_size, strict=True)
            )
    return met * layer.out_channels


@contextmanager
def inputs(net: Network) -> Iterator[dict[str, list[Tensor]]]:
    """What every connection got."""
    seen: dict[str, list[Tensor]] = {}
    hooks = []
    for name, connection in connections(net).items():
        calls = seen.setdefault(name, [])
        hooks.append(
            connection.register_forward_pre_hook(lambda _, x, calls=calls: calls.append(x[0]))
        )
    yield seen
    for hook in hooks:
        hook.remove()


def walked(net: Network, run: Callable[[], Any], without: tuple[str, ...] = ()) -> int:
    """Accumulates of all connections but those `without` spikes at their input."""
    with inputs(net) as seen:
        run()
    total = 0
    for name, connection in connections(net).items():
        for x in [] if name in without else seen[name]:
            total += sum(
                meets(connection, tuple(x.shape[2:]), tuple(place[2:]))
                for place in x.nonzero().tolist()
            )
    return total


def network(
    shape: tuple[int, int, int] = (1, 8, 8),
    encoder: str = "direct",
    architecture: Any = None,
    **chosen: Any,
) -> Network:
    architecture = architecture or ("cnn", {"layers": ["4C3", "AP2", "6C3", "FC12"]})
    return dyadic(
        spiking_network(blueprint(shape, encoder=encoder, architecture=architecture, **chosen))
    )


LAYERS = [
    ["4C3", "FC6"],
    ["3C3s2", "AP2", "4C3", "AP2", "FC6"],  # 7 x 7 -> 3 x 3 -> 1 x 1: the pools leave positions out
    ["3C5p0", "4C3s2", "GAP", "FC6"],
    ["AP2", "AP2", "3C3", "AP2", "2C2p1s2"],  # two in a row, before the first weights
    ["2C3", "MP2", "3C3"],
]


@pytest.mark.slow
@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("name", ["poisson", "direct"])
def test_accumulates_are_counted_spike_by_spike(name, layers):
    net, pictures = network((2, 14, 14), name, ("cnn", {"layers": layers})), images(2, (2, 14, 14))
    first = () if name == "poisson" else (next(iter(connections(net))),)
    expected = walked(net, lambda: count(net, pictures), without=first)
    tally = count(net, pictures)
    assert float(tally.ac) == expected > 0
    assert (tally.mac == 0) == (name == "poisson")


@pytest.mark.slow
def test_signed_spikes_count_like_others():
    net, pictures = network((1, 6, 6), "poisson"), images(2, (1, 6, 6)) - 0.5
    assert float(count(net, pictures).ac) == walked(net, lambda: count(net, pictures)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("shortcut", ["pad", "projection"])
@pytest.mark.parametrize("name", ["poisson", "direct"])
def test_residual_networks_count_their_shortcuts(name, shortcut):
    net = network((1, 9, 9), name, ("resnet20", {**BRANCHED, "shortcut": shortcut}))
    pictures, spikes = images(2, (1, 9, 9)), Spikes(net)
    expected = walked(
        net,
        lambda: count(net, pictures),
        without=() if name == "poisson" else ("body.stem.connection",),
    )
    stem, second = (spikes.calls[f"body.{unit}"][0] for unit in ("stem", "stage1_block1"))
    added = stem.count_nonzero()  # a shortcut that changes nothing adds each spike once
    if shortcut == "pad":  # as do those that keep every second pixel
        third = spikes.calls["body.stage2_block1"][0]
        added += second[..., ::2, ::2].count_nonzero() + third[..., ::2, ::2].count_nonzero()
    assert added > 0 and float(count(net, pictures).ac) == expected + int(added)


@pytest.mark.slow
def test_multiply_accumulates_follow_the_convention():
    layers = ["4C3", "AP2", "6C3s2", "FC12"]
    by_layer = [9 * 1 * 4 * 8 * 8, 9 * 4 * 6 * 2 * 2, 24 * 12, 12 * 10]
    net = network(architecture=("cnn", {"layers": layers}))
    spiking = count(net, images(3))
    assert (spiking.mac, spiking.mac_ann) == (3 * by_layer[0], 3 * sum(by_layer))
    analog = count(
        dyadic(analog_network(blueprint(architecture=("cnn", {"layers": layers})))),
        images(3),
        steps=1,
    )
    assert analog.mac == analog.mac_ann == 3 * sum(by_layer)


@pytest.mark.slow
def test_analog_network_has_no_accumulates_and_no_spikes():
    tally = count(
        dyadic(analog_network(blueprint(architecture=("resnet20", BRANCHED)))), images(3), steps=1
    )
    assert (
        float(tally.ac) == 0
        and tally.layers == {}
        and tally.spikes_per_neuron() is None
        and tally.spikes_per_inference() == 0
    )
    assert (
        tally.operations()["energy_joule"]
        == tally.operations()["energy_ann_joule"]
        == tally.mac / 3 * MAC_JOULE
    )


def facts(tally: Tally) -> tuple:
    return tally.spikes_by_layer(), tally.operations(), tally.spikes_per_inference()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["direct", "poisson", "latency"])
@pytest.mark.parametrize(
    "architecture",
    [
        ("cnn", {"layers": ["AP2", "D0.2", "3C3", "AP2", "D0.5", "4C3", "FC9"]}),
        ("resnet20", BRANCHED),
    ],
)
def test_neither_chunk_nor_batch_changes_a_count(name, architecture):
    net, pictures = network(encoder=name, architecture=architecture), images(5)
    expected = facts(count(net, pictures))
    for length, batch in ((1, 5), (2, 2), (3, 4), (STEPS, 1)):
        assert facts(count(net, pictures, length, batch)) == expected


class Brighter(Encoder):
    """A real-valued input that changes with time."""

    spiking = False
    signed = True

    def forward(self, images, steps, keys):
        return torch.stack([images * (step + 1) / 8 for step in steps])

    def analog(self, images):
        return images[None]

    def shape(self, shape):
        return shape


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 2, 3, STEPS])
def test_real_input_is_multiplied_once_if_it_stands_still_and_at_every_step_if_not(length):
    plan, first = blueprint(), 9 * 1 * 4 * 8 * 8
    assert count(dyadic(spiking_network(plan)), images(3), length).mac == 3 * first
    assert (
        count(dyadic(spiking_network(replace(plan, encoder=Brighter()))), images(3), length).mac
        == 3 * STEPS * first
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["direct", "poisson"])
@pytest.mark.parametrize(
    "pools",
    [
        ["AP2", "D0.5"],
        ["D0.5", "AP2"],
        ["AP2", "D0.5", "AP2", "D0.5"],
        ["AP2", "MP2"],
        ["MP2", "D0.5"],
    ],
)
@pytest.mark.parametrize("behind", [[], ["3C3"]])
def test_dropout_behind_a_pool_changes_no_count(name, pools, behind):
    with_dropout = network((1, 9, 9), name, ("cnn", {"layers": [*behind, *pools, "4C3", "FC6"]}))
    without = network(
        (1, 9, 9),
        name,
        (
            "cnn",
            {"layers": [*behind, *[token for token in pools if token[0] != "D"], "4C3", "FC6"]},
        ),
    )
    pictures = images(2, (1, 9, 9))
    assert facts(count(with_dropout, pictures)) == facts(count(without, pictures))
    assert count(without, pictures).mac == (
        0 if name == "poisson" else count(without, pictures, steps=1).mac
    )


def test_spikes_of_a_window_all_reach_the_weights_behind_dropout():
    net = network((1, 4, 4), "poisson", ("cnn", {"layers": ["AP2", "D0.5", "FC6"]}))
    tally = count(net, torch.ones(1, 1, 4, 4), steps=1)  # every pixel fires
    hidden = sum(int(layer.spikes) for layer in tally.layers.values())
    assert float(tally.ac) == 16 * 6 + hidden * 10


def by_hand(neuron: dict[str, Any]) -> Network:
    """Two neurons behind one pixel of value 1, with currents 1/2 and 3/4; ten outputs."""
    plan = blueprint((1, 1, 1), architecture=("mlp", {"widths": [2]}), neuron=("if", neuron))
    net = spiking_network(plan).eval()
    with torch.no_grad():
        net.body.linear1.connection.layer.weight.copy_(torch.tensor([[0.5], [0.75]]))
    return net


@pytest.mark.parametrize(
    ("neuron", "spikes"),
    [
        ({}, 2 + 3),  # 0 1 0 1 and 0 1 1 1
        ({"reset": "hard"}, 2 + 2),
        ({"amplitude": "threshold"}, 2 + 3),
        (
            {"amplitude": "threshold", "threshold": 0.25},
            4 + 4,
        ),  # counted as spikes, whatever they carry
        ({"amplitude": "threshold", "threshold": 2.0}, 1 + 1),
    ],
)
def test_spikes_per_neuron_by_hand(neuron, spikes):
    tally = count(by_hand(neuron), torch.ones(3, 1, 1, 1), steps=4)
    assert tally.spikes_by_layer() == {
        "body.linear1": {"neurons": 2, "spikes_per_neuron": spikes / 2}
    }
    assert tally.spikes_per_inference() == spikes and tally.spikes_per_neuron() == spikes / 2
    operations = tally.operations()
    assert (operations["mac"], operations["ac"], operations["mac_ann"]) == (2, 10 * spikes, 2 + 20)
    assert operations["energy_joule"] == pytest.approx(2 * MAC_JOULE + 10 * spikes * AC_JOULE)
    assert operations["energy_ann_joule"] == pytest.approx(22 * MAC_JOULE)


def test_output_neurons_are_neurons():
    tally = count(network(readout="rate"), images(2))
    neurons = {name: layer["neurons"] for name, layer in tally.spikes_by_layer().items()}
    assert neurons == {
        "body.convolution1": 4 * 64,
        "body.convolution2": 6 * 16,
        "body.linear1": 12,
        "output": 10,
    }
    assert tally.spikes_per_neuron() == pytest.approx(
        tally.spikes_per_inference() / sum(neurons.values())
    )


def test_layers_come_in_the_order_of_the_forward_pass():
    net = network(architecture=("resnet20", BRANCHED))
    assert list(count(net, images(1)).layers)[:3] == [
        "body.stem",
        "body.stage1_block1.connection.branches.0.0",
        "body.stage1_block1",
    ]


def test_recording_leaves_the_network_as_it_was():
    net = network(architecture=("cnn", {"layers": ["2C3", "AP2", "D0.5", "4C3"]}))
    with streaming(net):
        expected = net(images(2), range(STEPS), keys(2)).scores
    with recording(net), streaming(net):
        assert torch.equal(net(images(2), range(STEPS), keys(2)).scores, expected)
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())


def test_units_that_save_memory_are_counted_too():
    net = network(norm=("batch", {}))
    expected = facts(count(net, images(2)))
    keep(net, Little())
    assert facts(count(net, images(2))) == expected


@pytest.mark.slow
def test_half_precision_changes_nothing_in_how_it_is_counted():
    net = network((2, 14, 14), "poisson", ("cnn", {"layers": LAYERS[1]}))
    with torch.autocast("cpu", torch.bfloat16):
        tally = count(net, images(2, (2, 14, 14)))
        expected = walked(net, lambda: count(net, images(2, (2, 14, 14))))
    assert float(tally.ac) == expected


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("layers", [["4C3", "AP2", "6C3", "FC12"], ["4C3", "D0.5", "AP2", "6C3"]])
def test_spikes_are_added_and_the_traces_taken_off_them_multiplied(layers, shared):
    net = network(architecture=("cnn", {"layers": layers}), norm=("neunorm", {"shared": shared}))
    for norm in (part for part in net.modules() if isinstance(part, NeuNorm)):
        for weight in norm.parameters():
            nn.init.zeros_(weight)  # what goes on is then what the neurons send
    pictures = images(2)
    first = (next(iter(connections(net))),)
    added = walked(net, lambda: count(net, pictures), without=first)
    for weight in (each for each in net.parameters() if each.shape[-2:] in ((8, 8), (4, 4))):
        nn.init.constant_(weight, 1e-20)  # changes no spike, and leaves no value at 0
    tally = count(net, pictures, length=2)
    once = 9 * 1 * 4 * 8 * 8  # the image does not change
    maps = (1, 1) if shared else (4, 6)  # of traces, behind 4 and 6 channels
    behind = 12 if "FC12" in layers else 10
    each_step = 9 * maps[0] * 6 * 4 * 4 + maps[1] * 4 * 4 * behind
    assert float(tally.ac) == added > 0
    assert tally.mac == 2 * (once + STEPS * each_step)


def test_what_is_filtered_in_front_of_weights_counts_as_spikes_and_an_image_at_every_step():
    layers = {"layers": ["4C3", "AP2", "FC12"]}
    net = network(synapse="iir", neuron=("srm", {"threshold": 0.25}), architecture=("cnn", layers))
    pictures, spikes = images(2), Spikes(net)
    tally = count(net, pictures, length=2)
    sent = {name: torch.cat(calls).count_nonzero() for name, calls in spikes.calls.items()}
    assert sent["body.convolution1"] > 0 and sent["body.linear1"] > 0
    assert float(tally.ac) == sent["body.convolution1"] * 12 + sent["body.linear1"] * 10
    assert tally.mac == 2 * STEPS * 9 * 1 * 4 * 8 * 8


def test_the_largest_of_values_that_are_no_spikes_is_real():
    net = network(architecture=("cnn", {"layers": ["4C3", "MP2", "6C3"]}), norm="neunorm")
    tally = count(net, images(2))
    last = 4 * 4 * 10  # a map of traces in front of the output
    assert tally.mac == 2 * (9 * 4 * 8 * 8 + STEPS * (9 * 4 * 6 * 4 * 4 + last))


# Spikes that go more than one way: each is followed from its neuron to the weights, place by place.

SIDE = 7  # odd, so that pools leave positions out
Place = tuple[int, ...]


def convolution(inputs: int, outputs: int) -> Connection:
    return Connection(nn.Conv2d(inputs, outputs, 3, padding=1), nn.Identity())


def joined(joint: str, pool: nn.Module, keep: Callable[[], nn.Module]) -> Callable[..., nn.Module]:
    """A layer of two channels, a second beside it, a pool on both, and what stands before the
    output.
    """

    def body(unit, features, **about):
        beside = (nn.Identity(), unit(convolution(2, 2)))
        block = Concatenation(*beside) if joint == "concatenation" else Elementwise("add", *beside)
        channels = 4 if joint == "concatenation" else 2
        side = SIDE // 2
        layer = nn.Linear(channels * side * side, features)
        output = Connection(layer, nn.Identity(), before=(nn.Flatten(),))
        return nn.Sequential(unit(convolution(1, 2)), block, PerStep(pool), keep(), output)

    return body


def built(architecture: Callable[..., nn.Module], neuron: Any = "if") -> Network:
    plan = replace(blueprint((1, SIDE, SIDE), neuron=neuron), architecture=architecture)
    return dyadic(spiking_network(plan))


def sent(net: Network, unit: str, pictures: Tensor) -> Counter[tuple[int, int, Place]]:
    """How many spikes a unit sends, by timestep, image and place."""
    neuron = spiking_units(net)[unit].neuron
    carries = neuron.threshold.value if hasattr(neuron, "largest") else 1
    spikes = Spikes(net)
    with streaming(net):
        net(pictures, range(STEPS), keys(len(pictures)))
    values = (spikes.calls[unit][0] / carries).round().abs().int()
    return Counter(
        {(at[0], at[1], tuple(at[2:])): int(values[tuple(at)]) for at in values.nonzero().tolist()}
    )


def meeting_the_block(first: Counter, layer: nn.Conv2d) -> int:
    connection = Connection(layer, nn.Identity())
    return sum(
        number * meets(connection, (2, SIDE, SIDE), place)
        for (_, _, place), number in first.items()
    )


def brought_together(joint: str, first: Counter, second: Counter) -> Counter:
    """The spikes behind each value of the joint; of those beside one another the second have later
    channels.
    """
    behind = Counter(first)
    for (step, image, (channel, *where)), number in second.items():
        behind[step, image, (channel + 2 if joint == "concatenation" else channel, *where)] += (
            number
        )
    return behind


def pooled(behind: Counter, together: Callable[[list[int]], int]) -> int:
    """All spikes behind the values of a pool of 2 x 2; the last row and column are in no window."""
    windows: dict[tuple, list[int]] = {}
    for (step, image, (channel, row, column)), number in behind.items():
        if row // 2 < SIDE // 2 and column // 2 < SIDE // 2:
            windows.setdefault((step, image, channel, row // 2, column // 2), []).append(number)
    return sum(together(numbers) for numbers in windows.values())


BURSTS = ("burst", {"threshold": 0.25, "largest": 3, "amplitude": "threshold"})


@pytest.mark.slow
@pytest.mark.parametrize("length", [1, 2, STEPS])
@pytest.mark.parametrize("neuron", ["if", BURSTS])
@pytest.mark.parametrize(
    ("pool", "together"),
    [(AveragePool((2, 2)), sum), (AveragePool((2, 2), 4.4), sum), (nn.MaxPool2d(2), max)],
)
@pytest.mark.parametrize("joint", ["concatenation", "add"])
def test_spikes_are_followed_through_joints_and_pools(joint, pool, together, neuron, length):
    net = built(joined(joint, pool, lambda: Dropout(0.5)), neuron)
    pictures = images(2, (1, SIDE, SIDE))
    first, second = (sent(net, name, pictures) for name in spiking_units(net))
    behind = brought_together(joint, first, second)
    expected = meeting_the_block(first, net.body[1].branches[1].connection.layer)
    expected += pooled(behind, together) * 10
    tally = count(net, pictures, length)
    assert float(tally.ac) == expected > 0
    assert [int(layer.spikes) for layer in tally.layers.values()] == [first.total(), second.total()]
    if neuron == BURSTS:
        assert max(first.values()) > 1


class Copied(Dropout):
    """Hands on a copy of what it gets."""

    def forward(self, x):
        return x.clone()


@pytest.mark.parametrize("pool", [AveragePool((2, 2)), nn.MaxPool2d(2)])
def test_a_copy_on_the_way_changes_no_count(pool):
    pictures = images(2, (1, SIDE, SIDE))
    tallies = [
        count(built(joined("add", pool, lambda kind=kind: kind(0.5))), pictures)
        for kind in (Dropout, Copied)
    ]
    assert facts(tallies[0]) == facts(tallies[1])


@pytest.mark.parametrize("kind", [Dropout, Copied])
def test_real_values_stay_real_on_their_way_to_the_first_weights(kind):
    def body(unit, features, **about):
        output = Connection(
            nn.Linear(2 * SIDE * SIDE, features), nn.Identity(), before=(nn.Flatten(),)
        )
        return nn.Sequential(kind(0.5), unit(convolution(1, 2)), output)

    assert count(built(body), images(2, (1, SIDE, SIDE))).mac == 2 * 9 * 2 * SIDE * SIDE


def test_a_layer_that_does_not_say_what_it_makes_of_spikes_is_refused():
    net = built(joined("add", AveragePool((2, 2)), nn.ReLU))
    with (
        pytest.raises(TypeError, match=r"body\.3: ReLU .* give it a method `passed`"),
        recording(net),
    ):
        pass
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in net.modules())
    assert not any(unit.cells.counting for unit in spiking_units(net).values())


@pytest.mark.slow
@pytest.mark.parametrize("since", [0, 3])
@pytest.mark.parametrize("name", ["direct", "whitening"])
def test_an_input_that_stands_still_is_multiplied_once_in_chunks_of_any_length(name, since):
    made = encoder(name, images(20))
    plan = replace(
        blueprint(encoder=(name, {"channels": 1} if name == "whitening" else {})), encoder=made
    )
    net, macs = dyadic(spiking_network(plan)), []
    for length in (1, 2, 3, STEPS):
        with recording(net, since) as tally, streaming(net):
            for part in chunks(STEPS, length):
                net(images(3), part, keys(3))
        macs.append(tally.mac)
    assert set(macs) == {macs[-1]} and macs[-1] > 0
