"""What every presimulation promises, each against a simulation step by step in plain sums, and what
an evaluation says of the timesteps they spend.
"""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snnexp.cell import streaming
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.layers.spiking import SpikingUnit
from snnexp.measure.evaluator import Evaluator
from snnexp.measure.record import recording
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.parts import connections, spiking_units
from snnexp.network.spiking import spiking_network
from snnexp.presimulations.base import Presimulation
from tests.support.augmented import augmentation
from tests.support.networks import blueprint, chunks, dyadic, keys, seeded
from tests.support.options import build_option, options
from tests.support.tiny_run import job

READ, HIDDEN, IMAGES, THETA = 6, 5, 13, 0.75
WIDTHS = [20, 16, 12]
pytestmark = pytest.mark.usefixtures("double")
PRESIMULATIONS = options("presimulation")
ACTIVE = [name for name in PRESIMULATIONS if name != "none"]


def presimulation(name: str, timesteps: int = HIDDEN) -> Presimulation:
    return build_option("presimulation", name, {} if name == "none" else {"timesteps": timesteps})


def network(
    amplitude: str = "threshold", encoder: Any = "direct", threshold: float = THETA, **chosen: Any
) -> Network:
    """Weights, pixels and thresholds are such that float32 adds them up exactly too."""
    neuron = ("if", {"amplitude": amplitude, "threshold": threshold, "initial_potential": 0.5})
    mlp = ("mlp", {"widths": WIDTHS, "dropout": 0.0, "bias": True, "initialization": "default"})
    net = spiking_network(
        blueprint(**{"neuron": neuron, "encoder": encoder, "architecture": mlp, **chosen})
    )
    return dyadic(net, seed=3).requires_grad_(False)


def pixels() -> Tensor:
    return torch.randint(0, 2, (IMAGES, 1, 8, 8), generator=seeded(5), dtype=torch.uint8) * 255


def batches(size: int = 16) -> Batches:
    split = Split(
        pixels(), torch.randint(0, 10, (IMAGES,), generator=seeded(1)), torch.arange(IMAGES)
    )
    none = augmentation(crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=0)
    return Batches(split, size, Pixels([0.0], [1.0]), augmentation=none, device="cpu", seed=3)


def evaluator(name: str, timesteps: int = READ, chunk: int = 4) -> Evaluator:
    return Evaluator(
        timesteps, chunk, build_option("loss", "cross_entropy"), torch.float32, presimulation(name)
    )


# The reference: a network of linear layers, written out


class Layers:
    """Integrate-and-fire layers one step at a time; spikes carry `height`, potentials start where
    `starts` says.
    """

    def __init__(self, net: Network, height: float):
        self.weights = [(each.layer.weight, each.layer.bias) for each in connections(net).values()]
        self.height, self.spikes = height, 0
        self.starts = [torch.full((IMAGES, width), THETA / 2) for width in WIDTHS]

    def run(self, steps: int) -> tuple[list[Tensor], list[list[Tensor]], list[list[Tensor]]]:
        """Currents of the output layer, and per hidden layer potentials after the reset and spikes,
        of every step.
        """
        v, outputs = [start.clone() for start in self.starts], []
        potentials, fired = [[] for _ in WIDTHS], [[] for _ in WIDTHS]
        for _ in range(steps):
            x = pixels().double().flatten(1) / 255
            for layer, (weight, bias) in enumerate(self.weights):
                x = x @ weight.T + bias
                if layer < len(WIDTHS):
                    v[layer] = v[layer] + x
                    s = v[layer] >= THETA
                    v[layer] = v[layer] - THETA * s.double()
                    x = self.height * s.double()
                    potentials[layer].append(v[layer])
                    fired[layer].append(s)
                    self.spikes += int(s.sum())
            outputs.append(x)
        return outputs, potentials, fired

    def silence(self) -> None:
        _, potentials, _ = self.run(HIDDEN)
        self.starts = [torch.where(v[-1] > 0, THETA / 2, -1e30) for v in potentials]

    def offset(self) -> None:
        for layer in range(len(WIDTHS)):
            _, potentials, fired = self.run(HIDDEN)
            v, s = torch.stack(potentials[layer]) / THETA, torch.stack(fired[layer])
            for place in range(v[0].numel()):
                one, spikes = v.flatten(1)[:, place].tolist(), s.flatten(1)[:, place].tolist()
                self.starts[layer].view(-1)[place] += THETA * move(one, spikes)


def move(v: list[float], fired: list[bool]) -> float:
    """By how much the start moves, in thresholds."""
    if v[-1] < 0 and any(fired):
        return -max(1, min(each + 1 for each, s in zip(v, fired, strict=True) if s) - 0.999)
    if v[-1] >= 1 and not all(fired):
        return max(1, 1.001 - max(each for each, s in zip(v, fired, strict=True) if not s))
    return 0.0


