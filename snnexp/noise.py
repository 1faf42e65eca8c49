"""Random numbers as a pure function of what they are for: (seed, epoch, sample, counter, position).

The order in which samples are visited, the batch they are in and the process that visits them change nothing.
"""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

_GOLDEN = 0x9E3779B97F4A7C15


def _signed(value: int, bits: int) -> int:
    """The two's complement reading of `value` modulo 2**bits."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _shifted(x: Tensor, places: int, bits: int) -> Tensor:
    """Logical right shift; torch's own is arithmetic."""
    return (x >> places) & ((1 << (bits - places)) - 1)


def mix(x: Int[Tensor, "*n"]) -> Int[Tensor, "*n"]:
    """Bijective scrambling of 64-bit integers. Source: the splitmix64 finaliser (Steele et al. 2014)."""
    x = x + _signed(_GOLDEN, 64)
    x = (x ^ _shifted(x, 30, 64)) * _signed(0xBF58476D1CE4E5B9, 64)
    x = (x ^ _shifted(x, 27, 64)) * _signed(0x94D049BB133111EB, 64)
    return x ^ _shifted(x, 31, 64)


def sample_keys(seed: int, epoch: int, index: Int[Tensor, "B"]) -> Int[Tensor, "B"]:
    """One 64-bit key per sample; everything random about the sample in this epoch derives from it."""
    base = mix(mix(torch.tensor(seed, dtype=torch.int64)) ^ epoch)
    return mix(index.to(torch.int64) ^ base.to(index.device))


def uniform(keys: Int[Tensor, "B"], counter: int, shape: tuple[int, ...]) -> Float[Tensor, "B *n"]:
    """Uniform numbers in [0, 1) of shape `[B, *shape]`, independent for different keys, counters and positions.

    Counters below 0 are free for draws that are not tied to a timestep (augmentation uses -1, -2, ...).
    """
    words = mix(keys ^ mix(torch.tensor(counter, dtype=torch.int64, device=keys.device)))
    low, high = words.to(torch.int32)[:, None], (words >> 32).to(torch.int32)[:, None]
    position = torch.arange(math.prod(shape), dtype=torch.int32, device=keys.device)
    return _hash32(position * _signed(0x9E3779B1, 32), low, high).view(len(keys), *shape)


def _hash32(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Two multiply-xorshift rounds with a key word before each. Source of the constants: Wellons 2018, low-bias 32-bit hashes."""
    h = x + low
    h ^= _shifted(h, 16, 32)
    h *= 0x21F0AAAD
    h ^= high
    h ^= _shifted(h, 15, 32)
    h *= 0x735A2D97
    h ^= _shifted(h, 15, 32)
    return _shifted(h, 8, 32).to(torch.float32).mul_(2.0**-24)
