"""The driver on a Franka, as nodes: what it commands, what it calls fault, and the way out."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import Any

import mink
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('franka_msgs', reason='`make test` builds test/vendor_ws')

from diagnostic_msgs.msg import DiagnosticStatus
from driver_bench import STEP_NS
from franka_msgs.msg import FrankaRobotState
from franka_standins import START, BareHand, SlowHand
from franka_standins import FrankaBench as Bench
from geometry_msgs.msg import PoseStamped
from hardware_bench import (
    CLOSING,
    FORWARD,
    NUM_EXECUTE,
    OPENING,
    REAL,
    STILL,
    gripping,
)
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.action import MoveArm
from dsrl_msgs.msg import ChunkResult, DriverStatus
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.driver.franka.crisp import CrispCommands
from dsrl_ros.nodes.driver.franka.faults import fault_of
from dsrl_ros.nodes.driver.franka.gripper import GripperClient
from dsrl_ros.nodes.driver.node import DriverNode
from dsrl_ros.nodes.mock_gripper.node import MockGripperNode
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.trajectory import JointTrajectory as Way
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import positions_from_msg
from dsrl_ros.ros.stamps import stamp_to_ns


@pytest.fixture
def bench(ros) -> Bench:
    return Bench(ros).up()


def tool(joints: np.ndarray) -> np.ndarray:
    return Kinematics(FR3).tool_position(joints)


def test_the_arm_moves_along_chunks_in_windows_the_controller_takes(bench: Bench) -> None:
    start = tool(bench.arm.measured)
    for _ in range(2):
        result = bench.run(FORWARD)
        assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
    bench.ros.spin_until(lambda: not np.any(np.abs(bench.arm.desired()[1]) > 1e-3))
    bench.ros.spin_for(0.1)
    moved = tool(bench.arm.measured) - start
    np.testing.assert_allclose(moved, [2 * NUM_EXECUTE * 0.006, 0.0, 0.0], atol=2e-3)
    assert bench.arm.rejected == []
    for message in bench.peer.trajectories:
        ends = [point.time_from_start for point in message.points]
        assert ends[-1].sec == 0 and ends[-1].nanosec <= 200_000_000
        assert all(len(point.velocities) == 7 for point in message.points)


def test_states_come_best_effort_and_at_full_rate(bench: Bench) -> None:
    for topic in (names.JOINT_STATES, names.ROBOT_STATE):
        (info,) = [
            info
            for info in bench.driver.get_subscriptions_info_by_topic(
                bench.driver.resolve_topic_name(topic)
            )
            if info.node_name == 'driver'
        ]
        assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    # Of 30 Hz, and of whatever else has joints.
    assert not bench.driver.get_subscriptions_info_by_topic('/joint_states')


def test_the_gripper_is_binary_and_the_arm_does_not_wait_for_it(bench: Bench) -> None:
    assert bench.run(gripping(CLOSING)).outcome == ChunkResult.OUTCOME_DONE
    bench.ros.spin_until(lambda: bench.hand.goals == ['close'])
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE  # the hand has not answered
    goal = bench.hand.requests[0]
    assert (goal.width, goal.epsilon.inner, goal.epsilon.outer) == (0.0, 0.08, 0.08)
    assert (goal.speed, goal.force) == (0.1, 30.0)
    bench.hand.answer()
    for value in (-0.9, 0.1, -0.1, 0.0):  # the same, or no clear wish
        bench.run(gripping(value))
    assert bench.hand.goals == ['close']
    bench.run(gripping(OPENING))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close', 'open'])
    assert bench.hand.requests[1].width == 0.078


def test_what_the_gripper_does_is_stopped_before_the_newest_wish(bench: Bench) -> None:
    bench.run(gripping(CLOSING))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close'])
    bench.run(gripping(OPENING))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close', 'stop', 'open'])
    assert len(bench.hand.under_way) == 1


def test_a_gripper_that_never_answers_is_named_and_stops_nothing(ros) -> None:
    bench = Bench(ros, **{'hardware.gripper_timeout_s': 0.5}).up()
    bench.hand.stops = False
    bench.run(gripping(CLOSING))
    bench.diagnosed('gripper', '/gripper: got no answer to close for 0.5 s')
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE
    assert bench.peer.seen['gripper'].level == DiagnosticStatus.ERROR


@pytest.mark.parametrize('end', ['refused', 'failed'])
def test_a_gripper_that_says_no_is_named(bench: Bench, end: str) -> None:
    bench.hand.refuses = end == 'refused'
    bench.run(gripping(CLOSING))
    if end == 'failed':
        bench.ros.spin_until(lambda: bench.hand.under_way)
        bench.hand.answer(success=False)
    bench.diagnosed('gripper', 'got a refusal' if end == 'refused' else 'got stopped')
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_a_move_of_the_gripper_commands_it_anew_and_ends_as_the_hand_does(
    bench: Bench,
) -> None:
    bench.run(gripping(CLOSING))
    bench.run(gripping(OPENING))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close', 'stop', 'open'])
    bench.hand.answer(success=False)
    bench.diagnosed('gripper', 'got stopped')
    client = ActionClient(bench.peer, MoveArm, names.MOVE_ARM)
    bench.ros.spin_until(client.server_is_ready)
    for tries, success in enumerate((False, True), start=1):
        sent = client.send_goal_async(MoveArm.Goal(move_gripper=True, width=FR3.gripper_high))
        bench.ros.spin_until(lambda: bench.hand.under_way)
        assert bench.hand.goals[3:] == ['open'] * tries
        ended = sent.result().get_result_async()
        bench.ros.spin_until(lambda: not bench.driver.driver.busy)  # the hand is slower than that
        bench.hand.answer(success)
        bench.ros.spin_until(ended.done)
        result = ended.result().result
        assert result.error_code == (MoveArm.Result.NONE if success else MoveArm.Result.FAULT)
        assert ('/gripper: got stopped' in result.error_message) is not success


def test_a_stop_keeps_back_what_waits_for_the_hand(bench: Bench) -> None:
    bench.hand.stops = False
    bench.run(gripping(CLOSING))
    bench.run(gripping(OPENING))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close', 'stop'])
    bench.call(bench.peer.create_client(Trigger, names.ESTOP))
    bench.hand.answer(success=False)
    bench.diagnosed('gripper', 'got a stop of the robot before the command to open was sent')
    bench.ros.spin_until(lambda: bench.peer.seen['gripper'].values[1].value == 'false')
    assert bench.hand.goals == ['close', 'stop']
    bench.ros.spin_until(lambda: not bench.driver.driver.busy)
    assert bench.call(bench.peer.clear).success
    bench.run(gripping(CLOSING))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close', 'stop', 'close'])


def test_a_canceled_move_keeps_back_what_waits_for_the_hand(bench: Bench) -> None:
    bench.hand.stops = False
    bench.run(gripping(CLOSING))
    client = ActionClient(bench.peer, MoveArm, names.MOVE_ARM)
    bench.ros.spin_until(client.server_is_ready)
    sent = client.send_goal_async(MoveArm.Goal(move_gripper=True, width=FR3.gripper_high))
    bench.ros.spin_until(lambda: bench.hand.goals == ['close', 'stop'])
    ended = sent.result().get_result_async()
    sent.result().cancel_goal_async()
    bench.ros.spin_until(ended.done)
    assert ended.result().result.error_code == MoveArm.Result.CANCELED
    bench.hand.answer(success=False)
    bench.diagnosed('gripper', 'got a stop of the robot before the command to open was sent')
    bench.ros.spin_until(lambda: bench.peer.seen['gripper'].values[1].value == 'false')
    assert bench.hand.goals == ['close', 'stop']


def test_a_hand_without_actions_is_waited_for_by_name(ros) -> None:
    bench = Bench(ros, BareHand)
    hand = f'{ros.namespace}/gripper'
    actions = [f'the action {hand}/move', f'the action {hand}/grasp']
    ros.spin_until(lambda: bench.driver.startup.missing() == actions)


def test_a_hand_that_has_just_spoken_is_not_there_yet(ros) -> None:
    """Nobody has looked for its actions."""
    node = ros.add(lambda **options: Node('driver', **options))
    hand = GripperClient(node, HardwareConfig())
    assert hand.missing() == ['the actions of the gripper']


def test_a_hand_of_the_other_name_is_found(ros) -> None:
    bench = Bench(ros, lambda **options: SlowHand('fr3_gripper', **options)).up()
    bench.run(gripping(CLOSING))
    ros.spin_until(lambda: bench.hand.goals == ['close'])


def test_without_a_gripper_none_is_waited_for(ros) -> None:
    bench = Bench(ros, lambda **options: Node('nobody', **options), **{'hardware.gripper': 'none'})
    assert bench.up().run(gripping(CLOSING)).outcome == ChunkResult.OUTCOME_DONE
    assert 'gripper' not in bench.peer.seen


@pytest.mark.parametrize('interface', ['franka', 'gripper_command'])
def test_the_stand_in_for_mock_hardware_opens_and_closes(ros, interface: str) -> None:
    mode = {'robot_mode': 'mock'}
    bench = Bench(ros, MockGripperNode, **mode, **{'hardware.gripper': interface}).up()
    for value, width in ((CLOSING, 0.0), (OPENING, 0.078)):
        assert bench.run(gripping(value)).outcome == ChunkResult.OUTCOME_DONE
        ros.spin_until(lambda width=width: abs(bench.driver.robot.width() - width) < 1e-4)
    assert 'robot' not in bench.peer.seen  # mock hardware says nothing of itself
    assert bench.call(bench.peer.recover).success


def test_a_reflex_latches_by_name_and_recovery_leads_back(bench: Bench) -> None:
    bench.send(FORWARD)
    bench.ros.spin_until(lambda: len(bench.peer.trajectories) >= 2)
    bench.arm.reflex('joint_reflex')
    assert 'mode reflex with joint_reflex' in bench.latched()
    bench.ros.spin_until(lambda: bench.peer.results)
    assert bench.peer.results[-1].outcome == ChunkResult.OUTCOME_FAULT
    bench.diagnosed('robot', 'joint_reflex')
    assert bench.run(FORWARD).message.startswith('latched: ')
    refused = bench.call(bench.peer.clear)
    assert not refused.success and 'the cause is still there' in refused.message

    answer = bench.call(bench.peer.recover)
    assert answer.success, answer.message
    assert bench.arm.steps == list(STEPS)
    assert (bench.arm.switch_timeout.sec, bench.arm.switch_timeout.nanosec) == (0, 500_000_000)
    assert bench.run(FORWARD).message.startswith('latched: ')  # not before somebody has looked
    assert bench.call(bench.peer.clear).success
    bench.holding()
    result = bench.run(FORWARD)  # from where the arm was left, which no chunk commanded
    assert result.outcome == ChunkResult.OUTCOME_DONE, result.message


STEPS = ('error_recovery', 'set_hardware_component_state', 'switch_controller')


@pytest.mark.parametrize('how', ['', ' silently'])
def test_a_recovery_that_fails_names_the_step_and_can_be_tried_again(ros, how: str) -> None:
    bench = Bench(ros, **{'hardware.recover_timeout_s': 0.3}).up()
    bench.arm.reflex('cartesian_reflex')
    bench.latched()
    complaints = (
        'the robot did not leave its error state',
        "got FrankaHardwareInterface in state 'unconfigured', expected active",
        'got a refusal for joint_state_broadcaster, franka_robot_state_broadcaster, fr3_arm_',
    )
    for number, step in enumerate(STEPS):
        bench.arm.fails_at = step + how
        answer = bench.call(bench.peer.recover)
        after = f' after {", ".join(STEPS[:number])}' if number else ''
        complaint = 'the server: got no answer within 0.3 s' if how else complaints[number]
        assert answer.message.startswith(f'recover: {step} failed{after}: {complaint}')
        assert not answer.success
        assert not bench.call(bench.peer.clear).success
    bench.arm.fails_at = ''
    assert bench.call(bench.peer.recover).success
    assert bench.call(bench.peer.clear).success
    assert bench.run(STILL).outcome == ChunkResult.OUTCOME_DONE


def test_an_arm_that_does_not_follow_latches_and_its_chunk_times_out(bench: Bench) -> None:
    bench.run(FORWARD)
    bench.arm.deaf = True
    while bench.peer.status.state != DriverStatus.STATE_LATCHED:
        result = bench.run(FORWARD * 2)
    assert result.outcome in (ChunkResult.OUTCOME_TIMEOUT, ChunkResult.OUTCOME_REJECTED)
    assert any(r.outcome == ChunkResult.OUTCOME_TIMEOUT for r in bench.peer.results)
    assert bench.latched().startswith('controller: got fr3_joint')
    bench.diagnosed('command gate', 'from its command for')
    bench.arm.deaf = False
    assert bench.call(bench.peer.clear).success
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_an_arm_is_lost_from_one_chunk_to_the_next(ros) -> None:
    """However short the chunks are beside the time that it may be lost."""
    late = {'hardware.follow_timeout_s': 1.0, 'gate.jump_tolerance_rad': 1.0}
    bench = Bench(ros, **late).up()
    bench.arm.deaf = True
    for _ in range(12):
        if bench.run(FORWARD * 2).outcome == ChunkResult.OUTCOME_TIMEOUT:
            break
    assert bench.latched().startswith('controller: got fr3_joint')


@pytest.mark.parametrize('frozen', ['all', 'values'])
def test_joint_states_that_stop_latch_by_name_until_they_are_back(
    bench: Bench, frozen: str
) -> None:
    bench.send(FORWARD)
    bench.ros.spin_until(lambda: len(bench.peer.trajectories) >= 2)
    bench.arm.frozen = frozen
    assert '/joint_states: got none for' in bench.latched()
    bench.ros.spin_until(lambda: bench.peer.results)
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_REJECTED
    assert not bench.call(bench.peer.clear).success
    bench.arm.frozen = ''
    bench.ros.spin_for(0.05)
    assert bench.call(bench.peer.clear).success
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_states_of_the_robot_that_stop_latch_by_name_until_they_are_back(ros) -> None:
    bench = Bench(ros, **{'hardware.controllers': ['fr3_arm_controller']}).up()
    broadcaster = 'franka_robot_state_broadcaster'
    bench.arm.active.remove(broadcaster)
    said = '/robot_state: got none for'
    assert said in bench.latched()
    bench.diagnosed('robot', said)
    assert said in bench.call(bench.peer.clear).message
    assert said in bench.call(bench.peer.recover).message  # what was known is no longer known
    bench.arm.active.add(broadcaster)
    bench.ros.spin_for(0.05)
    assert bench.call(bench.peer.clear).success
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


@pytest.mark.parametrize('mode', ['OTHER', 'AUTOMATIC_ERROR_RECOVERY', 'GUIDING', 'USER_STOPPED'])
def test_a_robot_in_a_mode_of_others_takes_no_commands(mode: str) -> None:
    number = getattr(FrankaRobotState, f'ROBOT_MODE_{mode}')
    words = mode.lower().replace('_', ' ')
    assert f'got mode {words} with no error' in fault_of(FrankaRobotState(robot_mode=number))
    assert not fault_of(FrankaRobotState(robot_mode=FrankaRobotState.ROBOT_MODE_MOVE))


def test_a_second_publisher_of_commands_latches_under_way(bench: Bench) -> None:
    bench.send(FORWARD)
    bench.ros.spin_until(lambda: len(bench.peer.trajectories) >= 2)
    other = bench.peer.create_publisher(JointTrajectory, names.TRAJECTORY, qos.COMMAND)
    assert bench.latched().startswith('somebody else commands /')
    bench.ros.spin_until(lambda: bench.peer.results)
    assert bench.peer.results[-1].outcome == ChunkResult.OUTCOME_FAULT
    bench.peer.destroy_publisher(other)
    bench.ros.spin_until(lambda: bench.driver.count_publishers(names.TRAJECTORY) == 1)
    assert bench.call(bench.peer.clear).success
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_a_driver_that_stood_still_sends_nothing_late(bench: Bench) -> None:
    bench.send(FORWARD)
    bench.ros.spin_until(lambda: len(bench.peer.trajectories) >= 2)
    bench.driver.robot.late_s = -10.0  # as if it had been suspended just now
    assert bench.latched().startswith('driver: got -')
    count = len(bench.peer.trajectories)
    bench.ros.spin_until(lambda: bench.peer.results)
    bench.ros.spin_for(0.1)
    assert len(bench.peer.trajectories) == count  # the window that the arm has ends at rest
    bench.driver.robot.late_s = 1.0
    assert bench.call(bench.peer.clear).success
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_a_robot_in_an_error_when_the_driver_starts_latches_it(ros) -> None:
    bench = Bench(ros)
    bench.arm.robot.current_errors.power_limit_violation = True
    assert 'power_limit_violation' in bench.latched()


class TestCrisp:
    """Targets for a Cartesian controller instead of trajectories."""

    @pytest.fixture
    def bench(self, ros) -> Bench:
        crisp = {'arm': 'crisp', 'controllers': ['pose_controller'], 'follow_tolerance_rad': 0.5}
        bench = Bench(ros, **{f'hardware.{name}': value for name, value in crisp.items()})
        bench.targets = []
        bench.peer.create_subscription(
            PoseStamped, names.TARGET_POSE, bench.targets.append, qos.DECISION
        )
        return bench.up()

    def test_targets_lead_along_the_planned_path_at_a_steady_rate(self, bench: Bench) -> None:
        start = tool(START)
        assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE
        bench.ros.spin_until(lambda: not bench.driver.robot.arm.busy)
        bench.ros.spin_for(0.05)
        x = np.array([target.pose.position.x for target in bench.targets])
        # Half of 50 Hz, on a busy machine.
        assert len(x) >= NUM_EXECUTE * STEP_NS * 1e-9 * 25.0
        assert (np.diff(x) > -1e-6).all()
        assert x[0] == pytest.approx(start[0], abs=2e-3)
        assert x[-1] == pytest.approx(start[0] + NUM_EXECUTE * 0.006, abs=2e-3)
        for target in bench.targets:
            planned = bench.driver.driver.executor.commanded_at(stamp_to_ns(target.header.stamp))
            ahead = target.pose.position.x - tool(planned.joints)[0]
            assert -1e-3 < ahead < 1e-6  # a window that comes late finds the arm braking
        last = bench.targets[-1]
        assert last.header.frame_id == 'base'
        q = last.pose.orientation
        assert abs(q.x) == pytest.approx(1.0, abs=1e-3) or abs(q.y) == pytest.approx(1.0, abs=1e-3)
        assert not bench.peer.trajectories

    def test_a_driver_that_stood_still_does_not_send_old_targets(self, bench: Bench) -> None:
        bench.send(FORWARD)
        bench.ros.spin_until(lambda: len(bench.targets) >= 2)
        time.sleep(0.3)  # as between SIGSTOP and SIGCONT
        assert 'target_pose: got a gap of' in bench.latched()
        count = len(bench.targets)
        bench.ros.spin_until(lambda: bench.peer.results)
        bench.arm.measured[:] = START
        assert bench.call(bench.peer.clear).success
        assert bench.run(STILL).outcome == ChunkResult.OUTCOME_DONE
        assert len(bench.targets) > count

    def test_a_stop_takes_the_place_of_a_segment_that_was_sent_ahead(self, ros) -> None:
        node = ros.add(lambda **options: Node('crisp', **options))
        targets: list[PoseStamped] = []
        node.create_subscription(PoseStamped, names.TARGET_POSE, targets.append, qos.DECISION)
        commands = CrispCommands(node, lambda: FR3, HardwareConfig(target_ttl_s=0.2))
        commands.open()
        ros.spin_until(lambda: not commands.missing())
        now_ns, step_ns = node.get_clock().now().nanoseconds, 100_000_000

        def segment(start_ns: int, end: np.ndarray) -> Segment:
            way = Way(np.array([0, step_ns]), np.stack([START, end]), np.zeros((2, 7)))
            return Segment(way, start_ns, start_ns + step_ns, None, 0)

        stop = segment(now_ns + step_ns, START)
        commands.send(segment(now_ns, START + 0.1))
        commands.send(segment(stop.start_ns + step_ns, START + 0.1))
        commands.send(stop)
        ros.spin_until(lambda: not commands.busy)
        stamps = np.array([stamp_to_ns(target.header.stamp) for target in targets])
        y = np.array([target.pose.position.y for target in targets])
        assert (y[stamps < stop.start_ns] > tool(START)[1] + 1e-4).any()
        late = stamps > stop.start_ns
        assert late.any()
        np.testing.assert_allclose(y[late], tool(START)[1], atol=1e-6)


@pytest.mark.parametrize(
    ('options', 'count'),
    [
        ({'robot_mode': 'mock'}, 1),
        ({}, 0),
        ({'hardware.tool_pose': 'driver'}, 1),
        ({'robot_mode': 'mock', 'hardware.tool_pose': 'robot'}, 0),
    ],
)
def test_the_driver_tells_where_the_tool_is_where_the_stack_does_not(
    ros, options: dict, count: int
) -> None:
    """By the joints of the same stamp, as a best-effort stream like the vendor's."""
    bench = Bench(ros, **options)
    states: dict[int, JointState] = {}
    poses: list[PoseStamped] = []
    listen = bench.peer.create_subscription
    listen(JointState, names.JOINT_STATES, lambda m: states.update({nanoseconds(m): m}), 10)
    listen(PoseStamped, names.TOOL_POSE, poses.append, qos.SENSOR)
    bench.up()
    assert bench.peer.count_publishers(names.TOOL_POSE) == count
    if count:
        ros.spin_until(lambda: poses and nanoseconds(poses[-1]) in states)
        joints = positions_from_msg(states[nanoseconds(poses[-1])], FR3.joint_names)
        told, pose = poses[-1].pose, Kinematics(FR3).tool_pose(joints)
        np.testing.assert_allclose(
            [told.position.x, told.position.y, told.position.z], pose[:3, 3], atol=1e-9
        )
        turned = told.orientation
        quaternion = [turned.w, turned.x, turned.y, turned.z]
        np.testing.assert_allclose(mink.SO3(np.array(quaternion)).as_matrix(), pose[:3, :3])


def nanoseconds(message: Any) -> int:
    return stamp_to_ns(message.header.stamp)


def test_what_is_not_installed_is_said_in_one_line(ros, monkeypatch) -> None:
    installed = find_spec
    monkeypatch.setattr(
        'dsrl_ros.robots.model.requirements.find_spec',
        lambda name: None if name == 'controller_manager_msgs' else installed(name),
    )
    with pytest.raises(
        ConfigError, match='robot_mode real: got no controller_manager_msgs, '
    ) as e:
        ros.add(DriverNode, **REAL)
    assert '\n' not in str(e.value)


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        ({'real_time': False}, 'real_time: got false with robot_mode real'),
        (
            {'hardware.arm': 'crisp'},
            'controllers: got .* with arm crisp, expected your',
        ),
        ({'brake_s': 0.15, 'window_s': 0.15}, 'brake_s: got 0.15, expected at most 0.05 s less'),
    ],
)
def test_options_that_contradict_each_other_are_errors(ros, options: dict, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        ros.add(DriverNode, **{**REAL, **options})
