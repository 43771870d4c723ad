from __future__ import annotations

import math

import pytest

from nmt.study.statistics import Summary, combined_p, pooled_deviation, summary


def test_mean_and_deviation_by_hand() -> None:
    found = summary([2.0, 4.0, 9.0])  # deviations from 5: -3, -1, 4; 26 / 2
    assert found.mean == 5.0
    assert found.deviation == pytest.approx(math.sqrt(13))
    assert summary([7.0]) == Summary(1, 7.0, None)
    assert summary([]) == Summary(0, None, None)


def test_pooled_deviation_weighs_by_degrees_of_freedom() -> None:
    assert pooled_deviation(Summary(3, 0.0, 2.0), Summary(2, 0.0, 5.0)) == pytest.approx(math.sqrt((2 * 4 + 25) / 3))
    assert pooled_deviation(Summary(3, 0.0, 2.0), Summary(1, 0.0, None)) == pytest.approx(2.0)
    assert pooled_deviation(Summary(1, 0.0, None), Summary(1, 0.0, None)) is None


def test_p_values_of_pairs_are_combined() -> None:
    assert combined_p([1.0], [0.03]) == 0.03
    assert combined_p([1.0, 2.0], [0.01, 0.03]) == pytest.approx(0.04)  # twice their mean
    assert combined_p([-1.0, -2.0], [0.01, 0.03]) == pytest.approx(0.04)  # whatever the direction
    assert combined_p([3.0, -1.0], [0.001, 0.001]) == 1.0  # certain of the opposite
    assert combined_p([1.0, 1.0], [0.9, 0.8]) == 1.0