def reference(net: Network, name: str, height: float) -> tuple[Tensor, int]:
    """Scores at every timestep that is read, and all spikes of all images."""
    layers = Layers(net, height)
    {"none": lambda: None, "residual_potential": layers.silence, "offset_spikes": layers.offset}[
        name
    ]()
    outputs, _, _ = layers.run(READ)
    return torch.stack(outputs).cumsum(0) / torch.arange(1, READ + 1).view(-1, 1, 1), layers.spikes


def scores(net: Network, name: str, chunk: int = 4, images: slice = slice(None)) -> Tensor:
    """What the network says after the presimulation, at every timestep."""
    made, some, its_keys = (
        presimulation(name),
        pixels()[images].double() / 255,
        keys(IMAGES)[images],
    )

    def present(steps: range) -> None:
        for start in range(0, len(steps), chunk):
            net(some, steps[start : start + chunk], its_keys)

    with streaming(net):
        made(net, present)
        hidden = made.hidden_timesteps(net)
        parts = [range(hidden + part.start, hidden + part.stop) for part in chunks(READ, chunk)]
        return torch.cat([net(some, part, its_keys).scores for part in parts])


def spent(name: str, net: Network) -> list[int]:
    """The timesteps that a presimulation spends on all images, in order; within `streaming`."""
    steps: list[int] = []

    def present(part: range) -> None:
        steps.extend(part)
        net(pixels().double() / 255, part, keys(IMAGES))

    presimulation(name)(net, present)
    return steps


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESIMULATIONS)
def test_the_timesteps_that_it_states_are_spent_once_and_in_order(name):
    net, made = network(), presimulation(name)
    with streaming(net):
        assert spent(name, net) == list(range(made.hidden_timesteps(net)))
    assert made.hidden == (made.hidden_timesteps(net) > 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESIMULATIONS)
def test_the_network_is_ready_to_start_and_otherwise_as_it_was(name):
    net = network(synapse="exponential")
    before = {key: value.clone() for key, value in net.state_dict().items()}
    with streaming(net):
        spent(name, net)
        assert net.readout.states == [None]
        for unit in spiking_units(net).values():
            *synapse, start = unit.cells.states
            assert synapse == [None]
            assert start is None or len(start) == IMAGES
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESIMULATIONS)
@pytest.mark.parametrize("amplitude", ["threshold", "unit"])
def test_scores_are_those_of_the_reference(name, amplitude):
    net = network(amplitude)
    expected, _ = reference(net, name, THETA if amplitude == "threshold" else 1.0)
    torch.testing.assert_close(scores(net, name), expected, rtol=0, atol=1e-9)
    assert name == "none" or not torch.allclose(
        expected, reference(net, "none", THETA if amplitude == "threshold" else 1.0)[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVE)
@pytest.mark.parametrize("encoder", ["direct", ("poisson", {"rate_scale": 2.0})])
def test_chunks_batches_and_what_came_before_change_nothing(name, encoder):
    net = network(encoder=encoder)
    expected = scores(net, name)
    for chunk in (1, 3, 100):
        assert torch.equal(scores(net, name, chunk), expected)
    for last in (slice(0, 8), slice(8, None)):  # the second a batch of another size
        torch.testing.assert_close(
            scores(net, name, images=last), expected[:, last], rtol=0, atol=1e-12
        )


@pytest.mark.slow
def test_silenced_neurons_stay_silent():
    net, made, sent = network(), presimulation("residual_potential"), {}
    for name, unit in spiking_units(net).items():
        unit.register_forward_hook(lambda _, __, y, name=name: sent.setdefault(name, []).append(y))
    with streaming(net):
        made(net, lambda steps: net(pixels().double() / 255, steps, keys(IMAGES)))
        left = {name: unit.cells.states[-1].isfinite() for name, unit in spiking_units(net).items()}
        sent.clear()
        for _ in range(2):
            net(pixels().double() / 255, range(HIDDEN, HIDDEN + 30), keys(IMAGES))
    for name, spikes in sent.items():
        fired = (torch.cat(spikes) != 0).any(0)
        assert not (fired & ~left[name]).any() and fired.any(), name
    assert len(sent) == len(WIDTHS) and not all(kept.all() for kept in left.values())


# Single neurons, by hand: threshold 1, from 1/2

NEURONS = [
    ([1.0, 0.0, -2.0, 0.25], -0.5, False),  # one spike too many at u = 1.5: a threshold less
    (
        [2.5, 0.5, -3.0, -1.0],
        0.5 - 1.501,
        False,
    ),  # spikes at u = 3 and 2.5: so much less that the lower one falls away
    (
        [-2.0, 3.0, 1.25, 1.5],
        0.5 + 2.501,
        True,
    ),  # silent at -1.5 and left with 1.25: so much more that it fires there
    ([0.0, 1.5, 1.0, 1.0], 1.5, True),  # silent at 0.5: a threshold more
    ([2.0, 2.0, 2.0, 2.0], 0.5, True),  # fires at every step: nothing to add
    ([-1.0, -1.0, -1.0, -1.0], 0.5, False),  # has never fired: nothing to take away
    ([0.25, 0.25, 0.25, 0.25], 0.5, True),
]


@pytest.mark.slow
@pytest.mark.parametrize(("current", "moved", "kept"), NEURONS)
@pytest.mark.parametrize("theta", [1.0, 4.0])
def test_potentials_to_start_from_by_hand(current, moved, kept, theta):
    neuron = build_option(
        "neuron",
        "if",
        {"threshold": theta, "initial_potential": 0.5},
        surrogate=build_option("surrogate", "arctan"),
    )
    unit = SpikingUnit(nn.Identity(), build_option("synapse", "instantaneous"), neuron)
    x, net = theta * torch.tensor(current).view(-1, 1, 1), nn.Sequential(unit)
    starts = {}
    for name in ACTIVE:
        with streaming(net):
            presimulation(name, len(current))(net, lambda steps: net(x[steps.start : steps.stop]))
            starts[name] = unit.cells.states[-1].item() / theta
    assert starts == {
        "offset_spikes": pytest.approx(moved),
        "residual_potential": 0.5 if kept else -math.inf,
    }


# What an evaluation says


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESIMULATIONS)
def test_hidden_timesteps_are_part_of_the_timesteps(name):
    net = network()
    found = evaluator(name)(net.float(), batches())
    hidden = {"none": 0, "residual_potential": HIDDEN, "offset_spikes": HIDDEN * len(WIDTHS)}[name]
    hits = (
        reference(net.double(), name, THETA)[0].argmax(-1) == batches().split.labels
    ).double().mean(1) * 100
    assert found.hidden_timesteps == hidden and len(found.accuracy_by_timestep) == hidden + READ
    assert found.accuracy_by_timestep[:hidden] == [None] * hidden
    assert found.accuracy_by_timestep[hidden:] == pytest.approx(
        hits.tolist()
    ) and found.accuracy == pytest.approx(hits[-1].item())


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVE)
def test_neither_batch_size_nor_chunk_matter_to_an_evaluation(name):
    net = network()
    expected = evaluator(name)(net.float(), batches())
    for size, chunk in ((5, 1), (1, 100), (IMAGES, 3)):
        found = evaluator(name, chunk=chunk)(net.float(), batches(size))
        assert (
            found.accuracy_by_timestep == expected.accuracy_by_timestep
            and found.loss == pytest.approx(expected.loss)
        )


