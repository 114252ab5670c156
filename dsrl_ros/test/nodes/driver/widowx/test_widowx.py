"""The driver on a WidowX, as nodes: each trap of the vendor's stack, and what is done about it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('interbotix_xs_msgs', reason='`make test` builds test/vendor_ws')

from geometry_msgs.msg import PoseStamped
from hardware_bench import CLOSING, FORWARD, OPENING, REAL, STILL, HardwareBench, gripping
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from vendor_urdfs import TURN, widowx_urdf
from widowx_standins import ARM, GRIPPER, SHADOWS, SLEEP, START, StandInXs

from dsrl_msgs.msg import ChunkResult
from dsrl_ros.cli.pose import PoseMover
from dsrl_ros.core.errors import ConfigError, DriverError, ShapeMismatchError
from dsrl_ros.nodes.driver.node import DriverNode
from dsrl_ros.nodes.driver.widowx import preparation, services
from dsrl_ros.nodes.driver.widowx.states import XsStates
from dsrl_ros.nodes.motion_planner.node import MotionPlannerNode
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.widowx import WX250S
from dsrl_ros.ros import names, qos

OPTIONS = {
    'robot_model': 'wx250s',
    'hardware.description': 'shipped',
    # Behind by one period of its targets and one of its profile.
    'hardware.follow_tolerance_rad': 0.2,
    'hardware.gripper_close_below_m': 0.045,
    'hardware.gripper_open_above_m': 0.06,
    'widowx.look_s': 0.2,
}
JUMP_RAD = 0.08  # from one state to the next; the fastest that chunks here ask for is a fifth
PROFILE_MS = 50
SAG_RAD = 0.065  # of an arm stretched out, at the vendor's gains


class Bench(HardwareBench):
    """With a WidowX. States of its gripper come with those of its joints."""

    def __init__(self, ros: Any, arm: dict[str, Any] | None = None, **options: Any) -> None:
        self.arm: StandInXs = ros.add(lambda **node: StandInXs(**(arm or {}), **node))
        super().__init__(ros, **{**OPTIONS, **options})


@pytest.fixture
def make(ros) -> Callable[..., Bench]:
    return lambda *given, **options: Bench(ros, *given, **options)


@pytest.fixture
def bench(make: Callable[..., Bench]) -> Bench:
    return make().ready()


async def _refused(_: object) -> None:
    raise DriverError('refused at once')


def tool(joints: np.ndarray) -> np.ndarray:
    return Kinematics(WX250S).tool_position(joints)


def test_the_two_seconds_of_the_vendors_profile_are_gone_before_anything_moves(
    bench: Bench,
) -> None:
    """Set while the motors hold: nothing lets go, and nothing jumps."""
    assert bench.arm.calls == [
        f'set Profile_Velocity {PROFILE_MS}',
        'set Profile_Acceleration 20',
    ]
    assert (bench.arm.commands, bench.arm.furthest) == ([], 0.0)
    begin = tool(bench.arm.measured)
    for _ in range(2):
        assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE
    bench.ros.spin_until(lambda: not bench.driver.robot.arm.busy)
    bench.ros.spin_for(0.2)
    moved = tool(bench.arm.measured) - begin
    np.testing.assert_allclose(moved, [2 * 2 * 0.006, 0.0, 0.0], atol=2e-3)
    assert 0.0 < bench.arm.furthest < JUMP_RAD
    assert bench.arm.lets_go == 0.0


def test_the_vendors_simulated_driver_has_motors_without_registers(make) -> None:
    bench = make({'registers_told': False}, robot_mode='mock').ready()
    assert bench.call(bench.peer.recover).success
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE
    assert 'motors' not in bench.peer.seen
    # Pressed, its fingers would go round and round: it has none that meet anything.
    bench.run(gripping(CLOSING))
    bench.ros.spin_until(lambda: bench.arm.efforts == [-250.0, 0.0])


def test_motors_that_let_go_get_their_goal_where_they_are_before_they_hold(make) -> None:
    """The arm was moved by hand: its goal is from before, half a radian away."""
    bench = make({'place': np.array(SLEEP), 'holds': False})
    for name in ARM:
        bench.arm.motors[name].goal += 0.5
    bench.ready()
    assert bench.arm.calls[-1] == 'torque arm on'
    assert all(bench.arm.motors[name].registers['Torque_Enable'] for name in ARM)
    bench.ros.spin_for(0.2)
    assert bench.arm.furthest < 0.02
    np.testing.assert_allclose(bench.arm.measured, SLEEP, atol=0.02)


def test_a_goal_that_does_not_arrive_keeps_the_motors_from_holding(make, monkeypatch) -> None:
    monkeypatch.setattr(services, 'ANSWER_TIMEOUT_S', 0.3)
    bench = make({'place': np.array(SLEEP), 'holds': False})
    bench.arm.motors['elbow'].goal += 0.5
    bench.arm.on_group = lambda _: None  # nothing on this topic gets through
    bench.arm.destroy_subscription(next(iter(bench.arm.subscriptions)))
    bench.arm.create_subscription(JointGroupCommand, names.XS_GROUP, lambda _: None, 10)
    said = bench.latched()
    assert 'the goal of elbow 326 ticks from where it is' in said
    assert 'torque arm on' not in bench.arm.calls


def amid_preparation(make: Callable[..., Bench]) -> Bench:
    """Return a bench whose driver goes on sending goals to motors that take none."""
    bench = make({'place': np.array(SLEEP), 'holds': False})
    bench.arm.motors['elbow'].goal += 0.5
    bench.arm.destroy_subscription(next(iter(bench.arm.subscriptions)))  # no goal gets through
    tried: list[JointGroupCommand] = []
    bench.peer.create_subscription(JointGroupCommand, names.XS_GROUP, tried.append, 10)
    bench.ros.spin_until(lambda: tried)
    return bench


def test_motors_are_prepared_no_further_once_the_driver_gives_them_up(make) -> None:
    bench = amid_preparation(make)
    for change in (bench.driver.trigger_deactivate, bench.driver.trigger_cleanup):
        assert change() == TransitionCallbackReturn.SUCCESS
    bench.ros.spin_for(0.3)
    assert 'torque arm on' not in bench.arm.calls


def test_an_emergency_stop_ends_the_preparation_of_the_motors(make) -> None:
    """Whoever pressed it has a hand on an arm that does not hold: so it stays."""
    bench = amid_preparation(make)
    bench.call(bench.peer.create_client(Trigger, names.ESTOP))
    bench.arm.create_subscription(JointGroupCommand, names.XS_GROUP, bench.arm.on_group, 10)
    bench.ros.spin_for(0.4)
    assert 'torque arm on' not in bench.arm.calls
    assert bench.peer.status.message == 'emergency stop by service'
    assert bench.call(bench.peer.clear).success
    bench.ros.spin_until(lambda: bench.driver.driver.linked)
    assert bench.arm.calls[-1] == 'torque arm on'


def test_a_driver_that_starts_stopped_prepares_nothing_before_it_is_cleared(make) -> None:
    bench = make({'place': np.array(SLEEP), 'holds': False}, autostart=False)
    bench.ros.spin_until(lambda: not bench.driver.startup.missing())
    bench.call(bench.peer.create_client(Trigger, names.ESTOP))
    for change in (bench.driver.trigger_configure, bench.driver.trigger_activate):
        assert change() == TransitionCallbackReturn.SUCCESS
    bench.ros.spin_for(0.5)
    assert bench.arm.calls == []
    assert bench.call(bench.peer.clear).success
    bench.ros.spin_until(lambda: bench.driver.driver.linked)
    assert bench.arm.calls[-1] == 'torque arm on'


@pytest.mark.parametrize('loose', ['wrist_rotate', 'elbow_shadow'])
def test_a_mode_is_not_changed_while_one_motor_holds_the_arm_up(make, loose: str) -> None:
    bench = make()
    for name in ARM:
        bench.arm.motors[name].profile = 'velocity'
    bench.arm.motors[loose].registers['Torque_Enable'] = 0
    assert 'lets the arm go: bring it to its sleep pose' in bench.latched()
    assert bench.arm.calls == []


@pytest.mark.parametrize('asleep', [True, False])
def test_another_profile_is_changed_where_the_arm_cannot_fall(make, asleep: bool) -> None:
    """The modes of the vendor's ros2_control: to change them lets the arm go for a moment."""
    bench = make({'place': np.array(SLEEP) if asleep else START})
    for name in ARM:
        bench.arm.motors[name].profile = 'velocity'
    if asleep:
        bench.ready()
        assert bench.arm.calls[:2] == ['torque arm off', 'mode arm']
        assert {bench.arm.motors[name].profile for name in ARM} == {'time'}
        return
    assert 'lets the arm go: bring it to its sleep pose' in bench.latched()
    assert (bench.arm.calls, bench.arm.lets_go) == ([], 0.0)
    for name in ARM:  # somebody has started xs_sdk with the right modes
        bench.arm.motors[name].profile = 'time'
    assert bench.call(bench.peer.clear).success
    bench.holding()


