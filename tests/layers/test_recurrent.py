"""Networks with recurrent layers: what is built, counted, streamed, and trained in parts."""

import pytest
import torch

from snnexp.architectures.tokens import RecurrentLinear, parse
from snnexp.cell import streaming
from snnexp.layers.lean import Little
from snnexp.layers.recurrent import Feedback, Recurrent
from snnexp.measure.record import recording
from snnexp.network.analog_front import network_with_analog_front
from snnexp.network.network import Network
from snnexp.network.parts import keep, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.training.clip import clip_weights
from snnexp.training.segments import segmented
from tests.support.networks import blueprint, chunks, images, keys

STEPS = 7


def network(layers: tuple[str, ...] = ("FC6", "R5"), **chosen) -> Network:
    plan = blueprint(
        encoder=("scan", {"width": 16}),
        neuron=("lif", {"threshold": 0.3, "detach_reset": False}),
        architecture=("cnn", {"layers": list(layers), "gain": 2.0}),
        **chosen,
    )
    torch.manual_seed(1)
    return spiking_network(plan)


def test_a_token_makes_a_layer_that_hears_itself():
    assert [type(layer) for layer in parse(["R12"])] == [RecurrentLinear]
    net = network()
    assert [*dict(net.body.named_children())] == ["linear1", "recurrent1", "output"]
    assert isinstance(net.body.recurrent1.connection, Recurrent)
    assert isinstance(net.body.recurrent1.cells.cells[0], Feedback)
    assert net.body.recurrent1.feedback.weight.shape == (5, 5)
    assert net.body.linear1.feedback is None


def test_spikes_of_a_recurrent_layer_are_counted_there_and_behind():
    net = network(("R5", "FC6")).eval()
    sent = {}
    for name, unit in spiking_units(net).items():
        unit.register_forward_hook(lambda _, __, y, name=name: sent.update({name: y.sum().item()}))
    for length in (1, 3, STEPS):
        with recording(net) as tally, streaming(net):
            for part in chunks(STEPS, length):
                net(images(), part, keys())
        tally.images = 3
        if length == STEPS:
            fired = sent["body.recurrent1"], sent["body.linear1"]
        counted = int(tally.layers["body.recurrent1"].spikes), float(tally.ac)
        assert tally.mac == 3 * (4 + 1) * 16 * 5  # four parts of the image, and that it is over
        assert tally.mac_ann == 3 * (16 * 5 + 5 * 5 + 5 * 6 + 6 * 10)
    assert fired[0] > 0 and counted == (fired[0], fired[0] * (5 + 6) + fired[1] * 10)


def test_chunks_give_what_the_whole_gives():
    net = network().eval()
    whole = net(images(), range(STEPS), keys()).scores
    for length in (1, 3):
        with streaming(net):
            parts = [net(images(), part, keys()).scores for part in chunks(STEPS, length)]
        torch.testing.assert_close(torch.cat(parts), whole)


# Batch statistics would be those of a segment.
@pytest.mark.parametrize("way, norm", [("lean", "none"), ("lean", "batch"), ("segments", "none")])
def test_gradients_are_the_same_whichever_way_memory_is_saved(way, norm):
    net, twin = network(norm=norm), network(norm=norm)
    net(images(), range(STEPS), keys()).scores[-1].square().sum().backward()
    if way == "lean":
        keep(twin, Little())
        scores = twin(images(), range(STEPS), keys()).scores
    else:
        scores = segmented(twin, images(), range(STEPS), keys(), 3).scores
    scores[-1].square().sum().backward()
    for own, wanted in zip(twin.parameters(), net.parameters(), strict=True):
        torch.testing.assert_close(own.grad, wanted.grad, rtol=1e-4, atol=1e-6)
    assert net.body.recurrent1.feedback.weight.grad.any()


def test_weights_of_a_layer_to_itself_are_limited_too():
    net = network()
    net.body.recurrent1.feedback.weight.data.fill_(3.0)
    clip_weights(net, 0.5)
    assert net.body.recurrent1.feedback.weight.max() == 0.5


def test_a_recurrent_layer_has_no_analog_form():
    plan = blueprint(architecture=("cnn", {"layers": ["R5", "FC6"]}))
    with pytest.raises(ValueError, match="write FC in place of R"):
        network_with_analog_front(plan, 1, torch.nn.ReLU)
