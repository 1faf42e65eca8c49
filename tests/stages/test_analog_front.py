"""Spiking networks behind analog first layers: values, gradients, counts, and what is refused."""

from functools import partial

import pytest
import torch
from torch import Tensor

from snnexp.activations.relu import ReLU
from snnexp.cell import is_static, stepwise, streaming
from snnexp.losses.mse import MSE
from snnexp.measure.record import recording
from snnexp.network.analog import analog_network
from snnexp.network.analog_front import network_with_analog_front
from snnexp.network.network import Network
from snnexp.network.parts import analog_units, connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.network.transfer import transfer
from snnexp.stages.analog_front import AnalogFront
from snnexp.training.segments import segmented
from tests.support.networks import blueprint, chunks, dyadic, images, keys
from tests.support.tiny_run import job, records

LAYERS = ["4C3", "AP2", "6C3", "FC12"]


def network(front: int, layers: list[str] = LAYERS, **chosen) -> Network:
    plan = blueprint(architecture=("cnn", {"layers": layers}), **chosen)
    return dyadic(network_with_analog_front(plan, front, ReLU))


def by_hand(net: Network, pictures: Tensor, steps: int, front: int) -> Tensor:
    """The mean potential of the output after every timestep, layer by layer."""
    x, places = pictures, list(connections(net).values())
    for connection in places[:front]:
        x = connection.layer(connection.before(x[None])[0]).clamp(min=0)
    signal = x.expand(steps, *x.shape)
    for connection, unit in zip(places[front:], spiking_units(net).values(), strict=False):
        current = torch.stack([connection.layer(connection.before(s[None])[0]) for s in signal])
        signal = stepwise(unit.neuron, current, unit.neuron.initial(current[0]))[0]
    last = places[-1]
    current = torch.stack([last.layer(last.before(s[None])[0]) for s in signal])
    return current.cumsum(0) / torch.arange(1, steps + 1).view(-1, 1, 1)


@pytest.mark.parametrize("front", [1, 2])
def test_neurons_integrate_what_the_front_gives(front):
    net = network(front)
    scores = net(images(), range(5), keys()).scores
    assert torch.equal(scores, by_hand(net, images(), 5, front)) and scores[-1].any()
    assert len(analog_units(net)) == front and len(spiking_units(net)) == 3 - front


def test_without_a_front_it_is_the_spiking_form():
    plan = blueprint()
    plain, front = dyadic(spiking_network(plan)), dyadic(network_with_analog_front(plan, 0, ReLU))
    assert plain.state_dict().keys() == front.state_dict().keys()
    given = images(), range(4), keys()
    assert torch.equal(plain(*given).scores, front(*given).scores)


def test_what_the_front_gives_stands_still():
    net, seen = network(2), []
    for unit in analog_units(net).values():
        unit.register_forward_hook(lambda _, __, y: seen.append(y))
    net(images(), range(6), keys())
    assert [is_static(y) for y in seen] == [True, True]


def test_gradients_are_those_of_the_sum_over_time():
    """By autograd on copies: the front computed at every timestep."""
    net = network(1).train()
    net(images(), range(5), keys()).answer.square().sum().backward()
    found = [parameter.grad.clone() for parameter in net.parameters()]
    net.zero_grad()
    copied = network(1).train()
    (unit,) = analog_units(copied).values()
    unit.register_forward_hook(lambda _, __, y: y.contiguous() + 0)
    copied(images(), range(5), keys()).answer.square().sum().backward()
    assert all(gradient.any() for gradient in found)
    for one, other in zip(found, copied.parameters(), strict=True):
        torch.testing.assert_close(one, other.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["none", "batch", "tdbn"])
def test_chunks_give_what_the_whole_gives(norm):
    net = network(2, norm=norm)
    whole = net(images(), range(7), keys()).scores
    with streaming(net):
        parts = [net(images(), steps, keys()).scores for steps in chunks(7, 3)]
    assert torch.equal(torch.cat(parts), whole)


def test_segments_of_time_have_the_same_gradients():
    found = []
    for run in (lambda net: net, lambda net: partial(segmented, net, segments=3)):
        net = network(1).train()
        run(net)(images(), range(6), keys()).answer.square().sum().backward()
        found.append([parameter.grad for parameter in net.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_the_front_is_multiplied_once_and_spikes_are_added(length):
    net = network(2)
    with recording(net) as tally, streaming(net):
        for steps in chunks(5, length):
            net(images(), steps, keys())
    # Two convolutions on 8 x 8 and 4 x 4, and the linear layer that still gets numbers.
    macs = 64 * 9 * 4 + 16 * 9 * 4 * 6 + 6 * 16 * 12
    assert tally.mac == 3 * macs
    (layer,) = tally.layers.values()
    assert layer.spikes > 0 and tally.ac == layer.spikes * 10
    assert tally.mac_ann == 3 * (macs + 12 * 10)


def test_weights_of_an_analog_network_are_taken_over():
    plan = blueprint()
    analog, net = analog_network(plan), network_with_analog_front(plan, 1, ReLU)
    transfer(analog, net)
    pictures = images()
    given = pictures, range(1), keys()
    first = [next(iter(analog_units(each).values())) for each in (analog, net)]
    seen = []
    for unit in first:
        unit.register_forward_hook(lambda _, __, y: seen.append(y))
    analog(*given), net(*given)
    assert torch.equal(*seen)


def test_a_front_of_all_layers_is_refused():
    plan = blueprint()
    stage = partial(
        AnalogFront,
        activation=ReLU,
        epochs=1,
        timesteps=4,
        optimizer=torch.optim.Adam,
        scheduler=torch.optim.lr_scheduler.ConstantLR,
        loss=partial(MSE, reduction="mean"),
        linear_rate=1.0,
        weight_limit=None,
        patience=None,
        gradient_clip=None,
        average=None,
        teacher=None,
        teacher_share=0.5,
        temperature=1.0,
    )
    assert not [*stage(front=2).obstacles(plan, ReLU, "here")]
    (said,) = stage(front=3).obstacles(plan, ReLU, "here")
    assert said == "here.front: 3 analog layers leave no neurons; set here.front=1"


@pytest.mark.slow
def test_a_run_learns(tmp_path):
    network = "architecture=mlp", "architecture.widths=[24, 16]"
    result = job(tmp_path / "run", "strategy=analog_front", *network)
    losses = [record["train/loss"] for record in records(tmp_path / "run", "train")]
    assert len(losses) == 2 and losses[1] < 0.8 * losses[0]
    assert result["accuracy"] > 70 and result["stages"]["train"]["form"] == "spiking"
