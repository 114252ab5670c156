"""Silence is a complaint when it was listened to; a listener that slept blames nobody."""

from __future__ import annotations

from dsrl_ros.robots.safety.watchdogs import SilenceWatch


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
