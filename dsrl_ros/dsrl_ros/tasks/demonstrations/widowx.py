"""How the WidowX's tasks are done by hand: styles and the ways they take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.tasks.demonstrations.demonstrator import Demonstrator
from dsrl_ros.tasks.demonstrations.scripted_hand import (
    UNLIMITED,
    Hand,
    Manner,
    Waypoint,
    at_height,
)
from dsrl_ros.tasks.scenes.widowx_block_stacking import WIDOWX_BLOCK_STACKING
from dsrl_ros.tasks.scenes.widowx_drawer_closing import WIDOWX_DRAWER_CLOSING
from dsrl_ros.tasks.scenes.widowx_pick_place import WIDOWX_PICK_PLACE
from dsrl_ros.tasks.task import Task

OPEN, CLOSED = 1.0, -1.0
CLOSING = 3  # how long the demonstrator waits while the gripper closes [steps]
PASSED = 0.012  # a place on the way counts as reached within this distance [m]
REACHED = 0.005  # one where something is done, within this [m]
INERTIA = 0.4
PUSH_PAUSE = 9  # a rest before the push is shorter than this [steps]
BEHIND = 0.055  # of the tool before the drawer, so that its fingers clear it on the way down [m]
HESITANT = 0.8  # share of pushes that are not made in one go
TIP = 0.011  # from the tool to the outside of closed fingers [m]


@dataclass(frozen=True)
class Carrying:
    """What is grasped and where it goes.

    Attributes:
        grasp_height: of the tool above the object's origin when it grasps [m].
        place_height: of the tool above the target's origin when it lets go [m].
        pause: a rest before it grasps and before it lets go is shorter than this [steps].
        grasp_spread, place_spread: how far it grasps and lets go beside that: x, y, z [m], (3,).
    """

    grasp_height: float
    place_height: float
    pause: int
    grasp_spread: tuple[float, float, float]
    place_spread: tuple[float, float, float]


class CarryingDemonstrator:
    """Somebody who puts the object on the target; a `Demonstrator`."""

    def __init__(self, task: Task, carrying: Carrying) -> None:
        self.task = task
        self._carrying = carrying

    def begin(self, state: Array, rng: np.random.Generator) -> Hand:
        """Return the hand that gives one demonstration."""
        thing, goal = _places(state)
        way = self._carrying
        grasp = _above(thing, way.grasp_height) + _spread(way.grasp_spread, rng)
        place = _above(goal, way.place_height) + _spread(way.place_spread, rng)
        approach, carry = rng.uniform((0.06, 0.11), (0.12, 0.14))
        grasp_pause, place_pause = (int(n) for n in rng.integers(0, way.pause, size=2))
        plan = [
            Waypoint(at_height(grasp, approach), OPEN),
            Waypoint(grasp, OPEN, 1 + grasp_pause),
            Waypoint(grasp, CLOSED, CLOSING),
            Waypoint(at_height(grasp, carry), CLOSED),
            Waypoint(at_height(place, carry), CLOSED),
            Waypoint(place, CLOSED, 1 + place_pause),
            Waypoint(place, OPEN, UNLIMITED),
        ]
        return Hand(self.task, _manner(rng), plan, rng)


class PushingDemonstrator:
    """Somebody who pushes the object to the target, away from the robot's right; a `Demonstrator`.

    Attributes:
        task: what is demonstrated.
    """

    task = WIDOWX_DRAWER_CLOSING

    def begin(self, state: Array, rng: np.random.Generator) -> Hand:
        """Return the hand that gives one demonstration."""
        front, shut = _places(state)
        offset, height = rng.uniform((-0.045, 0.03), (0.045, 0.065))
        above, behind, beyond = rng.uniform((0.08, 0.0, 0.0), (0.13, 0.03, 0.01))
        far = np.array([shut[0] + offset, shut[1] - TIP + beyond, height])
        before = np.array([front[0] + offset, front[1] - BEHIND - behind, height])
        plan = [
            Waypoint(at_height(before, above), CLOSED),
            Waypoint(before, CLOSED, 1 + int(rng.integers(0, PUSH_PAUSE))),
        ]
        if rng.random() < HESITANT:
            # Stops on the way, draws back, and pushes on.
            way = before + rng.uniform(0.5, 0.9) * (far - before)
            back = way + np.array([0.0, -rng.uniform(0.02, 0.05), rng.uniform(0.0, 0.03)])
            plan += [Waypoint(way, CLOSED, 1), Waypoint(back, CLOSED, 1)]
        plan.append(Waypoint(far, CLOSED, UNLIMITED))
        return Hand(self.task, _manner(rng), plan, rng)


def _places(state: Array) -> tuple[Float64, Float64]:
    """Return where object and target are [m], (3,) each."""
    tool = state[:3].astype(np.float64)
    return tool + state[4:7], tool + state[7:10]


def _above(place: Float64, rise: float) -> Float64:
    return at_height(place, float(place[2]) + rise)


def _spread(half: tuple[float, float, float], rng: np.random.Generator) -> Float64:
    return rng.uniform(-np.array(half), half)


def _manner(rng: np.random.Generator) -> Manner:
    speed, tremor = rng.uniform((0.014, 0.0005), (0.022, 0.0015))
    return Manner(float(speed), float(tremor), PASSED, REACHED, INERTIA)


MUSHROOM = Carrying(0.010, 0.018, 13, (0.012, 0.010, 0.006), (0.040, 0.040, 0.008))
BLOCK = Carrying(0.006, 0.047, 8, (0.010, 0.007, 0.004), (0.014, 0.009, 0.004))
WIDOWX_DEMONSTRATORS: tuple[Demonstrator, ...] = (
    CarryingDemonstrator(WIDOWX_PICK_PLACE, MUSHROOM),
    PushingDemonstrator(),
    CarryingDemonstrator(WIDOWX_BLOCK_STACKING, BLOCK),
)
