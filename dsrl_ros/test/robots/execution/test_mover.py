"""A move stopped at any moment goes on from what was sent, and begins only where the arm rests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from toy import SPEC as TOY

from dsrl_ros.core.config.driver import GateConfig
from dsrl_ros.core.types import ControlMode, DecisionKey
from dsrl_ros.robots.execution.chunk_executor import ChunkExecutor, Segment
from dsrl_ros.robots.execution.mover import MoveEnd, Mover
from dsrl_ros.robots.execution.runner import ChunkRunner
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.robots.motion.planner import ChunkPlanner
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch

MS = 1_000_000
STEP_NS, WINDOW_NS, BRAKE_NS = 100 * MS, 200 * MS, 150 * MS
KINEMATICS = Kinematics(FR3)
START = np.array(FR3.episode_start)
NAMES = ('dx', 'dy', 'dz', 'gripper')
SPEC = replace(
    TOY,
    action_names=NAMES,
    control_mode=ControlMode.EE_DELTA,
    action_low=(-0.04,) * 3 + (-1.0,),
    action_high=(0.04,) * 3 + (1.0,),
)


class ScriptedPace:
    """Time that passes when told to, as the clock of a robot does: waiting can be given up."""

    def __init__(self, lead_ns: int) -> None:
        self.lead_ns = lead_ns
        self.time_ns = 1_000 * MS
        self._due: tuple[int, Callable[[], None]] | None = None

    def now_ns(self) -> int:
        return self.time_ns

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        self._due = (time_ns, then)

    def interrupt(self) -> bool:
        self._due = None
        return True

    def run_to(self, time_ns: int) -> None:
        while self._due is not None and self._due[0] <= time_ns:
            at_ns, then = self._due
            self._due = None
            self.time_ns = max(self.time_ns, at_ns)
            then()
        self.time_ns = max(self.time_ns, time_ns)


NO_RAMP = Ramp()


class Arm:
    """Mover and runner over one executor, and all that they have sent."""

    def __init__(self, lead_ns: int = 20 * MS, ramp: Ramp = NO_RAMP) -> None:
        self.pace = ScriptedPace(lead_ns)
        self.segments: list[Segment] = []
        self.ends: list[MoveEnd] = []
        gate = CommandGate(FR3, SPEC, GateConfig(), Latch(0.0), BRAKE_NS, 'arm')
        planner = ChunkPlanner(FR3, KINEMATICS, STEP_NS)
        self.executor = ChunkExecutor(planner, gate, WINDOW_NS, BRAKE_NS, ramp)
        self.executor.engage(START, FR3.gripper_high)
        self.mover = Mover(FR3, self.executor, gate, self.pace, self.segments.append)
        self.runner = ChunkRunner(self.executor, self.pace, self.segments.append, lambda _: None)

    def measured(self) -> np.ndarray:
        return self.executor.commanded_at(self.pace.now_ns()).joints

    def move(self, by: float = 0.3) -> None:
        goal = self.measured() + by
        trajectory = timed(
            np.stack([self.measured(), goal]),
            0.3 * np.array(FR3.velocity_limit),
            0.3 * np.array(FR3.acceleration_limit),
        )
        self.mover.begin(Move(trajectory, None), self.measured, self.ends.append)

    def chunk(self) -> None:
        rows = np.tile(np.float32([0.01, 0.0, 0.0, 0.0]), (2, 1))
        key = DecisionKey('arm', 'a' * 32, 0, 0)
        now_ns = self.pace.now_ns()
        chunk = Chunk(key, now_ns, SPEC.control_mode, NAMES, 2, 2, 0.1, rows.reshape(-1))
        self.runner.run(chunk, self.measured)

    def commanded(self, time_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what a controller follows at a time: the newest segment begun by then."""
        segment = next(
            segment for segment in reversed(self.segments) if segment.start_ns <= time_ns
        )
        return segment.trajectory.sample(time_ns - segment.start_ns)

    def largest_step(self) -> float:
        """Return the largest change of velocity from one millisecond to the next [rad/s]."""
        first, last = self.segments[0], self.segments[-1]
        times = range(first.start_ns, last.start_ns + last.trajectory.duration_ns + 2 * MS, MS)
        velocities = np.array([self.commanded(time)[1] for time in times])
        return float(np.abs(np.diff(velocities, axis=0)).max())


