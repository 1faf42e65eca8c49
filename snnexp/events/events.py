"""What an event camera records: where, when and which way the brightness of a pixel has changed."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Int64


class Damaged(ValueError):
    """A recording does not hold what its form says; the message says what it holds."""


class Events(NamedTuple):
    """The events of a recording, in the order of their times.

    `t` are times in µs, `x` columns from the left and `y` rows from above, both from 0, `p`
    polarities: 1 where it became brighter (ON), 0 where it became darker (OFF).
    """

    t: Int64[np.ndarray, "N"]
    x: Int64[np.ndarray, "N"]
    y: Int64[np.ndarray, "N"]
    p: Int64[np.ndarray, "N"]

    def at(self, chosen: np.ndarray | slice) -> "Events":
        """The events at these places, or where this is true."""
        return Events(*(column[chosen] for column in self))


def is_ordered(events: Events) -> bool:
    """Whether time never goes backwards."""
    return bool((np.diff(events.t) >= 0).all())


def ordered(events: Events) -> Events:
    """The same in the order of their times; those of one time stay in the order that they had."""
    return events.at(np.argsort(events.t, kind="stable"))


def refuse_outside(events: Events, sensor: tuple[int, int]) -> None:
    """Raises `Damaged` unless there are events, and all of them on a sensor of (rows, columns)."""
    if len(events.t) == 0:
        raise Damaged("it holds no event")
    height, width = sensor
    outside = (events.y < 0) | (events.y >= height) | (events.x < 0) | (events.x >= width)
    if outside.any():
        first = int(outside.argmax())
        place = f"row {events.y[first]}, column {events.x[first]}"
        raise Damaged(
            f"event {first} is at {place}, outside of the {height} x {width} pixels of the sensor "
            f"({int(outside.sum())} of {len(outside)} events are)"
        )
