"""The layers of a feed-forward network as a list of short tokens: `["32C3", "AP2", "FC128"]`."""

import re
from dataclasses import dataclass

GRAMMAR = (
    "<n>C<k>[p<padding>][s<stride>] convolution with n channels and a k x k kernel (an even "
    "k needs its padding), "
    "AP<k> average pool, MP<k>[p<padding>][s<stride>] max pool, P<k> in a vgg the pool that "
    "`pooling` names, "
    "SP<k>[g<gain>] sum over a k x k window times the gain, "
    "GAP average over the whole map, FP<k>[t<threshold>] average pool that drives neurons of "
    "its own, "
    "FC<n> linear layer, R<n> one whose neurons hear each other, D<p> dropout with p in [0, 1), "
    "DS<p> one that is drawn at every timestep"
)


@dataclass(frozen=True)
class Convolution:
    """`<n>C<k>[p<padding>][s<stride>]`; `origin` says where it was written, for messages."""

    channels: int
    kernel: int
    padding: int
    stride: int
    origin: str


@dataclass(frozen=True)
class Pool:
    """`AP<k>`, `GAP`, whose window is the whole map, or `SP<k>[g<gain>]`, a sum; `gain` is a factor
    on the mean.
    """

    window: int | None
    gain: float
    origin: str


@dataclass(frozen=True)
class MaxPool:
    """`MP<k>[p<padding>][s<stride>]`."""

    window: int
    padding: int
    stride: int
    origin: str


@dataclass(frozen=True)
class FiringPool:
    """`FP<k>[t<threshold>]`: neurons driven by an average; their threshold relative to that of all
    others.
    """

    window: int
    threshold: float
    origin: str


@dataclass(frozen=True)
class Linear:
    """`FC<n>`."""

    features: int
    origin: str


@dataclass(frozen=True)
class RecurrentLinear:
    """`R<n>`: a linear layer whose spikes come back to it a timestep later."""

    features: int
    origin: str


@dataclass(frozen=True)
class Drop:
    """`D<p>`, or `DS<p>`, drawn anew at every timestep."""

    probability: float
    origin: str
    per_step: bool = False


Layer = Convolution | Pool | MaxPool | FiringPool | Linear | RecurrentLinear | Drop


def _convolution(
    channels: str, kernel: str, padding: str | None, stride: str | None, *, origin: str
) -> Convolution:
    return Convolution(
        int(channels),
        int(kernel),
        int(kernel) // 2 if padding is None else int(padding),
        int(stride or 1),
        origin,
    )


def _sum_pool(window: str, gain: str | None, *, origin: str) -> Pool:
    return Pool(int(window), float(gain or 1) * int(window) ** 2, origin)


def _max_pool(window: str, padding: str | None, stride: str | None, *, origin: str) -> MaxPool:
    return MaxPool(int(window), int(padding or 0), int(stride or window), origin)


def _firing_pool(window: str, threshold: str | None, *, origin: str) -> FiringPool:
    return FiringPool(int(window), float(threshold or 1), origin)


# An even kernel has no padding that keeps the size of the map, so it matches only with `p` behind
# it.
_COUNT, _KERNEL = r"([1-9]\d*)", r"(\d*[13579]|[1-9]\d*(?=p))"
_POSITIVE = r"(0?\.\d*[1-9]\d*|[1-9]\d*(?:\.\d+)?)"
_FORMS = {
    rf"{_COUNT}C{_KERNEL}(?:p(\d+))?(?:s{_COUNT})?": _convolution,
    rf"AP{_COUNT}": lambda window, *, origin: Pool(int(window), 1.0, origin),
    rf"SP{_COUNT}(?:g{_POSITIVE})?": _sum_pool,
    "GAP": lambda *, origin: Pool(None, 1.0, origin),
    rf"MP{_COUNT}(?:p(\d+))?(?:s{_COUNT})?": _max_pool,
    rf"FP{_COUNT}(?:t{_POSITIVE})?": _firing_pool,
    rf"FC{_COUNT}": lambda features, *, origin: Linear(int(features), origin),
    rf"R{_COUNT}": lambda features, *, origin: RecurrentLinear(int(features), origin),
    r"D(S?)(0|0?\.\d+)": lambda step, probability, *, origin: Drop(
        float(probability), origin, per_step=bool(step)
    ),
}


def parse(tokens: list[str]) -> list[Layer]:
    """The layers that the tokens name.

    Raises:
        ValueError: a token is not in the grammar.
    """
    return [
        _parse_one(str(token), f"layer {place} of {len(tokens)}, {token!r}")
        for place, token in enumerate(tokens, start=1)
    ]


def _parse_one(token: str, origin: str) -> Layer:
    for form, build in _FORMS.items():
        if match := re.fullmatch(form, token, flags=re.ASCII):
            return build(*match.groups(), origin=origin)
    raise ValueError(f"{origin}: not in the grammar of layers, which is: {GRAMMAR}")
