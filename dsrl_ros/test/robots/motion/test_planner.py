"""A chunk becomes a smooth trajectory that ends at rest where the actions lead."""

from __future__ import annotations

import numpy as np
import pytest

from dsrl_ros.core.errors import NonFiniteError, ShapeMismatchError
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.planner import ChunkPlanner

STEP_NS = 200_000_000
START = np.array([0.45, 0.0, 0.16])


@pytest.fixture(scope='module')
def kinematics():
    return Kinematics(FR3)


@pytest.fixture
def planner(kinematics):
    return ChunkPlanner(FR3, kinematics, STEP_NS)


@pytest.fixture
def start(planner, kinematics):
    return planner.at_rest(kinematics.solve_down(START, np.array(FR3.home)), 0.08)


def chunk(*rows):
    return np.array(rows, dtype=np.float32)


def test_a_plan_ends_at_rest_at_the_sum_of_its_actions(planner, start, kinematics):
    """Silence after a chunk leaves the arm standing where the chunk led."""
    actions = chunk((0.03, 0.01, -0.02, 1), (0.02, -0.02, -0.01, 1))
    trajectory = planner.plan(actions, start).trajectory
    np.testing.assert_array_equal(trajectory.velocities[-1], 0.0)
    tool = kinematics.tool_position(trajectory.positions[-1])
    np.testing.assert_allclose(tool, START + actions[:, :3].sum(axis=0), atol=3e-5)


def test_cutting_steps_into_chunks_makes_no_difference(planner, start):
    """Demonstrations of one step a time and chunks of a policy move the arm alike."""
    rng = np.random.default_rng(0)
    actions = rng.uniform(-0.04, 0.04, (4, 4)).astype(np.float32)
    whole = planner.plan(actions, start)
    per_step = whole.points_per_step
    points = whole.trajectory.positions[: len(whole.trajectory.times_ns) * 4 // 5 + 1]
    commanded, pieces = start, [start.joints[None]]
    for row in actions:
        plan = planner.plan(row[None], commanded)
        commanded = plan.commanded_at(STEP_NS)
        pieces.append(plan.trajectory.sample(plan.trajectory.times_ns[1 : per_step + 1])[0])
    np.testing.assert_array_equal(np.concatenate(pieces), points)


def test_velocity_is_continuous_where_chunks_meet(planner, start):
    """No jerk at a chunk boundary while the arm moves."""
    first = planner.plan(chunk((0.04, 0, 0, 1), (0.04, 0, 0, 1)), start)
    second = planner.plan(chunk((0.04, 0, 0, 1)), first.commanded_at(first.duration_ns))
    joints, velocity = first.trajectory.sample(first.duration_ns)
    np.testing.assert_array_equal(second.trajectory.positions[0], joints)
    np.testing.assert_array_equal(second.trajectory.velocities[0], velocity)
    assert np.abs(velocity).max() > 0.05


def test_brisk_actions_respect_the_robot(planner, start):
    """A quarter of a metre per second at once, and back, is within what the FR3 can do."""
    actions = chunk(*[(0.05 * (-1) ** (k // 2), 0.05, 0, 1) for k in range(4)])
    trajectory = planner.plan(actions, start).trajectory
    time = np.arange(0, trajectory.duration_ns, 1_000_000)
    velocity = trajectory.sample(time)[1]
    acceleration = np.abs(np.diff(velocity, axis=0)).max(axis=0) * 1e3
    assert (np.abs(velocity).max(axis=0) < FR3.velocity_limit).all()
    assert (acceleration < FR3.acceleration_limit).all()


def test_a_step_out_of_the_workspace_is_shortened_and_reported(planner, start):
    """What was executed is never passed off as what was asked for."""
    plan = planner.plan(chunk((0, 0, -0.08, 1), (0, 0, -0.08, 1), (0.01, 0, 0, 1)), start)
    floor = FR3.workspace_low[2]
    heights = [target.position[2] for target in plan.targets]
    np.testing.assert_allclose(heights, [0.08, floor, floor], atol=2e-5)
    np.testing.assert_allclose(plan.executed[:, 2], [-0.08, floor - 0.08, 0.0], atol=2e-5)
    np.testing.assert_array_equal(plan.executed[2], chunk((0.01, 0, 0, 1))[0])


def test_the_gripper_keeps_its_mind_between_the_thresholds(planner, start):
    """Small gripper values leave the hand as it is, so that it does not chatter."""
    plan = planner.plan(chunk(*[(0, 0, 0, g) for g in (0.1, -0.2, -0.9, 0.2, 0.9)]), start)
    np.testing.assert_array_equal(plan.widths, [0.08, 0.08, 0.0, 0.0, 0.08])


def test_equal_plans_have_equal_bits(planner, start):
    actions = np.random.default_rng(1).uniform(-0.05, 0.05, (3, 4)).astype(np.float32)
    one, two = planner.plan(actions, start), planner.plan(actions, start)
    np.testing.assert_array_equal(one.trajectory.positions, two.trajectory.positions)
    np.testing.assert_array_equal(one.trajectory.velocities, two.trajectory.velocities)


def test_a_chunk_that_is_not_finite_or_of_another_shape_is_refused(planner, start):
    with pytest.raises(NonFiniteError, match=r'action chunk: got 1 non-finite of 4'):
        planner.plan(chunk((0, np.nan, 0, 1)), start)
    with pytest.raises(ShapeMismatchError, match=r'action chunk: got shape \(1, 3\)'):
        planner.plan(np.zeros((1, 3), dtype=np.float32), start)
