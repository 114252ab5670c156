"""Planning by the MoveGroup action of a MoveIt stack, and what is said when it does not plan."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('moveit_msgs', reason='`make test` builds test/vendor_ws')

from move_group_standin import LIMITS, StandInMoveGroup
from rclpy.node import Node

from dsrl_msgs.srv import PlanMotion
from dsrl_ros.core.config.driver import BRAKE_S
from dsrl_ros.nodes.motion_planner.node import MotionPlannerNode
from dsrl_ros.nodes.motion_planner.planners import move_group
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import trajectory_from_msg

HOME = np.array(FR3.home)
AWAY = HOME + np.array([0.3, -0.2, 0.1, 0.4, -0.3, 0.2, 0.5])
SPEED = 0.5
# From so fast the arm can brake in time, and joint 5 may be faster.
SHARE = SPEED * BRAKE_S * min(FR3.acceleration_limit) / max(FR3.velocity_limit)


def ask(ros: Any, how: str = '', **parameters: Any) -> tuple[Any, PlanMotion.Response]:
    """Return the stand-in, if any, and what the node answers to a question for the way home."""
    server = ros.add(StandInMoveGroup, how) if how else None
    node = ros.add(MotionPlannerNode, **{'planner': 'move_group', **parameters})
    asker = ros.add(lambda **options: Node('asker', **options))
    client = asker.create_client(PlanMotion, names.PLAN_MOTION)
    ros.spin_until(client.service_is_ready)
    if server is not None:
        ros.spin_until(node.planner.client.server_is_ready)
    answer = client.call_async(
        PlanMotion.Request(
            kind=PlanMotion.Request.KIND_JOINTS,
            start=AWAY.tolist(),
            goal=HOME.tolist(),
            speed=SPEED,
        )
    )
    ros.spin_until(answer.done)
    return server, answer.result()


def test_a_plan_of_move_group_is_handed_on(ros) -> None:
    _, answer = ask(ros, 'plans')
    assert answer.success and answer.planner == 'move_group' and not answer.message
    trajectory, start_ns = trajectory_from_msg(answer.trajectory, FR3.joint_names)
    expected = timed(np.stack([AWAY, HOME]), *(SHARE * LIMITS))
    np.testing.assert_array_equal(trajectory.positions, expected.positions)
    np.testing.assert_array_equal(trajectory.times_ns, expected.times_ns)
    assert start_ns == 0


def test_move_group_is_asked_to_plan_for_the_arm_and_to_execute_nothing(ros) -> None:
    server, _ = ask(ros, 'plans', group='left_arm')
    (goal,) = server.goals
    request, options = goal.request, goal.planning_options
    assert request.group_name == 'left_arm'
    assert request.max_velocity_scaling_factor == pytest.approx(SHARE)
    assert request.max_acceleration_scaling_factor == pytest.approx(SHARE)
    assert 0.0 < request.allowed_planning_time < move_group.TIMEOUT_S
    start = request.start_state.joint_state
    assert (list(start.name), list(start.position)) == (list(FR3.joint_names), AWAY.tolist())
    (constraints,) = request.goal_constraints
    joints = constraints.joint_constraints
    assert [joint.joint_name for joint in joints] == list(FR3.joint_names)
    assert [joint.position for joint in joints] == HOME.tolist()
    for joint in joints:
        assert joint.tolerance_above == joint.tolerance_below == pytest.approx(1e-3)
        assert joint.weight == 1.0
    assert options.plan_only
    # What is attached to the arm in MoveIt's scene stays attached, and nothing else changes.
    scene = options.planning_scene_diff
    assert request.start_state.is_diff and scene.is_diff and scene.robot_state.is_diff


@pytest.mark.parametrize(
    ('how', 'words'),
    [
        ('refuses', 'move_group: got a refusal of the goal'),
        (
            'PLANNING_FAILED',
            'move_group: got PLANNING_FAILED (-1), expected a plan to [0.0, -0.78',
        ),
        ('GOAL_IN_COLLISION', 'got GOAL_IN_COLLISION (-12)'),
    ],
)
def test_what_move_group_does_not_plan_is_said(ros, how: str, words: str) -> None:
    _, answer = ask(ros, how)
    assert not answer.success and words in answer.message
    assert not answer.trajectory.points


def test_a_move_group_that_never_answers_is_given_up_in_time(ros, monkeypatch) -> None:
    monkeypatch.setattr(move_group, 'TIMEOUT_S', 0.5)
    server, answer = ask(ros, 'silent')
    assert not answer.success
    assert answer.message.startswith('move_group: got no answer within 0.5 s. Look at the log')
    ros.spin_until(lambda: server.canceled == 1)


def test_a_stack_that_is_not_running_is_named(ros) -> None:
    _, answer = ask(ros)
    assert not answer.success
    action = f'{ros.namespace}/{names.MOVE_GROUP}'
    assert answer.message.startswith(
        f'move_group: got no action {action}, expected the move_group'
    )
