"""Energy models against sums by hand; prices in pJ are those of the sources."""

import json
from pathlib import Path

import pytest

from snnexp.energy.counts import Counts, Neurons, Synapses, matching_bits
from snnexp.energy.memory import MemoryTraffic
from tests.support.options import build_option, options

RECORDED = Path(__file__).parents[2] / "results/mnist_qcfs_cnn/s1/result.json"
COUNTS = Counts(
    {
        "first": Synapses(
            weights=50, inputs=20, outputs=100, mac=1000, mac_per_step=4000, mac_ann=1000
        ),
        "second": Synapses(weights=3000, inputs=100, outputs=30, ac=700, mac_ann=3000),
        "shortcut": Synapses(weights=0, inputs=30, outputs=30, ac=10),
    },
    {
        "hidden": Neurons(neurons=100, leaks=True, updates=400, spikes=60),
        "last": Neurons(neurons=30, leaks=False, updates=120, spikes=5),
    },
)


def model(name, **changes):
    return build_option("energy", name, changes)


def pico(parts):
    return {name: joule / 1e-12 for name, joule in parts.items()}


@pytest.mark.parametrize(
    "name, changes, spiking, analog, four_bits",
    [
        ("cmos45_float32", {}, 1000 * 4.6 + 710 * 0.9, 4000 * 4.6, 4000 * (3.7 * 4 / 24 + 0.9)),
        ("cmos45_int32", {}, 1000 * 3.2 + 710 * 0.1, 4000 * 3.2, 4000 * (3.1 * 4 / 32 + 0.1)),
        ("cmos45_int8", {}, 1000 * 0.23 + 710 * 0.03, 4000 * 0.23, 4000 * (0.2 * 4 / 8 + 0.03)),
        (
            "cmos45_float32",
            {"first_layer": "per_step", "leak": True, "reset": True},
            4000 * 4.6 + 710 * 0.9 + 400 * 3.7 + 65 * 0.9,
            4000 * 4.6,
            4000 * (3.7 * 4 / 24 + 0.9),
        ),
        (
            "spikingjelly",
            {},
            # 4 bytes of weights for each operation with one, of bias and twice of potential for
            # each of the 520 updates
            4000 * 4.6 + 710 * 0.9 + (4000 + 700 + 520 + 2 * 520) * 4 * 24.96,
            4000 * 4.6 + (4000 + 130) * 4 * 24.96,
            None,
        ),
        (
            "loihi",
            {},
            1000 * 4.6 + 710 * 23.6 + (520 - 65) * 52 + 65 * 81 + 65 * 1.7,
            None,
            None,
        ),
    ],
)
def test_an_energy_is_the_sum_by_hand(name, changes, spiking, analog, four_bits):
    chosen = model(name, **changes)
    assert sum(pico(chosen.spiking(COUNTS)).values()) == pytest.approx(spiking)
    for bits, expected in ((chosen.bits, analog), (4, four_bits)):
        found = chosen.analog(COUNTS, bits)
        assert (found is None) == (expected is None)
        assert found is None or sum(pico(found).values()) == pytest.approx(expected)


def test_an_activation_of_more_bits_than_the_multiplier_has_costs_what_all_do():
    chosen = model("cmos45_int8")
    assert chosen.analog(COUNTS, 11) == chosen.analog(COUNTS, 8)


def test_traffic_goes_to_the_memory_that_holds_the_layer():
    parts = pico(model("cmos45_memory", leak=False, reset=False).spiking(COUNTS))
    small = 1000 * 32 + 1000 * 32  # the first layer: a weight and a pixel for each product
    small += 10 * 2 * 32  # the shortcut: a potential read and written
    small += 2 * (400 + 120) * 32 + 2 * 65  # potentials at every timestep, spikes of a bit
    middle = 700 * 3 * 32  # 3000 weights are 12 000 bytes: a weight, and a potential twice
    assert parts == pytest.approx(
        {
            "mac": 4600,
            "ac": 639,
            "memory of 8192 bytes": small / 64 * 10,
            "memory of 32768 bytes": middle / 64 * 20,
        }
    )


def test_traffic_of_the_analog_network_has_the_bits_of_its_activations():
    parts = pico(model("cmos45_memory").analog(COUNTS, 3))
    small = 1000 * (32 + 3) + 3000 * 3 + 130 * 3
    middle = 3000 * 32
    assert parts == pytest.approx(
        {
            "mac": 4000 * (3.7 * 3 / 24 + 0.9),
            "memory of 8192 bytes": small / 64 * 10,
            "memory of 32768 bytes": middle / 64 * 20,
        }
    )


def test_what_no_memory_holds_lies_in_dram():
    large = Counts({"only": Synapses(weights=10**6, inputs=1, outputs=1, ac=2)})
    assert pico(model("cmos45_memory").spiking(large))["dram"] == pytest.approx(
        2 * 3 * 32 / 64 * 1300
    )


def test_memories_without_a_price_are_refused():
    with pytest.raises(ValueError, match="give every memory a price"):
        model("cmos45_memory", access=[1e-11])
    assert isinstance(model("cmos45_memory"), MemoryTraffic)


@pytest.mark.parametrize(
    "timesteps, bits", [(1, 1), (2, 2), (3, 2), (4, 3), (7, 3), (8, 4), (16, 5), (255, 8), (256, 9)]
)
def test_as_many_values_as_counts_of_spikes(timesteps, bits):
    assert matching_bits(timesteps) == bits


def test_a_recorded_qcfs_run_against_its_analog_network_of_as_many_bits():
    """MNIST, T = 16: 225 792 MAC, 10 730 191.28 AC, 2 234 112 MAC of the ANN; 17 values, 5 bits.

    float32  4.6 x 225 792 + 0.9 x 10 730 191.2802            = 10.695 815 uJ
             (3.7 x 5 / 24 + 0.9) x 2 234 112 = 1.670 833 x ... =  3.732 829 uJ
    int8     0.23 x 225 792 + 0.03 x 10 730 191.2802          =  0.373 838 uJ
             (0.2 x 5 / 8 + 0.03) x 2 234 112 = 0.155 x ...     =  0.346 287 uJ
    """
    found = json.loads(RECORDED.read_text())
    operations, bits = found["operations"], matching_bits(found["timesteps"])
    counts = Counts(
        {
            "all": Synapses(
                weights=1,
                inputs=1,
                outputs=1,
                mac=operations["mac"],
                ac=operations["ac"],
                mac_ann=operations["mac_ann"],
            )
        }
    )
    assert bits == 5
    for name, spiking, analog in (
        ("cmos45_float32", 10.695815e-6, 3.732829e-6),
        ("cmos45_int8", 0.373838e-6, 0.346287e-6),
    ):
        chosen = model(name)
        assert sum(chosen.spiking(counts).values()) == pytest.approx(spiking, rel=1e-6)
        assert sum(chosen.analog(counts, bits).values()) == pytest.approx(analog, rel=2e-6)
    assert operations["energy_joule"] == pytest.approx(10.695815e-6, rel=1e-6)


@pytest.mark.parametrize("name", options("energy"))
def test_every_model_says_its_source_and_prices_add_up(name):
    """Twice the counts are twice the energy, so that a mean of counts gives the mean energy."""
    chosen = model(name)
    assert any(digit in chosen.source for digit in "0123456789")
    part = COUNTS.synapses["second"]
    one, two = (
        Counts({"a": Synapses(part.weights, part.inputs, part.outputs, ac=times * 7.0)}, {})
        for times in (1, 2)
    )
    assert sum(chosen.spiking(two).values()) == pytest.approx(2 * sum(chosen.spiking(one).values()))
