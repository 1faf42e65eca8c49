"""Augmentation of frames of events: worked out by hand, alike in time, and by the sample's key."""

import pytest
import torch

from snnexp.datasets.frame_augmentation import CHANGES, FrameAugmentation
from snnexp.noise import sample_keys

NOTHING = {
    **dict.fromkeys(("shift", "roll", "cutout"), 0),
    **dict.fromkeys(("rotation", "shear"), 0.0),
    "flip": False,
    "changes": "all",
    "cutmix": 0.0,
}
STRENGTH = {
    "shift": 2,
    "flip": True,
    "roll": 3,
    "rotation": 40.0,
    "shear": 30.0,
    "cutout": 4,
}


def augmentation(**settings) -> FrameAugmentation:
    return FrameAugmentation(**{**NOTHING, **settings})


def recordings(count: int = 40, size: tuple[int, int] = (9, 8)) -> torch.Tensor:
    draws = torch.Generator().manual_seed(1)
    shape = (count, 5, 2, *size)
    return torch.randint(1, 7, shape, generator=draws, dtype=torch.uint8)


def keys(count: int = 40, epoch: int = 1) -> torch.Tensor:
    return sample_keys(1, epoch, torch.arange(count))


def standing(count: int = 40) -> torch.Tensor:
    """Recordings of which every frame and polarity is the same, in other places other counts."""
    return torch.arange(1, 73, dtype=torch.uint8).view(9, 8).expand(count, 5, 2, 9, 8)


def test_without_a_change_frames_are_what_they_were():
    frames = recordings()
    assert torch.equal(augmentation()(frames, keys()), frames)


@pytest.mark.parametrize("name", STRENGTH)
def test_all_frames_of_a_sample_are_changed_alike(name):
    changed = augmentation(**{name: STRENGTH[name]})(standing(), keys())
    assert torch.equal(changed, changed[:, :1, :1].expand_as(changed))
    assert not torch.equal(changed, standing())
    assert len(changed[:, 0, 0].unique(dim=0)) > 1  # other samples otherwise
    assert changed.dtype == torch.uint8 and {*changed.unique().tolist()} <= {*range(73)}


@pytest.mark.parametrize("changes", ["all", "one"])
def test_a_sample_is_changed_by_its_key_alone(changes):
    augment = augmentation(**STRENGTH, changes=changes)
    frames, order = recordings(), torch.tensor([7, 0, 31])
    whole = augment(frames, keys())
    assert torch.equal(augment(frames[order], keys()[order]), whole[order])
    assert not torch.equal(augment(frames, keys(epoch=2)), whole)
    parts = [augment(some, own) for some, own in zip(frames.split(7), keys().split(7), strict=True)]
    assert torch.equal(torch.cat(parts), whole)
    assert augment.of_epoch(1, 3) is augment


def test_a_shift_moves_by_whole_pixels_and_brings_in_nothing():
    frames = standing(400)
    changed = augmentation(shift=1)(frames, keys(400))[:, 0, 0]
    picture = torch.nn.functional.pad(frames[0, 0, 0], (1, 1, 1, 1))
    moved = {
        (row, column): picture[1 - row : 10 - row, 1 - column : 9 - column]
        for row in (-1, 0, 1)
        for column in (-1, 0, 1)
    }
    found = [
        next(place for place, each in moved.items() if torch.equal(each, one)) for one in changed
    ]
    assert {*found} == {*moved}
    assert all(abs(found.count(place) - 400 / 9) < 4 * (400 / 9) ** 0.5 for place in moved)


def test_a_roll_loses_nothing():
    frames = recordings()
    changed = augmentation(roll=3)(frames, keys())
    assert not torch.equal(changed, frames)
    rolled = [
        torch.roll(frames, (row, column), (3, 4)) for row in range(-3, 4) for column in range(-3, 4)
    ]
    same = torch.stack([(one == changed).flatten(1).all(1) for one in rolled])
    assert (same.sum(0) == 1).all() and same.any(1).sum() > 20


def test_half_of_the_samples_are_mirrored():
    frames = recordings(400)
    changed = augmentation(flip=True)(frames, keys(400))
    mirrored = (changed == frames.flip(4)).flatten(1).all(1)
    assert (mirrored ^ (changed == frames).flatten(1).all(1)).all()
    assert abs(mirrored.sum() - 200) < 40


def test_a_turn_leaves_the_middle_and_brings_nothing_in_at_corners():
    frames = recordings(200, (7, 7))
    turned = augmentation(rotation=45.0)(frames, keys(200))
    assert torch.equal(turned[..., 3, 3], frames[..., 3, 3])
    corners = turned[..., [0, 0, 6, 6], [0, 6, 0, 6]]
    # a corner, 4.24 pixels away, is beyond the frame once it is turned by 11 degrees of 45
    assert abs((corners == 0).float().mean() - 0.75) < 0.1


def test_a_shear_keeps_rows():
    frames = torch.zeros(60, 2, 2, 9, 9, dtype=torch.uint8)
    frames[..., 4] = 1  # a vertical line
    changed = augmentation(shear=40.0)(frames, keys(60))
    assert (changed.sum(-1) == 1).all()  # in every row one pixel of it
    assert (changed[..., 4, 4] == 1).all()  # the middle stays
    places = changed[:, 0, 0].float().argmax(2)
    assert (places[:, 0] < 4).any() and (places[:, 0] > 4).any()  # either way


def test_a_square_is_cut_out_of_all_frames():
    changed = augmentation(cutout=3)(recordings(), keys())
    empty = (changed == 0).flatten(3)
    assert (empty.sum(3) <= 9).all() and (empty.sum(3) >= 4).all()
    assert torch.equal(empty, empty[:, :1, :1].expand_as(empty))


def test_of_the_policies_a_sample_gets_one():
    frames = standing(400)
    strong = {name: STRENGTH[name] for name in CHANGES}
    changed = augmentation(**strong, changes="one")(frames, keys(400))
    alone = torch.stack(
        [
            (augmentation(**{name: STRENGTH[name]})(frames, keys(400)) == changed).flatten(1).all(1)
            for name in CHANGES
        ]
    )
    assert alone.any(0).all()  # each is changed as one of them would
    assert (alone.sum(1) > 60).all()  # of 400, none is left out
    together = augmentation(**strong)(frames, keys(400))
    assert not torch.equal(together, changed)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shift": 8}, "augmentation.shift: .*9 x 8.*set dataset.augmentation.shift=7 or less"),
        ({"roll": 9}, "augmentation.roll: .*set dataset.augmentation.roll=7 or less"),
        ({"shear": 90.0}, "augmentation.shear: .*set dataset.augmentation.shear=30.0"),
    ],
)
def test_what_leads_nowhere_is_refused(settings, words):
    augmentation().check((5, 2, 9, 8))
    with pytest.raises(ValueError, match=words):
        augmentation(**settings).check((5, 2, 9, 8))
