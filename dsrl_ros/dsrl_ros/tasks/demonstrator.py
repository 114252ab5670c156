"""A scripted demonstrator with the variety of a person: style, tremor, pauses. Trains nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Array
from dsrl_ros.robots.trajectory import Float64
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.pick_place import BOWL, PICK_PLACE

PASSED = 0.02  # a place on the way counts as reached within this distance [m]
REACHED = 0.008  # one where something is done, within this [m]
CLOSING = 3  # how long the demonstrator waits while the gripper closes [steps]
UNLIMITED = 1_000_000  # waits until the episode ends [steps]
MOST_FAILURES = 20  # per demonstration asked for, before giving up


@dataclass(frozen=True)
class Style:
    """How one demonstration is given: drawn anew for each.

    Attributes:
        speed: of the hand [m/step].
        approach_height: of the tool above the table before it goes down [m].
        grasp: offset of the tool from the cube's centre when it grasps: x, y, z [m], (3,).
        carry_height: of the tool on the way to the bowl [m].
        place: offset of the tool from the bowl's centre when it lets go: x, y [m], (2,).
        place_height: of the tool when it lets go [m].
        grasp_pause, place_pause: rest before closing and before opening the gripper [steps].
        tremor: standard deviation of the hand's unsteadiness [m/step].
    """

    speed: float
    approach_height: float
    grasp: Float64
    carry_height: float
    place: Float64
    place_height: float
    grasp_pause: int
    place_pause: int
    tremor: float


@dataclass(frozen=True)
class Demonstration:
    """One recorded success.

    Attributes:
        states: (T, O), the observation before each action.
        actions: (T, A).
    """

    states: Array
    actions: Array


def sample_style(rng: np.random.Generator) -> Style:
    """Draw a style."""
    return Style(
        speed=float(rng.uniform(0.032, 0.064)),
        approach_height=float(rng.uniform(0.07, 0.16)),
        grasp=rng.uniform((-0.010, -0.010, -0.005), (0.010, 0.010, 0.005)),
        carry_height=float(rng.uniform(0.12, 0.2)),
        place=rng.uniform(-0.025, 0.025, size=2),
        place_height=float(rng.uniform(0.08, 0.12)),
        grasp_pause=int(rng.integers(0, 5)),
        place_pause=int(rng.integers(0, 5)),
        tremor=float(rng.uniform(0.002, 0.005)),
    )


def demonstrate(env: TaskEnv, reset_seed: int, rng: np.random.Generator) -> Demonstration | None:
    """Give one demonstration.

    Returns:
        What was recorded, or None when the cube did not end up in the bowl in time.
    """
    style = sample_style(rng)
    state, _ = env.reset(seed=reset_seed)
    hand = _Hand(style, rng, cube=state[:3] + state[4:7])
    states, actions = [], []
    while True:
        action = hand.act(state[:3])
        states.append(state)
        actions.append(action)
        state, _, terminated, truncated, _ = env.step(action)
        if terminated:
            return Demonstration(np.stack(states), np.stack(actions))
        if truncated:
            return None


def record(count: int, seed: int) -> list[Demonstration]:
    """Record `count` successful demonstrations; the same seed gives the same ones.

    Raises:
        DriverError: the demonstrator fails nearly always.
    """
    env = TaskEnv(PICK_PLACE, gated=False)
    rng = np.random.default_rng(seed)
    recorded: list[Demonstration] = []
    for _ in range(count * (1 + MOST_FAILURES)):
        given = demonstrate(env, int(rng.integers(2**31)), rng)
        if given is not None:
            recorded.append(given)
        if len(recorded) == count:
            return recorded
    raise DriverError(
        f'demonstrator: got {len(recorded)} successes, expected {count} within '
        f'{count * (1 + MOST_FAILURES)} attempts. Check scene, style and time limit.'
    )


@dataclass(frozen=True)
class _Waypoint:
    """Where to go, how the gripper is meanwhile, and how long to stay there [steps]."""

    tool: Float64
    gripper: float
    stay: int = 0

    @property
    def tolerance(self) -> float:
        return REACHED if self.stay else PASSED


class _Hand:
    """The person's hand: goes from waypoint to waypoint, correcting its own tremor."""

    def __init__(self, style: Style, rng: np.random.Generator, cube: Array) -> None:
        self._style = style
        self._rng = rng
        grasp = cube.astype(np.float64) + style.grasp
        place = np.array([*(np.array(BOWL) + style.place), style.place_height])
        self._plan = [
            _Waypoint(_at_height(grasp, style.approach_height), 1.0),
            _Waypoint(grasp, 1.0, 1 + style.grasp_pause),
            _Waypoint(grasp, -1.0, CLOSING),
            _Waypoint(_at_height(grasp, style.carry_height), -1.0),
            _Waypoint(_at_height(place, style.carry_height), -1.0),
            _Waypoint(place, -1.0, 1 + style.place_pause),
            _Waypoint(place, 1.0, UNLIMITED),
        ]
        self._stayed = 0
        self._velocity = np.zeros(3)
        self._tremor = np.zeros(3)
        self._last = np.zeros(3)

    def act(self, tool: Array) -> Array:
        """Return the next action, (A,), for a tool at `tool` [m], (3,)."""
        gap = self._gap(tool)
        while self._is_done(gap):
            self._plan.pop(0)
            self._stayed = 0
            gap = self._gap(tool)
        distance = float(np.linalg.norm(gap))
        wanted = gap * min(1.0, self._style.speed / max(distance, 1e-9))
        self._velocity = 0.2 * self._velocity + 0.8 * wanted
        self._tremor = 0.7 * self._tremor + self._style.tremor * self._rng.normal(size=3)
        action = np.array([*(self._velocity + self._tremor), self._plan[0].gripper])
        action = np.clip(action, PICK_PLACE.action_low, PICK_PLACE.action_high)
        self._last = action[:3]
        result: Array = action.astype(np.float32)
        return result

    def _gap(self, tool: Array) -> Float64:
        # The arm is half a step behind what it has been told.
        return self._plan[0].tool - tool - self._last / 2

    def _is_done(self, gap: Float64) -> bool:
        """Count a step at the waypoint, if it is reached; return whether it is time to go on."""
        waypoint = self._plan[0]
        if self._stayed or float(np.linalg.norm(gap)) < waypoint.tolerance:
            self._stayed += 1
        return self._stayed > waypoint.stay


def _at_height(position: Float64, height: float) -> Float64:
    return np.array([position[0], position[1], height])
