"""What networks answered, image by image, out of files that somebody else may have made."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from snnexp.files.documents import read_json
from snnexp.files.foreign import Absent, Unreadable, read_regular
from snnexp.files.visible import one_line

FILE, EVALUATIONS = "predictions.npz", "evaluations"
LARGEST = 2**26
"""Bytes of such a file; those of CIFAR-10 after 2048 timesteps have some millions."""
LARGEST_ARRAY = 2**28
"""Bytes of an array in it."""
MOST = 4096
"""Classes."""
ASKED = ["evaluate.predictions=true"]


@dataclass(frozen=True)
class Answers:
    """What was answered to the test images.

    Args:
        classes: what is told apart.
        confusion: how many of a class, by row, were taken for which, by column; those without an
            answer stand in no column.
        images: how many there are of each class.
        settled: percent of the images whose answer after t timesteps is the last one, and stays
            so, at [t - 1]; empty where that is not kept.
        mean_settled: the mean of the timestep from which on the answer stays.
        first_wrong: number of the first image that is answered wrong; None where none is.
    """

    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    images: tuple[int, ...]
    settled: tuple[float, ...] = ()
    mean_settled: float | None = None
    first_wrong: int | None = None

    def accuracies(self) -> list[float | None]:
        """Of each class, in percent; None for one without images."""
        return [
            100.0 * row[place] / images if images else None
            for place, (row, images) in enumerate(zip(self.confusion, self.images, strict=True))
        ]


def answers_of(run: Path) -> Answers | None:
    """Those beside a result: of a run in its folder, or evaluated again for this alone; None where
    there are none.

    Raises:
        Unreadable: a file is there, but holds something else.
    """
    for path in _places(run):
        try:
            return read_answers(path)
        except Absent:
            continue
    return None


def _places(run: Path) -> list[Path]:
    if not run.is_dir():
        return [run.parent / FILE] if run.name == "result.json" else [run.with_suffix(".npz")]
    again = sorted((run / EVALUATIONS).glob("*.npz"), reverse=True)
    return [run / FILE, *(path for path in again if _for_this_alone(path.with_suffix(".json")))]


def _for_this_alone(result: Path) -> bool:
    try:
        found = read_json(result)
    except Unreadable:
        return False
    return isinstance(found, dict) and found.get("changes") == ASKED


def read_answers(path: Path) -> Answers:
    """The answers in a file of NumPy arrays. Raises `Unreadable`, which is `Absent` where there is
    no file.
    """
    data = read_regular(path, LARGEST)
    try:
        return _answers(_arrays(data))
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, OverflowError) as error:
        raise Unreadable(path, f"no predictions ({one_line(error)})") from error


def _arrays(data: bytes) -> dict[str, Any]:
    """The arrays that are wanted, as far as they are not too large; no objects."""
    import numpy as np

    wanted = ("labels", "answers", "by_timestep", "classes")
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        sizes = {each.filename: each.file_size for each in file.infolist()}
    small = [name for name in wanted if sizes.get(f"{name}.npy", LARGEST_ARRAY) < LARGEST_ARRAY]
    with np.load(io.BytesIO(data), allow_pickle=False) as found:
        return {name: found[name] for name in small}


def _answers(arrays: dict[str, Any]) -> Answers:
    import numpy as np

    labels, answers = arrays["labels"], arrays["answers"]
    classes = tuple(one_line(name) for name in arrays["classes"].ravel().tolist())
    _refuse_others(labels, answers, len(classes))
    known = answers >= 0
    pairs = np.bincount(labels[known] * len(classes) + answers[known], minlength=len(classes) ** 2)
    confusion = pairs.reshape(len(classes), len(classes)).tolist()
    images = np.bincount(labels, minlength=len(classes)).tolist()
    settled = _settled(arrays.get("by_timestep"), len(labels))
    wrong = np.flatnonzero(answers != labels).tolist()
    first = wrong[0] if wrong else None
    return Answers(classes, tuple(map(tuple, confusion)), tuple(images), *settled, first)


def _refuse_others(labels: Any, answers: Any, classes: int) -> None:
    fitting = labels.shape == answers.shape == (len(labels),) and len(labels) > 0
    whole = labels.dtype.kind in "iu" and answers.dtype.kind in "iu"
    if not fitting or not whole or not 0 < classes <= MOST:
        raise ValueError("labels and answers are no lists of classes of one length")
    if not (0 <= labels.min() and labels.max() < classes and answers.max() < classes):
        raise ValueError("an answer is none of the classes")


def _settled(by_timestep: Any, images: int) -> tuple[tuple[float, ...], float | None]:
    """Share of the images whose answer stays as it is, by timestep, and the mean of the first of
    these timesteps.
    """
    if by_timestep is None or by_timestep.ndim != 2 or len(by_timestep) != images:
        return (), None
    other = by_timestep != by_timestep[:, -1:]
    steps = by_timestep.shape[1]
    # The last timestep at which the answer is another, from 1 on; 0 where there is none.
    last = (other * range(1, steps + 1)).max(1)
    shares = [100.0 * float((last < step).mean()) for step in range(1, steps + 1)]
    return tuple(shares), float((last + 1).mean())
