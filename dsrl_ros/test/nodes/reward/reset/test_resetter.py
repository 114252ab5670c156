"""A reset calls driver, planner, scene and person in order and names each failure."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.action import ActionClient, ActionServer
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dsrl_msgs.action import MoveArm
from dsrl_msgs.msg import DriverStatus, TaskStatus
from dsrl_msgs.srv import SetScene
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.motion_planner.node import MotionPlannerNode
from dsrl_ros.nodes.reward.reset.resetter import Resetter
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.ros import names, qos, stamps
from dsrl_ros.ros.robot_messages import joints_to_msg
from dsrl_ros.tasks.reset_plan import Failure, ResetStep

KINEMATICS = Kinematics(FR3)
HOME = KINEMATICS.solve_down(np.array([0.45, 0.0, 0.25]), np.array(FR3.home))
LOW = KINEMATICS.solve_down(np.array([0.5, 0.1, 0.03]), HOME)
STEPS = tuple(step.value for step in ResetStep)
STAMP_NS = 5  # of the joint states
OF_THE_SCENE = ('recover', 'arrange', 'verify')


class Robot(Node):
    """Driver and simulation as a reset sees them."""

    def __init__(self, **node_options) -> None:
        super().__init__('robot', **node_options)
        self.joints, self.goals, self.calls = LOW, [], []
        self.failing_moves = self.failing_scenes = 0
        self.reset_count = 0
        self.status = DriverStatus(state=DriverStatus.STATE_HOLDING)
        self.stays = False  # where it is, although its moves succeed
        self.silent = False  # never responds to recover
        self.end_of_move: Future | None = None  # awaited before a move ends
        self._status = self.create_publisher(DriverStatus, names.DRIVER_STATUS, qos.STATUS)
        self._task = self.create_publisher(TaskStatus, names.TASK_STATUS, qos.DECISION)
        self._joints = self.create_publisher(JointState, names.JOINT_STATES, qos.SENSOR)
        ActionServer(self, MoveArm, names.MOVE_ARM, self._on_move)
        self.create_service(SetScene, names.SET_SCENE, self._on_scene)
        self.person = {
            name: self.create_client(Trigger, name)
            for name in (names.SCENE_READY, names.SCENE_NOT_READY)
        }
        self._group = ReentrantCallbackGroup()  # a response that never comes blocks no other
        for name in (names.RECOVER, names.CLEAR_FAULT):
            self.create_service(
                Trigger, name, partial(self._on_call, name), callback_group=self._group
            )
        self.create_timer(0.01, self._show)

    def say(self, state: int, message: str = '') -> None:
        self.status = DriverStatus(state=state, message=message)
        self._status.publish(self.status)

    def listeners(self) -> int:
        """Return how many listen to the status of the driver and to the joints."""
        counts = (self._status.get_subscription_count(), self._joints.get_subscription_count())
        return min(counts)

    def show_task(self, success: bool = False) -> None:
        self._task.publish(TaskStatus(success=success, reset_count=self.reset_count))

    def as_person(self, ros, name: str) -> bool:
        """Call a service as a person; return whether it was accepted."""
        ros.spin_until(self.person[name].service_is_ready)
        response = self.person[name].call_async(Trigger.Request())
        ros.spin_until(response.done)
        return response.result().success

    def _show(self) -> None:
        self._status.publish(self.status)
        self._joints.publish(joints_to_msg(STAMP_NS, FR3.joint_names, self.joints))

    async def _on_move(self, goal):
        self.goals.append(goal.request)
        if self.end_of_move is not None:
            self.under_way = goal
            await self.end_of_move
        if self.failing_moves:
            self.failing_moves -= 1
            self.say(DriverStatus.STATE_LATCHED, 'reflex')
            goal.abort()
            return MoveArm.Result(error_code=MoveArm.Result.FAULT, error_message='reflex')
        points = goal.request.trajectory.points
        if points and not self.stays:
            self.joints = np.array(points[-1].positions)
            self._show()
        goal.succeed()
        return MoveArm.Result()

    def _on_scene(self, request, response):
        self.calls.append(request.seed)
        response.success = not self.failing_scenes
        if self.failing_scenes:
            self.failing_scenes -= 1
            response.message = 'no room for the cube'
            return response
        self.reset_count += 1
        response.reset_count, response.stamp = self.reset_count, stamps.stamp_from_ns(77)
        self.show_task()
        return response

    async def _on_call(self, name, _, response):
        self.calls.append(name)
        if self.silent:
            await Future(executor=self.executor)
        if name == names.CLEAR_FAULT:
            self.say(DriverStatus.STATE_HOLDING)
        response.success = True
        return response


@pytest.fixture
def reset(ros):
    """Return a robot and what resets it: a function that returns a reset under way."""
    robot = ros.add(Robot)

    def start(planner=False, **options):
        given = {'home': tuple(HOME.tolist()), 'step_timeout_s': 2.0, **options}
        config = ResetConfig(**given)
        node = ros.add(lambda **given: Node('resets', **given))
        before = robot.listeners()
        if 'home' in config.steps:
            ros.add(MotionPlannerNode, planner='plain')
        resetter = Resetter(node, config, FR3)
        ros.spin_until(lambda: connected(node, planner or 'home' in config.steps))
        heard: list[type] = []
        for kind, topic, profile in (
            (DriverStatus, names.DRIVER_STATUS, qos.STATUS),
            (JointState, names.JOINT_STATES, qos.SENSOR),
        ):
            node.create_subscription(kind, topic, lambda it: heard.append(type(it)), profile)
        ros.spin_until(lambda: robot.listeners() == before + 2)  # the resetter, and this test
        heard.clear()
        ros.spin_until(lambda: min(heard.count(DriverStatus), heard.count(JointState)) > 1)
        said: list[str] = []
        task = node.executor.create_task(resetter.reset(5, said.append))
        return resetter, task, said

    def finish(**options):
        _, task, said = start(**options)
        ros.spin_until(task.done)
        return task.result(), said

    return robot, start, finish


def connected(node: Node, planner: bool) -> bool:
    """Return whether the servers of a reset, and if need be the planner, have been discovered."""
    services = [it for it in node.clients if planner or it.srv_name != names.PLAN_MOTION]
    actions = [it for it in node.waitables if isinstance(it, ActionClient)]
    assert services and actions
    return all(it.service_is_ready() for it in services) and all(
        it.server_is_ready() for it in actions
    )


def test_the_simulation_arranges_the_scene_and_the_start_bears_its_stamp(reset):
    robot, _, finish = reset
    report, said = finish()
    assert report.failure is None and report.stamp_ns == 77
    assert robot.calls == [5] and not robot.goals
    assert said == ['recover, attempt 1', 'arrange, attempt 1', 'verify, attempt 1']


def test_a_robot_opens_its_hand_lifts_the_tool_and_goes_home(reset):
    robot, _, finish = reset
    report, _ = finish(steps=STEPS)
    assert report.failure is None
    grip, retreat, home = robot.goals
    assert grip.move_gripper and grip.width == FR3.gripper_high and not grip.trajectory.points
    lifted = KINEMATICS.tool_position(np.array(retreat.trajectory.points[-1].positions))
    np.testing.assert_allclose(lifted, [0.5, 0.1, 0.13], atol=1e-3)
    np.testing.assert_allclose(home.trajectory.points[-1].positions, HOME, atol=1e-9)


def test_a_fault_on_the_way_is_recovered_from_where_that_is_allowed(reset):
    robot, _, finish = reset
    robot.failing_moves = 1
    report, said = finish(steps=STEPS, recover_by_itself=True)
    assert report.failure is None
    assert robot.calls[:2] == [names.RECOVER, names.CLEAR_FAULT]
    assert said[:3] == ['recover, attempt 1', 'open_gripper, attempt 1', 'recover, attempt 2']


def test_a_recovery_may_take_as_long_as_the_drivers_steps_of_it(ros, reset):
    assert ResetConfig().recover_timeout_s >= 5 * HardwareConfig().recover_timeout_s
    robot, start, _ = reset
    robot.say(DriverStatus.STATE_LATCHED, 'reflex')
    robot.silent = True
    given = {'step_timeout_s': 0.2, 'recover_timeout_s': 0.4, 'attempts': 1}
    _, task, _ = start(steps=('recover',), recover_by_itself=True, **given)
    ros.spin_until(task.done)
    assert robot.calls == [names.RECOVER]
    assert 'got no answer within 0.6 s' in task.result().message


@pytest.mark.parametrize('arrives', [True, False])
def test_a_move_is_waited_for_as_long_as_it_makes_progress(ros, reset, arrives):
    robot, start, _ = reset
    robot.end_of_move = Future(executor=robot.executor)
    _, task, _ = start(steps=('open_gripper',), step_timeout_s=0.5, attempts=1)
    ros.spin_until(lambda: robot.goals)
    for step in range(1, 5):
        robot.under_way.publish_feedback(MoveArm.Feedback(progress=0.2 * step))
        ros.spin_for(0.25)
        assert not task.done()
    if arrives:
        robot.end_of_move.set_result(None)
    ros.spin_until(task.done)
    report = task.result()
    assert (report.failure is None) is arrives
    assert arrives or 'move_arm: got no progress for 0.5 s' in report.message


def test_a_latched_driver_is_waited_for_and_nobody_clears_it_unasked(ros, reset):
    robot, start, _ = reset
    robot.say(DriverStatus.STATE_LATCHED, 'reflex')
    resetter, task, _ = start()
    ros.spin_until(lambda: 'reflex' in resetter.request)
    ros.spin_for(0.2)
    assert not task.done() and not robot.calls
    robot.say(DriverStatus.STATE_HOLDING)
    ros.spin_until(task.done)
    assert task.result().failure is None and not resetter.request


def test_a_pressed_emergency_stop_is_never_cleared_by_itself(ros, reset):
    robot, start, _ = reset
    robot.say(DriverStatus.STATE_ESTOP, 'button')
    resetter, task, _ = start(recover_by_itself=True)
    ros.spin_until(lambda: 'button' in resetter.request)
    ros.spin_for(0.2)
    assert not task.done() and not robot.calls


def test_a_person_arranges_the_scene_or_says_that_it_cannot_be(ros, reset):
    robot, start, _ = reset
    resetter, task, said = start(steps=OF_THE_SCENE, arrange='person', attempts=2)
    ros.spin_until(lambda: resetter.request)
    assert robot.as_person(ros, names.SCENE_NOT_READY)
    ros.spin_until(lambda: 'arrange, attempt 2' in said)
    assert robot.as_person(ros, names.SCENE_READY)
    ros.spin_until(task.done)
    assert task.result().failure is None and not robot.calls
    assert task.result().stamp_ns == STAMP_NS  # on the clock of the robot's states
    assert not robot.as_person(ros, names.SCENE_READY)  # no reset waits any more


def test_nobody_there_is_a_time_out(reset):
    _, _, finish = reset
    report, _ = finish(steps=OF_THE_SCENE, arrange='person', person_timeout_s=0.2, attempts=2)
    assert report.failure is Failure.TIMEOUT and 'scene_ready' in report.message


def test_a_scene_that_cannot_be_arranged_is_tried_again_and_then_given_up(reset):
    robot, _, finish = reset
    robot.failing_scenes = 2
    report, _ = finish(attempts=3)
    assert report.failure is None and len(robot.calls) == 3
    robot.failing_scenes = 3
    report, _ = finish(attempts=3)
    assert report.failure is Failure.SCENE
    assert 'no room for the cube' in report.message


def test_a_task_that_is_done_already_does_not_verify(ros, reset):
    robot, start, _ = reset
    resetter, task, said = start(
        steps=OF_THE_SCENE, arrange='person', person_timeout_s=5.0, attempts=2
    )
    ros.spin_until(lambda: resetter.request)
    robot.show_task(success=True)
    assert robot.as_person(ros, names.SCENE_READY)
    ros.spin_until(lambda: 'arrange, attempt 2' in said)
    robot.show_task(success=False)
    assert robot.as_person(ros, names.SCENE_READY)
    ros.spin_until(task.done)
    assert task.result().failure is None


def test_an_arm_that_did_not_get_home_does_not_verify(ros, reset):
    robot, start, _ = reset
    robot.stays = True
    resetter, task, _ = start(steps=STEPS, arrange='person', attempts=1)
    ros.spin_until(lambda: resetter.request)
    assert robot.as_person(ros, names.SCENE_READY)
    ros.spin_until(task.done)
    assert 'rad from home' in task.result().message


@pytest.mark.parametrize(
    ('arrange', 'steps'),
    [
        ('simulator', list(OF_THE_SCENE)),
        ('person', list(STEPS)),
        ('nobody', [step for step in STEPS if step != 'arrange']),
    ],
)
def test_the_steps_follow_from_who_arranges_the_scene(ros, reset, arrange, steps):
    robot, start, _ = reset
    ros.add(MotionPlannerNode, planner='plain')
    resetter, task, said = start(arrange=arrange, planner=True)
    ros.spin_until(lambda: task.done() or resetter.request)
    if arrange == 'person':
        assert robot.as_person(ros, names.SCENE_READY)
    ros.spin_until(task.done)
    assert task.result().failure is None
    assert [line.removesuffix(', attempt 1') for line in said] == steps


def test_a_home_out_of_the_workspace_is_refused_before_anything_moves(ros):
    node = ros.add(lambda **given: Node('resets', **given))
    with pytest.raises(ConfigError, match='within the workspace'):
        Resetter(node, ResetConfig(steps=STEPS, home=FR3.home), FR3)  # 'ready' is above the box
