"""Evaluation of spike times: what counts as a decision, and the figures of several processes
together.
"""

import copy
import math
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from snnexp.datasets import batches as sharing
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.losses.base import Loss
from snnexp.measure import (
    answers,
    decision_times,
    discrete_pass,
    early_spikes,
    flow,
    tally,
    timed_evaluator,
    unsound,
)
from snnexp.measure.evaluator import Evaluation
from snnexp.measure.flow import Flow
from snnexp.measure.timed_evaluator import TimedEvaluator
from snnexp.network.network import Network
from snnexp.readouts.earliest import Earliest
from tests.support import networks
from tests.support.options import build_option
from tests.support.timed import timed


class Threads:
    """Threads that stand for processes: each waits with its value until all have brought theirs."""

    def __init__(self, count: int):
        self.count, self.barrier, self.values, self.own = (
            count,
            threading.Barrier(count),
            [None] * count,
            threading.local(),
        )

    def gathered(self, value: Any) -> list[Any]:
        self.values[self.own.rank] = value
        self.barrier.wait(60)
        values = list(self.values)
        self.barrier.wait(60)
        return values

    def summed(self, *numbers: float, device: torch.device) -> tuple[float, ...]:
        return tuple(map(sum, zip(*self.gathered(numbers), strict=True)))

    def share(self, places: torch.Tensor) -> torch.Tensor:
        return places.tensor_split(self.count)[self.own.rank]

    def run(self, evaluate: Callable[[], Evaluation]) -> list[Evaluation]:
        found = [None] * self.count

        def ranked(rank: int) -> None:
            self.own.rank = rank
            found[rank] = evaluate()

        threads = [threading.Thread(target=ranked, args=(rank,)) for rank in range(self.count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return found


def evaluated(network: Network, images: int, batch_size: int = 8) -> Evaluation:
    """With everything that is counted."""
    pixels = (255 * networks.images(images).round()).to(torch.uint8)
    split = Split(pixels, torch.arange(images) % 10, torch.arange(images))
    batches = Batches(split, batch_size, Pixels([0.0], [1.0]), None, device="cpu", seed=1)
    return TimedEvaluator(16, build_option("loss", "spike_time"))(network, batches, count=True)


def numbers(shown: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every number by where it stands."""
    if not isinstance(shown, dict | list):
        yield path, shown
        return
    for key, value in shown.items() if isinstance(shown, dict) else enumerate(shown):
        yield from numbers(value, f"{path}.{key}")


@pytest.mark.slow
@pytest.mark.parametrize("images", [20, 17, 2])
def test_several_processes_come_to_the_figures_of_one(images, monkeypatch):
    """Of 17 images in batches of 8, or of 2 in all, the third process sees nothing of the last
    batch.
    """
    network = timed(neuron="if_linear", changes={"drive": [3.0, 1.6]})
    one = evaluated(copy.deepcopy(network), images)
    threads = Threads(3)
    monkeypatch.setattr(sharing, "share", threads.share)
    monkeypatch.setattr(timed_evaluator, "summed", threads.summed)
    for module in (decision_times, discrete_pass, early_spikes, flow, tally, answers, unsound):
        monkeypatch.setattr(module, "gathered", threads.gathered)
    for found in threads.run(lambda: evaluated(copy.deepcopy(network), images)):
        assert (found.images, found.accuracy, found.undecided) == (
            images,
            one.accuracy,
            one.undecided,
        )
        assert found.loss == pytest.approx(one.loss, rel=1e-5)
        same = {"flow": Flow()}  # its sums are tensors, which its curve is made of
        assert replace(found.tally, **same) == replace(one.tally, **same)
        assert found.tally.flow.curve(images) == one.tally.flow.curve(images) != []
        assert found.tally.images == images
        assert len(found.shown["resolution"]) == 2
        assert dict(numbers(found.shown)) == pytest.approx(
            dict(numbers(one.shown)), rel=1e-6
        )  # sums of another order
    assert one.tally.spikes_per_inference() > 0


class ShareOfFinite(Loss):
    def forward(self, reading, labels):
        return reading.scores.isfinite().float().mean()


def test_two_classes_at_one_time_are_no_decision():
    times = torch.tensor([[1.0, 2.0, 3.0], [1.0, 1.0, 2.0], [5.0, 5.0, 5.0], [2.0, 1.0, math.inf]])

    class Told(Network):
        def forward(self, images, steps, keys):
            return networks.reading(-times.clamp(max=12.0)[None])  # as the readout gives them

    told = Told(nn.Identity(), nn.Identity(), nn.Identity(), Earliest(12.0), form="timed")
    split = Split(
        torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 0, 0, 0]), torch.arange(4)
    )
    batches = Batches(split, 4, Pixels([0.0], [1.0]), None, device="cpu", seed=1)
    found = TimedEvaluator(8, ShareOfFinite())(told, batches)
    assert (found.accuracy, found.undecided, found.images, found.tally) == (25.0, 50.0, 4, None)
    assert found.accuracy_by_timestep == [25.0] and found.loss == 1.0


def test_evaluation_leaves_the_network_in_training():
    network = timed().train()
    split = Split(torch.zeros(4, 1, 8, 8, dtype=torch.uint8), torch.arange(4), torch.arange(4))
    batches = Batches(split, 4, Pixels([0.0], [1.0]), None, device="cpu", seed=1)
    TimedEvaluator(8, build_option("loss", "spike_time"))(network, batches)
    assert all(module.training for module in network.modules())
