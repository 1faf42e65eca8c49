"""Costs by timestep and part, on ten small networks, against passes that end at that timestep, and
against a walk from every spike to every weight.
"""

import pytest
import torch

from snnexp.cell import streaming
from snnexp.energy.counts import Counts
from snnexp.layers.signal import Spikes
from snnexp.measure.energies import energies
from snnexp.measure.record import recording, spikes_by_place
from snnexp.measure.tally import AC_JOULE, MAC_JOULE, Tally
from snnexp.network.analog import analog_network
from snnexp.network.parts import connections
from tests.measure.test_record import BRANCHED, STEPS, count, network, walked
from tests.support.networks import blueprint, chunks, dyadic, images, keys
from tests.support.options import build_option

SHAPE = (2, 8, 8)
NETWORKS = {
    "direct": {},
    "poisson": {"encoder": "poisson"},
    "strided": {"architecture": ("cnn", {"layers": ["3C3s2", "4C3", "FC6"]})},
    "unpadded": {"architecture": ("cnn", {"layers": ["3C3p0", "4C3s2", "GAP", "FC6"]})},
    "average pools": {"architecture": ("cnn", {"layers": ["AP2", "3C3", "AP2", "FC5"]})},
    "largest pools": {"architecture": ("cnn", {"layers": ["4C3", "MP2", "3C3"]})},
    "leaky": {"neuron": ("lif", {"leak": 0.5})},
    "heights": {"neuron": ("if", {"amplitude": "threshold", "threshold": 0.375})},
    "signed": {"neuron": "signed", "encoder": "poisson"},
    "residual": {"architecture": ("resnet20", {**BRANCHED, "shortcut": "projection"})},
}


def counted(net, pictures, length=STEPS, steps=STEPS, batch=2) -> Tally:
    with recording(net, by_timestep=True) as tally:
        for some, its in zip(pictures.split(batch), keys(len(pictures)).split(batch), strict=True):
            with streaming(net):
                for part in chunks(steps, length):
                    net(some, part, its)
    tally.images = len(pictures)
    return tally


def accumulates(counts: Counts) -> float:
    return sum(part.ac for part in counts.synapses.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_counts_at_a_timestep_are_those_of_a_pass_that_ends_there(name):
    net, pictures = network(SHAPE, **NETWORKS[name]), images(3, SHAPE)
    tally = counted(net, pictures, length=2)
    curve = tally.flow.curve(3)
    assert len(curve) == STEPS
    for step in (2, STEPS):
        counts = curve[step - 1]
        shorter = count(net, pictures, steps=step)
        assert accumulates(counts) * 3 == pytest.approx(float(shorter.ac), abs=1e-6)
        products = sum(part.mac for part in counts.synapses.values())
        assert products * 3 == shorter.mac
        spikes = sum(part.spikes for part in counts.neurons.values())
        assert spikes == pytest.approx(shorter.spikes_per_inference())
        assert all(part.updates == step * part.neurons for part in counts.neurons.values())
    assert float(tally.ac) == float(count(net, pictures).ac) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["poisson", "strided", "heights"])
def test_accumulates_are_those_of_a_walk(name):
    net, pictures = network(SHAPE, **NETWORKS[name]), images(2, SHAPE)
    first = () if name == "poisson" else (next(iter(connections(net))),)
    expected = walked(net, lambda: count(net, pictures), without=first)
    assert 2 * accumulates(counted(net, pictures).flow.curve(2)[-1]) == expected > 0


def test_a_still_image_counts_once_or_at_every_timestep():
    counts = counted(network(), images()).flow.curve(3)[-1]
    first = next(iter(counts.synapses.values()))
    assert first.mac_per_step == STEPS * first.mac > 0
    assert (first.weights, first.inputs, first.outputs) == (36, 64, 256)


def test_energy_at_the_last_timestep_is_that_of_the_operations():
    net, models = network(), {"a": build_option("energy", "cmos45_float32")}
    tally = counted(net, images())
    found = energies(tally, "spiking", models, STEPS)["energies"]["a"]
    by_hand = (tally.mac * MAC_JOULE + float(tally.ac) * AC_JOULE) / 3
    assert found["joule"] == pytest.approx(by_hand) == pytest.approx(found["joule_by_timestep"][-1])
    assert found["ann_joule"] == pytest.approx(tally.mac_ann / 3 * MAC_JOULE)
    assert found["ann_bits"] == 3 and [*found["ann_joule_by_bits"]] == ["1", "2", "3"]


def test_without_timesteps_the_sums_are_the_same():
    net, models = network(), {"a": build_option("energy", "cmos45_memory")}
    plain, curved = (
        energies(each, "spiking", models, STEPS)["energies"]["a"]
        for each in (count(net, images()), counted(net, images()))
    )
    assert "joule_by_timestep" not in plain
    assert plain["joule"] == pytest.approx(curved["joule"])
    assert plain["joule_by_part"] == pytest.approx(curved["joule_by_part"])


def test_an_analog_network_has_its_own_energy_where_the_hardware_runs_it():
    net = dyadic(analog_network(blueprint()))
    with recording(net) as tally:
        net(images(), range(1), keys())
    tally.images = 3
    models = {name: build_option("energy", name) for name in ("cmos45_float32", "loihi")}
    found = energies(tally, "analog", models, 1)["energies"]
    assert [*found] == ["cmos45_float32"]
    assert found["cmos45_float32"]["joule"] == pytest.approx(tally.mac / 3 * MAC_JOULE)


@pytest.mark.parametrize("height", [1.0, 0.3])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shape", [(3, 2, 700, 4, 4), (3, 2, 5000)])
def test_spikes_by_place_are_exact_whatever_their_height_and_sign(height, sign, shape):
    draws = torch.rand(shape, generator=torch.Generator().manual_seed(1))
    spikes = torch.where(draws < 0.4, height, 0.0)
    spikes[draws < 0.1] *= sign
    counts = (spikes != 0).sum(0).float()
    expected = Spikes(spikes).by_place
    assert torch.equal(spikes_by_place(spikes, counts).double(), expected)
    assert expected.sum() == counts.sum() > 0
