"""CIFAR10-DVS as it was published."""

from pathlib import Path

from snnexp.datasets.archives import Archive, Fault
from snnexp.datasets.base import TEST_OFFSET
from snnexp.datasets.event_layout import Layout, Listed
from snnexp.datasets.listing import Unused
from snnexp.datasets.numbered_recordings import Numbered, numbered_recordings
from snnexp.datasets.recordings import Part, Recording
from snnexp.events.aedat2 import read_aedat2

_MD5 = {
    "airplane": "0afd5c4bf9ae06af762a77b180354fdd",
    "automobile": "8438dfeba3bc970c94962d995b1b9bdd",
    "bird": "a9c207c91c55b9dc2002dc21c684d785",
    "cat": "52c63c677c2b15fa5146a8daf4d56687",
    "deer": "b6bf21f6c04d21ba4e23fc3e36c8a4a3",
    "dog": "f379ebdf6703d16e0a690782e62639c3",
    "frog": "cad6ed91214b1c7388a5f6ee56d08803",
    "horse": "e7cbbf77bec584ffbf913f00e682782a",
    "ship": "41c7bd7d6b251be82557c6cce9a7d5c9",
    "truck": "89f3922fd147d9aeff89e76a2b0b70a7",
}
_CLASSES = tuple(_MD5)
_OF_A_CLASS = 1000
_FOR_TRAINING = 900  # there is no official split; this is that of Fang et al. 2021 (survey [56])
_SUFFIX = ".aedat"


def _listed(root: Path, fault: Fault) -> Listed:
    """By class and number; of every class the first 900 are for training."""
    unused = Unused()
    name = rf"cifar10_(?:{'|'.join(_CLASSES)})_(\d{{1,3}})"
    found = numbered_recordings(root, _CLASSES, _SUFFIX, name, unused, fault)
    unused.say(root, (_SUFFIX,), "recordings")
    train = [each for each in found if each[0] < _FOR_TRAINING]
    test = [each for each in found if each[0] >= _FOR_TRAINING]
    return _recordings(train, 0), _recordings(test, TEST_OFFSET)


def _recordings(found: Numbered, first: int) -> list[Recording]:
    by_class = sorted((label, number, path) for number, label, path in found)
    return [
        Recording(path, read_aedat2, (Part(label, first + _OF_A_CLASS * label + number),))
        for label, number, path in by_class
    ]


LAYOUT = Layout(
    option="cifar10_dvs",
    title="CIFAR10-DVS",
    class_names=_CLASSES,
    sensor=(128, 128),
    published=(9_000, 1_000),
    archives={
        name: Archive(f"{name}.zip", md5, rf"(?:{name}/)?(cifar10_{name}_\d{{1,3}}\.aedat)")
        for name, md5 in _MD5.items()
    },
    needed=_CLASSES,
    files="<class>/cifar10_<class>_<0 to 999>.aedat",
    packed="the archives of the ten classes, airplane.zip to truck.zip,",
    origin="by Li et al. 2017 (figshare.com, article 4724671)",
    listed=_listed,
)
