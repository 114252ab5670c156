"""Segments give what whole chunks give, to the bit, and can be stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from arm_rig import StandInRobot
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.errors import DriverError, ShapeMismatchError
from dsrl_ros.core.types import ChunkOutcome, ControlMode, DecisionKey, PolicySpec
from dsrl_ros.robots.execution.chunk_executor import ChunkExecutor, Segment
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.model.tool_path import ToolPath
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.planner import LONGEST_SPAN_NS
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.workspace import WORKSPACE_TOLERANCE
from dsrl_ros.robots.simulation.simulated_arm import SimulatedArm
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

MS = 1_000_000
WINDOW_NS, BRAKE_NS = 200 * MS, 150 * MS
STEP_S = PICK_PLACE.step_period_ns * 1e-9
SEGMENTS_PER_ROW = -(-PICK_PLACE.step_period_ns // LONGEST_SPAN_NS)
ROBOT = PICK_PLACE.robot
SPEC = PolicySpec(
    name='test',
    state_names=('x',),
    action_names=PICK_PLACE.action_names,
    horizon=4,
    num_execute=4,
    step_period_s=STEP_S,
    control_mode=ControlMode.EE_DELTA,
    noise_bound=6.0,
    action_low=PICK_PLACE.action_low,
    action_high=PICK_PLACE.action_high,
    state_mean=(0.0,),
    state_std=(1.0,),
    sampler='ddim',
    denoising_steps=4,
    sha256='0' * 64,
)


@pytest.fixture(scope='module')
def arm() -> SimulatedArm:
    return SimulatedArm(ROBOT, PICK_PLACE.scene, PICK_PLACE.step_period_ns)


class TwinDriver(StandInRobot):
    """The smallest driver: on a twin in the same process, in lockstep; its own robot and pace."""

    lead_ns = 0
    interruptible = False

    def __init__(self, arm: SimulatedArm) -> None:
        super().__init__(ROBOT)
        self.twin = arm.twin
        arm.reset(PICK_PLACE.start_joints(arm.kinematics), ROBOT.gripper_high, {})
        self.latch = Latch(cooldown_s=0.0)
        config = DriverConfig(robot='arm', window_s=WINDOW_NS * 1e-9, brake_s=BRAKE_NS * 1e-9)
        self.driver = ArmDriver(config, GateConfig(max_age_s=10.0), self, self.latch)
        self.driver.attach(self, self)
        self.driver.configure(SPEC)
        self.driver.activate()
        self.on_segment: Callable[[int], object] = lambda _: None
        self.elsewhere: np.ndarray | None = None
        self._decision = 0
        self._waits = 0

    def link(self, then: Callable[[], None]) -> None:
        then()

    def see(self, stamp_ns: int) -> None:
        pass

    def now_ns(self) -> int:
        return self.twin.now_ns

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        self._waits += 1
        this = self._waits
        self.on_segment(len(self.segments))
        if this == self._waits:  # else it was interrupted, and something else waited for
            self.twin.advance(time_ns)
            then()

    def interrupt(self) -> bool:
        return self.interruptible

    def joints(self) -> np.ndarray:
        return self.twin.state().position if self.elsewhere is None else self.elsewhere

    def run(self, rows: np.ndarray) -> ChunkEnd:
        self.driver.receive(self.chunk(rows))
        return self.ends[-1]

    def chunk(self, rows: np.ndarray) -> Chunk:
        self._decision += 1
        return Chunk(
            key=DecisionKey('arm', 'a' * 32, 0, self._decision),
            stamp_ns=self.twin.now_ns,
            control_mode=SPEC.control_mode,
            action_names=SPEC.action_names,
            horizon=4,
            num_execute=4,
            step_period_s=STEP_S,
            data=np.asarray(rows, dtype=np.float32).reshape(-1),
        )

    def send(self, segment: Segment, force: bool = False) -> None:
        super().send(segment, force)
        if segment.width is not None:
            self.twin.set_gripper(segment.width)
        self.twin.set_trajectory(segment.trajectory, segment.start_ns)


def wander(seed: int, chunks: int) -> np.ndarray:
    """Return smooth random chunks, (chunks, 4, 4), that the robot can follow."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(chunks * 4, 3)) * 0.006
    steps = 0.7 * steps + 0.3 * np.roll(steps, 1, axis=0)
    gripper = np.sign(rng.normal(size=(chunks * 4, 1)))
    return np.concatenate([steps, gripper], axis=1).reshape(chunks, 4, 4).astype(np.float32)


