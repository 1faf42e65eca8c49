"""Frames of a recording: how many events of each polarity every pixel had, slice by slice, or when
its first was.
"""

from typing import Literal

import numpy as np
from jaxtyping import Float32, Int64, UInt8

from snnexp.events.events import Events
from snnexp.limits import Count

MOST = 255
"""What a frame counts to: it is held in bytes, and stays there where a byte would start anew."""


class Slicing:
    """A recording as `timesteps` frames of counts, one slice of its events after the other.

    With N events at the times t_1 <= ... <= t_N (µs), and T timesteps, event i is in the frame

        number   min((i - 1) // max(N // T, 1), T - 1)            as many events in each
        time     min((t_i - t_1) // max((t_N - t_1) // T, 1), T - 1)   slices of one length, which
                                                                  the recording gives
        window   (t_i - t_1) // window                            slices of one length in µs; what
                                                                  comes after the last is not used

    The last frame of `number` and of `time` takes what is over. With

        first    1 - (t - t_1) / (t_N - t_1 + 1), t the first event of the pixel and polarity; 0
                 where there is none

    nothing is counted: one frame says when every pixel had its first event, to the microsecond and
    as a share of the recording, for networks whose neurons spike once. By number every frame says
    something, and the first frames of a fast gesture are over sooner; by time a timestep is a share
    of the recording, by window a time in µs, which real-time figures need.

    Source: by number and by time of Fang et al. 2021 (survey [56]); by window of Zheng et al. 2021
    (survey [57]).

    Args:
        slicing: the rule.
        timesteps: number of frames T; `first` makes one.
        window: length of a slice in µs, with `slicing=window` alone; None otherwise.
        size: side of the frames; pixel x of W falls to column x * size // W, rows likewise. None
            for the pixels of the sensor.
        values: whether a frame counts events (up to 255), or says that there were any; `first`
            does neither.

    Raises:
        ValueError: a window for a rule that has none, or none for the rule that needs it.
    """

    def __init__(
        self,
        slicing: Literal["number", "time", "window", "first"],
        timesteps: Count,
        window: Count | None,
        size: Count | None,
        values: Literal["count", "binary"],
    ):
        _check_window(slicing, window)
        self.slicing = slicing
        self.timesteps = 1 if slicing == "first" else timesteps
        self.window = window
        self.size = size
        self.values = values

    @property
    def timestep(self) -> str:
        """What a timestep is, in words."""
        if self.slicing == "window":
            return f"{self.window / 1000:g} ms"
        if self.slicing == "first":
            return "all of the time"
        return f"1/{self.timesteps} of the {'events' if self.slicing == 'number' else 'time'}"

    def shape(self, sensor: tuple[int, int]) -> tuple[int, int, int, int]:
        """Of the frames of a sensor of (rows, columns): (T, polarities, rows, columns). Raises
        ValueError for frames that are larger than the sensor.
        """
        if self.size is not None and self.size > min(sensor):
            raise ValueError(
                f"dataset.frames.size={self.size}: the sensor has {sensor[0]} x {sensor[1]} "
                f"pixels, which cannot fill larger frames; give 1 to {min(sensor)}, or null for "
                "those of the sensor"
            )
        side = sensor if self.size is None else (self.size, self.size)
        return self.timesteps, 2, *side

    @property
    def dtype(self) -> np.dtype:
        """Of what frames hold."""
        return np.dtype(np.float32 if self.slicing == "first" else np.uint8)

    def frames(
        self, events: Events, sensor: tuple[int, int]
    ) -> UInt8[np.ndarray, "T 2 H W"] | Float32[np.ndarray, "1 2 H W"]:
        """The frames of a recording, whose events are in the order of time and on the sensor."""
        shape = steps, _, height, width = self.shape(sensor)
        y, x = events.y * height // sensor[0], events.x * width // sensor[1]
        if self.slicing == "first":
            return _first(events.t, (events.p * height + y) * width + x, shape)
        frame = self._frame(events.t)
        place = ((frame * 2 + events.p) * height + y) * width + x
        counts = np.bincount(place[frame < steps], minlength=int(np.prod(shape)))
        most = 1 if self.values == "binary" else MOST
        return np.minimum(counts, most).astype(np.uint8).reshape(shape)

    def _frame(self, t: Int64[np.ndarray, "N"]) -> Int64[np.ndarray, "N"]:
        """The number of the frame that each event is in; one beyond the last is in none."""
        if len(t) == 0:
            return t
        if self.slicing == "window":
            return (t - t[0]) // self.window
        passed = np.arange(len(t)) if self.slicing == "number" else t - t[0]
        whole = len(t) if self.slicing == "number" else t[-1] - t[0]
        return np.minimum(passed // max(whole // self.timesteps, 1), self.timesteps - 1)


def _first(
    t: Int64[np.ndarray, "N"], place: Int64[np.ndarray, "N"], shape: tuple[int, ...]
) -> Float32[np.ndarray, "1 2 H W"]:
    """How much of the recording is left at the first event of every place."""
    left = np.zeros(shape, np.float32)
    if len(t):
        share = 1 - (t - t[0]) / (t[-1] - t[0] + 1)
        np.maximum.at(left.reshape(-1), place, share.astype(np.float32))
    return left


def _check_window(slicing: str, window: int | None) -> None:
    if slicing == "window" and window is None:
        raise ValueError(
            "dataset.frames.window=null: slices of slicing=window have a length; give it in µs, as "
            "dataset.frames.window=10000"
        )
    if slicing != "window" and window is not None:
        raise ValueError(
            f"dataset.frames.window={window}: slicing={slicing} makes its frames of all of a "
            "recording, whatever its length; set dataset.frames.window=null, or "
            "dataset.frames.slicing=window"
        )
