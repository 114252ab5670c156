"""After engagement the arm goes the same way, slowly at first, and is at full speed in time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from toy import SPEC

from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import ControlMode, DecisionKey
from dsrl_ros.robots.execution.chunk_executor import ChunkExecutor, Execution, Segment
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.planner import LONGEST_SPAN_NS, ChunkPlanner
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Refusal, Rule

MS = 1_000_000
STEP_NS, WINDOW_NS, BRAKE_NS = 100 * MS, 200 * MS, 150 * MS
ROWS = 5
RAMP = Ramp(0.25, 2000 * MS)
KINEMATICS = Kinematics(FR3)
JOINTS = KINEMATICS.solve_down(np.array([0.45, 0.0, 0.16]), np.array(FR3.home))
NAMES = (*FR3.joint_names, 'gripper')
CARD = replace(
    SPEC,
    control_mode=ControlMode.JOINT_VELOCITY,
    action_names=NAMES,
    horizon=ROWS,
    num_execute=ROWS,
    action_low=(-2.0,) * 8,
    action_high=(2.0,) * 8,
)


class Arm:
    """An executor and chunks for it, one after the other, each followed to its end."""

    def __init__(self, ramp: Ramp) -> None:
        planner = ChunkPlanner(FR3, KINEMATICS, STEP_NS, CARD.control_mode, NAMES)
        self.gate = CommandGate(FR3, CARD, GateConfig(), Latch(0.0), BRAKE_NS, 'arm')
        self.executor = ChunkExecutor(planner, self.gate, WINDOW_NS, BRAKE_NS, ramp)
        self.executor.engage(JOINTS, FR3.gripper_high)
        self.now_ns = 7 * MS
        self.measured = JOINTS
        self._decision = 0

    def judge(self, rows: np.ndarray) -> Execution | Refusal:
        self._decision += 1
        key = DecisionKey('arm', 'a' * 32, 0, self._decision)
        data = rows.astype(np.float32).reshape(-1)
        chunk = Chunk(key, self.now_ns, CARD.control_mode, NAMES, ROWS, ROWS, 0.1, data)
        return self.executor.begin(chunk, self.now_ns, self.now_ns, lambda: self.measured)

    def follow(self, rows: np.ndarray) -> Execution:
        execution = self.judge(rows)
        assert isinstance(execution, Execution), execution
        self.now_ns = execution.segments[-1].handoff_ns
        self.measured = execution.plan.commanded_at(execution.plan.duration_ns).joints
        return execution


def swing(chunk: int) -> np.ndarray:
    """Return the velocities of a chunk of a smooth motion, (ROWS, 8)."""
    phase = 0.4 * (ROWS * chunk + np.arange(ROWS)[:, None] + 1)
    gripper = np.where(np.arange(ROWS)[:, None] < 3, 1.0, -1.0)
    return np.hstack([0.2 * np.sin(phase) * np.ones(7), gripper])


def ends_of_rows(execution: Execution) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    plan = execution.plan
    times = plan.starts_ns[1:]
    return execution.start_ns + times, *plan.trajectory.sample(times)


def test_rate_and_time_agree() -> None:
    """`passed` is the integral of `rate`, and `elapsed` turns it round."""
    times = np.linspace(0.0, 3000.0 * MS, 3001)
    rate = RAMP.rate(times)
    assert (rate[0], rate[1000], rate[-1]) == (0.25, 0.625, 1.0)
    summed = np.concatenate([[0.0], np.cumsum((rate[:-1] + rate[1:]) / 2 * MS)])
    np.testing.assert_allclose(RAMP.passed(times), summed, rtol=1e-9)
    np.testing.assert_allclose(RAMP.elapsed(RAMP.passed(times)), times, rtol=1e-12, atol=1e-3)
    np.testing.assert_array_equal(Ramp().elapsed(times), times)


def test_the_way_is_the_same_and_the_speed_is_the_share_of_it() -> None:
    plain, ramped = Arm(Ramp()), Arm(RAMP)
    first_ns = ramped.now_ns
    for chunk in range(6):
        _, want, want_speed = ends_of_rows(plain.follow(swing(chunk)))
        times, got, speed = ends_of_rows(ramped.follow(swing(chunk)))
        np.testing.assert_allclose(got, want, atol=1e-7)
        rate = RAMP.rate(times - first_ns)[:, None]
        np.testing.assert_allclose(speed, rate * want_speed, atol=1e-7)
        np.testing.assert_allclose(
            RAMP.passed(times - first_ns), (ROWS * chunk + np.arange(ROWS) + 1) * STEP_NS, atol=1
        )
    assert (np.diff(times) == STEP_NS).all()  # at full speed by now


def test_between_the_ends_of_rows_no_joint_is_faster_than_its_share() -> None:
    plain, ramped = Arm(Ramp()), Arm(RAMP)
    begun_ns = ramped.now_ns
    for chunk in range(3):
        want, got = plain.follow(swing(chunk)), ramped.follow(swing(chunk))
        times = np.arange(0, got.plan.trajectory.duration_ns, 5 * MS)
        elapsed = times + got.start_ns - begun_ns
        passed = RAMP.passed(elapsed) - RAMP.passed(elapsed[0])
        position, speed = got.plan.trajectory.sample(times)
        planned = want.plan.trajectory.sample(passed.round().astype(np.int64))
        np.testing.assert_allclose(position, planned[0], atol=1e-4)
        np.testing.assert_allclose(speed, RAMP.rate(elapsed)[:, None] * planned[1], atol=3e-3)


def test_a_plan_ends_exactly_at_rest_whenever_it_begins() -> None:
    """A nanosecond short of the end a joint would still move."""
    planner = ChunkPlanner(FR3, KINEMATICS, STEP_NS, CARD.control_mode, NAMES)
    start = planner.at_rest(JOINTS, FR3.gripper_high)
    for elapsed_ns in range(0, RAMP.duration_ns, 7_654_321):
        plan = RAMP.plan(planner, swing(0).astype(np.float32), start, elapsed_ns)
        assert not plan.trajectory.velocities[-1].any()
        np.testing.assert_array_equal(plan.trajectory.positions[-1], plan.targets[-1].joints)


def test_segments_follow_on_are_short_and_end_at_rest() -> None:
    arm = Arm(RAMP)
    segments: list[Segment] = [
        segment for chunk in range(3) for segment in arm.follow(swing(chunk)).segments
    ]
    for segment in segments:
        assert segment.trajectory.duration_ns <= WINDOW_NS
        followed = segment.trajectory.times_ns[:-1]  # the last point is where it rests
        assert np.diff(followed).max(initial=0) <= LONGEST_SPAN_NS
        assert not segment.trajectory.velocities[-1].any()
    for segment, following in pairwise(segments):
        assert following.start_ns == segment.handoff_ns
        position, velocity = segment.trajectory.sample(segment.handoff_ns - segment.start_ns)
        np.testing.assert_array_equal(following.trajectory.positions[0], position)
        np.testing.assert_array_equal(following.trajectory.velocities[0], velocity)


def test_rows_and_gripper_keep_to_the_stretched_steps() -> None:
    arm = Arm(RAMP)
    execution = arm.follow(swing(0))
    starts = execution.start_ns + execution.plan.starts_ns
    (closes,) = [segment for segment in execution.segments if segment.width is not None]
    assert (closes.width, closes.start_ns) == (FR3.gripper_low, starts[3])
    ends = starts[1:]
    for segment in execution.segments:
        assert len(execution.executed_by(segment.handoff_ns)) == (ends <= segment.handoff_ns).sum()
        assert (
            len(execution.executed_by(segment.handoff_ns - 1)) <= (ends < segment.handoff_ns).sum()
        )
    assert len(execution.executed_by(int(ends[-1]))) == len(ends)
    np.testing.assert_array_equal(execution.plan.executed, swing(0).astype(np.float32))


def test_the_gate_judges_the_stretched_motion() -> None:
    """1.5 rad/s after one step asks for 15 rad/s^2; at a quarter of the speed it is allowed."""
    brisk = np.zeros((ROWS, 8))
    brisk[:, 0] = 1.5
    refused = Arm(Ramp()).judge(brisk)
    assert isinstance(refused, Refusal)
    assert refused.rule is Rule.ACCELERATION
    assert isinstance(Arm(Ramp(0.25, 60_000 * MS)).judge(brisk), Execution)


def test_braking_starts_the_ramp_anew() -> None:
    arm = Arm(RAMP)
    for chunk in range(6):
        arm.follow(swing(chunk))
    assert arm.follow(swing(0)).plan.duration_ns == ROWS * STEP_NS
    segment = arm.executor.brake(arm.now_ns)
    arm.now_ns, arm.measured = segment.handoff_ns, segment.trajectory.positions[-1]
    assert arm.follow(swing(0)).plan.duration_ns > 2 * ROWS * STEP_NS


def test_a_pause_before_the_first_chunk_does_not_use_up_the_ramp() -> None:
    arm = Arm(RAMP)
    arm.now_ns += 3600 * 1000 * MS
    assert arm.follow(swing(0)).plan.duration_ns > 2 * ROWS * STEP_NS


def test_a_ramp_in_lockstep_is_refused() -> None:
    with pytest.raises(ConfigError, match='ramp_s: got 2 in lockstep, expected 0'):
        DriverConfig(ramp_s=2.0)
    assert DriverConfig(ramp_s=2.0, real_time=True).ramp_start == 0.25
