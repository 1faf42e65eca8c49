"""Files of pictures as squares of pixels, all of one size, decoded by several threads."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from snnexp.datasets.faults import together
from snnexp.datasets.pictures import opened
from snnexp.errors import OutOfMemory
from snnexp.files.foreign import Unreadable
from snnexp.limits import Count
from snnexp.stopping import look


def squares(paths: list[Path], size: Count) -> np.ndarray:
    """The middle square of every picture, its shorter side brought to `size`: `[N, 3, size, size]`,
    0 to 255.

    Raises:
        Unreadable: of the first that cannot be read; the others are named, too.
        OutOfMemory: there is no room for the squares, or for a picture.
    """
    pixels, faults = _room(len(paths), size), []
    pool = ThreadPoolExecutor()  # decoding leaves the interpreter free
    try:
        for place, square in enumerate(pool.map(lambda path: _square(path, size), paths)):
            look()
            if isinstance(square, Unreadable):
                faults.append(square)
            else:
                pixels[place] = square
    finally:
        pool.shutdown(cancel_futures=True)
    if faults:
        raise together(faults)
    return pixels


def _room(count: int, size: Count) -> np.ndarray:
    try:
        return np.empty((count, 3, size, size), dtype=np.uint8)
    except (MemoryError, ValueError) as error:  # ValueError: more than there are addresses for
        asked = f"{count} images of {size} x {size} pixels take {3 * count * size**2 / 1e9:.3g} GB"
        raise OutOfMemory(f"{asked}, which are not there; set dataset.size lower") from error


def _square(path: Path, size: Count) -> np.ndarray | Unreadable:
    try:
        with opened(path) as image:
            return _cropped(image, size)
    except Unreadable as error:
        return error
    except MemoryError as error:
        raise OutOfMemory(f"out of memory while {path} was read") from error


def _cropped(image: Image.Image, size: Count) -> np.ndarray:
    """Channels first; Pillow's bilinear filter takes the mean over what a new pixel covers."""
    scale = size / min(image.size)
    width, height = (max(size, round(side * scale)) for side in image.size)
    left, top = (width - size) // 2, (height - size) // 2
    square = image.resize((width, height), Image.Resampling.BILINEAR).crop(
        (left, top, left + size, top + size)
    )
    return np.asarray(square).transpose(2, 0, 1)