def test_a_mode_in_which_a_position_is_no_goal_is_refused(make) -> None:
    bench = make({'place': np.array(SLEEP)})
    for name in ARM:
        bench.arm.motors[name].mode = 'velocity'
    said = bench.latched()
    assert 'the arm in mode velocity' in said and 'widowx_modes.yaml' in said
    assert (bench.arm.calls, bench.arm.commands) == ([], [])


def test_an_arm_whose_motors_are_not_all_there_is_not_commanded(make) -> None:
    bench = make()
    bench.arm.unread.add('wrist_angle')
    assert 'wrist_angle: got no answer' in bench.latched()
    assert bench.arm.calls == []


def test_a_motor_that_falls_silent_while_it_is_prepared_is_missed(make) -> None:
    bench = make(**{'widowx.look_s': 60.0})
    bench.ros.spin_until(lambda: bench.driver.robot.motors.reads == 1)
    bench.arm.unread.add('wrist_angle')
    assert 'of 6 motors, expected 8' in bench.latched()
    assert bench.arm.calls == []


def test_an_arm_that_drives_to_sleep_at_start_is_waited_for(make) -> None:
    """As XSHardwareInterface has it: the chunk begins where the arm has come to rest."""
    bench = make()
    end = Kinematics(WX250S).solve_down(np.array([0.28, 0.08, 0.12]), START)
    bench.arm.drive_to(end)
    bench.ready()
    np.testing.assert_allclose(bench.arm.measured, end, atol=1e-6)
    result = bench.run(STILL)
    assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
    np.testing.assert_allclose(bench.arm.measured, end, atol=1e-3)


