"""The interval is Wilson's: checked against published values and against its own coverage."""

from __future__ import annotations

import math

import pytest

from dsrl_ros.core.statistics import SuccessRate


@pytest.mark.parametrize(
    ('successes', 'trials', 'low', 'high'),
    [
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (45, 50, 0.7864, 0.9565),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_wilson_interval(successes, trials, low, high):
    got = SuccessRate(successes, trials).interval
    assert got == pytest.approx((low, high), abs=2e-4)


def test_without_trials_nothing_is_known():
    rate = SuccessRate(0, 0)
    assert math.isnan(rate.rate)
    assert rate.interval == (0.0, 1.0)
