"""The stand-in for a Franka Hand answers as the vendor's node does."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('franka_msgs', reason='`make test` builds test/vendor_ws')

from action_msgs.msg import GoalStatus
from franka_msgs.action import Grasp, Homing, Move
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dsrl_ros.nodes.mock_gripper.node import MockGripperNode
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.ros import names, qos

ACTIONS = {Move: names.GRIPPER_MOVE, Grasp: names.GRIPPER_GRASP, Homing: names.GRIPPER_HOMING}


class Bench:
    """The hand and somebody who uses it."""

    def __init__(self, ros: Any, **options: Any) -> None:
        self.ros = ros
        ros.add(MockGripperNode, **options)
        node = ros.add(lambda **others: Node('user', **others))
        self.clients = {
            kind: ActionClient(node, kind, name.format(name='gripper'))
            for kind, name in ACTIONS.items()
        }
        self.stop = node.create_client(Trigger, names.GRIPPER_STOP.format(name='gripper'))
        self.states: list[JointState] = []
        node.create_subscription(JointState, names.GRIPPER_STATES, self.states.append, qos.SENSOR)
        ros.spin_until(lambda: all(client.server_is_ready() for client in self.clients.values()))
        ros.spin_until(self.stop.service_is_ready)

    def send(self, goal: Any) -> Any:
        kind = next(kind for kind in ACTIONS if isinstance(goal, kind.Goal))
        sent = self.clients[kind].send_goal_async(goal)
        self.ros.spin_until(sent.done)
        assert sent.result().accepted
        return sent.result()

    def end(self, handle: Any) -> tuple[int, bool]:
        """Return status and success of a goal."""
        answer = handle.get_result_async()
        self.ros.spin_until(answer.done)
        return answer.result().status, answer.result().result.success

    def width(self) -> float:
        count = len(self.states)
        self.ros.spin_until(lambda: len(self.states) > count)
        assert tuple(self.states[-1].name) == FR3.finger_names
        return sum(self.states[-1].position)


def grasp(epsilon: float) -> Grasp.Goal:
    goal = Grasp.Goal(width=0.0, speed=0.2, force=30.0)
    goal.epsilon.inner = goal.epsilon.outer = epsilon
    return goal


def test_a_grasp_ends_at_the_object_and_succeeds_within_its_tolerance(ros) -> None:
    bench = Bench(ros, object_width_m=0.04)
    assert bench.end(bench.send(grasp(0.08))) == (GoalStatus.STATUS_SUCCEEDED, True)
    assert bench.width() == pytest.approx(0.04)
    assert bench.end(bench.send(grasp(0.005))) == (GoalStatus.STATUS_ABORTED, False)
    assert bench.end(bench.send(Homing.Goal())) == (GoalStatus.STATUS_SUCCEEDED, True)
    assert bench.width() == pytest.approx(0.08)


@pytest.mark.parametrize('by', ['stop', 'cancel', 'another'])
def test_what_is_under_way_can_be_ended(ros, by: str) -> None:
    bench = Bench(ros)
    handle = bench.send(Move.Goal(width=0.01, speed=0.02))
    ending = {
        'stop': lambda: bench.stop.call_async(Trigger.Request()),
        'cancel': handle.cancel_goal_async,
        'another': lambda: bench.send(Move.Goal(width=0.08, speed=0.1)),
    }
    ending[by]()
    assert bench.end(handle) == (GoalStatus.STATUS_ABORTED, False)
    assert bench.width() > 0.06


@pytest.mark.parametrize('goal', [{'width': 0.2, 'speed': 0.1}, {'width': 0.05, 'speed': 0.0}])
def test_what_the_hand_cannot_do_is_aborted(ros, goal: dict[str, float]) -> None:
    bench = Bench(ros)
    assert bench.end(bench.send(Move.Goal(**goal))) == (GoalStatus.STATUS_ABORTED, False)
