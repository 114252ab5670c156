"""Carries out a reset: asks driver, planner, simulation and person, step by step.

The order of the steps, and what a failure leads back to, is `tasks.reset`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dsrl_msgs.action import MoveArm
from dsrl_msgs.msg import DriverStatus, TaskStatus
from dsrl_msgs.srv import PlanMotion, SetScene
from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.convert import stamp_to_ns
from dsrl_ros.bridge.newest import Newest
from dsrl_ros.bridge.robot import positions_from_msg
from dsrl_ros.bridge.waiting import STEADY_CLOCK, within
from dsrl_ros.core.checks import require_shape
from dsrl_ros.core.config import ResetConfig
from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.trajectory import Float64
from dsrl_ros.tasks.reset import Failure, ResetMachine, ResetStep, StepOutcome

_LOOK_S = 0.05  # between two looks at what is waited for


class _StepError(Exception):
    """A step that failed."""

    def __init__(self, failure: Failure, message: str) -> None:
        super().__init__(message)
        self.failure = failure


@dataclass(frozen=True)
class ResetReport:
    """How a reset ended.

    Attributes:
        failure: what ended it; None when everything is ready.
        stamp_ns: states from here on show the start [ns].
    """

    failure: StepOutcome | None
    stamp_ns: int


class Resetter:
    """Brings robot and scene to the start of an episode.

    Attributes:
        trouble: what a person has to do before the reset goes on; empty while nothing.
    """

    def __init__(
        self,
        node: Node,
        config: ResetConfig,
        robot: RobotDescription,
        asked: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect to whoever the steps need.

        Args:
            node: whose executor runs meanwhile.
            config: names the steps.
            robot: whose home, limits and gripper.
            asked: is told what a person has to do, and nothing when it is done.

        Raises:
            ConfigError: a home that is none of this robot's, or out of its workspace.
        """
        self._node, self._config, self._robot = node, config, robot
        self._asked = asked
        self._steps = _steps_of(config)
        self._home = np.array(config.home or robot.episode_start)
        if ResetStep.HOME in self._steps:
            _check_home(self._home, robot)
        self.trouble = ''
        self._driver: DriverStatus | None = None
        self._task: TaskStatus | None = None
        self._reset_count: int | None = None
        self._ready: bool | None = None  # what a person said of the scene
        self._stamp_ns = 0
        node.create_subscription(DriverStatus, names.DRIVER_STATUS, self._on_driver, qos.STATUS)
        node.create_subscription(TaskStatus, names.TASK_STATUS, self._on_task, qos.DECISION)
        self._joints = Newest(node, JointState, names.JOINT_STATES, qos.SENSOR)
        self._set_scene = node.create_client(SetScene, names.SET_SCENE)
        self._plan = node.create_client(PlanMotion, names.PLAN_MOTION)
        self._move = ActionClient(node, MoveArm, names.MOVE_ARM)
        self._recover = node.create_client(Trigger, names.RECOVER)
        self._clear = node.create_client(Trigger, names.CLEAR)
        node.create_service(Trigger, names.SCENE_READY, self._on_ready)
        node.create_service(Trigger, names.SCENE_NOT_READY, self._on_not_ready)

    async def reset(self, seed: int, say: Callable[[str], None]) -> ResetReport:
        """Go through the steps until everything is ready, or a budget is spent.

        Args:
            seed: of the random start.
            say: is told each step as it begins, for people.
        """
        machine = ResetMachine(self._steps, self._config.attempts)
        self._stamp_ns = 0
        while (step := machine.step) is not None:
            say(f'{step.value}, attempt {machine.attempt}')
            begun = time.monotonic()
            failure, message = None, ''
            try:
                message = await self._do(step, seed)
            except TimeoutError as error:
                failure, message = Failure.TIMEOUT, str(error)
            except _StepError as error:
                failure, message = error.failure, str(error)
            outcome = machine.report(failure, message, time.monotonic() - begun)
            self._log(outcome)
        now_ns = self._stamp_ns or self._node.get_clock().now().nanoseconds
        return ResetReport(machine.failure, now_ns)

    def _log(self, outcome: StepOutcome) -> None:
        log = self._node.get_logger()
        if outcome.failure is not None:
            log.warning(f'reset: {outcome}')
        elif self._config.arrange == 'simulator':
            log.debug(f'reset: {outcome}')  # hundreds of them, each a moment
        else:
            log.info(f'reset: {outcome}')

    def _do(self, step: ResetStep, seed: int) -> Awaitable[str]:
        """Carry out a step; what it returns is for people.

        Raises:
            TimeoutError, _StepError: it failed.
        """
        match step:
            case ResetStep.RECOVER:
                return self._recovered()
            case ResetStep.OPEN_GRIPPER:
                return self._moved(MoveArm.Goal(move_gripper=True, width=self._robot.gripper_high))
            case ResetStep.RETREAT:
                return self._planned(
                    PlanMotion.Request(
                        kind=PlanMotion.Request.KIND_RETREAT, height=self._config.retreat_height_m
                    )
                )
            case ResetStep.HOME:
                return self._planned(
                    PlanMotion.Request(
                        kind=PlanMotion.Request.KIND_JOINTS, goal=self._home.tolist()
                    )
                )
            case ResetStep.ARRANGE:
                if self._config.arrange == 'simulator':
                    return self._arranged_by_simulator(seed)
                return self._arranged_by_person()
            case ResetStep.VERIFY:
                return self._verified()

    # Robot

    async def _recovered(self) -> str:
        """Wait until the driver takes commands, helping where that is allowed."""
        if self._takes_commands():
            return ''
        status = self._driver
        if (
            self._config.recover_by_itself
            and status is not None
            and status.state == DriverStatus.STATE_LATCHED
        ):
            for client, what in ((self._recover, 'recover'), (self._clear, 'clear')):
                if client.service_is_ready():
                    answer = await self._answer(client.call_async(Trigger.Request()), what)
                    if not answer.success:
                        raise _StepError(Failure.ROBOT, f'{what}: {answer.message}')
        cause = status.message if status is not None else 'nothing has been heard of it'
        await self._done_by_person(
            self._takes_commands,
            f'the driver does not take commands: {cause}. Look at the robot, then call '
            f'{self._node.resolve_service_name(names.CLEAR)}',
        )
        return 'cleared'

    async def _planned(self, request: PlanMotion.Request) -> str:
        """Plan from where the arm is, and go there."""
        request.start, request.speed = self._measured().tolist(), self._config.speed
        answer = await self._answer(self._plan.call_async(request), 'plan_motion')
        if not answer.success:
            raise _StepError(Failure.ROBOT, f'plan_motion: {answer.message}')
        await self._moved(MoveArm.Goal(trajectory=answer.trajectory))
        return f'planned by {answer.planner}'

    async def _moved(self, goal: MoveArm.Goal) -> str:
        """Let the driver carry out a motion."""
        points = goal.trajectory.points
        takes_s = points[-1].time_from_start.sec + 1.0 if points else 1.0
        handle: ClientGoalHandle = await self._answer(self._move.send_goal_async(goal), 'move_arm')
        if not handle.accepted:
            raise _StepError(Failure.ROBOT, 'move_arm: got a refusal of the goal from the driver')
        done = await self._answer(handle.get_result_async(), 'move_arm', takes_s)
        if done.result.error_code != MoveArm.Result.NONE:
            raise _StepError(Failure.ROBOT, f'move_arm: {done.result.error_message}')
        return ''

    def _takes_commands(self) -> bool:
        # What it says of its last chunk may come after the result of it.
        ready = (DriverStatus.STATE_HOLDING, DriverStatus.STATE_EXECUTING)
        return self._driver is not None and self._driver.state in ready

    def _measured(self) -> Float64:
        message = self._joints.message()
        if message is None:
            raise _StepError(Failure.ROBOT, f'got no joint states on {self._joints.name}')
        try:
            return positions_from_msg(message, self._robot.joint_names)
        except DriverError as error:
            raise _StepError(Failure.ROBOT, str(error)) from error

    # Scene

    async def _arranged_by_simulator(self, seed: int) -> str:
        answer: SetScene.Response = await self._answer(
            self._set_scene.call_async(SetScene.Request(seed=seed)), 'set_scene'
        )
        if not answer.success:
            raise _StepError(Failure.SCENE, f'set_scene: {answer.message}')
        self._stamp_ns, self._reset_count = stamp_to_ns(answer.stamp), answer.reset_count
        return ''

    async def _arranged_by_person(self) -> str:
        self._ready = None
        ready = self._node.resolve_service_name(names.SCENE_READY)
        await self._done_by_person(
            lambda: self._ready is not None,
            f'arrange the scene, then call {ready}, or press r in `dsrl judge`',
        )
        if not self._ready:
            raise _StepError(Failure.SCENE, 'a person says that the scene cannot be arranged')
        return 'by a person'

    async def _verified(self) -> str:
        """Look whether robot and scene are where they should be."""
        if not self._takes_commands():
            cause = self._driver.message if self._driver else 'nothing has been heard of it'
            raise _StepError(Failure.ROBOT, f'the driver does not take commands: {cause}')
        if self._reset_count is not None:
            await self._seen(
                lambda: self._task is not None and self._task.reset_count == self._reset_count,
                self._config.step_timeout_s,
                f'waiting for a task status of reset {self._reset_count}',
            )
        elif ResetStep.HOME in self._steps:
            off = np.abs(self._measured() - self._home)
            worst = int(np.argmax(off))
            if not off[worst] <= self._config.home_tolerance_rad:
                raise _StepError(
                    Failure.ROBOT,
                    f'got {self._robot.joint_names[worst]} {off[worst]:.3g} rad from home, '
                    f'expected at most {self._config.home_tolerance_rad:g}',
                )
        if self._task is not None and self._task.success:
            raise _StepError(Failure.SCENE, 'the task is done before the episode has begun')
        return ''

    # Waiting

    async def _answer(self, future: Future, what: str, longer_s: float = 0.0) -> Any:
        return await within(self._node, future, self._config.step_timeout_s + longer_s, what)

    async def _done_by_person(self, is_so: Callable[[], bool], what: str) -> None:
        """Wait until a person has done something; say what.

        Raises:
            TimeoutError: it is not done within the time.
        """
        self._ask(what)
        self._node.get_logger().warning(f'reset: {what}')
        try:
            await self._seen(is_so, self._config.person_timeout_s, what)
        finally:
            self._ask('')

    async def _seen(self, is_so: Callable[[], bool], seconds: float, what: str) -> None:
        """Wait until something is so.

        Raises:
            TimeoutError: it is not so within the time.
        """
        if is_so():
            return
        seen = Future(executor=self._node.executor)

        def look() -> None:
            if is_so() and not seen.done():
                seen.set_result(None)

        timer = self._node.create_timer(_LOOK_S, look, clock=STEADY_CLOCK)
        try:
            await within(self._node, seen, seconds, what)
        finally:
            self._node.destroy_timer(timer)

    def _ask(self, what: str) -> None:
        self.trouble = what
        self._asked(what)

    def _on_driver(self, status: DriverStatus) -> None:
        self._driver = status

    def _on_task(self, status: TaskStatus) -> None:
        self._task = status

    def _on_ready(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._say_scene(True, response)

    def _on_not_ready(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._say_scene(False, response)

    def _say_scene(self, ready: bool, response: Trigger.Response) -> Trigger.Response:
        response.success = bool(self.trouble) and self._config.arrange == 'person'
        if response.success:
            self._ready = ready
        else:
            response.message = 'got a word on the scene while nobody waits for one.'
        return response


def _steps_of(config: ResetConfig) -> tuple[ResetStep, ...]:
    if config.steps:
        return tuple(ResetStep(name) for name in config.steps)
    if config.arrange == 'simulator':
        return (ResetStep.RECOVER, ResetStep.ARRANGE, ResetStep.VERIFY)
    left_out = ResetStep.ARRANGE if config.arrange == 'nobody' else None
    return tuple(step for step in ResetStep if step is not left_out)


def _check_home(home: Float64, robot: RobotDescription) -> None:
    require_shape('reset.home', home, (robot.num_joints,))
    tool = Kinematics(robot).tool_position(home)
    if not ((tool >= robot.workspace_low) & (tool <= robot.workspace_high)).all():
        raise ConfigError(
            f'reset.home: got joints with the tool at {tool.round(3).tolist()} m, expected it '
            f'within the workspace, {list(robot.workspace_low)} to {list(robot.workspace_high)}: '
            'every chunk of an episode that begins there would be refused.'
        )
