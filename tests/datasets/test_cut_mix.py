"""CutMix: a rectangle and a share of the label, the same whoever computes the batch."""

import pytest
import torch
from torch.nn import functional

from snnexp.datasets import batches as sharing
from snnexp.datasets.base import Split
from snnexp.datasets.batches import Batches
from snnexp.datasets.cut_mix import Blend, Box, CutMix, pasted
from snnexp.losses.cross_entropy import CrossEntropy
from snnexp.losses.reading import Reading
from snnexp.training.descent import blended
from tests.datasets.test_frame_augmentation import augmentation

SIDE = 8


def recordings(count: int = 40) -> Split:
    """Every number of a sample's frames is its own place in the set."""
    own = torch.arange(count).view(-1, 1, 1, 1, 1).expand(-1, 3, 2, SIDE, SIDE)
    return Split(own.contiguous(), torch.arange(count) % 10, torch.arange(count))


def passes(cutmix: float = 1.0, size: int = 10, **settings) -> Batches:
    augment = augmentation(cutmix=cutmix, **settings)
    return Batches(recordings(), size, None, augment, "cpu", seed=3)


def test_a_rectangle_is_that_of_the_other_sample():
    own, other = torch.zeros(1, 2, 3, 4, 5), torch.ones(1, 2, 3, 4, 5)
    mixed = pasted(own, other, Box(1, 3, 2, 5))
    assert mixed[0, 0, 0].tolist() == [[0] * 5, [0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [0] * 5]
    assert torch.equal(mixed, mixed[:, :1, :1].expand_as(mixed)) and not own.any()


def test_the_label_of_the_other_counts_as_much_as_is_seen_of_it():
    seen = set()
    for place, batch in enumerate(passes().epoch(1, shuffle=True)):
        blend = passes().blend(batch, 1, place)
        for frames, key, other in zip(batch.input, batch.keys, blend.labels, strict=True):
            (own,) = passes().indices(batch._replace(keys=key[None]), 1)
            pasted_in = frames[frames != own].unique().tolist()
            assert len(pasted_in) <= 1 and all(each % 10 == other for each in pasted_in)
            share = float((frames == own).double().mean())
            assert not pasted_in or share == pytest.approx(blend.share)
        seen.add(blend.share)
    assert len(seen) == 4 and all(0 < share <= 1 for share in seen)


def test_a_share_of_the_batches_is_mixed_and_rectangles_are_of_all_sizes():
    draw = CutMix(0.25)
    boxes = [draw.box(1, 1, number, (100, 100)) for number in range(800)]
    there = [box for box in boxes if box is not None]
    assert len(there) / 800 == pytest.approx(0.25, abs=0.05)
    areas = torch.tensor([box.area / 1e4 for box in there])
    # r is uniform in [0, 1); what is cut off at the borders leaves less of it.
    assert 0.25 < areas.mean() < 0.5 and areas.min() < 0.02 and areas.max() > 0.8
    assert all(0 <= box.top <= box.bottom <= 100 for box in there)
    assert all(0 <= box.left <= box.right <= 100 for box in there)


def test_without_it_nothing_is_mixed():
    batch = next(passes(0.0).epoch(1, shuffle=True))
    assert passes(0.0).blend(batch, 1, 0) is None and augmentation().mixing is None


def test_evaluation_is_not_mixed():
    frames = torch.cat([batch.input for batch in passes().in_order()])
    assert torch.equal(frames, recordings().input.float())


def test_processes_and_a_pass_gone_on_with_see_the_same_batches(monkeypatch):
    whole = [*passes(flip=True).epoch(2, shuffle=True)]
    rest = [*passes(flip=True).epoch(2, shuffle=True, first=2)]
    assert all(torch.equal(a.input, b.input) for a, b in zip(whole[2:], rest, strict=True))
    monkeypatch.setattr(sharing, "share", lambda places: places[1::2])
    part = [*passes(flip=True).epoch(2, shuffle=True)]
    for place, (a, b) in enumerate(zip(whole, part, strict=True)):
        assert torch.equal(a.input[1::2], b.input)
        blends = [passes().blend(each, 2, place) for each in (a, b)]
        assert torch.equal(blends[0].labels[1::2], blends[1].labels)
        assert blends[0].share == blends[1].share


def test_the_loss_is_that_of_both_labels():
    """By torch's own cross-entropy with shares of classes as targets."""
    batch = next(passes().epoch(1, shuffle=True))
    blend = passes().blend(batch, 1, 0)
    own, other = (functional.one_hot(each, 10) for each in (batch.labels, blend.labels))
    scores = torch.randn(10, 10, generator=torch.Generator().manual_seed(0))
    loss = blended(CrossEntropy(0.0), Reading(scores[None], scores[None]), batch.labels, blend)
    wanted = functional.cross_entropy(scores, blend.share * own + (1 - blend.share) * other)
    assert loss.item() == pytest.approx(wanted.item())


def test_an_answer_is_right_that_names_the_larger_part():
    own, other = torch.tensor([1]), torch.tensor([2])
    assert Blend(other, 0.7).leading(own) is own and Blend(other, 0.3).leading(own) is other
