"""Scripted demonstrations of the WidowX's tasks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.tasks.demonstrations.demonstrator import Demonstrator
from dsrl_ros.tasks.demonstrations.scripted_hand import (
    CLOSED,
    UNLIMITED,
    Manner,
    ScriptedHand,
    Waypoint,
    at_height,
    pick_and_place,
)
from dsrl_ros.tasks.scenes.widowx_block_stacking import WIDOWX_BLOCK_STACKING
from dsrl_ros.tasks.scenes.widowx_drawer_closing import WIDOWX_DRAWER_CLOSING
from dsrl_ros.tasks.scenes.widowx_pick_place import WIDOWX_PICK_PLACE
from dsrl_ros.tasks.task import Task

PUSH_PAUSE = 9  # a rest before the push is shorter than this [steps]
BEHIND = 0.055  # of the tool before the drawer, so that its fingers clear it on the way down [m]
HESITANT = 0.8  # share of pushes that are not made in one go
TIP = 0.011  # from the tool to the outside of closed fingers [m]


@dataclass(frozen=True)
class Carrying:
    """How an object is grasped and put on its target.

    Attributes:
        grasp_height: of the tool above the object's origin when it grasps [m].
        place_height: of the tool above the target's origin when it lets go [m].
        pause: a rest before it grasps and before it lets go is shorter than this [steps].
        grasp_spread, place_spread: largest offset from these places: x, y, z [m], (3,).
    """

    grasp_height: float
    place_height: float
    pause: int
    grasp_spread: tuple[float, float, float]
    place_spread: tuple[float, float, float]


MUSHROOM = Carrying(0.010, 0.018, 13, (0.012, 0.010, 0.006), (0.040, 0.040, 0.008))
BLOCK = Carrying(0.006, 0.047, 8, (0.010, 0.007, 0.004), (0.014, 0.009, 0.004))


def _begin_carrying(
    task: Task, way: Carrying, state: Array, rng: np.random.Generator
) -> ScriptedHand:
    """Draw a demonstration that puts the object on the target."""
    thing, goal = _places(state)
    grasp = _above(thing, way.grasp_height) + _spread(way.grasp_spread, rng)
    place = _above(goal, way.place_height) + _spread(way.place_spread, rng)
    approach, carry = rng.uniform((0.06, 0.11), (0.12, 0.14))
    grasp_pause, place_pause = (int(n) for n in rng.integers(0, way.pause, size=2))
    plan = pick_and_place(grasp, place, approach, carry, grasp_pause, place_pause)
    return ScriptedHand(task, _manner(rng), plan, rng)


def _begin_pushing(state: Array, rng: np.random.Generator) -> ScriptedHand:
    """Draw a demonstration that pushes the drawer shut, away from the robot's right."""
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
    return ScriptedHand(WIDOWX_DRAWER_CLOSING, _manner(rng), plan, rng)


def _places(state: Array) -> tuple[Float64, Float64]:
    """Return the positions of object and target [m], (3,) each."""
    tool = state[:3].astype(np.float64)
    return tool + state[4:7], tool + state[7:10]


def _above(place: Float64, rise: float) -> Float64:
    return at_height(place, float(place[2]) + rise)


def _spread(half: tuple[float, float, float], rng: np.random.Generator) -> Float64:
    return rng.uniform(-np.array(half), half)


def _manner(rng: np.random.Generator) -> Manner:
    speed, tremor = rng.uniform((0.014, 0.0005), (0.022, 0.0015))
    return Manner(float(speed), float(tremor), passed=0.012, reached=0.005, inertia=0.4)


WIDOWX_DEMONSTRATORS = (
    Demonstrator(WIDOWX_PICK_PLACE, partial(_begin_carrying, WIDOWX_PICK_PLACE, MUSHROOM)),
    Demonstrator(WIDOWX_DRAWER_CLOSING, _begin_pushing),
    Demonstrator(WIDOWX_BLOCK_STACKING, partial(_begin_carrying, WIDOWX_BLOCK_STACKING, BLOCK)),
)
