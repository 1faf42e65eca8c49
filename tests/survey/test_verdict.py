"""Measured accuracies against a published one."""

import pytest

from snnexp.survey.verdict import verdict


@pytest.mark.slow
@pytest.mark.parametrize(
    "accuracies", [(99.1, 99.3, 99.2), (91.0, 92.5, 90.2, 91.7), (50.0, 50.1, 50.3, 49.9, 50.2)]
)
@pytest.mark.parametrize("off", [-3.0, -0.4, -0.1, 0.0, 0.1, 0.4, 3.0])
def test_from_three_runs_on_it_is_the_t_test(accuracies, off):
    from scipy.stats import ttest_1samp

    mean = sum(accuracies) / len(accuracies)
    published = mean - off
    expected = (
        "reproduced"
        if ttest_1samp(accuracies, published).pvalue >= 0.05
        else "above"
        if off > 0
        else "below"
    )
    assert verdict(accuracies, published) == expected


@pytest.mark.parametrize(
    "accuracies, found",
    [
        ((90.0,), "reproduced"),
        ((89.5,), "reproduced"),
        ((89.4,), "below"),
        ((90.6,), "above"),
        ((89.0, 90.9), "reproduced"),
    ],
)
def test_fewer_runs_are_compared_within_half_a_point(accuracies, found):
    assert verdict(accuracies, 90.0) == found


@pytest.mark.slow
def test_equal_runs_have_no_deviation():
    assert (
        verdict((90.0, 90.0, 90.0), 90.0) == "reproduced"
        and verdict((90.0, 90.0, 90.0), 90.01) == "below"
    )
