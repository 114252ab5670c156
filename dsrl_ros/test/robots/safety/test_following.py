"""An arm that does not do what is commanded is found out, one that lags is not."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_ros.robots.safety.following import FollowWatch


class Clock:
    """A steady clock that is set by hand."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch(clock: Clock) -> FollowWatch:
    return FollowWatch(('a', 'b'), tolerance_rad=0.05, timeout_s=0.3, steady_s=clock)


def test_an_arm_that_stays_behind_is_named_with_its_joint(watch, clock) -> None:
    commanded, measured = np.array([0.0, 0.2]), np.array([0.04, 0.1])
    assert watch.complaint(commanded, measured) == ''
    clock.now_s += 0.29
    assert watch.complaint(commanded, measured) == ''
    clock.now_s += 0.02
    assert watch.complaint(commanded, measured).startswith('controller: got b 0.100 rad from its')


def test_an_arm_that_catches_up_now_and_then_is_left_alone(watch, clock) -> None:
    commanded, behind, there = np.array([0.0, 0.2]), np.array([0.0, 0.1]), np.array([0.0, 0.16])
    for _ in range(10):
        clock.now_s += 0.2
        assert watch.complaint(commanded, behind) == ''
        assert watch.complaint(commanded, there) == ''


def test_joints_that_are_no_numbers_are_lost(watch, clock) -> None:
    measured = np.array([0.0, np.nan])
    watch.complaint(np.zeros(2), measured)
    clock.now_s += 0.31
    assert watch.complaint(np.zeros(2), measured)


def test_what_was_before_a_reset_does_not_count(watch, clock) -> None:
    watch.complaint(np.zeros(2), np.ones(2))
    clock.now_s += 0.31
    watch.reset()
    assert watch.complaint(np.zeros(2), np.ones(2)) == ''
