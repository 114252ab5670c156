"""A move stopped at any moment goes on from what was sent, and begins only where the arm rests."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from arm_rig import MS, START, STEP_NS, WINDOW_NS, Arm

from dsrl_ros.robots.execution.mover import MoveEnd
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.robots.motion.trajectory import JointTrajectory

SMOOTH = 1.05e-3 * max(FR3.acceleration_limit)  # of a millisecond within the limits [rad/s]


def test_a_move_is_carried_out_window_by_window_and_told_once() -> None:
    arm = Arm()
    arm.move()
    arm.pace.run_to(10_000 * MS)
    assert arm.move_ends == [MoveEnd(begun=True, cause='')]
    assert not arm.driver.executing
    np.testing.assert_allclose(arm.commanded(10_000 * MS)[0], START + 0.3, atol=1e-9)
    assert arm.largest_step() < SMOOTH


def test_its_windows_are_short_end_at_rest_and_follow_on_however_sparse_the_plan() -> None:
    arm = Arm()
    times_ns = np.array([0, 1_900 * MS, 2_000 * MS])
    positions = np.stack([START, START + 0.2, START + 0.2])
    sparse = JointTrajectory(times_ns, positions, np.zeros_like(positions))
    arm.begin(Move(sparse, 0.04))
    arm.pace.run_to(10_000 * MS)
    segments = arm.segments
    assert all(segment.trajectory.duration_ns <= WINDOW_NS for segment in segments)
    assert all(not segment.trajectory.velocities[-1].any() for segment in segments)
    assert [segment.width for segment in segments] == [0.04] + [None] * (len(segments) - 1)
    assert segments[-1].handoff_ns - segments[0].start_ns == sparse.duration_ns
    for one, following in pairwise(segments):
        assert following.start_ns == one.handoff_ns
    assert arm.driver.executor.commanded_at(arm.pace.now_ns()).width == 0.04
    arm.move(by=0.01)
    assert arm.driver.executor.commanded_at(arm.pace.now_ns()).width == 0.04


@pytest.mark.parametrize('lead_ms', [0, 20, 100])
@pytest.mark.parametrize('after_ms', [0, 1, 10, 79, 80, 81, 99, 100, 137, 400, 650])
def test_stopped_at_any_moment_the_arm_brakes_from_what_was_sent(
    lead_ms: int, after_ms: int
) -> None:
    arm = Arm(lead_ms * MS)
    arm.move()
    arm.pace.run_to(arm.pace.now_ns() + after_ms * MS)
    arm.driver.stop_move('emergency stop')
    arm.pace.run_to(10_000 * MS)
    assert arm.move_ends == [MoveEnd(begun=True, cause='emergency stop')]
    assert arm.largest_step() < SMOOTH
    assert not arm.commanded(10_000 * MS)[1].any()


@pytest.mark.parametrize('frozen_ms', [60, 130, 250])
def test_stopped_by_a_process_that_was_frozen_the_arm_does_not_jump(frozen_ms: int) -> None:
    """The window that it had has run out meanwhile, and has braked by itself."""
    arm = Arm()
    arm.move()
    arm.pace.run_to(arm.pace.now_ns() + 300 * MS)
    arm.pace.time_ns += frozen_ms * MS
    arm.driver.stop_move('silence')
    arm.pace.run_to(10_000 * MS)
    assert arm.largest_step() < SMOOTH


@pytest.mark.parametrize('after_ms', [0, 5, 20, 50, 99, 150])
def test_a_move_waits_until_the_last_chunk_has_come_to_rest(after_ms: int) -> None:
    arm = Arm()
    arm.receive()
    arm.pace.run_to(1_000 * MS + 20 * MS + 2 * STEP_NS + after_ms * MS)
    assert not arm.driver.executing
    arm.move(by=0.1)
    arm.pace.run_to(10_000 * MS)
    assert arm.move_ends == [MoveEnd(begun=True, cause='')]
    assert arm.largest_step() < SMOOTH


def test_a_move_stopped_while_it_waits_has_not_begun() -> None:
    arm = Arm()
    arm.receive()
    arm.pace.run_to(1_000 * MS + 20 * MS + 2 * STEP_NS)
    sent = len(arm.segments)
    arm.move()
    assert arm.driver.executing and arm.driver.progress == 0.0
    arm.driver.stop_move('canceled')
    assert arm.move_ends == [MoveEnd(begun=False, cause='canceled')]
    arm.pace.run_to(10_000 * MS)
    assert len(arm.segments) == sent


def test_a_move_that_is_refused_is_told_and_the_next_one_runs() -> None:
    arm = Arm()
    far = timed(np.stack([START + 1.0, START]), np.ones(7), np.ones(7))
    arm.begin(Move(far, None))
    assert (
        not arm.move_ends[0].begun and 'Plan from where the arm is now' in arm.move_ends[0].cause
    )
    assert not arm.driver.executing and not arm.segments
    arm.move()
    arm.pace.run_to(10_000 * MS)
    assert arm.move_ends[1] == MoveEnd(begun=True, cause='')


RAMP = Ramp(0.25, 2000 * MS)


def followed(arm: Arm, by: float = 0.3) -> tuple[int, int]:
    """Let a move begin and run to its end; return when it began and how long it took [ns]."""
    first, told = len(arm.segments), len(arm.move_ends)
    arm.move(by)
    while len(arm.move_ends) == told:
        arm.pace.run_to(arm.pace.now_ns() + 10 * MS)
    assert arm.move_ends[-1] == MoveEnd(begun=True, cause='')
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
    arm.driver.stop_move('emergency stop')
    arm.pace.run_to(arm.pace.now_ns() + 1000 * MS)
    assert followed(arm)[1] == pytest.approx(slow_ns, abs=60 * MS)


def test_holding_for_the_gripper_takes_no_longer_and_uses_no_ramp_up() -> None:
    plain, slow = Arm(), Arm(ramp=RAMP)
    for arm in (plain, slow):
        arm.begin(Move(None, 0.0))
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
        arm.receive()
        arm.pace.run_to(arm.pace.now_ns() + 3000 * MS)
    assert slow.segments[-1].handoff_ns - slow.segments[0].start_ns > 2 * (
        plain.segments[-1].handoff_ns - plain.segments[0].start_ns
    )
