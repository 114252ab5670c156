"""Scripted demonstrations of the Franka's pick and place."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import Array
from dsrl_ros.tasks.demonstrations.demonstrator import Demonstrator
from dsrl_ros.tasks.demonstrations.scripted_hand import Manner, ScriptedHand, pick_and_place
from dsrl_ros.tasks.scenes.pick_place import BOWL, PICK_PLACE


def _begin(state: Array, rng: np.random.Generator) -> ScriptedHand:
    """Draw the style of one demonstration; the order of the draws decides what a seed gives."""
    speed = float(rng.uniform(0.032, 0.064))  # [m/step]
    approach_height = float(rng.uniform(0.07, 0.16))  # above the table [m]
    grasp_offset = rng.uniform((-0.010, -0.010, -0.005), (0.010, 0.010, 0.005))  # from the cube
    carry_height = float(rng.uniform(0.12, 0.2))
    place_offset = rng.uniform(-0.025, 0.025, size=2)  # from the bowl's centre [m]
    place_height = float(rng.uniform(0.08, 0.12))
    grasp_pause = int(rng.integers(0, 5))  # [steps]
    place_pause = int(rng.integers(0, 5))
    tremor = float(rng.uniform(0.002, 0.005))  # [m/step]
    grasp = (state[:3] + state[4:7]).astype(np.float64) + grasp_offset
    place = np.array([*(np.array(BOWL) + place_offset), place_height])
    plan = pick_and_place(grasp, place, approach_height, carry_height, grasp_pause, place_pause)
    manner = Manner(speed, tremor, passed=0.02, reached=0.008, inertia=0.2)
    return ScriptedHand(PICK_PLACE, manner, plan, rng)


PICK_PLACE_DEMONSTRATOR = Demonstrator(PICK_PLACE, _begin)
