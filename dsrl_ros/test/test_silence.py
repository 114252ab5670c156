"""Silence from above counts while the robot moves, and only then."""

from __future__ import annotations

from dsrl_ros.robots.silence import SilenceWatch


class Clock:
    """A steady clock that is set by hand."""

    now_s = 50.0

    def __call__(self) -> float:
        return self.now_s


def test_silence_is_a_complaint_once_it_is_too_long_for_a_moving_robot() -> None:
    clock = Clock()
    watch = SilenceWatch(0.15, clock)
    clock.now_s += 0.14
    assert watch.complaint(moving=True) == ''
    clock.now_s += 0.02
    assert 'got none for 0.16 s' in watch.complaint(moving=True)
    watch.hear(moving=True)
    assert watch.complaint(moving=True) == ''


def test_silence_towards_a_resting_robot_is_nobodys_business() -> None:
    clock = Clock()
    watch = SilenceWatch(0.15, clock)
    clock.now_s += 1000.0
    assert watch.complaint(moving=False) == ''
    watch.hear(moving=False)
    assert watch.longest_s == 0.0


def test_the_longest_gap_is_kept() -> None:
    clock = Clock()
    watch = SilenceWatch(1.0, clock)
    for gap_s in (0.25, 0.5, 0.125):
        clock.now_s += gap_s
        watch.hear(moving=True)
    assert watch.longest_s == 0.5
