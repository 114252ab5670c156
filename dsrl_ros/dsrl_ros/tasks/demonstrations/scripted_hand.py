"""A person's hand at the controls: from place to place, unsteady, correcting itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.tasks.task import Task

UNLIMITED = 1_000_000  # waits until the episode ends [steps]


@dataclass(frozen=True)
class Waypoint:
    """Where to go, how the gripper is meanwhile, and how long to stay there.

    Attributes:
        tool: position of the tool [m], (3,).
        gripper: from -1, closed, to 1, open.
        stay: how long [steps]; 0 is a place on the way.
    """

    tool: Float64
    gripper: float
    stay: int = 0


@dataclass(frozen=True)
class Manner:
    """How a hand moves.

    Attributes:
        speed: [m/step].
        tremor: standard deviation of its unsteadiness [m/step].
        passed: a place on the way counts as reached within this distance [m].
        reached: one where something is done, within this [m].
        inertia: share of the last step's velocity that is kept, from 0 to 1.
    """

    speed: float
    tremor: float
    passed: float
    reached: float
    inertia: float


class Hand:
    """Goes from waypoint to waypoint, correcting its own tremor."""

    def __init__(
        self, task: Task, manner: Manner, plan: Sequence[Waypoint], rng: np.random.Generator
    ) -> None:
        """Begin at the first waypoint; the last one must be stayed at for `UNLIMITED`."""
        self._low, self._high = task.action_low, task.action_high
        self._manner = manner
        self._plan = list(plan)
        self._rng = rng
        self._stayed = 0
        self._velocity = np.zeros(3)
        self._tremor = np.zeros(3)
        self._last = np.zeros(3)

    def act(self, tool: Array) -> Array:
        """Return the next action, (A,), for a tool at `tool` [m], (3,)."""
        manner = self._manner
        gap = self._gap(tool)
        while self._is_done(gap):
            self._plan.pop(0)
            self._stayed = 0
            gap = self._gap(tool)
        distance = float(np.linalg.norm(gap))
        wanted = gap * min(1.0, manner.speed / max(distance, 1e-9))
        self._velocity = manner.inertia * self._velocity + (1.0 - manner.inertia) * wanted
        self._tremor = 0.7 * self._tremor + manner.tremor * self._rng.normal(size=3)
        action = np.array([*(self._velocity + self._tremor), self._plan[0].gripper])
        action = np.clip(action, self._low, self._high)
        self._last = action[:3]
        result: Array = action.astype(np.float32)
        return result

    def _gap(self, tool: Array) -> Float64:
        # The arm is half a step behind what it has been told.
        return self._plan[0].tool - tool - self._last / 2

    def _is_done(self, gap: Float64) -> bool:
        """Count a step at the waypoint, if it is reached; return whether it is time to go on."""
        stay = self._plan[0].stay
        tolerance = self._manner.reached if stay else self._manner.passed
        if self._stayed or float(np.linalg.norm(gap)) < tolerance:
            self._stayed += 1
        return self._stayed > stay


def at_height(position: Float64, height: float) -> Float64:
    """Return the place at `height` [m] above or below a position, (3,)."""
    return np.array([position[0], position[1], height])
