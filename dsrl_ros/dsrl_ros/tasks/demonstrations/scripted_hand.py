"""A scripted operator's hand: from waypoint to waypoint, unsteady, correcting itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.tasks.task import Task

OPEN, CLOSED = 1.0, -1.0  # gripper
UNLIMITED = 1_000_000  # stay until the episode ends [steps]
_CLOSING = 3  # how long the hand waits while the gripper closes [steps]


@dataclass(frozen=True)
class Waypoint:
    """A place for the tool, the gripper on the way there, and how long to stay.

    Attributes:
        tool: position of the tool [m], (3,).
        gripper: from `CLOSED` to `OPEN`.
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
        reached: a place to stay counts as reached within this distance [m].
        inertia: share of the last step's velocity that is kept, from 0 to 1.
    """

    speed: float
    tremor: float
    passed: float
    reached: float
    inertia: float


class ScriptedHand:
    """Goes from waypoint to waypoint, correcting its own tremor."""

    def __init__(
        self, task: Task, manner: Manner, plan: Sequence[Waypoint], rng: np.random.Generator
    ) -> None:
        """Begin at the first waypoint; the last one must have a stay of `UNLIMITED`."""
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
        # The arm is half a step behind its command.
        return self._plan[0].tool - tool - self._last / 2

    def _is_done(self, gap: Float64) -> bool:
        """Count a step at the waypoint, if it is reached; return whether its stay is over."""
        stay = self._plan[0].stay
        tolerance = self._manner.reached if stay else self._manner.passed
        if self._stayed or float(np.linalg.norm(gap)) < tolerance:
            self._stayed += 1
        return self._stayed > stay


def at_height(position: Float64, height: float) -> Float64:
    """Return the place at `height` [m] above or below a position, (3,)."""
    return np.array([position[0], position[1], height])


def pick_and_place(
    grasp: Float64,
    place: Float64,
    approach_height: float,
    carry_height: float,
    grasp_pause: int,
    place_pause: int,
) -> list[Waypoint]:
    """Return the waypoints that grasp an object, carry it and let it go.

    Args:
        grasp: tool when it grasps [m], (3,).
        place: tool when it lets go [m], (3,).
        approach_height: of the tool before it goes down to grasp [m].
        carry_height: of the tool on the way from grasp to place [m].
        grasp_pause: rest before the gripper closes [steps].
        place_pause: rest before the gripper opens [steps].
    """
    return [
        Waypoint(at_height(grasp, approach_height), OPEN),
        Waypoint(grasp, OPEN, 1 + grasp_pause),
        Waypoint(grasp, CLOSED, _CLOSING),
        Waypoint(at_height(grasp, carry_height), CLOSED),
        Waypoint(at_height(place, carry_height), CLOSED),
        Waypoint(place, CLOSED, 1 + place_pause),
        Waypoint(place, OPEN, UNLIMITED),
    ]