def test_an_arm_that_never_rests_is_named(make, monkeypatch) -> None:
    monkeypatch.setattr(preparation, 'REST_TIMEOUT_S', 0.5)
    bench = make()
    bench.arm.motors['waist'].registers['Profile_Velocity'] = 20_000
    bench.arm.drive_to(START + 1.0)
    assert 'got one that moves for 0.5 s' in bench.latched()


@pytest.mark.parametrize('value', [np.nan, np.inf, 1e27])
def test_what_xs_sdk_would_take_never_leaves_the_driver(bench: Bench, value: float) -> None:
    """It checks neither numbers nor limits: nothing is sent, or nothing beyond them."""
    rows = FORWARD.copy()
    rows[1, 0] = value
    bench.run(rows)
    bench.ros.spin_for(0.1)
    sent = np.array(bench.arm.commands).reshape(-1, len(ARM))
    assert np.isfinite(sent).all()
    assert (sent >= WX250S.position_low).all() and (sent <= WX250S.position_high).all()
    assert bench.arm.furthest < JUMP_RAD


def test_goals_at_a_limit_stay_within_it_in_single_precision(bench: Bench) -> None:
    """3.14 rounded to 32 bits is more than 3.14."""
    arm = bench.driver.robot.arm
    for limit in (WX250S.position_low, WX250S.position_high):
        arm.hold(np.array(limit))
    arm.hold(np.full(6, np.nan))
    bench.ros.spin_until(lambda: len(bench.arm.commands) >= 1)
    bench.ros.spin_for(0.1)
    sent = np.array(bench.arm.commands)
    assert np.isfinite(sent).all()
    assert (sent >= WX250S.position_low).all() and (sent <= WX250S.position_high).all()


