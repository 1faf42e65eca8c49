"""One spike per pixel, at a time that needs no timesteps."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from snnexp.encoders.base import Encoder
from snnexp.limits import Fraction, NonNegative, Positive
from snnexp.noise import uniform

_JITTER = -16
"""Counter of the draws for the jitter, apart from those of augmentation and of timesteps."""


class SpikeTime(Encoder):
    """Lets every pixel spike once, the brighter the earlier, at an exact time.

        x <- 1[x > binarize]                        if binarize is given
        t = earliest + (1 - x) (latest - earliest)
            or with x for 1 - x where bright pixels come last
        t <- floor(t / grid) grid                    if grid is given
        t <- |t + jitter n|, n ~ N(0, 1)             in training
        never, for pixels at or below `silent`

    The timed form takes the times; where the network runs in discrete time, a spike comes at the
    end of the timestep it falls into, step k standing for time k * step.

    Source: Mostafa 2018 (survey [34]: binarize 0.5, latest ln 6); Goeltz 2021 (survey [60]: 0.15 to
    2); Zhang 2020 (survey [61]); Kheradpisheh & Masquelier 2020 (survey [63]: grid 1, latest 256,
    silent 0); Zhou 2021 (survey [64]: whiten, bright pixels last).

    Args:
        earliest: time of the earliest spikes.
        latest: time of the latest spikes, above `earliest`.
        bright_first: whether pixels of value 1 come first or last.
        binarize: value above which a pixel is 1 and otherwise 0; null for grey values.
        silent: pixels of at most this value do not spike; null for all do.
        grid: distance of the times a spike can have, > 0; null for all times.
        jitter: standard deviation of noise on the times in training, >= 0.
        whiten: whether images are brought to mean 0 and variance 1 one by one before all this.
        step: length of a timestep where the network runs in discrete time, > 0.

    Raises:
        ValueError: latest is not above earliest.
    """

    spiking = True
    pixels = "unit"
    shows = "once"
    largest = 1.0
    """The value of a pixel that spikes at the time `earliest`, where bright ones come first."""

    def __init__(
        self,
        earliest: float,
        latest: float,
        bright_first: bool,
        binarize: Fraction | None,
        silent: float | None,
        grid: Positive | None,
        jitter: NonNegative,
        whiten: bool,
        step: Positive,
    ):
        super().__init__()
        if latest <= earliest:
            raise ValueError(
                f"latest={latest:g} is not above earliest={earliest:g}; set "
                f"encoder.latest={earliest + 1:g}"
            )
        self.earliest, self.latest, self.bright_first = earliest, latest, bright_first
        self.binarize, self.silent, self.grid, self.jitter, self.whiten, self.step = (
            binarize,
            silent,
            grid,
            jitter,
            whiten,
            step,
        )

    def times(
        self, images: Float[Tensor, "B C H W"], keys: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B C H W"]:
        """The time of every pixel's spike, infinity for none; with `keys`, those of training."""
        x = images.to(torch.promote_types(images.dtype, torch.float32))
        x = _whitened(x) if self.whiten else x
        shade = x if self.binarize is None else (x > self.binarize).to(x.dtype)
        t = self.earliest + (1 - shade if self.bright_first else shade) * (
            self.latest - self.earliest
        )
        if self.grid is not None:
            t = torch.floor(t / self.grid + 1e-4) * self.grid
        if self.jitter and keys is not None:
            t = (t + self.jitter * _normal(keys, t.shape[1:]).to(t.dtype)).abs()
        return t if self.silent is None else t.masked_fill(x <= self.silent, torch.inf)

    def forward(
        self, images: Float[Tensor, "B C H W"], steps: range, keys: Int[Tensor, "B"]
    ) -> Float[Tensor, "T B C H W"]:
        step = torch.arange(steps.start, steps.stop, device=images.device).view(-1, 1, 1, 1, 1)
        return (torch.ceil(self.times(images) / self.step - 1e-4).clamp(min=0) == step).to(
            images.dtype
        )

    def analog(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "1 B C H W"]:
        return images[None]

    def shape(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        return shape


def _whitened(x: Float[Tensor, "B C H W"]) -> Float[Tensor, "B C H W"]:
    mean, spread = x.mean((1, 2, 3), keepdim=True), x.std((1, 2, 3), keepdim=True)
    return (x - mean) / spread.clamp(min=1 / x[0].numel() ** 0.5)


def _normal(keys: Int[Tensor, "B"], shape: tuple[int, ...]) -> Float[Tensor, "B *n"]:
    """Box and Muller's way from uniform numbers."""
    radius = torch.sqrt(-2 * torch.log(1 - uniform(keys, _JITTER, tuple(shape))))
    return radius * torch.cos(2 * torch.pi * uniform(keys, _JITTER - 1, tuple(shape)))
