"""Whatever the command gate lets through keeps every limit; what it stops it names and counts."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import SPEC as TOY

from dsrl_ros.core.config.driver import GateConfig
from dsrl_ros.core.types import ControlMode, DecisionKey
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.tool_path import ToolPath
from dsrl_ros.robots.model.widowx import WX250S
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold
from dsrl_ros.robots.motion.windows import braking
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Motion, MotionRules, Rule
from dsrl_ros.robots.safety.workspace import WORKSPACE_TOLERANCE
from dsrl_ros.tasks.env import default_rules

MS = 1_000_000
BRAKE_NS = 100 * MS
NOW_NS = 5_000_000_000
START = Kinematics(FR3).solve_down(np.array([0.5, 0.0, 0.2]), np.array(FR3.home))
SPEC = replace(
    TOY,
    action_names=('dx', 'dy', 'dz', 'gripper'),
    horizon=4,
    num_execute=4,
    control_mode=ControlMode.EE_DELTA,
    action_low=(-0.04,) * 3 + (-1.0,),
    action_high=(0.04,) * 3 + (1.0,),
)
CHUNK = Chunk(
    key=DecisionKey('arm', 'a' * 32, 0, 0),
    stamp_ns=NOW_NS,
    control_mode=ControlMode.EE_DELTA,
    action_names=SPEC.action_names,
    horizon=4,
    num_execute=4,
    step_period_s=0.1,
    data=np.zeros(16, dtype=np.float32),
)
# An acceleration limit that lets some of the random motions below pass, and some not.
ROBOT = replace(FR3, acceleration_limit=(5.0,) * 7)
RULES = MotionRules(ROBOT, BRAKE_NS)
TOOL_PATH = ToolPath(ROBOT)


def make_gate(**options: float) -> CommandGate:
    latch = Latch(cooldown_s=0.0)
    return CommandGate(ROBOT, SPEC, GateConfig(**options), latch, BRAKE_NS, 'arm')


def motion_to(goal: np.ndarray, duration_ns: int = 1000 * MS, **changes: object) -> Motion:
    """Return the motion from the start to `goal`, at rest at both ends."""
    trajectory = JointTrajectory(
        np.array([0, duration_ns]), np.stack([START, goal]), np.zeros((2, 7))
    )
    motion = Motion(trajectory, commanded=START, commanded_velocity=np.zeros(7), measured=START)
    return replace(motion, **changes)  # type: ignore[arg-type]


def moved(joint: int, by: float) -> np.ndarray:
    goal = START.copy()
    goal[joint] += by
    return goal


@pytest.mark.parametrize(
    ('rule', 'changes'),
    [
        (Rule.FINITE, {'data': np.full(16, np.nan, dtype=np.float32)}),
        (Rule.FINITE, {'data': np.full(16, -np.inf, dtype=np.float32)}),
        # Finite is looked at before shapes: both are wrong here.
        (Rule.FINITE, {'data': np.full(3, np.nan, dtype=np.float32)}),
        (Rule.FINITE, {'step_period_s': float('nan')}),
        (Rule.NAMES, {'action_names': ('dx', 'dz', 'dy', 'gripper')}),
        (Rule.NAMES, {'action_names': ()}),
        (Rule.NAMES, {'key': DecisionKey('another', 'a' * 32, 0, 0)}),
        (Rule.NAMES, {'control_mode': ControlMode.JOINT_POSITION}),
        (Rule.NAMES, {'control_mode': 77}),
        (Rule.SHAPES, {'data': np.zeros(0, dtype=np.float32)}),
        (Rule.SHAPES, {'data': np.zeros(17, dtype=np.float32)}),
        (Rule.SHAPES, {'horizon': 8}),
        (Rule.SHAPES, {'num_execute': 0}),
        (Rule.SHAPES, {'num_execute': 5}),
        (Rule.SHAPES, {'step_period_s': 0.01}),
    ],
)
def test_a_bad_chunk_is_refused_by_name(rule: Rule, changes: dict[str, object]) -> None:
    gate = make_gate()
    refusal = gate.refusal_of_chunk(replace(CHUNK, **changes))  # type: ignore[arg-type]
    assert refusal is not None
    assert refusal.rule is rule
    assert 'expected' in refusal.message


def test_a_good_chunk_passes() -> None:
    gate = make_gate()
    assert gate.refusal_of_chunk(CHUNK) is None
    assert gate.refusal_of_motion(CHUNK, motion_to(moved(0, 0.1)), NOW_NS) is None


@pytest.mark.parametrize(
    ('rule', 'motion'),
    [
        (Rule.POSITION, motion_to(moved(3, 3.0), 10_000 * MS)),
        (Rule.VELOCITY, motion_to(moved(0, 1.0), 300 * MS)),
        (Rule.ACCELERATION, motion_to(moved(0, 0.1), 100 * MS)),
        (Rule.WORKSPACE, motion_to(moved(0, 1.2), 10_000 * MS)),
        (Rule.JUMP, motion_to(START, commanded=moved(0, 0.01))),
        (Rule.JUMP, motion_to(START, commanded_velocity=np.full(7, 0.01))),
        (Rule.JUMP, motion_to(START, measured=moved(2, 0.2))),
        (Rule.JUMP, motion_to(START, measured=np.full(7, np.nan))),
    ],
)
def test_a_bad_motion_is_refused_by_name(rule: Rule, motion: Motion) -> None:
    gate = make_gate()
    refusal = gate.refusal_of_motion(CHUNK, motion, NOW_NS)
    assert refusal is not None
    assert refusal.rule is rule
    assert 'expected' in refusal.message


def test_a_motion_beyond_a_limit_only_between_its_points_is_refused() -> None:
    """Both points lie well within; the arc between them does not."""
    near = START.copy()
    near[3] = ROBOT.position_high[3] - 0.01
    trajectory = JointTrajectory(
        np.array([0, 1000 * MS]), np.stack([near, near]), np.array([[0, 0, 0, 0.2, 0, 0, 0]] * 2)
    )
    motion = Motion(trajectory, near, trajectory.velocities[0], near)
    refusal = make_gate().refusal_of_motion(CHUNK, motion, NOW_NS)
    assert refusal is not None
    assert refusal.rule is Rule.POSITION


@pytest.mark.parametrize('age_s', [0.51, 1e6, -0.06, -1e6])
def test_a_late_or_a_future_chunk_is_refused(age_s: float) -> None:
    gate = make_gate(max_age_s=0.5)
    chunk = replace(CHUNK, stamp_ns=NOW_NS - round(age_s * 1e9))
    refusal = gate.refusal_of_motion(chunk, motion_to(START), NOW_NS)
    assert refusal is not None
    assert refusal.rule is Rule.AGE


def test_decisions_run_forward_only() -> None:
    """Once decision 5 is executed, 5 and 4 of that run are refused; another run starts anew."""
    gate = make_gate()
    at = [replace(CHUNK, key=DecisionKey('arm', 'a' * 32, 0, k)) for k in range(7)]
    gate.accept(at[5])
    for late in (at[4], at[5]):
        refusal = gate.refusal_of_motion(late, motion_to(START), NOW_NS)
        assert refusal is not None
        assert refusal.rule is Rule.ORDER
    assert gate.refusal_of_motion(at[6], motion_to(START), NOW_NS) is None
    restarted = replace(CHUNK, key=DecisionKey('arm', 'b' * 32, 0, 0))
    assert gate.refusal_of_motion(restarted, motion_to(START), NOW_NS) is None


def test_refusals_in_a_row_latch() -> None:
    latch = Latch(cooldown_s=0.0)
    gate = CommandGate(ROBOT, SPEC, GateConfig(latch_after=3), latch, BRAKE_NS, 'arm')
    refusal = gate.refusal_of_chunk(replace(CHUNK, data=np.full(16, np.nan, dtype=np.float32)))
    assert refusal is not None
    for _ in range(2):
        gate.refuse(refusal)
    gate.accept(CHUNK)  # a good one in between starts the count anew
    for _ in range(3):
        assert latch.stopped_by is None
        gate.refuse(refusal)
    latched = gate.refusal_of_chunk(CHUNK)
    assert latched is not None
    assert latched.rule is Rule.LATCHED
    assert '3 chunks in a row' in latched.message
    gate.refuse(latched)
    assert (gate.counts[Rule.FINITE], gate.counts[Rule.LATCHED]) == (5, 1)
    latch.clear()
    assert gate.refusal_of_chunk(CHUNK) is None
    gate.refuse(refusal)  # clearing starts the count anew, too
    assert latch.stopped_by is None


def random_motion(seed: int, reach: float) -> Motion:
    """Return a jerky motion around the start, wilder with `reach`, 0 to 1."""
    rng = np.random.default_rng(seed)
    times = np.arange(6) * 200 * MS
    # Turned about the base, some start near the edge of the workspace.
    start = moved(0, rng.uniform(-0.8, 0.8))
    positions = start + np.cumsum(rng.normal(size=(6, 7)) * reach * 0.02, axis=0)
    velocities = rng.normal(size=(6, 7)) * reach * 0.1
    velocities[-1] = 0.0
    trajectory = JointTrajectory(times, positions, velocities)
    return Motion(trajectory, positions[0], velocities[0], positions[0])


@settings(max_examples=300)
@given(seed=st.integers(0, 2**32 - 1), reach=st.floats(0.0, 1.0), stop=st.floats(0.0, 1.0))
def test_what_passes_keeps_every_limit_wherever_it_is_stopped(
    seed: int, reach: float, stop: float
) -> None:
    """Sampled at 1 ms, along the way and along braking from any moment of it."""
    motion = random_motion(seed, reach)
    if RULES.first_broken(motion) is not None:
        return
    trajectory = motion.trajectory
    at, speed = trajectory.sample(round(stop * trajectory.duration_ns))
    for course in (trajectory, braking(at, speed, BRAKE_NS)):
        position, velocity = course.sample(np.arange(0, course.duration_ns + 1, MS))
        acceleration = np.diff(velocity, axis=0) / 1e-3
        tool = TOOL_PATH(position)
        assert (position >= np.array(ROBOT.position_low) - 1e-6).all()
        assert (position <= np.array(ROBOT.position_high) + 1e-6).all()
        assert (np.abs(velocity) <= np.array(ROBOT.velocity_limit) + 1e-6).all()
        assert (np.abs(acceleration) <= np.array(ROBOT.acceleration_limit) + 1e-3).all()
        assert (tool >= np.array(ROBOT.workspace_low) - 2 * WORKSPACE_TOLERANCE).all()
        assert (tool <= np.array(ROBOT.workspace_high) + 2 * WORKSPACE_TOLERANCE).all()


def test_random_motions_are_of_both_kinds() -> None:
    """Were all of them refused, or none, the property above would say nothing."""
    reaches = np.linspace(0.0, 1.0, 100)
    refusals = [RULES.first_broken(random_motion(i, r)) for i, r in enumerate(reaches)]
    rules = [refusal.rule for refusal in refusals if refusal is not None]
    assert 15 < len(rules) < 85
    assert {Rule.ACCELERATION, Rule.WORKSPACE} == set(rules)


def test_judging_a_long_chunk_is_quick() -> None:
    """`make bench` measures the budget, p99 of 0.5 ms for 50 x 7; this finds blunders."""
    times = np.arange(51) * 100 * MS
    swing = 0.02 * np.sin(np.linspace(0.0, 6.0, 51))[:, None]
    velocities = 0.012 * np.cos(np.linspace(0.0, 6.0, 51))[:, None] * np.ones(7)
    trajectory = JointTrajectory(times, START + swing, velocities)
    motion = Motion(trajectory, trajectory.positions[0], trajectory.velocities[0], START)
    gate = make_gate()
    took = []
    for _ in range(100):
        start = time.perf_counter()
        assert gate.refusal_of_chunk(CHUNK) is None
        assert gate.refusal_of_motion(CHUNK, motion, NOW_NS) is None
        took.append(time.perf_counter() - start)
    assert np.median(took) < 1e-3


@pytest.mark.parametrize('robot', [FR3, WX250S], ids=lambda robot: robot.name)
def test_how_far_a_joint_may_be_off_is_the_robots_own_unless_an_option_says_it(
    robot: RobotDescription,
) -> None:
    """The environment of a task asks the same rules, with the default options."""
    start, latch = np.array(robot.episode_start), Latch(0.0)
    still = hold(start)
    for options, tolerance in (({}, robot.tracking_rad), ({'jump_tolerance_rad': 0.3}, 0.3)):
        gate = CommandGate(robot, SPEC, GateConfig(**options), latch, BRAKE_NS, 'arm')
        for off, refused in ((tolerance - 0.01, False), (tolerance + 0.01, True)):
            motion = Motion(still, start, np.zeros_like(start), start + off)
            assert (gate.refusal_of_move(motion) is not None) is refused
    assert default_rules(robot).tolerance_rad == robot.tracking_rad
