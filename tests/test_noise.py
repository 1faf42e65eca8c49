"""The counter-based noise: statistics, independence, and that nothing but its arguments matters."""

import pytest
import torch

from snnexp.noise import mix, sample_keys, sample_numbers, uniform

KEYS = sample_keys(seed=1, epoch=0, index=torch.arange(200))
SHAPE = (3, 10, 10)
WORD = (1 << 32) - 1


def correlation(a: torch.Tensor, b: torch.Tensor) -> float:
    """Correlation of two samples in units of its standard deviation under independence."""
    return torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1].item() * a.numel() ** 0.5


def hash_by_hand(position: int, word: int) -> float:
    """The same 24 bits in plain Python integers."""
    h = (position * 0x9E3779B1 + word) & WORD
    h = ((h ^ (h >> 16)) * 0x21F0AAAD) & WORD
    h ^= word >> 32
    h = ((h ^ (h >> 15)) * 0x735A2D97) & WORD
    return ((h ^ (h >> 15)) >> 8) / 2**24


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (1, 7), (-3, 2**31), (2**62, -1)])
def test_a_key_tells_whose_it_is(seed, epoch):
    index = torch.tensor([0, 1, 49_999, 2**32 + 7, 2**62, -5])
    assert torch.equal(sample_numbers(seed, epoch, sample_keys(seed, epoch, index)), index)


def test_mix_is_splitmix64():
    # The first two outputs of splitmix64 seeded with 1234567, as published in many places.
    golden = 0x9E3779B97F4A7C15 - (1 << 64)
    assert mix(torch.tensor([1234567, 1234567 + golden])).tolist() == [
        6457827717110365317,
        3203168211198807973,
    ]


def test_numbers_equal_the_same_arithmetic_on_plain_integers():
    words = mix(KEYS[:4] ^ mix(torch.tensor(7)))
    expected = [
        [hash_by_hand(position, word & ((1 << 64) - 1)) for position in range(50)]
        for word in words.tolist()
    ]
    assert uniform(KEYS[:4], 7, (50,)).tolist() == expected


@pytest.mark.parametrize("counter", [-1, 0, 5])
def test_numbers_are_uniform(counter):
    u = uniform(KEYS, counter, SHAPE)
    assert u.shape == (200, *SHAPE) and u.dtype == torch.float32
    assert u.min() >= 0 and u.max() < 1
    assert abs(u.mean().item() - 1 / 2) < 5 * (1 / 12 / u.numel()) ** 0.5
    assert abs(u.var().item() - 1 / 12) < 5 * (1 / 180 / u.numel()) ** 0.5
    expected = u.numel() / 64
    chi_square = ((torch.histc(u, 64, 0, 1) - expected) ** 2 / expected).sum()
    assert 20 < chi_square < 120  # 63 degrees of freedom


def test_every_position_and_every_key_is_uniform_by_itself():
    u = uniform(KEYS, 0, SHAPE)
    for means, count in ((u.mean(0), 200), (u.mean((1, 2, 3)), 300)):
        z = (means - 1 / 2) / (1 / 12 / count) ** 0.5
        assert z.abs().max() < 5 and 0.8 < z.std() < 1.2


@pytest.mark.parametrize("lag", [1, 2, 10, 100, 256])
def test_positions_keys_and_counters_are_independent(lag):
    u = uniform(KEYS, 0, (512,))
    plain = uniform(torch.arange(300), 0, (512,))
    assert abs(correlation(u[:, :-lag], u[:, lag:])) < 5
    assert abs(correlation(u[:-1], u[1:])) < 5
    assert abs(correlation(plain[:-lag], plain[lag:])) < 5
    assert abs(correlation(u, uniform(KEYS, lag, (512,)))) < 5
    assert abs(correlation(u, uniform(KEYS, -lag, (512,)))) < 5


def test_no_two_keys_or_counters_give_the_same_numbers():
    rows = torch.cat([uniform(KEYS, counter, (8,)) for counter in range(-3, 20)])
    assert len(rows.unique(dim=0)) == len(rows)


def test_numbers_do_not_depend_on_batch_composition_or_order():
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    u = uniform(KEYS, 3, SHAPE)
    assert torch.equal(uniform(KEYS[order], 3, SHAPE), u[order])
    assert torch.equal(uniform(KEYS[7:8], 3, SHAPE), u[7:8])
    assert torch.equal(uniform(KEYS, 3, SHAPE), u)


def test_numbers_do_not_touch_the_global_generator():
    state = torch.get_rng_state()
    uniform(KEYS, 0, SHAPE)
    assert torch.equal(torch.get_rng_state(), state)


def test_keys_differ_between_seeds_epochs_and_samples():
    index = torch.arange(1000)
    keys = torch.cat([sample_keys(seed, epoch, index) for seed in range(4) for epoch in range(4)])
    assert len(keys.unique()) == 16_000
    assert torch.equal(sample_keys(2, 3, torch.tensor([41])), sample_keys(2, 3, index)[41:42])
