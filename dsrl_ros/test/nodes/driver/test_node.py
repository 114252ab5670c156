"""The driver on the twin, as nodes: what it executes, what it refuses, and how it stops."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from driver_bench import MS, SEGMENTS_PER_CHUNK, SPEC, STEP_NS, Bench, Steering
from std_msgs.msg import Bool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.msg import (
    ActionChunk,
    ChunkResult,
    DriverStatus,
)
from dsrl_ros.core.errors import DriverError, ShapeMismatchError
from dsrl_ros.core.types import ControlMode, PolicySpec
from dsrl_ros.nodes.driver import startup
from dsrl_ros.nodes.driver.node import DriverNode
from dsrl_ros.nodes.twin.node import TwinNode
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import executed_from_msg, floats_to_msg, spec_to_msg
from dsrl_ros.ros.stamps import stamp_to_ns
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE


@pytest.fixture
def bench(ros) -> Bench:
    return Bench(ros)


def wander(seed: int, chunks: int) -> np.ndarray:
    """Return smooth random chunks, (chunks, 4, 4), that the robot can follow."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(chunks * 4, 3)) * 0.006
    gripper = np.sign(rng.normal(size=(chunks * 4, 1)))
    return np.concatenate([steps, gripper], axis=1).reshape(chunks, 4, 4).astype(np.float32)


def test_chunks_give_the_joints_of_the_environment_to_the_last_bit(bench: Bench) -> None:
    """Through DDS, a gate and rolling windows, over two episodes."""
    env = TaskEnv(PICK_PLACE)
    for seed in (11, 12):
        bench.reset(seed)
        env.reset(seed=seed)
        for rows in wander(seed, chunks=6):
            result = bench.run(rows)
            expected = env.execute(rows)
            assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
            np.testing.assert_array_equal(executed_from_msg(result), expected.executed)
            state = env.arm.state()
            np.testing.assert_array_equal(bench.peer.joints[-1].position, state.position)
            np.testing.assert_array_equal(bench.peer.joints[-1].velocity, state.velocity)


def test_a_refusal_amid_an_episode_leaves_the_environment_gated_alike(bench: Bench) -> None:
    """Nothing moves, no time passes, and the next chunk goes on from what was commanded."""
    env = TaskEnv(PICK_PLACE)
    bench.reset(13)
    env.reset(seed=13)
    too_fast = np.tile(np.float32([0.19, 0, 0, 0]), (4, 1))
    first, last = wander(13, chunks=2)
    for rows, outcome in (
        (first, ChunkResult.OUTCOME_DONE),
        (too_fast, ChunkResult.OUTCOME_REJECTED),
        (last, ChunkResult.OUTCOME_DONE),
    ):
        result, expected = bench.run(rows), env.execute(rows)
        assert result.outcome == outcome, result.message
        assert result.num_executed == len(expected.executed)
        state = env.arm.state()
        np.testing.assert_array_equal(bench.peer.joints[-1].position, state.position)
        np.testing.assert_array_equal(bench.peer.joints[-1].velocity, state.velocity)


def test_the_result_says_when_and_what(bench: Bench) -> None:
    start_ns = bench.reset(3)
    rows = np.tile(np.float32([0.005, 0.0, 0.0, 1.0]), (4, 1))
    result = bench.run(rows)
    assert stamp_to_ns(result.start) == start_ns
    assert stamp_to_ns(result.header.stamp) == start_ns + 4 * STEP_NS
    assert result.num_executed == 4
    assert result.message == ''
    np.testing.assert_array_equal(executed_from_msg(result), rows)


def test_windows_on_the_wire_are_short_and_end_at_rest(bench: Bench) -> None:
    bench.run(wander(1, 1)[0])
    bench.ros.spin_until(lambda: len(bench.peer.trajectories) == SEGMENTS_PER_CHUNK)
    for message in bench.peer.trajectories:
        end = message.points[-1]
        assert end.time_from_start.sec == 0
        assert end.time_from_start.nanosec <= 200 * MS
        assert not np.any(end.velocities)


