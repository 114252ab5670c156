"""A coroutine waits while its node goes on, and no longer than it may."""

from __future__ import annotations

import time

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.node import Node
from rclpy.task import Future

from dsrl_ros.ros import waiting


@pytest.fixture
def wait(ros):
    """Return what runs a coroutine in the executor of `node` and returns its result."""
    node = ros.add(lambda **options: Node('waiting', **options))

    def run(function, *args):
        task = node.executor.create_task(function(node, *args))
        ros.spin_until(task.done)
        return task.result()

    run.node = node
    return run


def test_a_pause_takes_its_time(wait):
    began = time.monotonic()
    wait(waiting.pause, 0.1)
    assert 0.1 <= time.monotonic() - began < 1.0


def test_a_turn_lets_the_tasks_that_are_due_run(wait):
    done = []
    wait.node.executor.create_task(done.append, 1)
    wait(waiting.turn)
    assert done == [1]


def test_within_returns_the_result_in_time_and_cancels_what_is_late(wait):
    answer = Future(executor=wait.node.executor)
    wait.node.create_timer(0.05, lambda: answer.set_result('yes'))
    assert wait(waiting.within, answer, 5.0, 'it') == 'yes'
    late = Future(executor=wait.node.executor)
    with pytest.raises(TimeoutError, match=r'it: got no answer within 0.1 s'):
        wait(waiting.within, late, 0.1, 'it')
    assert late.cancelled()


def test_until_ends_with_its_condition_or_at_its_deadline(wait):
    wait(waiting.until, lambda: True, 0.0, 'it')
    end = time.monotonic() + 0.1
    wait(waiting.until, lambda: time.monotonic() > end, 5.0, 'it')
    assert end < time.monotonic() < end + 1.0
    with pytest.raises(TimeoutError, match=r'it: got no answer within 0.1 s'):
        wait(waiting.until, lambda: False, 0.1, 'it')
