"""What the file of a picture shows, in red, green and blue: what a person sees who opens it.

Whatever a file says of itself, looking at it is bounded in memory: `MOST_PIXELS` are decoded at one
time, by all threads together.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from snnexp.files.foreign import Unreadable, read_regular

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "WEBP")
"""Whatever the name ends in, nothing else is read: some decoders of Pillow start other programs."""
LARGEST_FILE = 2**28
MOST_PIXELS = 2**26
"""8192 x 8192."""
MOST_UNLIKE = 50
"""The longer side by the shorter one; a thin line would become huge when its shorter side is
brought to a size.
"""
BACKGROUND = (255, 255, 255)
"""What shows through transparent pixels: white, as on a page."""

_PLAIN = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "CMYK", "YCbCr")
_KEYED = ("1", "L", "RGB")
_ORIENTATION = 274
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class _Unclear(Exception):
    """What a file shows is not settled, or too much."""


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """Lends the picture in a file as 8-bit RGB; in the block it counts among what is decoded at one
    time.

        grey, palette, CMYK, 1 bit      as the colours they stand for (CMYK without a profile)
        16 bits per channel             v / 257 of 0 to 65535; grey rounded, colours cut off
        transparency
            over white, whether a channel, a colour of the palette or one colour of all says so
        orientation of the camera       turned upright

    Colour profiles are not applied. A JPEG that carries further pictures (MPO, as telephones write)
    shows its first.

    Raises:
        Absent: there is no file.
        Unreadable: it is no regular file, no picture of `FORMATS`, damaged, larger than
            `MOST_PIXELS`, longer than `MOST_UNLIKE` times its width, an animation, or its pixels
            have no known black and white (32 bits, floating point).
        MemoryError: there is no room for it.
    """
    data = read_regular(path, LARGEST_FILE)
    with _naming(path):
        file = Image.open(BytesIO(data), formats=FORMATS)
        _refuse_unclear(file)
    with file, decoding_room.taken(file.width * file.height):
        with _naming(path):
            picture = _upright(coloured(file, data[24] if file.format == "PNG" else 8), file)
        yield picture


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except MemoryError:
        raise
    except UnidentifiedImageError:
        raise Unreadable(
            path, f"unreadable (no picture in the form of {', '.join(FORMATS)})"
        ) from None
    except _Unclear as error:
        raise Unreadable(path, str(error)) from None
    except Exception as error:  # a damaged image can raise anything
        raise Unreadable(path, f"unreadable ({error})") from error


def _refuse_unclear(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise _Unclear(
            f"a picture of {width} x {height} pixels, more than the {MOST_PIXELS} of 8192 x "
            "8192; make it smaller"
        )
    if max(width, height) > MOST_UNLIKE * min(width, height):
        raise _Unclear(
            f"a picture of {width} x {height} pixels has no middle square; cut out the part "
            "that counts"
        )
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format != "MPO":
        raise _Unclear(
            f"an animation of {frames} frames; save the one that is meant as a picture of its own"
        )


def coloured(image: Image.Image, depth: int) -> Image.Image:
    """An image of any mode in RGB, over `BACKGROUND`; `depth` is the number of bits that its file
    has per channel.
    """
    alpha = _alpha(image, depth)
    colours = _colours(image)
    if alpha is None:
        return colours
    return Image.composite(colours, Image.new("RGB", image.size, BACKGROUND), alpha)


def _colours(image: Image.Image) -> Image.Image:
    if _is_grey_of_16_bits(image):
        values = np.asarray(image).astype(np.uint32)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8)).convert("RGB")
    if image.mode not in _PLAIN:
        raise _Unclear(
            f"its pixels (Pillow's mode {image.mode}) have no known black and white; save it "
            "with 8 or 16 bits per channel, "
            "scaled by what is black and white in it"
        )
    return (image.convert("RGBA") if image.mode in ("La", "PA", "RGBa") else image).convert("RGB")


def _alpha(image: Image.Image, depth: int) -> Image.Image | None:
    """How opaque the pixels are; None where nothing is transparent."""
    key = image.info.get("transparency")
    if key is not None and (image.mode in _KEYED or _is_grey_of_16_bits(image)):
        return _all_but(key, image, depth)
    return (
        image.convert("RGBA").getchannel("A")
        if image.has_transparency_data and image.mode in _PLAIN
        else None
    )


def _all_but(key: int | tuple[int, ...], image: Image.Image, depth: int) -> Image.Image:
    """One colour is transparent: in the file's own bits, of which Pillow has made 8, but not of the
    key.
    """
    if depth == 16 and image.mode == "RGB":
        raise _Unclear(
            "one colour of 16 bits is transparent; save it with 8 bits, or with a channel of "
            "transparency"
        )
    if depth in (2, 4) and image.mode == "L":
        key = key * 255 // (2**depth - 1)
    pixels = np.asarray(image.convert("L") if image.mode == "1" else image)
    hidden = (pixels == np.array(key)).all(-1) if image.mode == "RGB" else pixels == key
    return Image.fromarray(np.where(hidden, 0, 255).astype(np.uint8))


def _is_grey_of_16_bits(image: Image.Image) -> bool:
    return image.mode.startswith("I;16") or (
        image.mode == "I" and image.format == "PNG"
    )  # as older versions of Pillow have it


def _upright(picture: Image.Image, file: Image.Image) -> Image.Image:
    turn = _TURNS.get(_orientation(file))
    return picture if turn is None else picture.transpose(turn)


def _orientation(file: Image.Image) -> object:
    try:
        return file.getexif().get(_ORIENTATION)
    except (
        Exception
    ):  # notes of a camera that cannot be read: everybody shows such a picture as it lies
        return None


class Room:
    """Room for so many pixels at one time; a picture that needs all of it waits until it is
    alone.
    """

    def __init__(self, pixels: int):
        self.all = self.free = pixels
        self.changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Within the block the room is smaller by `pixels`."""
        self._give(-pixels, when=lambda: self.free >= min(pixels, self.all))
        try:
            yield
        finally:
            self._give(pixels, when=lambda: True)

    def _give(self, pixels: int, when) -> None:
        with self.changed:
            self.changed.wait_for(when)
            self.free += pixels
            self.changed.notify_all()


decoding_room = Room(MOST_PIXELS)