@pytest.mark.slow
@pytest.mark.parametrize("name", PRESIMULATIONS)
@pytest.mark.parametrize("chunk", [1, 4, 100])
def test_hidden_spikes_and_operations_count(name, chunk):
    net = network()
    found, plain = (
        evaluator(each, chunk=chunk)(net.float(), batches(5), count=True).tally
        for each in (name, "none")
    )
    spikes, without = (reference(net.double(), each, THETA)[1] for each in (name, "none"))
    assert found.spikes_per_inference() == pytest.approx(spikes / IMAGES) and (name == "none") == (
        spikes == without
    )
    assert (
        found.operations()["mac"] == plain.operations()["mac"] == 64 * WIDTHS[0]
    )  # the image is the same: it is multiplied once
    assert found.operations()["mac_ann"] == plain.operations()["mac_ann"]
    assert (found.operations()["ac"] > plain.operations()["ac"]) == (name != "none")


@pytest.mark.slow
def test_analog_networks_have_no_hidden_timesteps():
    analog = analog_network(blueprint()).float().eval()
    found = evaluator("residual_potential")(analog, batches())
    assert found.hidden_timesteps == 0 and len(found.accuracy_by_timestep) == 1


@pytest.mark.slow
def test_hidden_timesteps_of_noise_are_timesteps_of_their_own():
    net, seen = network(encoder=("poisson", {"rate_scale": 2.0})), []
    net.register_forward_pre_hook(lambda _, arguments: seen.extend(arguments[1]))
    evaluator("offset_spikes")(net.float(), batches())
    assert seen == list(range(HIDDEN * len(WIDTHS) + READ))


@pytest.mark.slow
@pytest.mark.parametrize("name", ACTIVE)
def test_an_error_leaves_no_hooks_behind(name):
    net = network()
    with streaming(net), pytest.raises(ZeroDivisionError):
        presimulation(name)(net, lambda steps: 1 / 0)
    with recording(net):
        pass
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.slow
def test_a_result_says_what_was_hidden(tmp_path):
    torch.set_default_dtype(torch.float32)  # as runs have it
    settings = [
        "strategy=conversion",
        "neuron=if",
        "neuron.amplitude=threshold",
        "activation=qcfs",
        "timesteps=4",
    ]
    result = job(
        tmp_path, *settings, "presimulation=residual_potential", "presimulation.timesteps=3"
    )
    assert result["hidden_timesteps"] == 3 and result["timesteps"] == 7 == len(
        result["accuracy_by_timestep"]
    )
    assert (
        result["accuracy_by_timestep"][:3] == [None] * 3
        and result["accuracy"] == result["accuracy_by_timestep"][-1]
    )
    assert (
        result["stages"]["pretrain"]["hidden_timesteps"] == 0
        and result["stages"]["pretrain"]["timesteps"] == 1
    )
