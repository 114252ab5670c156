"""Each control mode leads the arm where its columns say, and says what was carried out."""

from __future__ import annotations

import dataclasses

import mink
import numpy as np
import pytest
from mode_columns import COLUMNS, POSE, SHIFT, TURN
from toy import SPEC

from dsrl_ros.core.errors import DriverError, ShapeMismatchError
from dsrl_ros.core.types import ControlMode, PolicySpec
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.planner import ChunkPlan, ChunkPlanner, Commanded, check_spec

STEP_NS = 100_000_000
KINEMATICS = Kinematics(FR3)
JOINTS = KINEMATICS.solve_down(np.array([0.45, 0.0, 0.16]), np.array(FR3.home))


def make_planner(mode: str, gripper: bool = False) -> ChunkPlanner:
    control_mode, names = COLUMNS[mode]
    names = (*names, 'gripper') if gripper else names
    return ChunkPlanner(FR3, KINEMATICS, STEP_NS, control_mode, names)


def start() -> Commanded:
    return make_planner('shift').at_rest(JOINTS, 0.05)


def plan(mode: str, *rows: object) -> ChunkPlan:
    return make_planner(mode).plan(np.array(rows, dtype=np.float32), start())


def end_pose(plan: ChunkPlan) -> np.ndarray:
    return KINEMATICS.tool_pose(plan.trajectory.positions[-1])


def wander(mode: str) -> np.ndarray:
    """Return six rows that the arm can follow, (6, A)."""
    rng = np.random.default_rng(1)
    walk = np.cumsum(rng.normal(size=(6, 7)) * 0.01, axis=0)
    if mode == 'joint position':
        return (JOINTS + walk).astype(np.float32)
    if mode == 'joint velocity':
        return (walk * 5).astype(np.float32)
    if mode == 'pose':
        turns = [mink.SO3.exp(row[3:6]) @ mink.SO3(np.array(FR3.tool_down)) for row in walk]
        places = np.array([0.45, 0.0, 0.16]) + walk[:, :3]
        return np.hstack([places, [turn.wxyz for turn in turns]]).astype(np.float32)
    return walk[:, : len(COLUMNS[mode][1])].astype(np.float32)


def test_joint_positions_are_reached_as_they_are() -> None:
    rows = wander('joint position')
    got = plan('joint position', *rows)
    np.testing.assert_array_equal(got.trajectory.positions[-1], rows[-1])
    np.testing.assert_array_equal(got.executed, rows)
    np.testing.assert_allclose(got.targets[-1].position, end_pose(got)[:3, 3], atol=1e-12)


def test_joint_velocities_hold_at_the_end_of_each_step() -> None:
    rows = wander('joint velocity')
    got = plan('joint velocity', *rows)
    at_ends = got.trajectory.velocities[:-1][got.points_per_step :: got.points_per_step]
    np.testing.assert_allclose(at_ends, rows, atol=1e-12)
    np.testing.assert_array_equal(got.trajectory.velocities[-1], 0.0)
    moved = rows.astype(np.float64).sum(axis=0) * 0.1
    np.testing.assert_allclose(got.trajectory.positions[-1], JOINTS + moved, atol=1e-12)
    np.testing.assert_array_equal(got.executed, rows)


def test_a_pose_is_reached_turned_as_it_says() -> None:
    rows = wander('pose')
    got = plan('pose', *rows)
    pose = end_pose(got)
    np.testing.assert_allclose(pose[:3, 3], rows[-1, :3], atol=2e-5)
    wanted = mink.SO3(rows[-1, 3:].astype(np.float64)).normalize().as_matrix()
    np.testing.assert_allclose(pose[:3, :3], wanted, atol=2e-4)
    np.testing.assert_allclose(got.executed, rows, atol=1e-6)


def test_a_quaternion_and_its_negative_are_one_orientation() -> None:
    row = wander('pose')[2]
    other = np.concatenate([row[:3], -row[3:]])
    np.testing.assert_allclose(
        plan('pose', row).targets[0].joints, plan('pose', other).targets[0].joints, atol=1e-6
    )


def test_a_quaternion_nearly_of_unit_length_is_made_so_and_reported() -> None:
    row = wander('pose')[2].copy()
    near = row.copy()
    near[3:] *= 1.05
    got = plan('pose', near)
    np.testing.assert_allclose(got.executed[0], row, atol=1e-6)
    np.testing.assert_allclose(
        got.targets[0].joints, plan('pose', row).targets[0].joints, atol=1e-5
    )


@pytest.mark.parametrize('length', [0.0, 0.89, 1.11, 3e38])
def test_four_numbers_that_are_no_orientation_are_refused(length: float) -> None:
    row = [0.45, 0.0, 0.16, 0.0, length, 0.0, 0.0]
    with pytest.raises(ShapeMismatchError, match=r'a quaternion of length .* qw, qx, qy, qz'):
        plan('pose', row)


def test_turns_add_up_about_the_axes_of_the_base() -> None:
    """First about the base's x axis, then about its z axis, wherever the tool points by then."""
    rows = [[0, 0, 0, 0.2, 0, 0], [0.01, 0, 0, 0, 0, 0.3]]
    got = plan('shift and turn', *rows)
    before = KINEMATICS.tool_pose(JOINTS)
    after = mink.SO3.from_z_radians(0.3).as_matrix() @ mink.SO3.from_x_radians(0.2).as_matrix()
    pose = end_pose(got)
    np.testing.assert_allclose(pose[:3, :3], after @ before[:3, :3], atol=3e-4)
    np.testing.assert_allclose(pose[:3, 3], before[:3, 3] + [0.01, 0, 0], atol=3e-5)
    np.testing.assert_array_equal(got.executed, np.array(rows, dtype=np.float32))


