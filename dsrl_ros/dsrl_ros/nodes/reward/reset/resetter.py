"""Carries out a reset step by step, in the order of `tasks.reset_plan`."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from rclpy.node import Node

from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.nodes.reward.reset.robot_steps import RobotSteps
from dsrl_ros.nodes.reward.reset.scene_steps import SceneSteps
from dsrl_ros.nodes.reward.reset.waits import StepError, Waits
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.tasks.reset_plan import Failure, ResetMachine, ResetStep, StepOutcome


@dataclass(frozen=True)
class ResetReport:
    """How a reset ended.

    Attributes:
        failure: why it failed; None when everything is ready.
        message: the step that failed and how, for people; empty on success.
        stamp_ns: states from here on show the start [ns].
    """

    failure: Failure | None
    message: str
    stamp_ns: int


class Resetter:
    """Brings robot and scene to the start of an episode."""

    def __init__(
        self,
        node: Node,
        config: ResetConfig,
        robot: RobotDescription,
        on_request: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Connect to the nodes that the steps need.

        Args:
            node: whose executor runs meanwhile.
            config: names the steps.
            robot: gives home, limits and gripper.
            on_request: called with what a person has to do, and with '' when it is done.

        Raises:
            ConfigError: a home that does not fit this robot, or out of its workspace.
        """
        self._node, self._config = node, config
        self._steps = _steps_of(config)
        self._waits = Waits(node, config, on_request)
        self._robot = RobotSteps(node, config, robot, self._waits, ResetStep.HOME in self._steps)
        self._scene = SceneSteps(node, config, self._waits)

    @property
    def request(self) -> str:
        """What a person has to do before the reset goes on; '' while nothing."""
        return self._waits.request

    async def reset(self, seed: int, on_step: Callable[[str], None]) -> ResetReport:
        """Carry out the steps until everything is ready, or a step has failed too often.

        Args:
            seed: of the random start.
            on_step: called with each step as it begins, for people.
        """
        carry_out: dict[ResetStep, Callable[[], Awaitable[str]]] = {
            ResetStep.RECOVER: self._robot.recover,
            ResetStep.OPEN_GRIPPER: self._robot.open_gripper,
            ResetStep.RETREAT: self._robot.retreat,
            ResetStep.HOME: self._robot.home,
            ResetStep.ARRANGE: partial(self._scene.arrange, seed),
            ResetStep.VERIFY: self._verify,
        }
        machine = ResetMachine(self._steps, self._config.attempts)
        while (step := machine.step) is not None:
            on_step(f'{step.value}, attempt {machine.attempt}')
            begun = time.monotonic()
            failure = None
            try:
                message = await carry_out[step]()
            except TimeoutError as error:
                failure, message = Failure.TIMEOUT, str(error)
            except StepError as error:
                failure, message = error.failure, str(error)
            self._log(machine.report(failure, message, time.monotonic() - begun))
        # On the robot's clock, which need not be this node's.
        stamp_ns = self._scene.stamp_ns or self._robot.stamp_ns()
        last = machine.failure
        if last is None:
            return ResetReport(None, '', stamp_ns)
        return ResetReport(last.failure, str(last), stamp_ns)

    async def _verify(self) -> str:
        self._robot.verify()
        await self._scene.verify()
        return ''

    def _log(self, outcome: StepOutcome) -> None:
        log = self._node.get_logger()
        if outcome.failure is not None:
            log.warning(f'reset: {outcome}')
        elif self._config.arrange == 'simulator':
            log.debug(f'reset: {outcome}')  # there are hundreds, each takes a moment
        else:
            log.info(f'reset: {outcome}')


def _steps_of(config: ResetConfig) -> tuple[ResetStep, ...]:
    if config.steps:
        return tuple(ResetStep(name) for name in config.steps)
    if config.arrange == 'simulator':
        return (ResetStep.RECOVER, ResetStep.ARRANGE, ResetStep.VERIFY)
    left_out = ResetStep.ARRANGE if config.arrange == 'nobody' else None
    return tuple(step for step in ResetStep if step is not left_out)