SMOOTH = 1.05e-3 * max(FR3.acceleration_limit)  # of a millisecond within the limits [rad/s]


def test_a_move_is_carried_out_window_by_window_and_told_once() -> None:
    arm = Arm()
    arm.move()
    arm.pace.run_to(10_000 * MS)
    assert arm.ends == [MoveEnd(begun=True, cause='')]
    assert not arm.mover.busy
    np.testing.assert_allclose(arm.commanded(10_000 * MS)[0], START + 0.3, atol=1e-9)
    assert arm.largest_step() < SMOOTH


def test_its_windows_are_short_end_at_rest_and_follow_on_however_sparse_the_plan() -> None:
    arm = Arm()
    times_ns = np.array([0, 1_900 * MS, 2_000 * MS])
    positions = np.stack([START, START + 0.2, START + 0.2])
    sparse = JointTrajectory(times_ns, positions, np.zeros_like(positions))
    arm.mover.begin(Move(sparse, 0.04), arm.measured, arm.ends.append)
    arm.pace.run_to(10_000 * MS)
    segments = arm.segments
    assert all(segment.trajectory.duration_ns <= WINDOW_NS for segment in segments)
    assert all(not segment.trajectory.velocities[-1].any() for segment in segments)
    assert [segment.width for segment in segments] == [0.04] + [None] * (len(segments) - 1)
    assert segments[-1].handoff_ns - segments[0].start_ns == sparse.duration_ns
    for one, following in pairwise(segments):
        assert following.start_ns == one.handoff_ns
    assert arm.executor.commanded_at(arm.pace.now_ns()).width == 0.04
    arm.move(by=0.01)
    assert arm.executor.commanded_at(arm.pace.now_ns()).width == 0.04


@pytest.mark.parametrize('lead_ms', [0, 20, 100])
@pytest.mark.parametrize('after_ms', [0, 1, 10, 79, 80, 81, 99, 100, 137, 400, 650])
def test_stopped_at_any_moment_the_arm_brakes_from_what_was_sent(
    lead_ms: int, after_ms: int
) -> None:
    arm = Arm(lead_ms * MS)
    arm.move()
    arm.pace.run_to(arm.pace.now_ns() + after_ms * MS)
    arm.mover.stop('emergency stop')
    arm.pace.run_to(10_000 * MS)
    assert arm.ends == [MoveEnd(begun=True, cause='emergency stop')]
    assert arm.largest_step() < SMOOTH
    assert not arm.commanded(10_000 * MS)[1].any()


@pytest.mark.parametrize('frozen_ms', [60, 130, 250])
def test_stopped_by_a_process_that_was_frozen_the_arm_does_not_jump(frozen_ms: int) -> None:
    """The window that it had has run out meanwhile, and has braked by itself."""
    arm = Arm()
    arm.move()
    arm.pace.run_to(arm.pace.now_ns() + 300 * MS)
    arm.pace.time_ns += frozen_ms * MS
    arm.mover.stop('silence')
    arm.pace.run_to(10_000 * MS)
    assert arm.largest_step() < SMOOTH


@pytest.mark.parametrize('after_ms', [0, 5, 20, 50, 99, 150])
def test_a_move_waits_until_the_last_chunk_has_come_to_rest(after_ms: int) -> None:
    arm = Arm()
    arm.chunk()
    arm.pace.run_to(1_000 * MS + 20 * MS + 2 * STEP_NS + after_ms * MS)
    assert not arm.runner.busy
    arm.move(by=0.1)
    arm.pace.run_to(10_000 * MS)
    assert arm.ends == [MoveEnd(begun=True, cause='')]
    assert arm.largest_step() < SMOOTH


def test_a_move_stopped_while_it_waits_has_not_begun() -> None:
    arm = Arm()
    arm.chunk()
    arm.pace.run_to(1_000 * MS + 20 * MS + 2 * STEP_NS)
    sent = len(arm.segments)
    arm.move()
    assert arm.mover.busy and arm.mover.progress == 0.0
    arm.mover.stop('canceled')
    assert arm.ends == [MoveEnd(begun=False, cause='canceled')]
    arm.pace.run_to(10_000 * MS)
    assert len(arm.segments) == sent