def test_a_turn_is_never_shortened_with_its_step() -> None:
    got = plan('shift and turn', [0, 0, -0.5, 0.1, 0, 0])
    shortened = FR3.workspace_low[2] - KINEMATICS.tool_position(JOINTS)[2]
    np.testing.assert_allclose(got.executed[0], [0, 0, shortened, 0.1, 0, 0], atol=1e-7)


@pytest.mark.parametrize('angle', [3.2, 1e30])
def test_a_turn_of_more_than_half_a_circle_is_refused(angle: float) -> None:
    with pytest.raises(ShapeMismatchError, match='at most half a turn'):
        plan('shift and turn', [0, 0, 0, 0, angle, 0])


def test_without_columns_for_it_the_tool_points_down() -> None:
    tilted = JOINTS.copy()
    tilted[5] += 0.2
    planner = make_planner('shift')
    got = planner.plan(np.zeros((1, 3), dtype=np.float32), planner.at_rest(tilted, 0.05))
    np.testing.assert_allclose(end_pose(got)[:3, 2], [0, 0, -1], atol=2e-4)


@pytest.mark.parametrize('mode', COLUMNS)
def test_cutting_rows_into_chunks_makes_no_difference(mode: str) -> None:
    rows, planner = wander(mode), make_planner(mode)
    whole = planner.plan(rows, start())
    first = planner.plan(rows[:2], start())
    then = planner.plan(rows[2:], first.commanded_at(first.duration_ns))
    cut = 2 * whole.points_per_step
    np.testing.assert_array_equal(whole.trajectory.positions[cut:], then.trajectory.positions)
    np.testing.assert_array_equal(whole.trajectory.velocities[cut:], then.trajectory.velocities)
    np.testing.assert_array_equal(whole.executed[2:], then.executed)


@pytest.mark.parametrize('mode', COLUMNS)
def test_the_gripper_is_the_last_column_or_none(mode: str) -> None:
    rows = wander(mode)[:3]
    without = make_planner(mode).plan(rows, start())
    np.testing.assert_array_equal(without.widths, 0.05)
    planner = make_planner(mode, gripper=True)
    gripper = np.array([[0.0], [-1.0], [1.0]], dtype=np.float32)
    given = planner.plan(np.hstack([rows, gripper]), start())
    np.testing.assert_array_equal(given.widths, [0.05, FR3.gripper_low, FR3.gripper_high])
    np.testing.assert_array_equal(given.executed, np.hstack([without.executed, gripper]))
    np.testing.assert_array_equal(given.trajectory.positions, without.trajectory.positions)


@pytest.mark.parametrize('far', [2.0, 1e30])
def test_a_pose_out_of_reach_is_an_error_that_the_driver_knows(far: float) -> None:
    with pytest.raises(DriverError, match='further away than the arm is long; expected a pose'):
        plan('pose', [far, 0, 0.1, 0, 1, 0, 0])
    with pytest.raises(DriverError, match=r'rad left after'):
        plan('pose', [0.6, 0.3, 0.02, 1, 0, 0, 0])  # from below, through the table


def spec(control_mode: ControlMode, names: tuple[str, ...]) -> PolicySpec:
    size = len(names)
    return dataclasses.replace(
        SPEC,
        control_mode=control_mode,
        action_names=names,
        action_low=(-1.0,) * size,
        action_high=(1.0,) * size,
    )


@pytest.mark.parametrize('mode', COLUMNS)
def test_a_spec_that_fits_is_taken(mode: str) -> None:
    control_mode, names = COLUMNS[mode]
    for columns in (names, (*names, 'gripper')):
        check_spec(spec(control_mode, columns), FR3)


@pytest.mark.parametrize(
    ('control_mode', 'names', 'message'),
    [
        (ControlMode.JOINT_POSITION, FR3.joint_names[:6], 'expected fr3_joint1, .* fr3_joint7'),
        (ControlMode.JOINT_VELOCITY, (*FR3.joint_names, 'width'), 'expected fr3_joint1, '),
        (ControlMode.EE_POSE, (*POSE[:3], 'qx', 'qy', 'qz', 'qw'), 'expected x, y, z, qw, qx'),
        (ControlMode.EE_DELTA, ('gripper', *SHIFT), 'expected dx, dy, dz or dx, dy, dz, drx'),
        (ControlMode.EE_DELTA, ('gripper',), 'EE_DELTA: got columns gripper, expected dx'),
        (ControlMode.EE_DELTA, SHIFT + TURN[:1], 'then gripper or nothing'),
        (ControlMode.UNSET, SHIFT, 'got UNSET, expected one of JOINT_POSITION'),
    ],
)
def test_a_spec_that_does_not_fit_is_told_the_columns_that_would(
    control_mode: ControlMode, names: tuple[str, ...], message: str
) -> None:
    with pytest.raises(ShapeMismatchError, match=message):
        check_spec(spec(control_mode, names), FR3)
