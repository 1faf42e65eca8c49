"""A simulated event camera in front of still images."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64
from torch import Tensor

from snnexp.events.events import Events, ordered
from snnexp.limits import Count, NonNegative, Positive
from snnexp.noise import sample_keys, uniform

_CAMERA = -3  # stands where an epoch would: these draws belong to none
_SENSOR = -1  # stands where a sample would: the sensor is the same for all
_START, _REFERENCE, _NUMBER, _TIME, _PLACE, _POLARITY = -5, -6, -7, -8, -9, -10
_MOST_NOISE = 32  # events of noise in one recording
_TOGETHER = 256  # images seen at once, which decides about memory and nothing else
_GRID = 2.0**20
_CORNERS = np.array([(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.0, 0.0)])  # of the path, as (x, y)


class Camera:
    """An event camera that looks at still images, moved before them along a triangle in three quick
    turns of the eye.

        L = ln(floor + brightness)                    what a pixel sees, brightness in [0, 1]
        L - reference >= threshold: an ON event,  reference <- reference + threshold
        reference - L >= threshold: an OFF event, reference <- reference - threshold

    An event closer than `refractory` to the one before it is lost, and its reference moves all the
    same. Brightness between pixels of the image is bilinear, and 0 outside of it; time passes in
    intervals, within which L is a straight line. Events of noise come at random anywhere.

    Its recordings are simulated: results on them say nothing about a sensor. They are a pure
    function of the image, its number and the seed. To be the same on every processor L is rounded
    to multiples of 2^-20, which is far below the thresholds.

    Source: contrast thresholds, refractory time and their spread as in Rebecq et al. 2018 (ESIM);
    the three saccades of Orchard et al. 2015 (N-MNIST).

    Args:
        side: of the sensor in pixels.
        scale: pixels of the sensor for each of the image.
        amplitude: length of the path's sides in pixels of the sensor.
        duration: of a recording in µs.
        intervals: that each of the three turns is divided into.
        jitter: width of the uniform random shift of an image, in pixels of the sensor.
        floor: added to the brightness, so that black has a logarithm.
        threshold: change of L that makes an event.
        spread: standard deviation of the thresholds of the pixels, as a share of `threshold`.
        refractory: in µs.
        noise: events per pixel and second.
    """

    def __init__(
        self,
        side: Count,
        scale: Positive,
        amplitude: NonNegative,
        duration: Count,
        intervals: Count,
        jitter: NonNegative,
        floor: Positive,
        threshold: Positive,
        spread: NonNegative,
        refractory: NonNegative,
        noise: NonNegative,
    ):
        self.side = side
        self.scale = scale
        self.amplitude = amplitude
        self.duration = duration
        self.intervals = intervals
        self.jitter = jitter
        self.floor = floor
        self.threshold = threshold
        self.spread = spread
        self.refractory = refractory
        self.noise = noise

    def record(
        self, images: Float64[np.ndarray, "N h w"], numbers: Int64[Tensor, "N"], seed: int
    ) -> list[Events]:
        """What the camera makes of each image, by its number."""
        recordings = []
        for begin in range(0, len(images), _TOGETHER):
            part = slice(begin, begin + _TOGETHER)
            recordings += self._record(images[part], numbers[part], seed)
        return recordings

    def _record(
        self, images: Float64[np.ndarray, "B h w"], numbers: Int64[Tensor, "B"], seed: int
    ) -> list[Events]:
        keys = sample_keys(seed, _CAMERA, numbers)
        noise = self._noise(keys)
        seen = list(self._seen(images, keys, self._thresholds(seed)))
        sample, *columns = (np.concatenate(column) for column in zip(noise, *seen, strict=True))
        by_sample = np.argsort(sample, kind="stable")
        cuts = np.bincount(sample, minlength=len(images)).cumsum()[:-1]
        split = (np.split(column[by_sample], cuts) for column in columns)
        return [ordered(Events(*each)) for each in zip(*split, strict=True)]

    def _seen(
        self,
        images: Float64[np.ndarray, "B h w"],
        keys: Int64[Tensor, "B"],
        thresholds: Float32[np.ndarray, "2 H W"],
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """Sample, time, column, row and polarity of what the image makes the pixels send."""
        start = (_drawn(keys, _START, 2) - 0.5) * self.jitter
        path = self.amplitude * (_path(self.intervals) - 0.5)
        before = self._level(images, start + path[0])
        phase = _drawn(keys, _REFERENCE, self.side**2).reshape(before.shape) - 0.5
        pixels = _Pixels(before + _rounded(phase * self.threshold), thresholds, self.refractory)
        length = self.duration / (len(path) - 1)
        for interval, centre in enumerate(path[1:]):
            now = self._level(images, start + centre)
            yield from pixels.see(before, now, interval * length, length)
            before = now

    def _level(
        self, images: Float64[np.ndarray, "B h w"], centre: Float64[np.ndarray, "B 2"]
    ) -> Float32[np.ndarray, "B H W"]:
        """L of every pixel with the images at these places (x, y)."""
        rows = self._weights(centre[:, 1], images.shape[1])
        columns = self._weights(centre[:, 0], images.shape[2])
        return _rounded(np.log(self.floor + rows @ images @ columns.transpose(0, 2, 1)))

    def _weights(self, centre: Float64[np.ndarray, "B"], pixels: int) -> np.ndarray:
        """How much each pixel of the sensor sees of each pixel of an image, along one axis."""
        sensor = np.arange(self.side) - (self.side - 1) / 2
        place = (sensor - centre[:, None]) / self.scale + (pixels - 1) / 2
        return np.maximum(0.0, 1.0 - np.abs(place[..., None] - np.arange(pixels)))

    def _thresholds(self, seed: int) -> Float32[np.ndarray, "2 H W"]:
        """Of OFF and ON events of every pixel."""
        shares = uniform(
            sample_keys(seed, _CAMERA, torch.tensor([_SENSOR])), _START, (2 * self.side**2,)
        )
        normal = torch.special.ndtri(shares[0].double() + 2.0**-25).numpy()  # a share may be 0
        found = self.threshold * (1 + self.spread * normal)
        return _rounded(np.maximum(found, 0.01)).reshape(2, self.side, self.side)

    def _noise(self, keys: Int64[Tensor, "B"]) -> tuple[np.ndarray, ...]:
        """Sample, time, column, row and polarity of events that nothing in the image made."""
        mean = self.noise * self.side**2 * self.duration / 1e6
        number = (_drawn(keys, _NUMBER, 1) >= _poisson(mean)).sum(1)
        sample, event = np.nonzero(np.arange(_MOST_NOISE) < number[:, None])
        time = _drawn(keys, _TIME, _MOST_NOISE)[sample, event] * self.duration
        place = _drawn(keys, _PLACE, _MOST_NOISE)[sample, event] * self.side**2
        polarity = _drawn(keys, _POLARITY, _MOST_NOISE)[sample, event] < 0.5
        row, column = np.divmod(place.astype(np.int64), self.side)
        return sample, time.astype(np.int64), column, row, polarity.astype(np.int64)


class _Pixels:
    """The pixels of the sensor, once for each image, all in one row."""

    def __init__(
        self,
        reference: Float32[np.ndarray, "B H W"],
        thresholds: Float32[np.ndarray, "2 H W"],
        refractory: float,
    ):
        self.shape = reference.shape
        self.reference = reference.ravel()
        self.off, self.on = (np.tile(each.ravel(), len(reference)) for each in thresholds)
        self.refractory = refractory
        self.last = np.full(reference.size, -np.inf)

    def see(
        self,
        before: Float32[np.ndarray, "B H W"],
        now: Float32[np.ndarray, "B H W"],
        begin: float,
        length: float,
    ) -> Iterator[tuple[np.ndarray, ...]]:
        """The events of an interval of `length` µs from `begin` on, in which L goes from `before`
        to `now`: whatever is crossed once, then what is crossed twice, ...
        """
        before, now = before.ravel(), now.ravel()
        change = now - self.reference
        firing = np.flatnonzero((change >= self.on) | (change <= -self.off))
        while len(firing):
            rising = now[firing] > self.reference[firing]
            self.reference[firing] += np.where(rising, self.on[firing], -self.off[firing])
            share = _share(self.reference[firing], before[firing], now[firing])
            yield self._sent(firing, begin + share * length, rising)
            change = now[firing] - self.reference[firing]
            firing = firing[(change >= self.on[firing]) | (change <= -self.off[firing])]

    def _sent(
        self, firing: Int64[np.ndarray, "N"], time: Float64[np.ndarray, "N"], rising: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        """Those that do not come too soon after the last of their pixel."""
        ready = time - self.last[firing] >= self.refractory
        sent, time = firing[ready], time[ready]
        self.last[sent] = time
        sample, row, column = np.unravel_index(sent, self.shape)
        return sample, time.astype(np.int64), column, row, rising[ready].astype(np.int64)


def _share(reached: np.ndarray, before: np.ndarray, now: np.ndarray) -> Float64[np.ndarray, "N"]:
    """How much of an interval has passed when L, on its way, is at `reached`."""
    way = (now - before).astype(np.float64)
    passed = np.divide(reached - before, way, out=np.zeros_like(way), where=way != 0)
    return passed.clip(0.0, 1.0)


def _path(intervals: int) -> Float64[np.ndarray, "K 2"]:
    """The centre at the borders of all intervals, as shares of the path's sides: at rest in every
    corner, fastest between.
    """
    passed = (1 - np.cos(np.pi * np.arange(1, intervals + 1) / intervals)) / 2
    turns = zip(_CORNERS[:-1], _CORNERS[1:], strict=True)
    return np.concatenate([_CORNERS[:1], *(a + passed[:, None] * (b - a) for a, b in turns)])


def _poisson(mean: float) -> Float64[np.ndarray, "K"]:
    """The chance of n events or fewer, for n = 0, ..., below the largest number."""
    factors = np.concatenate([[np.exp(-mean)], mean / np.arange(1, _MOST_NOISE)])
    return factors.cumprod().cumsum()


def _drawn(keys: Int64[Tensor, "B"], counter: int, count: int) -> Float64[np.ndarray, "B n"]:
    return uniform(keys, counter, (count,)).double().numpy()


def _rounded(values: Float64[np.ndarray, "*n"]) -> Float32[np.ndarray, "*n"]:
    return (np.round(values * _GRID) / _GRID).astype(np.float32)
