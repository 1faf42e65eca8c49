"""Where a network may stop: by hand, and in the result of a run."""

import pytest
import torch
from torch import nn

from snnexp.measure.early_exit import early_exit
from tests.support.options import build_option
from tests.support.tiny_run import job

ACCURACIES = [50.0, 60.0, 70.0, 80.0]


def norm(sizes, bound=0.125):
    """Scales of the given mean size by timestep, of either sign."""
    changes = {"timesteps": len(sizes), "exit_scale": bound}
    found = build_option("norm", "bntt", changes, features=2, dimensions=1, branches=1)
    signs = torch.tensor([1.5, -0.5])
    found.steps.cells[0].weight.data = torch.tensor(sizes)[:, None] * signs
    return found


@pytest.mark.parametrize(
    "sizes, timestep",
    [
        ([[0.5, 0.05, 0.05, 0.05], [0.5, 0.5, 0.05, 0.05]], 3),
        ([[0.05, 0.5, 0.5, 0.05], [0.05, 0.5, 0.5, 0.5]], 1),
        ([[0.5, 0.5, 0.5, 0.05], [0.05, 0.05, 0.05, 0.5]], None),
        ([[0.125, 0.125, 0.125, 0.0625]], 4),
    ],
)
def test_the_first_timestep_at_which_all_scales_are_small(sizes, timestep):
    network = nn.Sequential(*(norm(each) for each in sizes))
    accuracy = None if timestep is None else ACCURACIES[timestep - 1]
    assert early_exit(network, ACCURACIES) == {
        "early_exit": {"threshold": 0.125, "timestep": timestep, "accuracy": accuracy}
    }


def test_timesteps_that_were_not_evaluated_do_not_count():
    assert early_exit(norm([0.5, 0.5, 0.05]), [50.0, 60.0])["early_exit"]["timestep"] is None


def test_nothing_is_said_where_no_norm_asks():
    assert early_exit(nn.Sequential(norm([0.05], None), nn.Linear(2, 2)), [50.0]) == {}


@pytest.mark.slow
def test_a_result_says_it(tmp_path):
    words = ["norm=bntt", "architecture=cnn", "architecture.layers=[4C3]", "epochs=1"]
    result = job(tmp_path / "a", *words, "norm.exit_scale=5.0", "evaluate.images=40")
    assert result["early_exit"] == {
        "threshold": 5.0,
        "timestep": 1,
        "accuracy": result["accuracy_by_timestep"][0],
    }
    assert "early_exit" not in job(tmp_path / "b", *words, "evaluate.images=40")
