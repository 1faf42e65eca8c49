"""Random numbers as a pure function of what they are for: (seed, epoch, sample, counter, position).

The order in which samples are visited, the batch they are in and the process that visits them
change nothing.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def _signed(value: int, bits: int) -> int:
    """The two's complement reading of `value` modulo 2**bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _shifted(x: Tensor, places: int, bits: int) -> Tensor:
    """Logical right shift; torch's own is arithmetic."""
    return (x >> places) & ((1 << (bits - places)) - 1)


def mix(x: Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    """Bijective scrambling of 64-bit integers. Source: the splitmix64 finaliser (Steele et al.
    2014).
    """
    x = x + _signed(_GOLDEN, 64)
    x = (x ^ _shifted(x, 30, 64)) * _signed(_FIRST, 64)
    x = (x ^ _shifted(x, 27, 64)) * _signed(_SECOND, 64)
    return x ^ _shifted(x, 31, 64)


def _unmix(x: Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    """The inverse of `mix`: its factors are odd, so that they have inverses modulo 2^64."""
    x = _unfolded(x, 31) * _signed(pow(_SECOND, -1, 1 << 64), 64)
    x = _unfolded(x, 27) * _signed(pow(_FIRST, -1, 1 << 64), 64)
    return _unfolded(x, 30) - _signed(_GOLDEN, 64)


def _unfolded(x: Tensor, places: int) -> Tensor:
    """What x was before `x ^ (x >> places)`."""
    return x ^ _shifted(x, places, 64) ^ (_shifted(x, 2 * places, 64) if 2 * places < 64 else 0)


def sample_keys(seed: int, epoch: int, index: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
    """One 64-bit key per sample; everything random about the sample in this epoch derives from
    it.
    """
    return mix(index.to(torch.int64) ^ _base(seed, epoch).to(index.device))


def sample_numbers(seed: int, epoch: int, keys: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
    """The `index` of the samples whose `sample_keys` these are."""
    return _unmix(keys) ^ _base(seed, epoch).to(keys.device)


def _base(seed: int, epoch: int) -> Int[Tensor, ""]:
    return mix(mix(torch.tensor(seed, dtype=torch.int64)) ^ epoch)


def uniform(keys: Int[Tensor, "B"], counter: int, shape: tuple[int, ...]) -> Float[Tensor, "B *n"]:
    """Uniform numbers in [0, 1) of shape `[B, *shape]`, independent for different keys, counters
    and positions.

    Counters below 0 are free for draws that are not tied to a timestep (augmentation uses -1, -2,
    ...).
    """
    words = mix(keys ^ mix(torch.tensor(counter, dtype=torch.int64, device=keys.device)))
    low, high = words.to(torch.int32)[:, None], (words >> 32).to(torch.int32)[:, None]
    position = torch.arange(math.prod(shape), dtype=torch.int32, device=keys.device)
    return _hash32(position * _signed(0x9E3779B1, 32), low, high).view(len(keys), *shape)


def _hash32(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Two multiply-xorshift rounds with a key word before each. Source of the constants: Wellons
    2018, low-bias 32-bit hashes.
    """
    h = x + low
    h ^= _shifted(h, 16, 32)
    h *= 0x21F0AAAD
    h ^= high
    h ^= _shifted(h, 15, 32)
    h *= 0x735A2D97
    h ^= _shifted(h, 15, 32)
    return _shifted(h, 8, 32).to(torch.float32).mul_(2.0**-24)