def test_segments_give_the_same_joints_as_whole_chunks_to_the_last_bit(arm: SimulatedArm) -> None:
    chunks = wander(seed=1, chunks=12)
    driver = TwinDriver(arm)
    by_segments = []
    for rows in chunks:
        end = driver.run(rows)
        assert end.outcome is ChunkOutcome.DONE, end.message
        state = driver.twin.state()
        by_segments.append((end.end_ns, state.position, state.velocity, state.gripper_width))

    arm.reset(PICK_PLACE.start_joints(arm.kinematics), ROBOT.gripper_high, {})
    for rows, (end_ns, position, velocity, width) in zip(chunks, by_segments, strict=True):
        arm.run(rows)
        state = arm.state()
        assert state.stamp_ns == end_ns
        np.testing.assert_array_equal(state.position, position)
        np.testing.assert_array_equal(state.velocity, velocity)
        assert state.gripper_width == width


def test_windows_are_short_end_at_rest_and_follow_on(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)
    for rows in wander(seed=2, chunks=4):
        driver.run(rows)
    for segment in driver.segments:
        assert segment.trajectory.duration_ns <= WINDOW_NS
        assert not segment.trajectory.velocities[-1].any()
    for segment, following in zip(driver.segments[:-1], driver.segments[1:], strict=True):
        assert following.start_ns == segment.handoff_ns
        position, velocity = segment.trajectory.sample(segment.handoff_ns - segment.start_ns)
        np.testing.assert_allclose(following.trajectory.positions[0], position, atol=1e-12)
        np.testing.assert_allclose(following.trajectory.velocities[0], velocity, atol=1e-12)


def test_the_gripper_is_told_only_when_it_changes(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)
    rows = np.zeros((4, 4))
    rows[:, 3] = [1.0, -1.0, -1.0, 0.0]  # open as before, close, closed, leave it
    driver.run(rows)
    widths = [segment.width for segment in driver.segments]
    assert widths[SEGMENTS_PER_ROW] == 0.0
    assert [width for width in widths if width is not None] == [0.0]


def test_a_stop_brings_the_arm_to_rest_and_reports_what_was_executed(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)
    two_rows = 2 * SEGMENTS_PER_ROW
    driver.on_segment = lambda sent: (
        sent == two_rows and driver.driver.brake(ChunkOutcome.ESTOP, 'button')
    )
    end = driver.run(np.tile([0.01, 0.0, 0.0, 1.0], (4, 1)))
    assert (end.outcome, end.message, len(end.executed)) == (ChunkOutcome.ESTOP, 'button', 2)
    assert len(driver.segments) == two_rows + 1  # and the braking
    driver.twin.advance(driver.twin.now_ns + 300 * MS)
    rest = driver.twin.state()
    np.testing.assert_allclose(
        rest.position, driver.segments[-1].trajectory.positions[-1], atol=2e-3
    )
    assert np.abs(rest.velocity).max() < 1e-2
    # The next chunk starts from there without a jump.
    driver.on_segment = lambda _: None
    assert driver.run(np.zeros((4, 4))).outcome is ChunkOutcome.DONE


def test_a_newer_chunk_takes_over_at_the_next_hand_off(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)
    newer = driver.chunk(np.tile([0.0, 0.01, 0.0, 1.0], (4, 1)))
    newer = replace(newer, key=replace(newer.key, decision=99))
    two_rows = 2 * SEGMENTS_PER_ROW
    driver.on_segment = lambda sent: sent == two_rows and driver.driver.receive(newer)
    driver.run(np.tile([0.01, 0.0, 0.0, 1.0], (4, 1)))
    first, second = driver.ends
    assert (first.outcome, len(first.executed)) == (ChunkOutcome.PREEMPTED, 2)
    assert (second.outcome, len(second.executed)) == (ChunkOutcome.DONE, 4)
    assert second.start_ns == first.end_ns
    before, after = driver.segments[two_rows - 1 : two_rows + 1]
    position, velocity = before.trajectory.sample(before.handoff_ns - before.start_ns)
    np.testing.assert_array_equal(after.trajectory.positions[0], position)
    np.testing.assert_array_equal(after.trajectory.velocities[0], velocity)


