"""DVS128 Gesture as it was published."""

from pathlib import Path

from snnexp.datasets.archives import Archive, Fault
from snnexp.datasets.base import TEST_OFFSET
from snnexp.datasets.event_layout import Layout, Listed
from snnexp.datasets.recordings import Part, Recording
from snnexp.events.aedat31 import read_aedat31
from snnexp.files.foreign import Absent, Unreadable, read_regular

_CLASSES = (
    *("hand_clapping", "right_hand_wave", "left_hand_wave"),
    *("right_arm_clockwise", "right_arm_counter_clockwise"),
    *("left_arm_clockwise", "left_arm_counter_clockwise"),
    *("arm_roll", "air_drums", "air_guitar", "other_gestures"),
)
_TRIALS = ("trials_to_train.txt", "trials_to_test.txt")
_LARGEST = 2**20  # bytes of a list of trials or of the gestures of one


def _listed(root: Path, fault: Fault) -> Listed:
    """By trial as the lists of trials have them, and by gesture as the labels of a trial do."""
    train, test = ([root / name for name in _lines(root / each, fault)] for each in _TRIALS)
    twice = set(train) & set(test)
    if twice:
        raise fault(min(twice), "it is for training and for testing")
    return _recordings(train, 0, fault), _recordings(test, TEST_OFFSET, fault)


def _recordings(paths: list[Path], first: int, fault: Fault) -> list[Recording]:
    recordings = []
    for path in paths:
        parts = _parts(path.with_name(f"{path.stem}_labels.csv"), first, fault)
        recordings.append(Recording(path, read_aedat31, parts))
        first += len(parts)
    return recordings


def _parts(path: Path, first: int, fault: Fault) -> tuple[Part, ...]:
    """The gestures of a trial: class from 1, start and end in µs, behind a line that names them."""
    _, *rows = _lines(path, fault)
    try:
        gestures = [_gesture(row) for row in rows]
    except ValueError as error:
        raise fault(path, f"a line of it is no class, start and end ({error})") from None
    if not gestures:
        raise fault(path, "there is no gesture in it")
    return tuple(
        Part(label - 1, first + place, (begin, end))
        for place, (label, begin, end) in enumerate(gestures)
    )


def _gesture(row: str) -> tuple[int, int, int]:
    label, begin, end = map(int, row.split(","))
    if not 1 <= label <= len(_CLASSES) or not 0 <= begin < end < 2**62:
        raise ValueError(f"class {label} from {begin} to {end}; classes are 1 to {len(_CLASSES)}")
    return label, begin, end


def _lines(path: Path, fault: Fault) -> list[str]:
    """The lines of a text that are not empty."""
    try:
        text = read_regular(path, _LARGEST).decode("ascii")
    except Absent:
        raise fault(path, "missing") from None
    except (Unreadable, UnicodeDecodeError) as error:
        raise fault(path, f"unreadable ({getattr(error, 'why', error)})") from None
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        raise fault(path, "it is empty")
    return lines


LAYOUT = Layout(
    option="dvs_gesture",
    title="DVS128 Gesture",
    class_names=_CLASSES,
    sensor=(128, 128),
    published=(1_176, 288),
    archives={
        ".": Archive(
            "DvsGesture.tar.gz",
            "8a5c71fb11e24e5ca5b11866ca6c00a1",
            r"(?:DvsGesture/)?(user\d+_\w+(?:\.aedat|_labels\.csv)|trials_to_\w+\.txt)",
        )
    },
    needed=_TRIALS,
    files="trials_to_{train,test}.txt, user<number>_<light>.aedat and ..._labels.csv",
    packed="DvsGesture.tar.gz",
    origin="by Amir et al. 2017 (research.ibm.com/interactive/dvsgesture)",
    listed=_listed,
)
