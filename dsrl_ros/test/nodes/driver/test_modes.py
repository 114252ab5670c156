"""The driver on the twin in every control mode: where chunks lead the arm."""

from __future__ import annotations

from dataclasses import replace

import mink
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from driver_bench import SPEC, STEP_NS, Bench, Steering
from mode_columns import COLUMNS

from dsrl_msgs.msg import ChunkResult
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.nodes.driver.node import DriverNode
from dsrl_ros.nodes.twin.node import TwinNode
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.ros.messages import executed_from_msg

KINEMATICS = Kinematics(FR3)
SHIFT = np.array([0.02, 0.03, 0.04])  # of the tool, base frame [m]
TURN = np.array([0.0, 0.1, 0.2])  # rotation vector, base frame [rad]
SHARES = np.array([0.25, 0.5, 0.75, 1.0])[:, None]  # of the way, after each of four steps
CLOSING = -1.0


def spec_of(mode: str, columns: tuple[str, ...] | None = None) -> PolicySpec:
    """Return the card of a policy that speaks `mode`, gripper too."""
    control_mode, names = COLUMNS[mode]
    names = (*(columns or names), 'gripper')
    bound = (10.0,) * len(names)
    low = tuple(-limit for limit in bound)
    return replace(
        SPEC, control_mode=control_mode, action_names=names, action_low=low, action_high=bound
    )


def goal_from(joints: np.ndarray) -> np.ndarray:
    """Return the pose to which the tool is to go from where it is, (4, 4)."""
    pose = KINEMATICS.tool_pose(joints)
    pose[:3, 3] += SHIFT
    pose[:3, :3] = mink.SO3.exp(TURN).as_matrix() @ pose[:3, :3]
    return pose


def chunks_to(goal: np.ndarray, joints: np.ndarray, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a chunk that leads the tool to a pose, and one that lets it stay, (4, A) each."""
    there = KINEMATICS.solve(goal[:3, 3], mink.SO3.from_matrix(goal[:3, :3]).wxyz, joints)
    if mode == 'joint position':
        way, stay = joints + SHARES * (there - joints), np.tile(there, (4, 1))
    elif mode == 'joint velocity':
        # Up and down again, so that it ends at rest; the shares add up to 1 / STEP.
        way = np.array([[1.0], [2.0], [1.0], [0.0]]) / 4 * (there - joints) / (STEP_NS * 1e-9)
        stay = np.zeros((4, 7))
    elif mode == 'pose':
        pose = KINEMATICS.tool_pose(joints)
        now = mink.SO3.from_matrix(pose[:3, :3])
        turns = [(mink.SO3.exp(share * TURN) @ now).wxyz for share in SHARES[:, 0]]
        way = np.hstack([pose[:3, 3] + SHARES * SHIFT, turns])
        stay = np.tile(way[-1], (4, 1))
    else:
        way, stay = np.tile(np.concatenate([SHIFT, TURN]) / 4, (4, 1)), np.zeros((4, 6))
    grip = np.full((4, 1), CLOSING)
    return tuple(np.hstack([rows, grip]).astype(np.float32) for rows in (way, stay))


@pytest.mark.parametrize('mode', ['joint position', 'joint velocity', 'pose', 'shift and turn'])
def test_a_chunk_leads_the_arm_where_its_columns_say(ros, mode: str) -> None:
    bench = Bench(ros, spec=spec_of(mode))
    bench.reset(1)
    joints = np.array(bench.peer.joints[-1].position)
    goal = goal_from(joints)
    for rows in chunks_to(goal, joints, mode):
        result = bench.run(rows)
        assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
        np.testing.assert_allclose(executed_from_msg(result), rows, atol=1e-6)
    np.testing.assert_allclose(
        KINEMATICS.tool_pose(np.array(bench.peer.joints[-1].position)), goal, atol=5e-3
    )
    bench.ros.spin_until(lambda: bench.driver.robot.width() < 1e-3)


@pytest.mark.parametrize('mode', ['joint position', 'joint velocity', 'pose', 'shift and turn'])
def test_columns_in_another_order_are_named_at_the_start(ros, mode: str) -> None:
    control_mode, names = COLUMNS[mode]
    ros.add(TwinNode)
    ros.add(Steering, spec_of(mode, names[::-1]))
    ros.add(DriverNode)
    expected = f'{control_mode.name}: got columns {names[-1]}, .* expected .*{", ".join(names)}, '
    with pytest.raises(ShapeMismatchError, match=expected):
        ros.spin_for(5.0)