@pytest.mark.parametrize(
    ('rule', 'changes'),
    [
        ('finite', {'data': floats_to_msg(np.full(16, np.nan))}),
        ('finite', {'data': floats_to_msg(np.full(16, np.inf))}),
        ('names', {'action_names': ['dy', 'dx', 'dz', 'gripper']}),
        ('names', {'control_mode': ActionChunk.CONTROL_MODE_JOINT_POSITION}),
        ('shapes', {'data': floats_to_msg(np.zeros(12))}),
        ('shapes', {'num_execute': 9}),
        ('velocity', {'data': floats_to_msg(np.tile([0.19, 0, 0, 0], 4))}),
        ('acceleration', {'data': floats_to_msg(np.tile([0, 0.15, 0, 0, 0, -0.15, 0, 0], 2))}),
    ],
)
def test_a_bad_chunk_is_refused_named_and_counted(bench: Bench, rule: str, changes: dict) -> None:
    result = bench.execute(bench.peer.chunk(**changes))
    assert result.outcome == ChunkResult.OUTCOME_REJECTED
    assert result.num_executed == 0
    assert result.message.startswith(f'{rule}: got ')
    assert not bench.peer.trajectories

    def count() -> int:
        status = bench.peer.statuses[-1]
        return dict(zip(status.reject_names, status.reject_counts, strict=True))[rule]

    bench.ros.spin_until(lambda: count() == 1)
    assert bench.run().outcome == ChunkResult.OUTCOME_DONE


@pytest.mark.parametrize('shift_s', [-1, 1])
def test_a_chunk_of_another_time_is_refused(ros, shift_s: int) -> None:
    bench = Bench(ros, {'state_timeout_s': 0.2})
    bench.run()
    message = bench.peer.chunk()
    message.header.stamp.sec += shift_s
    result = bench.execute(message)
    assert (result.outcome, result.message[:4]) == (ChunkResult.OUTCOME_REJECTED, 'age:')


def test_a_chunk_that_comes_twice_is_executed_once(bench: Bench) -> None:
    message = bench.peer.chunk(np.tile(np.float32([0.005, 0.0, 0.0, 1.0]), (4, 1)))
    bench.peer.chunks.publish(message)  # one while the other is on its way, one after its end
    first = bench.execute(message)
    again = bench.execute(message)
    assert again == first
    assert len(bench.peer.trajectories) == SEGMENTS_PER_CHUNK


def test_an_older_decision_is_refused(bench: Bench) -> None:
    old = bench.peer.chunk()
    bench.run()
    old.header = bench.peer.task[-1].header
    result = bench.execute(old)
    assert result.message.startswith('order: ')


def test_a_program_clears_a_fault_and_never_an_emergency_stop(ros) -> None:
    bench = Bench(ros, {'gate.clear_cooldown_s': 0.0})
    by_program = bench.peer.create_client(Trigger, names.CLEAR_FAULT)
    ros.spin_until(by_program.service_is_ready)
    bench.call(bench.peer.estop, Trigger.Request())
    answer = bench.call(by_program, Trigger.Request())
    assert not answer.success and 'a person' in answer.message
    assert bench.call(bench.peer.clear, Trigger.Request()).success
    ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_HOLDING)


def test_refusals_in_a_row_latch_and_clear_opens(ros) -> None:
    bench = Bench(ros, {'gate.latch_after': 3, 'gate.clear_cooldown_s': 0.2})
    for _ in range(3):
        bench.execute(bench.peer.chunk(np.full((4, 4), np.nan)))
    ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_LATCHED)
    assert bench.run().message.startswith('latched: ')
    ros.spin_for(0.25)
    assert bench.call(bench.peer.clear, Trigger.Request()).success
    ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_HOLDING)
    assert bench.run().outcome == ChunkResult.OUTCOME_DONE


