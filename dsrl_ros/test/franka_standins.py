"""Stand-ins for a Franka and its ROS stack, which behave and fail as the vendor's do."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from builtin_interfaces.msg import Duration
from controller_manager_msgs.srv import SetHardwareComponentState, SwitchController
from franka_msgs.action import ErrorRecovery, Grasp, Move
from franka_msgs.msg import FrankaRobotState
from hardware_bench import HardwareBench
from lifecycle_msgs.msg import State
from rclpy.action import ActionServer, GoalResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from vendor_urdfs import franka_urdf

from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import joints_to_msg, trajectory_from_msg
from dsrl_ros.ros.stamps import stamp_from_ns

_PERIOD_S = 0.01  # ten times the vendor's: one thread does everybody's work
_LAG_S = 0.015  # of the arm behind its controller
COMPONENT = 'FrankaHardwareInterface'
# In the middle of the workspace, where a policy would begin.
START = Kinematics(FR3).solve_down(np.array([0.45, 0.0, 0.25]), np.array(FR3.home))
CONTROLLERS = {'joint_state_broadcaster', 'franka_robot_state_broadcaster', 'fr3_arm_controller'}


class StandInStack(Node):
    """What ros2_control and its broadcasters say of a Franka, and the way out of its errors.

    The arm itself is another's. After a reflex the component is unconfigured, its controllers are
    inactive, and all nodes live.

    Attributes:
        fails_at: step of the recovery that fails; its name ends in ' silently' when it never
            answers.
        steps: of recoveries, as they came.
        active: controllers.
        switch_timeout: that the controllers were given last.
    """

    def __init__(self, name: str, description: str | None = None, **node_options: Any) -> None:
        super().__init__(name, **node_options)
        self._description = self.create_publisher(String, names.ROBOT_DESCRIPTION, qos.LATCHED)
        self.describe(franka_urdf() if description is None else description)
        self.fails_at = ''
        self.steps: list[str] = []
        self.switch_timeout = Duration()
        self.active = set(CONTROLLERS)
        self.component_state = State.PRIMARY_STATE_ACTIVE
        self.robot = FrankaRobotState(robot_mode=FrankaRobotState.ROBOT_MODE_IDLE)
        self._state = self.create_publisher(FrankaRobotState, names.ROBOT_STATE, 10)
        error_recovery = names.remapped(self, names.ERROR_RECOVERY)
        ActionServer(self, ErrorRecovery, error_recovery, self._on_error_recovery)
        group = ReentrantCallbackGroup()  # a step that hangs holds up no other
        for kind, service, callback in (
            (SetHardwareComponentState, names.SET_HARDWARE_STATE, self._on_set_state),
            (SwitchController, names.SWITCH_CONTROLLER, self._on_switch),
        ):
            self.create_service(kind, service, callback, callback_group=group)

    def describe(self, text: str) -> None:
        """Say what robot this is, unless that is nothing, as `robot_state_publisher` does."""
        if text:
            self._description.publish(String(data=text))

    def reflex(self, error: str) -> None:
        """Stop in an error, as after a collision."""
        self.robot.robot_mode = FrankaRobotState.ROBOT_MODE_REFLEX
        setattr(self.robot.current_errors, error, True)
        self.show_state()  # the broadcaster's last word
        self.component_state = State.PRIMARY_STATE_UNCONFIGURED
        self.active.clear()

    def show_state(self) -> None:
        """Publish the state of the robot, while its broadcaster is active."""
        if 'franka_robot_state_broadcaster' in self.active:
            self.robot.header.stamp = stamp_from_ns(self.now_ns())
            self._state.publish(self.robot)

    def activated(self) -> None:
        """Do what controllers do as they become active."""

    def now_ns(self) -> int:
        """Return the time [ns]."""
        return self.get_clock().now().nanoseconds

    async def _take(self, step: str) -> bool:
        """Take note of a step of the recovery; return whether it works, or never."""
        self.steps.append(step)
        if self.fails_at == f'{step} silently':
            await Future(executor=self.executor)
        return self.fails_at != step

    async def _on_error_recovery(self, handle: Any) -> ErrorRecovery.Result:
        if await self._take('error_recovery'):
            self.robot.robot_mode = FrankaRobotState.ROBOT_MODE_IDLE
            self.robot.current_errors = type(self.robot.current_errors)()
            handle.succeed()
        else:
            handle.abort()
        return ErrorRecovery.Result()

    async def _on_set_state(self, request: Any, response: Any) -> Any:
        errors = self.robot.robot_mode == FrankaRobotState.ROBOT_MODE_REFLEX
        if await self._take('set_hardware_component_state') and request.name == COMPONENT:
            response.ok = not errors
        if response.ok:
            self.component_state = request.target_state.id
        labels = {State.PRIMARY_STATE_ACTIVE: 'active'}
        response.state = State(
            id=self.component_state, label=labels.get(self.component_state, 'unconfigured')
        )
        return response

    async def _on_switch(self, request: Any, response: Any) -> Any:
        works = await self._take('switch_controller')
        self.switch_timeout = request.timeout
        if works and self.component_state == State.PRIMARY_STATE_ACTIVE:
            self.activated()
            self.active |= set(request.activate_controllers)
            response.ok = True
        return response


class StandInArm(StandInStack):
    """An FR3 under ros2_control, with an arm of its own.

    The controller follows a trajectory from its own desired state on (`interpolate_from_desired_
    state`), from the stamp of the message on, and holds its last point.

    Attributes:
        deaf: the arm does not follow its controller.
        frozen: nothing is published any more; 'values' goes on publishing the same message.
        rejected: messages that the controller did not take, with the reason.
    """

    def __init__(self, description: str | None = None, **node_options: Any) -> None:
        super().__init__('stand_in_arm', description, **node_options)
        self.deaf = False
        self.frozen = ''
        self.rejected: list[str] = []
        self.measured = START.copy()
        self._start_ns = 0
        self._trajectory = hold(self.measured)
        self._last: JointState | None = None
        self._joints = self.create_publisher(JointState, names.JOINT_STATES, 10)
        self.create_subscription(JointTrajectoryMsg, names.TRAJECTORY, self._on_trajectory, 10)
        self.create_timer(_PERIOD_S, self._update)

    def activated(self) -> None:
        """Hold what is measured, as a controller that becomes active does."""
        self._trajectory = hold(self.measured)

    def desired(self) -> tuple[np.ndarray, np.ndarray]:
        """Return what the controller wants now."""
        return self._trajectory.sample(self.now_ns() - self._start_ns)

    def _on_trajectory(self, message: JointTrajectoryMsg) -> None:
        if 'fr3_arm_controller' not in self.active:
            return
        trajectory, start_ns = trajectory_from_msg(message, FR3.joint_names)
        now_ns = self.now_ns()
        if start_ns + trajectory.duration_ns < now_ns:
            self.rejected.append('ends in the past')
        elif np.any(trajectory.velocities[-1]):
            self.rejected.append('does not end at rest')
        elif start_ns <= now_ns:
            self._trajectory, self._start_ns = trajectory, start_ns
        else:
            position, velocity = self.desired()
            self._start_ns = now_ns
            self._trajectory = JointTrajectory(
                np.concatenate([[0], trajectory.times_ns + (start_ns - now_ns)]),
                np.vstack([position, trajectory.positions]),
                np.vstack([velocity, trajectory.velocities]),
            )

    def _update(self) -> None:
        if 'fr3_arm_controller' in self.active and not self.deaf:
            desired, _ = self.desired()
            self.measured += (desired - self.measured) * (1.0 - math.exp(-_PERIOD_S / _LAG_S))
        if self.frozen != 'values' or self._last is None:
            nothing = np.zeros(len(FR3.joint_names))
            # The broadcaster's order of joints is its own.
            self._last = joints_to_msg(
                self.now_ns(), FR3.joint_names[::-1], self.measured[::-1], nothing
            )
        if self.frozen != 'all' and 'joint_state_broadcaster' in self.active:
            self._joints.publish(self._last)
        self.show_state()


class BareHand(Node):
    """The vendor's fake hand: it shows itself half open, and serves nothing."""

    def __init__(self, name: str = 'gripper', **node_options: Any) -> None:
        super().__init__('bare_hand', **node_options)
        self.name = name
        self._states = self.create_publisher(
            JointState, names.GRIPPER_STATES_OF.format(name=name), 1
        )
        self.create_timer(0.1, self._show)

    def _show(self) -> None:
        stamp_ns = self.get_clock().now().nanoseconds
        self._states.publish(joints_to_msg(stamp_ns, FR3.finger_names, np.full(2, 0.035)))


