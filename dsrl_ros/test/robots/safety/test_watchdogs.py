"""Silence counts only while it was listened to; an arm that lags for too long is reported."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_ros.robots.safety.watchdogs import FollowWatch, SilenceWatch


class Clock:
    """A steady clock that is set by hand."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def look(watch: SilenceWatch, clock: Clock, seconds: float) -> str:
    """Look every 0.01 s for a while; return the last complaint."""
    complaint = ''
    for _ in range(round(seconds / 0.01)):
        clock.now_s += 0.01
        complaint = watch.complaint()
    return complaint


def test_silence_that_lasts_is_a_complaint_until_something_is_heard() -> None:
    clock = Clock()
    watch = SilenceWatch(0.15, clock)
    assert look(watch, clock, 0.14) == ''
    assert 'got none for 0.16 s' in look(watch, clock, 0.02)
    watch.hear(moving=True)
    assert look(watch, clock, 0.14) == ''


def test_time_that_was_slept_through_is_not_silence() -> None:
    """What came meanwhile is read only after the first look."""
    clock = Clock()
    watch = SilenceWatch(0.15, clock)
    clock.now_s += 10.0
    assert watch.complaint() == ''
    watch.hear(moving=True)
    assert look(watch, clock, 0.1) == ''


def test_silence_after_a_sleep_is_a_complaint_all_the_same() -> None:
    clock = Clock()
    watch = SilenceWatch(0.15, clock)
    clock.now_s += 10.0
    assert look(watch, clock, 0.2) != ''


def test_the_longest_gap_is_kept_as_it_was() -> None:
    clock = Clock()
    watch = SilenceWatch(1.0, clock)
    clock.now_s += 1000.0
    watch.hear(moving=False)  # nobody's business while the robot rests
    for gap_s in (0.25, 0.5, 0.125):
        clock.now_s += gap_s
        watch.hear(moving=True)
    assert watch.longest_s == 0.5


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