def test_a_newer_chunk_is_judged_by_where_the_arm_is_when_it_takes_over(
    arm: SimulatedArm,
) -> None:
    """When it came the arm was elsewhere; what counts is where it is at the hand-off."""
    driver = TwinDriver(arm)
    newer = replace(driver.chunk(np.zeros((4, 4))), key=DecisionKey('arm', 'a' * 32, 0, 99))
    two_rows = 2 * SEGMENTS_PER_ROW

    def come(sent: int) -> None:
        if sent == two_rows - 1:
            driver.elsewhere = driver.joints() + 0.2
            driver.driver.receive(newer)
            handoff_ns = driver.segments[-1].handoff_ns
            driver.elsewhere = driver.driver.executor.commanded_at(handoff_ns).joints

    driver.on_segment = come
    driver.run(np.tile([0.01, 0.0, 0.0, 1.0], (4, 1)))
    assert [end.outcome for end in driver.ends] == [ChunkOutcome.PREEMPTED, ChunkOutcome.DONE]


def test_a_chunk_is_refused_where_nobody_knows_where_the_arm_is(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)

    def lost() -> np.ndarray:
        raise ShapeMismatchError('joint states: got no fr3_joint3, expected it.')

    now_ns = driver.now_ns()
    executor = driver.driver.executor
    executor.engage(driver.joints(), ROBOT.gripper_high)
    refusal = executor.begin(driver.chunk(np.zeros((4, 4))), now_ns, now_ns, lost)
    assert str(refusal) == 'jump: joint states: got no fr3_joint3, expected it.'
    # Where it cannot be read to engage either, that is a fault.
    driver.joints = lost  # type: ignore[method-assign]
    end = driver.run(np.zeros((4, 4)))
    assert end.outcome is ChunkOutcome.FAULT
    assert end.message == 'joint states: got no fr3_joint3, expected it.'
    assert not driver.segments


def follows_on(before: Segment, after: Segment) -> bool:
    """Whether a segment starts as the one before commands at that time."""
    position, velocity = before.trajectory.sample(after.start_ns - before.start_ns)
    jump = np.abs(after.trajectory.positions[0] - position).max()
    kick = np.abs(after.trajectory.velocities[0] - velocity).max()
    return bool(jump < 1e-9 and kick < 1e-9)


def test_a_newer_chunk_that_is_refused_stops_the_older_one(arm: SimulatedArm) -> None:
    """The arm comes to rest, and the chunk after that starts from where it does."""
    driver = TwinDriver(arm)
    bad = replace(driver.chunk(np.full((4, 4), np.nan)), key=DecisionKey('arm', 'a' * 32, 0, 50))
    two_rows = 2 * SEGMENTS_PER_ROW
    driver.on_segment = lambda sent: sent == two_rows and driver.driver.receive(bad)
    driver.run(np.tile([0.01, 0.0, 0.0, 1.0], (4, 1)))
    refused, older = driver.ends
    assert (refused.chunk, refused.outcome) == (bad, ChunkOutcome.REJECTED)
    assert (older.outcome, len(older.executed)) == (ChunkOutcome.PREEMPTED, 2)
    assert older.end_ns == driver.segments[-1].handoff_ns
    assert not driver.driver.executing
    driver.on_segment = lambda _: None
    assert driver.run(np.zeros((4, 4))).outcome is ChunkOutcome.DONE
    for before, after in pairwise(driver.segments):
        assert follows_on(before, after)


@pytest.mark.parametrize('pause_ms', [4, 60, 1000])
def test_a_chunk_after_a_pause_starts_where_the_last_segment_leads(
    arm: SimulatedArm, pause_ms: int
) -> None:
    """The last segment may brake in less time than the plan would, and somewhere else."""
    driver = TwinDriver(arm)
    driver.run(np.tile([0.02, 0.0, 0.0, 1.0], (4, 1)))
    last = len(driver.segments) - 1
    driver.twin.advance(driver.twin.now_ns + pause_ms * MS)
    driver.run(np.tile([0.02, 0.0, 0.0, 1.0], (4, 1)))
    assert driver.ends[-1].outcome is ChunkOutcome.DONE
    assert follows_on(driver.segments[last], driver.segments[last + 1])


