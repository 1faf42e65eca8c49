"""A tie at the top is no answer: never that of the class with the lowest number."""

import re
from pathlib import Path

import pytest
import torch
from torch import nn

from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.pixels import Pixels
from snnexp.measure.answers import answers, decided, right
from snnexp.measure.evaluator import Evaluator
from snnexp.network.network import Network
from snnexp.readouts.rate import Rate
from tests.support.networks import reading
from tests.support.options import build_option, options

SCORES = torch.tensor(
    [[2.0, 2.0, 1.0], [0.0, 0.0, 0.0], [1.0, 3.0, 2.0], [1.0, 2.0, 2.0], [float("nan"), 1.0, 0.0]]
)
"""Two ahead, all alike, one ahead, two ahead, one that is no number."""


def test_what_scores_say():
    assert decided(SCORES).tolist() == [False, False, True, False, False]
    assert right(SCORES, torch.tensor([0, 0, 1, 1, 0])).tolist() == [
        False,
        False,
        True,
        False,
        False,
    ]
    assert answers(SCORES).tolist() == [0, 1, 0]
    assert decided(SCORES[None]).shape == (1, 5)


class Told(Network):
    """Its scores are known."""

    def forward(self, images, steps, keys):
        return reading(self.scores[steps.start : steps.stop, : len(images)])


@pytest.mark.fault("A: ties", "scores that tie between some classes, one of which is right")
@pytest.mark.parametrize("chunk", [1, 2])
def test_an_evaluation_takes_no_side(chunk, happened):
    told = Told(nn.Identity(), nn.Identity(), nn.Identity(), Rate(average=False), form="spiking")
    told.scores = torch.tensor(
        [[[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]], [[2.0, 1.0, 0.0], [1.0, 1.0, 0.0]]]
    )
    split = Split(torch.zeros(2, 1, 2, 2, dtype=torch.uint8), torch.tensor([0, 0]), torch.arange(2))
    batches = Batches(split, 4, Pixels([0.0], [1.0]), None, device="cpu", seed=1)
    evaluator = Evaluator(2, chunk, build_option("loss", "cross_entropy"), torch.float32)
    found = evaluator(told, batches)
    assert found.accuracy_by_timestep == [0.0, 50.0] and (found.undecided, found.answers) == (
        50.0,
        [1, 0, 0],
    )
    happened("counts as wrong and undecided, at every timestep")


@pytest.mark.fault("A: ties", "two output neurons fire alike under each readout")
@pytest.mark.parametrize(
    "name", [name for name in options("readout") if not build_option("readout", name).gives_chances]
)  # where a class has two currents, those that are equal say other things
def test_equal_currents_are_undecided_under_every_readout(name, happened):
    readout = build_option("readout", name)
    x = torch.zeros(1, readout.features(3))
    x[:, : 2 * readout.features(3) // 3] = 1.0  # those of classes 0 and 1
    logits, _ = readout.step(x, readout.initial(x))
    assert not decided(logits).any()
    happened("undecided")


def test_nothing_else_takes_the_largest_score():
    """Answers are read in one place; spike times in discrete time have a rule of their own, by
    potential. Confidence takes the two largest; events and their first ones are looked for, which
    decides nothing.
    """
    largest = re.compile(r"\.(argmax|topk)\(")
    found = {
        path.name
        for path in (Path(__file__).parents[2] / "snnexp").rglob("*.py")
        if largest.search(path.read_text())
    }
    of_answers = {"answers.py", "discrete.py", "blocks.py"}
    assert found == of_answers | {"confidence.py", "aedat2.py", "events.py", "first_event.py"}
