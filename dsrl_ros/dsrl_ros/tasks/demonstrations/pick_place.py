"""How the Franka's cube is picked and placed by hand: styles and the way they take."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.tasks.demonstrations.scripted_hand import (
    UNLIMITED,
    Hand,
    Manner,
    Waypoint,
    at_height,
)
from dsrl_ros.tasks.scenes.pick_place import BOWL, PICK_PLACE

CLOSING = 3  # how long the demonstrator waits while the gripper closes [steps]


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


class PickPlaceDemonstrator:
    """Somebody who places the cube in the bowl; a `Demonstrator`."""

    task = PICK_PLACE

    def begin(self, state: Array, rng: np.random.Generator) -> Hand:
        """Return the hand that gives one demonstration."""
        style = sample_style(rng)
        grasp = (state[:3] + state[4:7]).astype(np.float64) + style.grasp
        place = np.array([*(np.array(BOWL) + style.place), style.place_height])
        plan = [
            Waypoint(at_height(grasp, style.approach_height), 1.0),
            Waypoint(grasp, 1.0, 1 + style.grasp_pause),
            Waypoint(grasp, -1.0, CLOSING),
            Waypoint(at_height(grasp, style.carry_height), -1.0),
            Waypoint(at_height(place, style.carry_height), -1.0),
            Waypoint(place, -1.0, 1 + style.place_pause),
            Waypoint(place, 1.0, UNLIMITED),
        ]
        manner = Manner(style.speed, style.tremor, passed=0.02, reached=0.008, inertia=0.2)
        return Hand(PICK_PLACE, manner, plan, rng)


PICK_PLACE_DEMONSTRATOR = PickPlaceDemonstrator()
