"""A closed latch opens by an explicit call after the cool-down, and by nothing else."""

from __future__ import annotations

from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Rule


class Clock:
    """A steady clock that is set by hand."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_it_opens_by_clear_after_the_cool_down_only() -> None:
    clock = Clock()
    latch = Latch(cooldown_s=2.0, steady_s=clock)
    assert latch.refusal() is None
    latch.latch('controller fault')
    clock.now_s += 1.9
    assert 'expected at least 2 s' in latch.clear()
    refusal = latch.refusal()
    assert refusal is not None
    assert refusal.rule is Rule.LATCHED
    assert 'controller fault' in refusal.message
    clock.now_s += 1000.0
    assert latch.refusal() is not None
    assert latch.clear() == ''
    assert latch.refusal() is None


def test_an_emergency_stop_outranks_a_fault() -> None:
    latch = Latch(cooldown_s=0.0)
    latch.latch('controller fault')
    latch.estop('button')
    latch.latch('another fault')
    assert latch.stopped_by is Rule.ESTOP
    assert latch.cause == 'button'


def test_a_second_stop_starts_the_cool_down_anew() -> None:
    clock = Clock()
    latch = Latch(cooldown_s=2.0, steady_s=clock)
    latch.estop('button')
    clock.now_s += 1.5
    latch.estop('button again')
    clock.now_s += 1.5
    assert latch.clear() != ''
    assert latch.stopped_by is Rule.ESTOP


def test_clearing_an_open_latch_does_nothing() -> None:
    assert Latch(cooldown_s=2.0).clear() == ''
