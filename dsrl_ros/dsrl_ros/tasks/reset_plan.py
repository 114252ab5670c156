"""The order of a reset: which step comes next, how often one is tried, when to give up.

Moves nothing and waits for nothing; whoever carries the steps out reports how each ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from dsrl_ros.core.errors import ConfigError


class ResetStep(str, Enum):
    """What a reset may consist of, in the order in which it is done."""

    RECOVER = 'recover'  # bring the robot out of a fault
    OPEN_GRIPPER = 'open_gripper'
    RETREAT = 'retreat'  # straight up, off whatever the tool touches
    HOME = 'home'
    ARRANGE = 'arrange'  # the scene, by the simulation or by a person
    VERIFY = 'verify'  # that robot and scene are where they should be


class Failure(str, Enum):
    """Why a step failed."""

    TIMEOUT = 'timeout'  # nobody answered in time
    ROBOT = 'robot'  # the robot refused, or is in a fault
    SCENE = 'scene'  # the scene is not as it should be


@dataclass(frozen=True)
class StepOutcome:
    """How one try of one step ended.

    Attributes:
        step: which.
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
    """Goes through the steps of a reset, back where a failure calls for it, and never for ever.

    After a failure of the robot everything begins anew, with its recovery: the arm may stand
    anywhere. A scene that does not verify is arranged again. Any other step is tried again. A
    step that has failed as often as its budget allows ends the reset.

    Attributes:
        outcomes: of every try so far, in order.
    """

    def __init__(self, steps: Sequence[ResetStep], attempts: int) -> None:
        """Start with the first step.

        Args:
            steps: those that this robot and scene need; done in the order of `ResetStep`.
            attempts: tries of each step, >= 1.

        Raises:
            ConfigError: no step, or one named twice.
        """
        if not steps or len(set(steps)) != len(steps):
            raise ConfigError(
                f'reset steps: got {[step.value for step in steps]}, expected each at most once, '
                'and one at the least.'
            )
        self._steps = [step for step in ResetStep if step in steps]
        self._budget = attempts
        self._failures = dict.fromkeys(self._steps, 0)
        self._tries = dict.fromkeys(self._steps, 0)
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
        return 1 if self.step is None else self._tries[self.step] + 1

    @property
    def failure(self) -> StepOutcome | None:
        """The failure that ended the reset, or None."""
        last = self.outcomes[-1] if self.outcomes else None
        if last is None or last.failure is None or self._failures[last.step] < self._budget:
            return None
        return last

    def report(self, failure: Failure | None, message: str, duration_s: float) -> StepOutcome:
        """Take note of how the step ended, and go on from there.

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
        self._tries[step] += 1
        outcome = StepOutcome(step, self._tries[step], failure, message, duration_s)
        self.outcomes.append(outcome)
        if failure is None:
            self._position += 1
        else:
            self._failures[step] += 1
            self._position = self._back_to(step, failure)
        return outcome

    def _back_to(self, step: ResetStep, failure: Failure) -> int:
        """Return the position to go on from after a failure."""
        if failure is Failure.ROBOT:
            return 0
        if failure is Failure.SCENE and ResetStep.ARRANGE in self._steps:
            return self._steps.index(ResetStep.ARRANGE)
        return self._steps.index(step)
