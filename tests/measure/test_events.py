"""What is counted of frames of events: by hand, whatever the chunk, the batch and the process."""

import pytest
import torch
from torch import Tensor

from snnexp.cell import streaming
from snnexp.datasets.base import numbered
from snnexp.datasets.batches import Batch, Batches
from snnexp.losses.cross_entropy import CrossEntropy
from snnexp.measure.evaluator import Evaluation, Evaluator
from snnexp.measure.record import recording
from snnexp.measure.tally import AC_JOULE, MAC_JOULE, Tally
from snnexp.network.analog import analog_network
from snnexp.network.blueprint import Blueprint
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.training.memory import needed_bytes
from tests.support.networks import blueprint, chunks, dyadic, keys, seeded
from tests.test_streaming import Streamed

FRAMES = (6, 2, 8, 8)
LAYERS = {"layers": ["4C3", "AP2", "6C3", "FC12"]}


def plan(frames: int = 6, layers: dict | None = None, **encoder) -> Blueprint:
    shape = (frames, 2, 8, 8)
    return blueprint(
        shape, encoder=("frames", encoder), architecture=("cnn", layers or LAYERS), neuron="if"
    )


def network(frames: int = 6, **encoder) -> Network:
    return dyadic(spiking_network(plan(frames, **encoder)))


def events(count: int = 5, frames: int = 6) -> Tensor:
    """Counts of 0 to 3."""
    return torch.randint(0, 4, (count, frames, 2, 8, 8), generator=seeded(3)).float()


def tally(net: Network, shown: Tensor, length: int = 6, batch: int = 5) -> Tally:
    own = keys(len(shown))
    with recording(net) as counted:
        for some, of_some in zip(shown.split(batch), own.split(batch), strict=True):
            with streaming(net):
                for part in chunks(shown.shape[1], length):
                    net(some, part, of_some)
    counted.images = len(shown)
    return counted


def first_layer_by_hand(shown: Tensor) -> int:
    """Events times the weights that each reaches: of 4 channels by 3 x 3, less at the border."""
    reached = torch.full((8, 8), 9)
    reached[[0, -1]] = 6
    reached[:, [0, -1]] = 6
    reached[[0, 0, -1, -1], [0, -1, 0, -1]] = 4
    return int((shown.sum((0, 1, 2)) * reached * 4).sum())


@pytest.mark.parametrize(("length", "batch"), [(6, 5), (1, 5), (4, 2)])
def test_every_event_is_added_to_the_weights_it_reaches(length, batch):
    shown = events()
    counted = tally(network(), shown, length, batch)
    whole = tally(network(), shown)
    assert int(counted.frames_ac) == first_layer_by_hand(shown)
    assert counted.mac == 0 and (counted.ac, counted.layers) == (whole.ac, whole.layers)


def test_silence_costs_nothing():
    counted = tally(network(), torch.zeros(2, *FRAMES))
    assert counted.frames_ac == 0 and counted.mac == 0


def test_a_clocked_first_layer_multiplies_every_frame():
    shown = events()
    counted = tally(network(), shown, length=4)
    frame = 9 * 2 * 4 * 8 * 8  # weights by positions
    operations = counted.operations()
    assert counted.frames_mac == 5 * 6 * frame
    assert operations["mac"] == 0 and operations["mac_clocked"] == 6 * frame
    first = first_layer_by_hand(shown) / 5
    assert operations["ac_clocked"] == pytest.approx(operations["ac"] - first)
    joule = 6 * frame * MAC_JOULE + operations["ac_clocked"] * AC_JOULE
    assert operations["energy_clocked_joule"] == pytest.approx(joule)


def test_pools_before_the_first_weights_pass_events_on():
    pooled = plan(layers={"layers": ["MP2", "4C3", "FC12"]})
    counted = tally(dyadic(spiking_network(pooled)), events(), 3)
    assert counted.frames_mac == 5 * 6 * 9 * 2 * 4 * 4 * 4
    assert 0 < float(counted.frames_ac) < float(counted.ac)


def test_the_analog_network_sees_the_mean_frame_once():
    spiking, shown = tally(network(), events()), events()
    net = dyadic(analog_network(plan()))
    with recording(net) as counted:
        net(shown, range(1), keys(5))
    weights = [2 * 4 * 9 * 64, 4 * 6 * 9 * 16, 6 * 16 * 12, 12 * 10]
    assert counted.mac == counted.mac_ann == spiking.mac_ann == 5 * sum(weights)
    assert counted.frames_mac == 0
    expected = net.body(shown.mean(1)[None])
    assert torch.equal(net(shown, range(1), keys(5)).drive, expected)


def test_of_images_nothing_is_said_of_frames():
    net = dyadic(spiking_network(blueprint()))
    with recording(net) as counted, streaming(net):
        net(torch.ones(2, 1, 8, 8), range(3), keys(2))
    counted.images = 2
    assert "mac_clocked" not in counted.operations()


def evaluated(chunk: int, batch: int) -> Evaluation:
    split = numbered(events(11).to(torch.uint8), torch.arange(11) % 10)
    batches = Batches(split, batch, None, None, "cpu", 1)
    evaluate = Evaluator(6, chunk, CrossEntropy(0.0), torch.float32)
    return evaluate(network(), batches, count=True)


@pytest.mark.slow
def test_chunks_and_batches_give_one_evaluation():
    whole = evaluated(6, 11)
    for chunk, batch in ((1, 11), (4, 3), (6, 1)):
        other = evaluated(chunk, batch)
        assert other.accuracy_by_timestep == whole.accuracy_by_timestep
        assert other.loss == pytest.approx(whole.loss)
        assert other.tally.operations() == whole.tally.operations()
        assert other.tally.spikes_by_layer() == whole.tally.spikes_by_layer()


def test_fewer_timesteps_show_the_first_frames():
    shown = events()
    net = network()
    whole = net(shown, range(6), keys(5)).scores
    assert torch.equal(net(shown, range(4), keys(5)).scores, whole[:4])
    assert torch.equal(net(shown[:, :4], range(4), keys(5)).scores, whole[:4])


def test_frames_are_drawn_in_training_and_not_in_evaluation():
    shown, net = events(), network(drawn=3)
    assert len(net(shown, range(6), keys(5)).scores) == 6
    net.train()
    assert len(net(shown, range(3), keys(5)).scores) == 3
    with pytest.raises(ValueError, match="shows 3 frames"):
        net(shown, range(4), keys(5))


@pytest.mark.slow
def test_beside_the_frames_memory_does_not_grow_with_time():
    def beside(frames: int) -> float:
        batch = Batch(events(8, frames), torch.zeros(8, dtype=torch.int64), keys(8))
        streamed = Streamed(network(frames).eval(), frames)
        return needed_bytes(streamed, batch, torch.float32)

    assert beside(256) < 1.3 * beside(16)
