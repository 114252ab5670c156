"""Carries out a reset, step by step: the robot's are `reset_robot`, the scene's `reset_scene`.

The order of the steps, and what a failure leads back to, is `tasks.reset_plan`.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

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
        failure: what ended it; None when everything is ready.
        stamp_ns: states from here on show the start [ns].
    """

    failure: StepOutcome | None
    stamp_ns: int


class Resetter:
    """Brings robot and scene to the start of an episode."""

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
        self._node, self._config = node, config
        self._order = _steps_of(config)
        self._waits = Waits(node, config, asked)
        moves = ResetStep.HOME in self._order
        self._robot = RobotSteps(node, config, robot, self._waits, moves)
        self._scene = SceneSteps(node, config, self._waits)

    @property
    def trouble(self) -> str:
        """What a person has to do before the reset goes on; empty while nothing."""
        return self._waits.trouble

    async def reset(self, seed: int, say: Callable[[str], None]) -> ResetReport:
        """Go through the steps until everything is ready, or a budget is spent.

        Args:
            seed: of the random start.
            say: is told each step as it begins, for people.
        """
        machine = ResetMachine(self._order, self._config.attempts)
        while (step := machine.step) is not None:
            say(f'{step.value}, attempt {machine.attempt}')
            begun = time.monotonic()
            failure, message = None, ''
            try:
                message = await self._do(step, seed)
            except TimeoutError as error:
                failure, message = Failure.TIMEOUT, str(error)
            except StepError as error:
                failure, message = error.failure, str(error)
            self._log(machine.report(failure, message, time.monotonic() - begun))
        # On the robot's clock, which need not be this node's.
        return ResetReport(machine.failure, self._scene.stamp_ns or self._robot.stamp_ns())

    def _do(self, step: ResetStep, seed: int) -> Awaitable[str]:
        match step:
            case ResetStep.RECOVER:
                return self._robot.recover()
            case ResetStep.OPEN_GRIPPER:
                return self._robot.open_gripper()
            case ResetStep.RETREAT:
                return self._robot.retreat()
            case ResetStep.HOME:
                return self._robot.home()
            case ResetStep.ARRANGE:
                return self._scene.arrange(seed)
            case ResetStep.VERIFY:
                return self._verify()

    async def _verify(self) -> str:
        self._robot.verify()
        await self._scene.verify()
        return ''

    def _log(self, outcome: StepOutcome) -> None:
        log = self._node.get_logger()
        if outcome.failure is not None:
            log.warning(f'reset: {outcome}')
        elif self._config.arrange == 'simulator':
            log.debug(f'reset: {outcome}')  # hundreds of them, each a moment
        else:
            log.info(f'reset: {outcome}')


def _steps_of(config: ResetConfig) -> tuple[ResetStep, ...]:
    if config.steps:
        return tuple(ResetStep(name) for name in config.steps)
    if config.arrange == 'simulator':
        return (ResetStep.RECOVER, ResetStep.ARRANGE, ResetStep.VERIFY)
    left_out = ResetStep.ARRANGE if config.arrange == 'nobody' else None
    return tuple(step for step in ResetStep if step is not left_out)
