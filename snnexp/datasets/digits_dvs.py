"""scikit-learn's digits before a simulated event camera."""

from collections.abc import Callable

import numpy as np
import torch

from snnexp.datasets.base import TEST_OFFSET, Source, Split
from snnexp.datasets.digits import Share, drawn_per_class, table
from snnexp.events.camera import Camera
from snnexp.events.slicing import Slicing
from snnexp.limits import Seed


class DigitsDvs(Source):
    """1797 recordings of handwritten digits by a simulated event camera, 10 classes, made in a few
    seconds: nothing is downloaded.

    The camera moves before scikit-learn's digits of 8 x 8 pixels. As with the digits themselves
    there is no official test set, and the same samples are for testing. Results on simulated
    events say nothing about a sensor: real recordings are those of `nmnist`.

    Source: Alpaydin and Kaynak 1998 (the digits, as scikit-learn holds them).

    Args:
        data_dir: not looked at; a setting of every other source, so that it may be given here, too.
        camera: what records.
        frames: what recordings are made into.
        camera_seed: of the camera; it does not change with the seed of the run.
        test_share: share of every class that is for testing, in (0, 1).
        split_seed: of the choice of the test samples.
    """

    classes = 10
    augmented = "frames"
    place = "recordings of scikit-learn's digits"

    def __init__(
        self,
        data_dir: str,
        camera: Callable[[], Camera],
        frames: Callable[[], Slicing],
        camera_seed: Seed,
        test_share: Share,
        split_seed: Seed,
    ):
        self.camera = camera()
        self.frames = frames()
        self.camera_seed = camera_seed
        self.test_share = test_share
        self.split_seed = split_seed
        self.sensor = (self.camera.side, self.camera.side)
        self.shape = self.frames.shape(self.sensor)
        self.timestep = self.frames.timestep

    def read(self) -> tuple[Split, Split]:
        """Training and test samples in scikit-learn's order."""
        digits = table()
        images, labels = (
            digits[:, :-1].reshape(-1, 8, 8) / 16,
            torch.from_numpy(digits[:, -1]).long(),
        )
        numbers = torch.arange(len(labels))
        recordings = self.camera.record(images, numbers, self.camera_seed)
        frames = np.stack([self.frames.frames(each, self.sensor) for each in recordings])
        chosen = drawn_per_class(labels, self.test_share, self.split_seed)
        both = Split(torch.from_numpy(frames), labels, numbers + TEST_OFFSET * chosen)
        return both.at((~chosen).nonzero()[:, 0]), both.at(chosen.nonzero()[:, 0])

    def status(self) -> str:
        """Always `ready`."""
        return "ready"

    def verify(self) -> str:
        """Nothing was published to compare with."""
        return "simulated from scikit-learn's digits, no files of its own"

    def prepare(self) -> str:
        """Nothing needs to be done."""
        return "ready, simulated from scikit-learn's digits"
