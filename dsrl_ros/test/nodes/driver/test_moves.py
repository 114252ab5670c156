"""Moves of the driver outside of episodes: carried out, refused, and stopped like chunks."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from driver_bench import STILL, Bench
from rclpy.action import ActionClient
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.action import MoveArm
from dsrl_msgs.msg import ChunkResult, DriverStatus
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import positions_from_msg, trajectory_to_msg

SPEED, ACCELERATION = np.array(FR3.velocity_limit), np.array(FR3.acceleration_limit)
Result = MoveArm.Result


class Moves(Bench):
    """A bench whose driver is asked for moves."""

    def __init__(self, ros, **twin_options) -> None:
        super().__init__(ros, **twin_options)
        self.client = ActionClient(self.peer, MoveArm, names.MOVE_ARM)
        ros.spin_until(self.client.server_is_ready)
        self.progress: list[float] = []

    def joints(self) -> np.ndarray:
        return positions_from_msg(self.peer.joints[-1], FR3.joint_names)

    def way(self, by, share: float = 0.5) -> JointTrajectory:
        path = np.stack([self.joints(), self.joints() + by])
        found = timed(path, share * SPEED, share * ACCELERATION)
        return trajectory_to_msg(found, 0, FR3.joint_names)

    def begin(self, **fields):
        sent = self.client.send_goal_async(
            MoveArm.Goal(**fields),
            feedback_callback=lambda message: self.progress.append(message.feedback.progress),
        )
        self.ros.spin_until(sent.done)
        return sent.result()

    def finish(self, handle) -> MoveArm.Result:
        waiting = handle.get_result_async()
        self.ros.spin_until(waiting.done)
        return waiting.result().result

    def move(self, **fields) -> MoveArm.Result:
        return self.finish(self.begin(**fields))


@pytest.fixture
def moves(ros) -> Moves:
    return Moves(ros)


def test_a_move_leads_the_arm_there_and_chunks_go_on_from_it(moves: Moves) -> None:
    moves.reset(1)
    kinematics = Kinematics(FR3)
    tool = kinematics.tool_position(moves.joints()) + np.array([0.03, 0.05, 0.06])
    goal = kinematics.solve_down(tool, moves.joints())
    way = moves.way(goal - moves.joints())
    assert moves.move(trajectory=way).error_code == Result.NONE
    moves.ros.spin_until(lambda: np.abs(moves.joints() - goal).max() < 5e-3)
    result = moves.run(STILL)
    assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
    assert np.abs(moves.joints() - goal).max() < 5e-3


def test_a_move_begins_when_the_last_chunk_has_come_to_rest(moves: Moves) -> None:
    """A chunk is over where the next may take over, at speed."""
    moves.reset(1)
    rows = STILL.copy()
    rows[:, 0] = 0.01
    for _ in range(2):
        assert moves.run(rows).outcome == ChunkResult.OUTCOME_DONE
    done = moves.move(move_gripper=True, width=0.0)
    assert done.error_code == Result.NONE, done.error_message


def test_the_gripper_moves_alone_while_the_arm_stays(moves: Moves) -> None:
    moves.reset(1)
    before = moves.joints()
    for width in (FR3.gripper_low, FR3.gripper_high):
        assert moves.move(move_gripper=True, width=width).error_code == Result.NONE
        moves.ros.spin_until(lambda width=width: abs(moves.driver.robot.width() - width) < 2e-3)
    np.testing.assert_allclose(moves.joints(), before, atol=2e-3)


def into_the_table(moves: Moves) -> JointTrajectory:
    """Return a way between two poses above the table that dips through it."""
    kinematics = Kinematics(FR3)
    here = moves.joints()
    tool = kinematics.tool_position(here)
    low = kinematics.solve_down(np.array([tool[0], tool[1], -0.05]), here)
    found = timed(np.stack([here, low, here]), 0.3 * SPEED, 0.3 * ACCELERATION)
    return trajectory_to_msg(found, 0, FR3.joint_names)


@pytest.mark.parametrize(
    ('make', 'words'),
    [
        (lambda moves: moves.way(0.2, share=3.0), 'velocity|acceleration'),
        (into_the_table, 'workspace'),
        (lambda moves: JointTrajectory(joint_names=['a'], points=moves.way(0.1).points), 'joints'),
    ],
)
def test_a_move_that_breaks_a_rule_is_refused_and_nothing_moves(
    moves: Moves, make, words: str
) -> None:
    moves.reset(1)
    before, sent = moves.joints(), len(moves.peer.trajectories)
    result = moves.move(trajectory=make(moves))
    assert result.error_code == Result.REFUSED
    assert any(word in result.error_message for word in words.split('|')), result.error_message
    assert len(moves.peer.trajectories) == sent
    np.testing.assert_array_equal(moves.joints(), before)
    assert moves.move(trajectory=moves.way(0.05)).error_code == Result.NONE


def test_while_the_latch_is_closed_no_move_begins(moves: Moves) -> None:
    moves.reset(1)
    moves.call(moves.peer.estop, Trigger.Request())
    result = moves.move(trajectory=moves.way(0.05))
    assert result.error_code == Result.REFUSED and 'clear' in result.error_message


@pytest.mark.parametrize('how', ['estop', 'cancel'])
def test_a_move_is_stopped_on_its_way_and_the_arm_rests_there(ros, how: str) -> None:
    moves = Moves(ros, driver_options={'real_time': True}, real_time=True, state_hz=100.0)
    start = moves.joints()
    handle = moves.begin(trajectory=moves.way(0.4, share=0.1))
    ros.spin_until(lambda: np.abs(moves.joints() - start).max() > 0.02)
    if how == 'estop':
        moves.call(moves.peer.estop, Trigger.Request())
    else:
        handle.cancel_goal_async()
    result = moves.finish(handle)
    assert result.error_code == {'estop': Result.FAULT, 'cancel': Result.CANCELED}[how]
    ros.spin_until(lambda: not np.abs(moves.peer.joints[-1].velocity).max() > 1e-2)
    assert 0.02 < np.abs(moves.joints() - start).max() < 0.3
    assert moves.progress and 0.0 < moves.progress[-1] < 1.0


def test_a_chunk_that_comes_during_a_move_is_refused(ros) -> None:
    moves = Moves(ros, driver_options={'real_time': True}, real_time=True, state_hz=100.0)
    handle = moves.begin(trajectory=moves.way(0.2, share=0.1))
    ros.spin_until(lambda: moves.peer.state() == DriverStatus.STATE_EXECUTING)
    result = moves.run(STILL)
    assert result.outcome == ChunkResult.OUTCOME_REJECTED and 'reset' in result.message
    second = moves.move(trajectory=moves.way(0.0))
    assert second.error_code == Result.REFUSED and 'busy' in second.error_message
    assert moves.finish(handle).error_code == Result.NONE
