"""The digits as scikit-learn gives them."""

import numpy as np
import pytest

from snnexp.datasets import digits


@pytest.mark.slow
def test_the_file_is_what_scikit_learn_reads(monkeypatch):
    table = digits.table()
    from sklearn.datasets import load_digits

    expected = load_digits()
    assert np.array_equal(table[:, :-1], expected.data)
    assert np.array_equal(table[:, -1], expected.target)
    monkeypatch.setattr(digits, "find_spec", lambda name: None)  # as in a release that moved it
    assert np.array_equal(digits.table(), table)