@pytest.mark.parametrize('by', ['service', 'topic'])
def test_an_emergency_stop_lasts_until_it_is_cleared(ros, by: str) -> None:
    bench = Bench(ros, {'gate.clear_cooldown_s': 0.2})
    if by == 'service':
        assert bench.call(bench.peer.estop, Trigger.Request()).success
    else:
        bench.peer.estop_signal.publish(Bool(data=True))
    ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_ESTOP)
    bench.peer.estop_signal.publish(Bool(data=False))  # letting go clears nothing
    assert bench.run().outcome == ChunkResult.OUTCOME_ESTOP
    assert not bench.peer.trajectories
    ros.spin_for(0.25)
    assert bench.call(bench.peer.clear, Trigger.Request()).success
    assert bench.run().outcome == ChunkResult.OUTCOME_DONE


def test_a_clear_too_soon_says_when(bench: Bench) -> None:
    bench.call(bench.peer.estop, Trigger.Request())
    answer = bench.call(bench.peer.clear, Trigger.Request())
    assert not answer.success
    assert 'expected at least 1 s' in answer.message


def test_inactive_it_refuses_and_active_again_it_goes_on(bench: Bench) -> None:
    bench.run()
    bench.driver.trigger_deactivate()
    bench.ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_INACTIVE)
    count = len(bench.peer.trajectories)
    assert bench.run().message == 'the driver is not active'
    assert len(bench.peer.trajectories) == count
    bench.driver.trigger_activate()
    bench.ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_HOLDING)
    assert bench.run().outcome == ChunkResult.OUTCOME_DONE


def test_without_autostart_it_waits_to_be_told(ros) -> None:
    ros.add(TwinNode)
    peer = ros.add(Steering)
    driver = ros.add(DriverNode, autostart=False)
    ros.spin_until(lambda: peer.task)
    ros.spin_for(0.3)
    assert not peer.statuses
    assert driver.count_publishers(names.TRAJECTORY) == 0
    driver.trigger_configure()
    driver.trigger_activate()
    ros.spin_until(lambda: peer.state() == DriverStatus.STATE_HOLDING)


class TestRealTime:
    """Time goes on by itself: what happens in the middle of a chunk."""

    ROWS = np.tile(np.float32([0.008, 0.0, 0.0, 1.0]), (4, 1))

    @pytest.fixture
    def bench(self, ros) -> Bench:
        # Slow states: here one thread does the work of three processes.
        options = {'real_time': True, 'gate.max_age_s': 5.0}
        bench = Bench(ros, options, real_time=True, state_hz=30.0)
        bench.reset(3)
        return bench

    def start(self, bench: Bench) -> None:
        bench.peer.chunks.publish(bench.peer.chunk(self.ROWS))
        bench.ros.spin_until(lambda: len(bench.peer.trajectories) >= 2)

    def wait_for_rest(self, bench: Bench) -> np.ndarray:
        """Return the joints once they have not moved for a while."""

        def resting() -> bool:
            recent = bench.peer.joints[-3:]
            return bool(np.abs([message.velocity for message in recent]).max() < 2e-3)

        bench.ros.spin_for(0.15)
        bench.ros.spin_until(resting)
        return np.array(bench.peer.joints[-1].position)

    def test_chunks_follow_one_another(self, bench: Bench) -> None:
        for _ in range(3):
            result = bench.run(self.ROWS)
            assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
            took_ns = stamp_to_ns(result.header.stamp) - stamp_to_ns(result.start)
            assert took_ns == 4 * STEP_NS
        end = np.array(bench.peer.trajectories[-1].points[-1].positions)
        np.testing.assert_allclose(self.wait_for_rest(bench), end, atol=5e-3)

    def test_an_emergency_stop_brakes_in_the_middle_of_a_chunk(self, bench: Bench) -> None:
        self.start(bench)
        count = len(bench.peer.trajectories)
        bench.peer.estop_signal.publish(Bool(data=True))
        bench.ros.spin_until(lambda: len(bench.peer.trajectories) > count)
        bench.ros.spin_until(lambda: bench.peer.results)
        result = bench.peer.results[-1]
        assert result.outcome == ChunkResult.OUTCOME_ESTOP
        assert result.num_executed < 4
        rest = np.array(bench.peer.trajectories[-1].points[-1].positions)
        np.testing.assert_allclose(self.wait_for_rest(bench), rest, atol=5e-3)
        assert len(bench.peer.trajectories) == count + 1

    def test_silence_from_above_ends_in_a_commanded_hold_within_200_ms(self, bench: Bench) -> None:
        self.start(bench)
        bench.peer.beat.cancel()
        start_s = time.monotonic()
        stalled_s = 0.0  # a busy machine is not the driver's delay
        while not bench.peer.results:
            before_s = time.monotonic()
            bench.ros.spin_for(0.01)
            stalled_s += max(0.0, time.monotonic() - before_s - 0.03)
            assert before_s - start_s < 10.0
        held_s = time.monotonic() - start_s - stalled_s
        result = bench.peer.results[-1]
        assert result.outcome == ChunkResult.OUTCOME_FAULT
        assert result.message.startswith('heartbeat: ')
        # The result comes when the arm rests, 0.1 s after the hold was commanded.
        assert held_s < 0.2 + 0.1 + 0.05
        bench.ros.spin_until(lambda: bench.peer.statuses[-1].message.startswith('heartbeat: '))
        # With heartbeats back, the next chunk is executed: nothing was latched.
        bench.peer.beat.reset()
        self.wait_for_rest(bench)
        assert bench.run().outcome == ChunkResult.OUTCOME_DONE
        bench.ros.spin_until(lambda: not bench.peer.statuses[-1].message)