@pytest.mark.parametrize('first', ['waist', 'wrist_rotate', 'gripper'])
def test_a_bus_that_was_not_read_is_no_place_of_the_arm(bench: Bench, first: str) -> None:
    """The vendor says -pi of each joint from there on, which a wrist can be, and stamps it."""
    poses: list[PoseStamped] = []
    bench.peer.create_subscription(PoseStamped, names.TOOL_POSE, poses.append, qos.SENSOR)
    bench.ros.spin_until(lambda: poses)
    width = bench.driver.robot.width()
    bench.arm.unread_from = first
    bench.ros.spin_for(0.1)
    np.testing.assert_allclose(bench.driver.robot.joints(), START, atol=0.01)
    where = [[p.pose.position.x, p.pose.position.y, p.pose.position.z] for p in poses]
    np.testing.assert_allclose(where, np.tile(tool(START), (len(where), 1)), atol=1e-3)
    assert bench.driver.robot.width() == pytest.approx(width, abs=1e-6)
    assert 'joint_states: got none for' in bench.latched()
    bench.arm.unread_from = None
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)
    bench.holding()


def test_a_joint_that_was_turned_too_far_by_hand_is_named(bench: Bench) -> None:
    bench.arm.drive_to(np.array([*START[:2], WX250S.position_high[2] + 0.2, *START[3:]]))
    assert 'arm: got elbow at 1.80' in bench.latched()
    bench.arm.drive_to(START)
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)
    bench.holding()


def test_what_was_true_of_another_robots_joints_is_so_no_more() -> None:
    told = XsStates('gripper')
    state = JointState(name=[*ARM, *WX250S.finger_names], position=[*START.tolist(), 0.02, -0.02])
    assert told.take(state, WX250S) and told.width == pytest.approx(0.04)
    state.name[0] = 'another'
    with pytest.raises(ShapeMismatchError):
        told.take(state, WX250S)
    assert told.joints is None and told.width is None
    for wrong in (np.nan, np.inf):
        state.name[0], state.position[0] = ARM[0], wrong
        assert not told.take(state, WX250S)


def test_the_gripper_presses_until_it_meets_something_and_then_holds_gently(make) -> None:
    bench = make().ready()
    bench.arm.object_width = 0.05
    assert bench.run(gripping(CLOSING)).outcome == ChunkResult.OUTCOME_DONE
    bench.ros.spin_until(lambda: bench.arm.efforts == [-250.0, -150.0])
    assert bench.arm.width == pytest.approx(0.05)
    bench.arm.object_width = 0.0
    bench.run(gripping(OPENING))
    bench.ros.spin_until(lambda: bench.arm.efforts == [-250.0, -150.0, 250.0, 0.0])
    # Stopped at the end of the fingers' way, and not at that of the linkage.
    assert bench.arm.width == pytest.approx(WX250S.gripper_high, abs=0.004)
    bench.ros.spin_until(lambda: bench.peer.seen['gripper'].message == 'fine')


