"""Evaluation says of every image the same, whatever batch, order and chunk it comes in."""

import weakref
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from snnexp.cell import Over
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.losses.reading import Reading
from snnexp.measure.evaluator import Evaluation, Evaluator
from snnexp.network.analog import analog_network
from snnexp.network.network import Network
from snnexp.network.spiking import spiking_network
from tests.support.augmented import augmentation
from tests.support.marks import case, soak
from tests.support.networks import blueprint, dyadic, seeded
from tests.support.options import build_option, options

STEPS = 6
IMAGES = 13
NONE = augmentation(crop_padding=0, crop_border="zero", flip=False, auto_augment=None, cutout=0)


def split(shape: tuple[int, int, int] = (1, 8, 8)) -> Split:
    """Black and white images, so that sums are exact."""
    pixels = torch.randint(0, 2, (IMAGES, *shape), generator=seeded(), dtype=torch.uint8) * 255
    return Split(pixels, torch.randint(0, 10, (IMAGES,), generator=seeded(1)), torch.arange(IMAGES))


def batches(size: int = 16, order: torch.Tensor | None = None) -> Batches:
    whole = split() if order is None else split().at(order)
    return Batches(whole, size, Pixels([0.0], [1.0]), augmentation=NONE, device="cpu", seed=3)


def evaluator(timesteps: int = STEPS, chunk: int = 4, loss: str = "cross_entropy") -> Evaluator:
    return Evaluator(timesteps, chunk, build_option("loss", loss), torch.float32)


def network(encoder: str = "direct", **chosen: Any) -> Network:
    encoding = {"poisson": ("poisson", {"rate_scale": 2.0})}.get(encoder, encoder)
    return dyadic(spiking_network(blueprint(encoder=encoding, **{"neuron": "lif", **chosen})))


def said(evaluation: Evaluation) -> tuple:
    return evaluation.accuracy_by_timestep, evaluation.images


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, loss",
    [
        (case if name == "direct" or loss == "cross_entropy" else soak)(name, loss)
        for name in ("direct", "poisson")
        for loss in options("loss")
        if not build_option("loss", loss).of_chances  # which has a readout of its own
    ],
)
def test_neither_batch_size_nor_order_nor_chunk_matter(name, loss):
    net = network(name)
    expected = evaluator(loss=loss)(net, batches())
    assert (
        len(set(expected.accuracy_by_timestep)) > 1
        and expected.images == IMAGES
        and len(expected.accuracy_by_timestep) == STEPS
    )
    others = [
        evaluator(loss=loss)(net, batches(1)),
        evaluator(loss=loss)(net, batches(IMAGES)),
        evaluator(loss=loss)(net, batches(order=torch.randperm(IMAGES, generator=seeded(2)))),
        evaluator(chunk=1, loss=loss)(net, batches(5)),
        evaluator(chunk=100, loss=loss)(net, batches()),
    ]
    for other in others:
        assert said(other) == said(expected)
        assert other.loss == pytest.approx(expected.loss, rel=1e-6, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("readout", options("readout"))
@pytest.mark.parametrize("name", ["direct", "poisson"])
def test_accuracy_read_on_the_way_is_that_of_a_shorter_run(name, readout):
    net = network(name, readout=readout)
    expected = evaluator()(net, batches()).accuracy_by_timestep
    for timesteps in range(1, STEPS + 1):
        shorter = evaluator(timesteps)(net, batches())
        assert (
            shorter.accuracy == expected[timesteps - 1]
            and shorter.accuracy_by_timestep == expected[:timesteps]
        )


@pytest.mark.slow
def test_accuracy_and_loss_are_those_of_the_scores():
    net, pictures = network().requires_grad_(False), split()
    logits = net(pictures.input / 255, range(STEPS), torch.zeros(IMAGES, dtype=torch.int64)).scores
    hits = (logits.argmax(-1) == pictures.labels).double().mean(1) * 100
    found = evaluator()(net, batches())
    assert found.accuracy_by_timestep == pytest.approx(hits.tolist())
    assert found.loss == pytest.approx(
        float(nn.functional.cross_entropy(logits[-1], pictures.labels)), rel=1e-6
    )


@pytest.mark.slow
def test_nothing_is_kept_from_chunk_to_chunk():
    net, given, alive = network(), [], []

    def count(_module: nn.Module, _inputs: Any, reading: Reading) -> None:
        alive.append(sum(each() is not None for each in given))
        given.append(weakref.ref(reading.scores.untyped_storage()))

    net.register_forward_hook(count)
    evaluator(timesteps=12, chunk=1)(net, batches())
    assert len(alive) == 12 and max(alive) <= 1


@pytest.mark.slow
def test_analog_networks_are_read_once():
    assert (
        len(evaluator()(dyadic(analog_network(blueprint())), batches()).accuracy_by_timestep) == 1
    )


@pytest.mark.slow
def test_counts_are_taken_only_when_asked_for_and_change_nothing():
    net = network("poisson")
    plain, counted = evaluator()(net, batches()), evaluator()(net, batches(), count=True)
    assert (
        plain.tally is None
        and counted.tally.images == IMAGES
        and counted.tally.spikes_per_neuron() > 0
    )
    assert said(plain) == said(counted) and plain.loss == counted.loss
    assert (
        evaluator(chunk=1)(net, batches(5), count=True).tally.operations()
        == counted.tally.operations()
    )


def modes(net: nn.Module) -> list[bool]:
    return [module.training for module in net.modules()]


@pytest.mark.slow
@pytest.mark.parametrize("training", [True, False])
def test_the_mode_of_every_module_is_left_as_it_was(training):
    net = network(norm=("batch", {}), architecture=("cnn", {"layers": ["4C3", "D0.5", "FC9"]}))
    net.train(training)
    net.body.convolution1.train(not training)  # as where a norm is frozen
    before = modes(net)
    evaluator()(net, batches(), count=True)
    assert modes(net) == before


@pytest.mark.slow
def test_neither_dropout_nor_statistics_move_while_evaluating():
    net = network(
        norm=("batch", {}), architecture=("cnn", {"layers": ["4C3", "D0.5", "FC9"]})
    ).train()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert said(evaluator()(net, batches())) == said(evaluator()(net, batches()))
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


@pytest.mark.slow
def test_an_error_leaves_the_network_as_it_was():
    net = network(norm=("bntt", {"timesteps": 3}), neuron="if").train()
    with pytest.raises(ValueError, match="3 timesteps"):
        evaluator()(net, batches(), count=True)
    assert all(modes(net)) and torch.is_grad_enabled()
    assert all(module.states is None for module in net.modules() if isinstance(module, Over))
    assert not any(module._forward_hooks for module in net.modules())


@pytest.mark.slow
def test_gradients_can_be_taken_afterwards():
    net = network()
    evaluator()(net, batches())
    net(
        split().input / 255, range(2), torch.zeros(IMAGES, dtype=torch.int64)
    ).scores.sum().backward()
    assert net.body.output.layer.weight.grad.abs().sum() > 0


@pytest.mark.slow
def test_in_half_precision_scores_stay_float32():
    seen = []
    net = network()
    net.register_forward_hook(lambda _, __, reading: seen.append(reading.scores.dtype))
    half = replace(evaluator(), precision=torch.bfloat16)(net, batches())
    assert set(seen) == {torch.float32}
    assert said(half) == said(
        evaluator()(net, batches())
    )  # weights and spikes here are exact in half precision too