def test_a_move_that_is_refused_is_told_and_the_next_one_runs() -> None:
    arm = Arm()
    far = timed(np.stack([START + 1.0, START]), np.ones(7), np.ones(7))
    arm.mover.begin(Move(far, None), arm.measured, arm.ends.append)
    assert not arm.ends[0].begun and 'Plan from where the arm is now' in arm.ends[0].cause
    assert not arm.mover.busy and not arm.segments
    arm.move()
    arm.pace.run_to(10_000 * MS)
    assert arm.ends[1] == MoveEnd(begun=True, cause='')


RAMP = Ramp(0.25, 2000 * MS)


def followed(arm: Arm, by: float = 0.3) -> tuple[int, int]:
    """Let a move begin and run to its end; return when it began and how long it took [ns]."""
    first, told = len(arm.segments), len(arm.ends)
    arm.move(by)
    while len(arm.ends) == told:
        arm.pace.run_to(arm.pace.now_ns() + 10 * MS)
    assert arm.ends[-1] == MoveEnd(begun=True, cause='')
    last, begin_ns = arm.segments[-1], arm.segments[first].start_ns
    return begin_ns, last.start_ns + last.trajectory.duration_ns - begin_ns


def test_the_first_move_after_engagement_goes_the_same_way_slowly_at_first() -> None:
    plain, slow = Arm(), Arm(ramp=RAMP)
    (begin_ns, quick_ns), (slow_begin_ns, slow_ns) = followed(plain), followed(slow)
    assert begin_ns == slow_begin_ns
    assert RAMP.passed(slow_ns) == pytest.approx(quick_ns, abs=1)
    times = np.arange(0, slow_ns, 10 * MS)
    joints, speed = zip(*(slow.commanded(begin_ns + int(t)) for t in times), strict=True)
    passed = RAMP.passed(times).round().astype(int)
    want, full = zip(*(plain.commanded(begin_ns + int(t)) for t in passed), strict=True)
    np.testing.assert_allclose(joints, want, atol=1e-4)
    np.testing.assert_allclose(speed, RAMP.rate(times)[:, None] * np.array(full), atol=5e-3)
    assert slow.largest_step() < SMOOTH
    # The next one is at full speed, and so is whatever comes long after the first.
    slow.pace.run_to(slow_begin_ns + RAMP.duration_ns)
    assert followed(slow)[1] == followed(plain)[1]


def test_after_a_stop_moves_are_slow_again() -> None:
    arm = Arm(ramp=RAMP)
    slow_ns = followed(arm)[1]
    arm.pace.run_to(arm.pace.now_ns() + RAMP.duration_ns)
    arm.move()
    arm.pace.run_to(arm.pace.now_ns() + 200 * MS)
    arm.mover.stop('emergency stop')
    arm.pace.run_to(arm.pace.now_ns() + 1000 * MS)
    assert followed(arm)[1] == pytest.approx(slow_ns, abs=60 * MS)


def test_holding_for_the_gripper_takes_no_longer_and_uses_no_ramp_up() -> None:
    plain, slow = Arm(), Arm(ramp=RAMP)
    for arm in (plain, slow):
        arm.mover.begin(Move(None, 0.0), arm.measured, arm.ends.append)
        arm.pace.run_to(arm.pace.now_ns() + 3000 * MS)
    assert [segment.start_ns for segment in plain.segments] == [
        segment.start_ns for segment in slow.segments
    ]
    assert followed(slow)[1] == followed(Arm(ramp=RAMP))[1]


def test_a_policy_is_slow_at_first_whatever_moves_came_before() -> None:
    plain, slow = Arm(), Arm(ramp=RAMP)
    for arm in (plain, slow):
        followed(arm, by=0.02)
        arm.pace.run_to(arm.pace.now_ns() + RAMP.duration_ns)
        arm.segments.clear()
        arm.chunk()
        arm.pace.run_to(arm.pace.now_ns() + 3000 * MS)
    assert slow.segments[-1].handoff_ns - slow.segments[0].start_ns > 2 * (
        plain.segments[-1].handoff_ns - plain.segments[0].start_ns
    )
