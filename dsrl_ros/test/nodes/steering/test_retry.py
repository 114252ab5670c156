"""An overdue answer is asked for again, ever more seldom."""

from __future__ import annotations

from dsrl_ros.nodes.steering.patience import Patience


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_it_asks_again_after_the_timeout_and_then_after_twice_the_wait():
    clock = Clock()
    patience = Patience(3.0, clock)
    asked = []
    for _ in range(50):
        clock.now_s += 1.0
        assert patience.over == (patience.waited_s > 3.0)
        if patience.asks_again():
            asked.append(patience.waited_s)
    assert asked == [4.0, 9.0, 19.0, 39.0]


def test_what_is_waited_for_anew_is_not_overdue():
    clock = Clock()
    patience = Patience(3.0, clock)
    clock.now_s += 5.0
    assert patience.over and patience.asks_again() and not patience.asks_again()
    patience.begin()
    assert not patience.over and not patience.asks_again()
    clock.now_s += 3.5
    assert patience.over and patience.asks_again()