def test_a_width_is_between_both_fingers_where_the_motor_takes_one(make) -> None:
    """Twice what joint_states say of one: the vendor's own ros2_control doubles it, too."""
    bench = make(**{'widowx.gripper': 'linear_position'}).ready()
    assert f'mode {GRIPPER}' in bench.arm.calls
    bench.run(gripping(OPENING))
    bench.ros.spin_until(lambda: abs(bench.arm.width - WX250S.gripper_high) < 1e-4)
    assert set(np.round(bench.arm.efforts, 6)) == {round(WX250S.gripper_high, 6)}
    assert bench.driver.robot.width() == pytest.approx(WX250S.gripper_high)


def test_fingers_that_do_not_open_are_named_and_stop_nothing(bench: Bench) -> None:
    bench.run(gripping(CLOSING))
    bench.ros.spin_until(lambda: len(bench.arm.efforts) == 2)
    bench.arm.move_fingers = lambda: None
    bench.run(gripping(OPENING))
    bench.diagnosed('gripper', 'expected 0.074 m')
    assert bench.arm.efforts[-1] == 0.0
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


@pytest.mark.parametrize('motor', ['elbow', 'elbow_shadow'])
def test_an_overload_that_nobody_signals_is_found_and_rebooted(bench: Bench, motor: str) -> None:
    """After it the motor knows no profile and holds nothing: clear sets both, without a jump.

    A second motor that stayed loose would leave the joint's whole load to the first.
    """
    bench.arm.fail(motor, bit=5)
    assert f'motor {motor}: got no answer' in bench.latched()
    bench.diagnosed('motors', f'motor {motor}: got no answer')
    refused = bench.call(bench.peer.clear)
    assert not refused.success and 'the cause is still there' in refused.message
    done = bench.call(bench.peer.recover)
    assert done.success and done.message.startswith(f'rebooted {motor}. ')
    bench.arm.furthest = 0.0
    bench.ros.spin_for(0.3)  # it hangs where it fell
    hangs, bench.arm.furthest = bench.arm.measured, 0.0
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)
    bench.holding()
    bench.ros.spin_until(lambda: bench.driver.driver.linked)
    for name in (*ARM, *SHADOWS):
        assert bench.arm.motors[name].registers['Profile_Velocity'] == PROFILE_MS
        assert bench.arm.motors[name].registers['Torque_Enable'] == 1
    assert bench.arm.furthest < 0.03
    np.testing.assert_allclose(bench.arm.measured, hangs, atol=0.03)


def test_a_motor_that_holds_does_not_sink_while_another_is_prepared(make) -> None:
    """Its goal sent where it is, it would be behind that too, and so on down to the table."""
    bench = make()
    shoulder = bench.arm.motors['shoulder']
    shoulder.goal, shoulder.sags = shoulder.place - 0.06, 0.06
    bench.ready()
    begin = shoulder.place
    bench.arm.fail('elbow', bit=5)
    bench.latched()
    assert bench.call(bench.peer.recover).success
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)
    bench.ros.spin_until(lambda: bench.driver.driver.linked)
    assert bench.arm.commands
    assert shoulder.place == pytest.approx(begin, abs=0.005)


def test_a_gripper_that_was_overloaded_holds_again_after_clear(bench: Bench) -> None:
    bench.arm.fail(GRIPPER, bit=5)
    assert 'motor gripper: got no answer' in bench.latched()
    assert bench.call(bench.peer.recover).success
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)
    bench.ros.spin_until(lambda: bench.driver.driver.linked)
    assert bench.arm.calls[-2:] == ['reboot all', 'torque gripper on']


def test_a_recovery_that_fails_names_the_motor(make) -> None:
    bench = make(**{'hardware.recover_timeout_s': 0.1}).ready()
    bench.arm.on_reboot = lambda *_: None
    bench.arm.fail('waist', bit=2)
    assert 'motor waist: got no answer' in bench.latched()
    bench.arm.calls.clear()
    bench.arm.silent.add(names.XS_REBOOT)
    done = bench.call(bench.peer.recover)
    assert not done.success and 'reboot_motors: got no answer' in done.message


