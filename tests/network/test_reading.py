"""What a network gives, and losses on all of it: on every timestep, on output spikes, on output
currents.
"""

import pytest
import torch
from torch import Tensor

from snnexp.cell import Over
from snnexp.configuration.slots import Refused, component_of
from snnexp.counted.spike_count import Mean, SpikeCount
from snnexp.counted.twin import Counted
from snnexp.losses.base import Loss
from snnexp.losses.reading import Reading, joined
from snnexp.measure.evaluator import Evaluator
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from snnexp.training.execution import Forward
from tests.measure.test_evaluate import IMAGES, batches, split
from tests.support.networks import Spikes, blueprint, dyadic, images, keys
from tests.support.options import options

STEPS = 6


class SpikeTrains(Loss):
    """Squared distance of the output neurons' trains to one spike at every timestep for the label:
    an example of a user's own.
    """

    every_timestep = True

    def forward(self, reading: Reading, labels: Tensor) -> Tensor:
        target = torch.nn.functional.one_hot(labels, reading.drive.shape[-1])
        return (reading.drive - target).square().sum((0, 2)).mean()


class LengthSeen(Loss):
    """The number of timesteps it was shown."""

    def forward(self, reading: Reading, labels: Tensor) -> Tensor:
        return torch.tensor(float(len(reading.scores)))


def network(readout: str = "rate") -> Network:
    return dyadic(spiking_network(blueprint(readout=readout)))


@pytest.mark.parametrize("readout", options("readout"))
def test_the_drive_is_what_the_readout_reads(readout):
    net = network(readout)
    reading = net(images(), range(STEPS), keys())
    assert (
        torch.equal(Over(net.readout.cells[0])(reading.drive), reading.scores)
        and reading.drive.any()
    )


def test_where_the_readout_reads_spikes_the_drive_is_the_trains_of_the_output_neurons():
    net = network()
    spikes = Spikes(net)
    assert torch.equal(net(images(), range(STEPS), keys()).drive, spikes.taken()["output"])


def test_a_reading_is_no_tensor():
    """A loss that takes it for the scores fails, and does not learn from something else."""
    with pytest.raises(TypeError):
        network()(images(), range(STEPS), keys())[-1]


@pytest.mark.parametrize("segments", [1, 2, 4])
def test_segments_give_the_reading_of_the_whole(segments):
    net = network()
    whole = net(images(), range(STEPS), keys())
    reading = Forward(net, range(STEPS), segments)(images(), keys())
    assert torch.equal(reading.drive, whole.drive) and torch.equal(reading.scores, whole.scores)
    labels = torch.arange(3)
    expected = torch.autograd.grad(SpikeTrains()(whole, labels), list(net.parameters()))
    found = torch.autograd.grad(SpikeTrains()(reading, labels), list(net.parameters()))
    assert all(gradient.any() for gradient in expected)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_a_loss_on_spike_trains_teaches_the_count_form_too():
    made = blueprint(readout="rate", norm="none")
    spiking = dyadic(spiking_network(made)).train()
    reading = Counted(spiking, range(STEPS), made, SpikeCount, Mean, 4)(images(), keys())
    assert torch.equal(reading.drive, spiking(images(), range(STEPS), keys()).drive)
    SpikeTrains()(reading, torch.arange(3)).backward()
    assert all(parameter.grad.any() for parameter in spiking.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_an_evaluation_shows_a_loss_as_many_timesteps_as_it_reads(chunk):
    net = network()
    pictures = split()
    whole = net(pictures.input / 255, range(STEPS), torch.zeros(IMAGES, dtype=torch.int64))
    evaluation = Evaluator(STEPS, chunk, SpikeTrains(), torch.float32)(net, batches())
    assert evaluation.loss == pytest.approx(SpikeTrains()(whole, pictures.labels).item(), rel=1e-6)
    assert Evaluator(STEPS, chunk, LengthSeen(), torch.float32)(net, batches()).loss == 1


def test_readings_of_consecutive_timesteps_are_one_reading():
    net = network()
    whole = net(images(), range(STEPS), keys())
    parts = [
        Reading(whole.scores[part], whole.drive[part]) for part in (slice(0, 2), slice(2, STEPS))
    ]
    assert torch.equal(joined(parts).scores, whole.scores) and torch.equal(
        joined(parts).drive, whole.drive
    )
    assert torch.equal(whole.at_end().scores[0], whole.answer)


def test_a_loss_on_plain_tensors_is_refused_with_the_name_of_what_is_expected(monkeypatch):
    monkeypatch.setenv("SNNEXP_TRUST", "torch")
    with pytest.raises(Refused, match="of Loss"):
        component_of("torch.nn.modules.loss.MSELoss", "loss")
