"""Spikes at learned times."""

import pytest

from tests.support.timed import scores, timed


def test_pulses_are_inputs_at_learned_times():
    network = timed(changes={"pulses": 3, "pulse_span": 2.0, "pulse_drive": 1.0}).train()
    scores(network).sum().backward()
    pulses = network.body[0].pulses
    assert (
        pulses.times.tolist() == pytest.approx([0.5, 1.0, 1.5])
        and pulses.times.grad.any()
        and pulses.weight.grad.any()
    )
