"""The digits that come with scikit-learn."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from snnexp.datasets.base import TEST_OFFSET, Source, Split
from snnexp.limits import Interval, Seed
from snnexp.noise import sample_keys

Share = Annotated[float, Interval(0, 1, low_open=True, high_open=True)]

_TEST = -2  # stands where an epoch would: this draw belongs to none


class EmbeddedDigits(Source):
    """1797 handwritten digits of 8 x 8 grey pixels, 10 classes; they come with scikit-learn, so
    nothing is downloaded.

    They have no official test set: `test_share` of every class is drawn with `split_seed`. Results
    compare only where both agree. Values 0 to 16 become 0 to 255.

    Source: Alpaydin and Kaynak 1998 (the test part of their set, as scikit-learn holds it).

    Args:
        data_dir: not looked at; a setting of every other source, so that it may be given here, too.
        test_share: share of every class that is for testing, in (0, 1).
        split_seed: of the choice of the test samples.
    """

    classes = 10
    shape = (1, 8, 8)
    place = "scikit-learn's digits"

    def __init__(self, data_dir: str, test_share: Share, split_seed: Seed):
        self.test_share = test_share
        self.split_seed = split_seed

    def read(self) -> tuple[Split, Split]:
        """Training and test samples in scikit-learn's order."""
        digits = torch.from_numpy(table())
        pixels, labels = digits[:, :-1].reshape(-1, *self.shape), digits[:, -1].long()
        images = pixels.mul(255 / 16).round().to(torch.uint8)
        chosen = drawn_per_class(labels, self.test_share, self.split_seed)
        index = torch.arange(len(labels)) + TEST_OFFSET * chosen
        both = Split(images, labels, index)
        return both.at((~chosen).nonzero()[:, 0]), both.at(chosen.nonzero()[:, 0])

    def status(self) -> str:
        """Always `ready`."""
        return "ready"

    def verify(self) -> str:
        """Nothing was published to compare with."""
        return "part of scikit-learn, no files of its own"

    def prepare(self) -> str:
        """Nothing needs to be done."""
        return "ready, part of scikit-learn"


def table() -> np.ndarray:
    """A row of 64 pixels and the label for every digit, from scikit-learn's file where it lies as
    in all releases so far: scikit-learn takes longer to import than a digit network to train.
    """
    package = find_spec("sklearn")
    folder = Path(package.origin).parent if package and package.origin else Path()
    file = folder / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    table = load_digits()
    return np.concatenate([table.data, table.target[:, None]], 1)


def drawn_per_class(labels: Int64[Tensor, "N"], share: Share, seed: Seed) -> Bool[Tensor, "N"]:
    """A random `share` of every class, at least one sample of each and not all of it."""
    chosen = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = (labels == label).nonzero()[:, 0]
        order = sample_keys(seed, _TEST, members).argsort()
        count = min(max(1, round(share * len(members))), len(members) - 1)
        chosen[members[order[:count]]] = True
    return chosen
