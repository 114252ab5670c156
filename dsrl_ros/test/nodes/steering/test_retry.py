"""An overdue answer is asked for again, after longer and longer waits."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from action_msgs.msg import GoalStatus
from toy_action import ToyActionClient

from dsrl_ros.nodes.steering.retry import RetryingGoal, RetryTimer


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_it_retries_after_the_timeout_and_then_after_twice_the_wait():
    clock = Clock()
    timer = RetryTimer(3.0, clock)
    retried = []
    timer.begin(lambda: retried.append(timer.waited_s))
    for _ in range(50):
        clock.now_s += 1.0
        assert timer.check() == (timer.waited_s > 3.0)
    assert retried == [4.0, 9.0, 19.0, 39.0]


def test_a_wait_that_restarts_is_not_overdue():
    clock = Clock()
    timer = RetryTimer(3.0, clock)
    retried = []
    timer.begin(lambda: retried.append(timer.waited_s))
    clock.now_s += 5.0
    assert timer.check() and timer.check()
    assert retried == [5.0]
    timer.restart()
    assert not timer.check()
    clock.now_s += 3.5
    assert timer.check()
    assert retried == [5.0, 3.5]
    timer.begin()  # something else, which nobody can be asked for
    clock.now_s += 5.0
    assert timer.check()
    assert retried == [5.0, 3.5]


@pytest.fixture
def goal():
    """Return (client, what the goal was answered with, the goal)."""
    client: Any = ToyActionClient()
    answers: list[Any] = []
    return client, answers, RetryingGoal(client, 'goal', answers.append)


def test_an_answer_is_given_once(goal):
    client, answers, retrying = goal
    client.accept()
    retrying.retry()  # the server is only slow: the result alone is asked for again
    assert (client.goals, client.asked) == (['goal'], 2)
    client.answer(GoalStatus.STATUS_ABORTED, 'sorry', request=0)
    client.answer(GoalStatus.STATUS_ABORTED, 'sorry', request=1)
    assert [(answer.status, answer.result) for answer in answers] == [(6, 'sorry')]
    retrying.retry()
    assert (client.goals, client.asked) == (['goal'], 2)


def test_a_goal_that_was_lost_is_sent_again(goal):
    client, answers, retrying = goal
    retrying.retry()
    assert client.goals == ['goal', 'goal']
    client.accept(goal=0)  # late: the newer one counts
    assert not client.asked
    client.accept(goal=1)
    client.answer(GoalStatus.STATUS_SUCCEEDED)
    assert len(answers) == 1


def test_a_goal_that_the_server_forgot_is_sent_again(goal):
    client, answers, _ = goal
    client.accept()
    client.answer(GoalStatus.STATUS_UNKNOWN)
    assert client.goals == ['goal', 'goal'] and not answers
    client.accept()
    client.answer(GoalStatus.STATUS_SUCCEEDED)
    assert len(answers) == 1


def test_a_goal_that_is_rejected_is_over(goal):
    client, answers, retrying = goal
    client.accept(accepted=False)
    assert answers == [None]
    retrying.retry()
    assert client.goals == ['goal']
