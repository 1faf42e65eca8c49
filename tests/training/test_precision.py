"""Half precision: what a spike carries is rounded, when it is fired is not."""

import pytest
import torch

from snnexp.cell import Over
from tests.support.options import build_option


def fired(dtype: torch.dtype, steps: int = 1000) -> torch.Tensor:
    changes = {
        "threshold": 0.3,
        "reset": "soft",
        "initial_potential": 0.0,
        "amplitude": "threshold",
    }
    neuron = build_option(
        "neuron", "if", changes, surrogate=build_option("surrogate", "arctan", {})
    )
    with torch.no_grad():
        return Over(neuron)(
            torch.full((1, 1), 0.25, dtype=dtype).expand(steps, 1, 1)
        )  # 0.25 is exact in every format


def test_a_spike_that_carries_its_threshold_is_rounded_by_a_fifth_of_a_percent_at_most():
    spikes = fired(torch.bfloat16)
    assert spikes.dtype == torch.bfloat16 and set(spikes.flatten().tolist()) == {
        0.0,
        float(torch.tensor(0.3).bfloat16()),
    }
    assert float(spikes.max()) == pytest.approx(0.3, rel=2**-8) and float(
        spikes.max()
    ) != pytest.approx(0.3, rel=1e-5)


def test_the_reset_subtracts_the_exact_threshold_in_half_precision_too():
    exact, rounded = fired(torch.float32) != 0, fired(torch.bfloat16) != 0
    assert (
        torch.equal(exact, rounded) and int(exact.sum()) == 833
    )  # 831 if the rounded threshold were subtracted