def test_a_stop_before_a_segment_starts_brakes_from_its_start(arm: SimulatedArm) -> None:
    """A segment is sent ahead of its start: until then the arm follows the one before."""
    driver = TwinDriver(arm)
    driver.run(np.tile([0.02, 0.0, 0.0, 1.0], (4, 1)))
    driver.lead_ns, driver.interruptible = 20 * MS, True
    last = len(driver.segments)
    driver.on_segment = lambda sent: (
        sent == last + 1 and driver.driver.brake(ChunkOutcome.FAULT, 'silence')
    )
    driver.run(np.tile([0.02, 0.0, 0.0, 1.0], (4, 1)))
    first, brake = driver.segments[last : last + 2]
    assert brake.start_ns == first.start_ns
    assert follows_on(first, brake)


def test_a_stop_in_the_middle_of_a_row_does_not_count_that_row(arm: SimulatedArm) -> None:
    if SEGMENTS_PER_ROW == 1:
        pytest.skip('no hand-off within a row')
    driver = TwinDriver(arm)
    driver.on_segment = lambda sent: (
        sent == SEGMENTS_PER_ROW + 1 and driver.driver.brake(ChunkOutcome.FAULT, 'silence')
    )
    assert len(driver.run(np.tile([0.01, 0.0, 0.0, 1.0], (4, 1))).executed) == 1


def test_a_refused_chunk_moves_nothing(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)
    end = driver.run(np.full((4, 4), np.nan))
    assert (end.outcome, end.executed.shape) == (ChunkOutcome.REJECTED, (0, 4))
    assert end.message.startswith('finite: ')
    assert not driver.segments
    driver.latch.estop('button')
    assert driver.run(np.zeros((4, 4))).outcome is ChunkOutcome.ESTOP
    assert not driver.segments


def test_nothing_runs_before_the_arm_is_engaged(arm: SimulatedArm) -> None:
    driver = TwinDriver(arm)
    gate = CommandGate(ROBOT, SPEC, GateConfig(), driver.latch, BRAKE_NS, 'arm')
    executor = ChunkExecutor(arm.planner, gate, WINDOW_NS, BRAKE_NS)
    with pytest.raises(DriverError, match='engage'):
        executor.begin(driver.chunk(np.zeros((4, 4))), 0, 0, np.zeros(7))


HOSTILE = st.one_of(
    st.floats(width=32, allow_nan=True, allow_infinity=True),
    st.floats(-0.0625, 0.0625, width=32),
)


@settings(max_examples=200)
@given(
    rows=st.lists(
        st.one_of(
            st.lists(HOSTILE, min_size=0, max_size=20),
            st.lists(st.floats(-0.015625, 0.015625, width=32), min_size=16, max_size=16),
        ),
        min_size=1,
        max_size=3,
    )
)
def test_whatever_comes_in_what_goes_out_is_within_every_limit(
    arm: SimulatedArm, rows: list[list[float]]
) -> None:
    driver = TwinDriver(arm)
    tool_path = ToolPath(ROBOT)
    for data in rows:
        chunk = replace(driver.chunk(np.zeros((4, 4))), data=np.array(data, dtype=np.float32))
        driver.driver.receive(chunk)
    assert len(driver.ends) == len(rows)
    for segment in driver.segments:
        times = np.arange(0, segment.trajectory.duration_ns + 1, MS)
        position, velocity = segment.trajectory.sample(times)
        tool = tool_path(position)
        assert np.isfinite(position).all()
        assert (position >= np.array(ROBOT.position_low) - 1e-6).all()
        assert (position <= np.array(ROBOT.position_high) + 1e-6).all()
        assert (np.abs(velocity) <= np.array(ROBOT.velocity_limit) + 1e-6).all()
        acceleration = np.abs(np.diff(velocity, axis=0)) / 1e-3
        assert (acceleration <= np.array(ROBOT.acceleration_limit) + 1e-3).all()
        assert (tool >= np.array(ROBOT.workspace_low) - 2 * WORKSPACE_TOLERANCE).all()
        assert (tool <= np.array(ROBOT.workspace_high) + 2 * WORKSPACE_TOLERANCE).all()
        assert segment.width is None or ROBOT.gripper_low <= segment.width <= ROBOT.gripper_high