class SlowHand(BareHand):
    """A hand that answers when the test says so, or never.

    Attributes:
        goals: 'open' and 'close' as they came, 'stop' between them.
        under_way: goals that have not been answered.
        refuses: goals are not accepted.
        stops: a stop ends what is under way, as it should.
    """

    def __init__(self, *arguments: Any, **node_options: Any) -> None:
        super().__init__(*arguments, **node_options)
        self.goals: list[str] = []
        self.requests: list[Any] = []
        self.under_way: list[Future] = []
        self.refuses = False
        self.stops = True
        for action, name, what in (
            (Move, names.GRIPPER_MOVE, 'open'),
            (Grasp, names.GRIPPER_GRASP, 'close'),
        ):
            ActionServer(
                self,
                action,
                names.remapped(self, name.format(name=self.name)),
                partial(self._execute, action, what),
                goal_callback=lambda _: (
                    GoalResponse.REJECT if self.refuses else GoalResponse.ACCEPT
                ),
            )
        self.create_service(Trigger, names.GRIPPER_STOP.format(name=self.name), self._on_stop)

    def answer(self, success: bool = True) -> None:
        """Let the goals that are under way end."""
        for goal in self.under_way:
            goal.set_result(success)
        self.under_way.clear()

    async def _execute(self, action: Any, what: str, handle: Any) -> Any:
        self.goals.append(what)
        self.requests.append(handle.request)
        answer = Future(executor=self.executor)
        self.under_way.append(answer)
        success = await answer
        if success:
            handle.succeed()
        else:
            handle.abort()
        return action.Result(success=success, error='' if success else 'stopped')

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self.goals.append('stop')
        if self.stops:
            self.answer(success=False)
        response.success = True
        return response


class FrankaBench(HardwareBench):
    """With a Franka and its hand."""

    def __init__(
        self,
        ros: Any,
        hand: Callable[..., Node] = SlowHand,
        description: str | None = None,
        **driver_options: Any,
    ) -> None:
        self.arm: StandInArm = ros.add(StandInArm, description)
        self.hand = ros.add(hand)
        super().__init__(ros, **driver_options)