def test_a_simulation_that_dies_is_a_fault_and_its_return_is_taken_up(ros) -> None:
    bench = Bench(ros, {'advance_timeout_s': 2.0, 'gate.clear_cooldown_s': 0.1})
    bench.run()
    ros.remove(bench.twin)
    bench.peer.chunks.publish(bench.peer.chunk())
    ros.spin_until(lambda: len(bench.peer.results) == 2)
    assert bench.peer.results[-1].outcome == ChunkResult.OUTCOME_FAULT
    assert 'Check that the twin lives' in bench.peer.results[-1].message
    ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_LATCHED)

    bench.twin = ros.add(TwinNode)
    ros.spin_until(bench.peer.set_scene.service_is_ready)
    ros.spin_for(0.2)
    bench.reset(1)
    assert bench.call(bench.peer.clear, Trigger.Request()).success
    ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_HOLDING)
    assert bench.run().outcome == ChunkResult.OUTCOME_DONE


def test_somebody_else_commanding_the_arm_is_a_fault(bench: Bench) -> None:
    bench.peer.create_publisher(JointTrajectory, names.TRAJECTORY, qos.COMMAND)
    bench.ros.spin_until(lambda: bench.driver.count_publishers(names.TRAJECTORY) == 2)
    result = bench.run()
    assert result.outcome == ChunkResult.OUTCOME_REJECTED
    assert 'somebody else commands' in result.message


def test_a_second_driver_ends_with_a_clear_error_and_the_first_goes_on(
    bench: Bench, monkeypatch
) -> None:
    monkeypatch.setattr(startup, 'LISTEN_S', 0.5)
    second = bench.ros.add(DriverNode)
    with pytest.raises(DriverError, match='running in this namespace already'):
        bench.ros.spin_for(2.0)
    bench.ros.remove(second)
    assert bench.run().outcome == ChunkResult.OUTCOME_DONE


def test_a_policy_of_another_control_mode_is_refused_with_both_sides(ros) -> None:
    ros.add(TwinNode)
    other = PolicySpec(**{**SPEC.__dict__, 'control_mode': ControlMode.JOINT_POSITION})
    ros.add(Steering, other)
    ros.add(DriverNode)
    with pytest.raises(ShapeMismatchError, match='JOINT_POSITION: got columns dx'):
        ros.spin_for(5.0)


def test_a_policy_that_changes_under_way_is_a_fault(bench: Bench) -> None:
    bench.run()
    other = PolicySpec(**{**SPEC.__dict__, 'sha256': 'f' * 64})
    bench.peer.specs.publish(spec_to_msg(other))
    bench.ros.spin_until(lambda: bench.peer.state() == DriverStatus.STATE_LATCHED)
    assert 'sha256' in bench.peer.statuses[-1].message
