"""Messages of a robot are read by joint name, and a chunk is taken as it came."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from array import array

from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from dsrl_msgs.msg import ActionChunk, DecisionId
from dsrl_ros.core.errors import NonFiniteError, ShapeMismatchError
from dsrl_ros.ros.robot_messages import positions_from_msg, trajectory_from_msg, untrusted_chunk
from dsrl_ros.ros.stamps import header


def test_positions_are_found_by_name() -> None:
    state = JointState(name=['c', 'a', 'b'], position=array('d', [3.0, 1.0, 2.0]))
    np.testing.assert_array_equal(positions_from_msg(state, ['a', 'b', 'c']), [1.0, 2.0, 3.0])


@pytest.mark.parametrize(
    'state',
    [
        JointState(),
        JointState(name=['a', 'c'], position=array('d', [1.0, 3.0])),
        JointState(name=['a', 'b'], position=array('d', [1.0])),  # a name without a position
    ],
)
def test_a_joint_that_is_missing_is_an_error_with_both_sides(state: JointState) -> None:
    with pytest.raises(ShapeMismatchError, match=r"expected \['a', 'b'\] among them"):
        positions_from_msg(state, ['a', 'b'])


def point(position: float, time_s: int) -> JointTrajectoryPoint:
    message = JointTrajectoryPoint(positions=array('d', [position]), velocities=array('d', [0.0]))
    message.time_from_start.sec = time_s
    return message


def test_a_trajectory_may_start_later_than_its_stamp() -> None:
    message = JointTrajectory(
        header=header(5_000_000_000), joint_names=['a'], points=[point(0.0, 1), point(1.0, 3)]
    )
    trajectory, start_ns = trajectory_from_msg(message, ['a'])
    assert start_ns == 6_000_000_000
    assert trajectory.times_ns.tolist() == [0, 2_000_000_000]


@pytest.mark.parametrize(
    ('points', 'error'),
    [
        ([], ShapeMismatchError),
        ([JointTrajectoryPoint(positions=array('d', [0.0]))], ShapeMismatchError),
        ([point(0.0, 1), point(1.0, 1)], ShapeMismatchError),
        ([point(float('nan'), 0)], NonFiniteError),
    ],
)
def test_a_trajectory_that_cannot_be_followed_is_an_error(points, error) -> None:
    with pytest.raises(error):
        trajectory_from_msg(JointTrajectory(joint_names=['a'], points=points), ['a'])


def test_a_chunk_that_contradicts_itself_is_taken_as_it_came() -> None:
    message = ActionChunk(
        header=header(42),
        id=DecisionId(robot='arm', episode=3, decision=4),
        control_mode=200,
        action_names=['dx'],
        horizon=4_000_000_000,
        num_execute=7,
        step_period=float('nan'),
        data=array('f', [1.0, float('inf')]),
    )
    chunk = untrusted_chunk(message)
    assert (chunk.key.robot, chunk.key.decision, chunk.stamp_ns) == ('arm', 4, 42)
    assert (chunk.control_mode, chunk.horizon, chunk.num_execute) == (200, 4_000_000_000, 7)
    assert chunk.data.tolist() == [1.0, float('inf')]