def test_a_motor_that_gets_hot_is_warned_of_and_then_stops_the_robot(bench: Bench) -> None:
    bench.diagnosed('motors', 'fine')
    registers = bench.arm.motors['shoulder_shadow'].registers
    registers['Present_Temperature'] = 56
    bench.diagnosed('motors', 'shoulder_shadow get warm')
    registers['Present_Temperature'] = 66
    assert 'motor shoulder_shadow: got 66 degrees' in bench.latched()
    registers['Present_Temperature'] = 50
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)
    bench.holding()


def test_an_error_that_can_be_read_is_named(bench: Bench) -> None:
    bench.arm.alert_hides = False
    bench.arm.fail('waist', bit=2)
    assert 'motor waist: got overheating' in bench.latched()


def test_motors_that_cannot_be_asked_are_warned_of(make, monkeypatch) -> None:
    monkeypatch.setattr(services, 'ANSWER_TIMEOUT_S', 0.3)
    bench = make().ready()
    bench.arm.silent.add(names.XS_GET_REGISTERS)
    bench.diagnosed('motors', 'get_motor_registers: got no answer')
    bench.arm.silent.clear()
    bench.diagnosed('motors', 'fine')


def test_an_xs_sdk_that_does_not_answer_is_named(make, monkeypatch) -> None:
    monkeypatch.setattr(services, 'ANSWER_TIMEOUT_S', 0.3)
    bench = make()
    bench.arm.silent.add(names.XS_INFO)
    assert 'get_robot_info: got no answer within 0.3 s' in bench.latched()
    bench.arm.silent.clear()
    assert bench.call(bench.peer.clear).success
    bench.holding()


@pytest.mark.parametrize(
    ('kind', 'topic'),
    [
        (JointGroupCommand, names.XS_GROUP),
        (JointSingleCommand, names.XS_SINGLE),
        (String, names.XS_TRAJECTORY),
    ],
)
def test_somebody_else_who_commands_the_motors_latches(
    bench: Bench, kind: type, topic: str
) -> None:
    """On any of the three topics: the vendor's own trajectories, teleoperation, ros2_control."""
    other = bench.peer.create_publisher(kind, topic, qos.COMMAND)
    assert f'somebody else commands /{bench.ros.namespace[1:]}/{topic}' in bench.latched()
    bench.peer.destroy_publisher(other)


def test_joints_of_the_same_names_by_somebody_else_latch(make) -> None:
    """As the fake hardware of the vendor's MoveIt tells them, under the same robot_name."""
    bench = make()
    other = bench.peer.create_publisher(JointState, names.JOINT_STATES, qos.COMMAND)
    bench.ros.spin_until(
        lambda: any('to have one publisher' in text for text in bench.driver.startup.missing())
    )
    bench.peer.destroy_publisher(other)
    bench.ready()
    other = bench.peer.create_publisher(JointState, names.JOINT_STATES, qos.COMMAND)
    assert 'joint_states: got more than one publisher' in bench.latched()
    bench.peer.destroy_publisher(other)
    bench.ros.spin_until(lambda: bench.call(bench.peer.clear).success)


def test_the_hardware_interface_of_ros2_control_is_waited_for_to_go(make) -> None:
    """It drives the arm to sleep, at 10 Hz, and publishes where the driver does."""
    bench = make()
    own = bench.arm.create_publisher(JointGroupCommand, names.XS_GROUP, qos.COMMAND)
    bench.ros.spin_until(
        lambda: any(
            'commands/joint_group' in text for text in bench.driver.robot.other_publishers()
        )
    )
    assert any('to have no publisher' in text for text in bench.driver.startup.missing())
    bench.ros.spin_for(0.3)
    assert not bench.driver.driver.active
    bench.arm.destroy_publisher(own)
    bench.ready()


