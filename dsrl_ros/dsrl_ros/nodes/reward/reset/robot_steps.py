"""The steps of a reset that the robot takes: asked of driver and planner, not carried out."""

from __future__ import annotations

import numpy as np
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dsrl_msgs.action import MoveArm
from dsrl_msgs.msg import DriverStatus
from dsrl_msgs.srv import PlanMotion
from dsrl_ros.core.checks import require_shape
from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.core.errors import ConfigError, DsrlError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.reward.reset.waits import StepError, Waits
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.latest_message import LatestMessage
from dsrl_ros.ros.robot_messages import positions_from_msg
from dsrl_ros.tasks.reset_plan import Failure

_PLANNING_S = 30.0  # beside the time of a step: a planner tries several times


class RobotSteps:
    """Recover, open the gripper, retreat, go home; and whether the arm is there.

    Each step returns a word for people and raises `TimeoutError` or `StepError` when it fails.
    """

    def __init__(
        self, node: Node, config: ResetConfig, robot: RobotDescription, waits: Waits, moves: bool
    ) -> None:
        """Connect.

        Args:
            node: that owns clients and subscriptions.
            config: options of the reset.
            robot: whose home, limits and gripper.
            waits: of the same reset.
            moves: whether the arm is to be brought home.

        Raises:
            ConfigError: a home that is none of this robot's, or out of its workspace.
        """
        self._node, self._config, self._robot, self._waits = node, config, robot, waits
        self._home = np.array(config.home or robot.episode_start)
        self._moves = moves
        if moves:
            _check_home(self._home, robot)
        self._status: DriverStatus | None = None
        node.create_subscription(DriverStatus, names.DRIVER_STATUS, self._on_status, qos.STATUS)
        self._joints = LatestMessage(node, JointState, names.JOINT_STATES, qos.SENSOR)
        self._plan = node.create_client(PlanMotion, names.PLAN_MOTION)
        self._move = ActionClient(node, MoveArm, names.MOVE_ARM)
        self._recover = node.create_client(Trigger, names.RECOVER)
        self._clear_fault = node.create_client(Trigger, names.CLEAR_FAULT)

    async def recover(self) -> str:
        """Wait until the driver takes commands, helping where that is allowed."""
        if self._takes_commands():
            return ''
        latched = self._status is not None and self._status.state == DriverStatus.STATE_LATCHED
        if self._config.recover_by_itself and latched:
            for client in (self._recover, self._clear_fault):
                if client.service_is_ready():
                    asked = client.call_async(Trigger.Request())
                    longer_s = self._config.recover_timeout_s
                    answer = await self._waits.answer(asked, client.srv_name, longer_s)
                    if not answer.success:
                        raise StepError(Failure.ROBOT, f'{client.srv_name}: {answer.message}')
        await self._waits.done_by_person(
            self._takes_commands, f'{self._why_not()}. Look at the robot, then {self._advice()}'
        )
        return 'takes commands again'

    async def open_gripper(self) -> str:
        """Open it as far as it goes."""
        return await self._go(MoveArm.Goal(move_gripper=True, width=self._robot.gripper_high))

    async def retreat(self) -> str:
        """Lift the tool straight up."""
        kind = PlanMotion.Request.KIND_RETREAT
        height = self._config.retreat_height_m
        return await self._go_as_planned(PlanMotion.Request(kind=kind, height=height))

    async def home(self) -> str:
        """Bring the arm where the episode begins."""
        kind = PlanMotion.Request.KIND_JOINTS
        return await self._go_as_planned(PlanMotion.Request(kind=kind, goal=self._home.tolist()))

    def stamp_ns(self) -> int:
        """Return the stamp of the newest joint states [ns]; 0 before the first."""
        return self._joints.stamp_ns or 0

    def verify(self) -> None:
        """Look whether the robot can begin, where it should.

        Raises:
            StepError: it cannot, or is elsewhere.
        """
        if not self._takes_commands():
            raise StepError(Failure.ROBOT, self._why_not())
        if not self._moves or self._config.arrange == 'simulator':
            return  # the simulation has put the arm elsewhere
        off = np.abs(self._measured() - self._home)
        worst = int(np.argmax(off))
        if not off[worst] <= self._config.home_tolerance_rad:
            raise StepError(
                Failure.ROBOT,
                f'got {self._robot.joint_names[worst]} {off[worst]:.3g} rad from home, '
                f'expected at most {self._config.home_tolerance_rad:g}',
            )

    def _takes_commands(self) -> bool:
        # What it says of its last chunk may come after the result of it.
        ready = (DriverStatus.STATE_HOLDING, DriverStatus.STATE_EXECUTING)
        return self._status is not None and self._status.state in ready

    def _advice(self) -> str:
        if self._status is not None and self._status.state == DriverStatus.STATE_INACTIVE:
            return 'activate the driver'
        return f'call {self._node.resolve_service_name(names.CLEAR)}'

    def _why_not(self) -> str:
        cause = self._status.message if self._status else 'nothing has been heard of it'
        return f'the driver does not take commands: {cause}'

    async def _go_as_planned(self, request: PlanMotion.Request) -> str:
        """Plan from where the arm is, and go there."""
        request.start, request.speed = self._measured().tolist(), self._config.speed
        asked = self._plan.call_async(request)
        answer = await self._waits.answer(asked, names.PLAN_MOTION, _PLANNING_S)
        if not answer.success:
            raise StepError(Failure.ROBOT, f'{names.PLAN_MOTION}: {answer.message}')
        await self._go(MoveArm.Goal(trajectory=answer.trajectory))
        return f'planned by {answer.planner}'

    async def _go(self, goal: MoveArm.Goal) -> str:
        """Let the driver carry out a motion."""
        progress = [0.0]
        sent = self._move.send_goal_async(
            goal, feedback_callback=lambda said: progress.append(said.feedback.progress)
        )
        handle: ClientGoalHandle = await self._waits.answer(sent, names.MOVE_ARM)
        if not handle.accepted:
            raise StepError(Failure.ROBOT, f'{names.MOVE_ARM}: the driver refused the goal')
        try:
            ended = handle.get_result_async()
            done = await self._waits.end(ended, names.MOVE_ARM, lambda: progress[-1])
        except TimeoutError:
            handle.cancel_goal_async()  # nobody waits for it any more
            raise
        # A result that nobody filled in looks like a good one: the status tells.
        if done.status != GoalStatus.STATUS_SUCCEEDED:
            cause = done.result.error_message or 'the driver does not know what became of it'
            raise StepError(Failure.ROBOT, f'{names.MOVE_ARM}: {cause}')
        return ''

    def _measured(self) -> Float64:
        message = self._joints.message()
        if message is None:
            raise StepError(Failure.ROBOT, f'got no joint states on {self._joints.name}')
        try:
            return positions_from_msg(message, self._robot.joint_names)
        except DsrlError as error:
            raise StepError(Failure.ROBOT, str(error)) from error

    def _on_status(self, status: DriverStatus) -> None:
        self._status = status


def _check_home(home: Float64, robot: RobotDescription) -> None:
    require_shape('reset.home', home, (robot.num_joints,))
    tool = Kinematics(robot).tool_position(home)
    if not ((tool >= robot.workspace_low) & (tool <= robot.workspace_high)).all():
        raise ConfigError(
            f'reset.home: got joints with the tool at {tool.round(3).tolist()} m, expected it '
            f'within the workspace, {list(robot.workspace_low)} to {list(robot.workspace_high)}: '
            'every chunk of an episode that begins there would be refused.'
        )
