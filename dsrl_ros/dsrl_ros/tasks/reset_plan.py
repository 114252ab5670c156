"""The plan of a reset: the order of its steps, the way back after a failure, and when to give up.

`nodes.reward.reset` carries the steps out and reports how each ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dsrl_ros.core.errors import ConfigError


class ResetStep(str, Enum):
    """The possible steps of a reset, in their order."""

    RECOVER = 'recover'  # bring the robot out of a fault
    OPEN_GRIPPER = 'open_gripper'
    RETREAT = 'retreat'  # straight up, off whatever the tool touches
    HOME = 'home'
    ARRANGE = 'arrange'  # the scene, by the simulation or by a person
    VERIFY = 'verify'  # the positions of robot and scene


class Failure(str, Enum):
    """Why a step failed."""

    TIMEOUT = 'timeout'  # a node, a motion or a person took too long
    ROBOT = 'robot'  # the driver refused, or the robot is in a fault
    SCENE = 'scene'  # the scene could not be arranged, or does not verify


@dataclass(frozen=True)
class StepOutcome:
    """How one try of one step ended.

    Attributes:
        step: that was tried.
        attempt: number of the try, from 1.
        failure: why it failed; None when it succeeded.
        message: for people.
        duration_s: how long it took [s].
    """

    step: ResetStep
    attempt: int
    failure: Failure | None
    message: str
    duration_s: float

    def __str__(self) -> str:
        end = 'done' if self.failure is None else f'failed ({self.failure.value})'
        said = f': {self.message}' if self.message else ''
        return f'{self.step.value}, attempt {self.attempt}: {end}, {self.duration_s:.1f} s{said}'


class ResetMachine:
    """Goes through the steps of a reset, and back after a failure, a bounded number of times.

    A failure of the robot goes back to the first step, since the arm may be anywhere. A scene
    that does not verify is arranged again. Every other step is repeated. A step that has failed
    as often as `attempts` allows ends the reset.

    Attributes:
        outcomes: of every try so far, in order.
    """

    def __init__(self, steps: Sequence[ResetStep], attempts: int) -> None:
        """Start with the first step.

        Args:
            steps: that this robot and scene need; done in the order of `ResetStep`.
            attempts: tries of each step, >= 1.

        Raises:
            ConfigError: no step, or one named twice.
        """
        if not steps or len(set(steps)) != len(steps):
            raise ConfigError(
                f'reset steps: got {[step.value for step in steps]}, expected one or more, each '
                'once.'
            )
        self._steps = [step for step in ResetStep if step in steps]
        self._attempts = attempts
        self._position = 0
        self.outcomes: list[StepOutcome] = []

    @property
    def step(self) -> ResetStep | None:
        """The step to do now; None when the reset is over."""
        over = self.failure is not None or self._position == len(self._steps)
        return None if over else self._steps[self._position]

    @property
    def attempt(self) -> int:
        """Number of the try that comes now, from 1."""
        return 1 + sum(outcome.step is self.step for outcome in self.outcomes)

    @property
    def failure(self) -> StepOutcome | None:
        """The failure that ended the reset, or None."""
        if not self.outcomes or self.outcomes[-1].failure is None:
            return None
        last = self.outcomes[-1]
        failures = sum(it.step is last.step and it.failure is not None for it in self.outcomes)
        return last if failures >= self._attempts else None

    def report(self, failure: Failure | None, message: str, duration_s: float) -> StepOutcome:
        """Record how the step ended, and go on from there.

        Args:
            failure: why it failed; None when it succeeded.
            message: for people.
            duration_s: how long it took [s].

        Raises:
            ConfigError: the reset is over.
        """
        step = self.step
        if step is None:
            raise ConfigError('reset: got the end of a step after the reset was over.')
        outcome = StepOutcome(step, self.attempt, failure, message, duration_s)
        self.outcomes.append(outcome)
        self._position = self._position + 1 if failure is None else self._back_to(step, failure)
        return outcome

    def _back_to(self, step: ResetStep, failure: Failure) -> int:
        """Return the position to go on from after a failure."""
        if failure is Failure.ROBOT:
            return 0
        if failure is Failure.SCENE and ResetStep.ARRANGE in self._steps:
            return self._steps.index(ResetStep.ARRANGE)
        return self._steps.index(step)