def test_the_arm_is_laid_to_sleep_by_command(make) -> None:
    bench = make().ready()
    bench.ros.add(MotionPlannerNode, robot_model='wx250s', planner='plain')
    node = bench.ros.add(lambda **options: Node('pose', **options))
    mover = PoseMover(node, lambda: bench.ros.spin_for(0.02), names.JOINT_STATES, 5.0)
    with pytest.raises(ConfigError, match="got 'ready' for wx250s, expected one of home, start"):
        mover.go('ready', 0.5)
    mover.go('sleep', 0.5)
    bench.ros.spin_for(0.2)
    np.testing.assert_allclose(bench.arm.measured, SLEEP, atol=0.01)
    assert bench.arm.furthest < JUMP_RAD
    nobody = PoseMover(node, lambda: bench.ros.spin_for(0.02), 'nowhere', 0.1)
    with pytest.raises(DriverError, match='nowhere: got nothing within'):
        nobody.go('sleep', 0.5)


def test_an_arm_that_sags_under_its_load_is_moved_all_the_same(make) -> None:
    """Every move begins where the arm is measured: below where it is commanded to be."""
    bench = make()
    shoulder = bench.arm.motors['shoulder']
    shoulder.goal, shoulder.sags = shoulder.place - SAG_RAD, SAG_RAD
    bench.ready()
    bench.ros.add(MotionPlannerNode, robot_model='wx250s', planner='plain')
    node = bench.ros.add(lambda **options: Node('pose', **options))
    mover = PoseMover(node, lambda: bench.ros.spin_for(0.02), names.JOINT_STATES, 5.0)
    for pose in ('start', 'sleep'):
        mover.go(pose, 0.4)
        bench.ros.spin_for(0.2)
    np.testing.assert_allclose(bench.arm.commands[-1], SLEEP, atol=1e-3)
    result = bench.run(STILL)
    assert 'jump' not in result.message


def test_limits_come_from_the_vendors_urdf_and_the_links_bear_the_robots_name(make) -> None:
    bench = make(**{'hardware.description': 'auto'})
    bench.ros.spin_until(
        lambda: any('robot_description' in text for text in bench.driver.startup.missing())
    )
    bench.arm.describe(widowx_urdf().replace(f'lower="{-TURN}"', 'lower="-1.5"', 1))
    bench.ready()
    assert bench.driver.robot.describe().position_low[0] == -1.5
    bench.arm.describe(widowx_urdf().replace('wx250s/', 'left/'))
    assert 'got no link wx250s/ee_gripper_link' in bench.latched()


def test_who_interrupts_the_way_to_a_pose_stops_the_arm(make) -> None:
    bench = make().ready()
    bench.ros.add(MotionPlannerNode, robot_model='wx250s', planner='plain')
    node = bench.ros.add(lambda **options: Node('pose', **options))
    pressed: list[bool] = []

    def spin() -> None:
        bench.ros.spin_for(0.02)
        if bench.arm.commands and not pressed:
            pressed.append(True)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        PoseMover(node, spin, names.JOINT_STATES, 5.0).go('sleep', 0.5)
    bench.ros.spin_until(lambda: not bench.driver.driver.busy, timeout_s=1.0)
    assert np.abs(bench.arm.measured - START).max() < 0.3


def test_the_group_of_another_arm_is_refused(make) -> None:
    """Again after every clear, at once as it is: the driver says so each time."""
    bench = make(**{'widowx.group': 'all'})
    assert 'got group all of' in bench.latched()
    bench.driver.robot.preparation.run = _refused
    for _ in range(3):
        assert bench.call(bench.peer.clear).success
        bench.ros.spin_until(lambda: bench.driver.driver.latch.cause == 'refused at once')


def test_options_that_contradict_each_other_are_errors(ros) -> None:
    for options, error in (
        ({'widowx.profile_acceleration_ms': 40}, 'at most half of profile_ms, 50'),
        ({'widowx.temperature_stop_c': 50}, 'more than temperature_warn_c, 55'),
        ({'hardware.gripper': 'none'}, 'hardware.gripper: got none for wx250s'),
    ):
        with pytest.raises(ConfigError, match=error):
            ros.add(DriverNode, **{**REAL, **OPTIONS, **options})
