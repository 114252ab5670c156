"""Stack the yellow block on the blue ones, with a WidowX: the third task of section 5.4."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.scenes.contacts import is_slow, touched_by
from dsrl_ros.tasks.scenes.tabletop import lying, scene_file
from dsrl_ros.tasks.scenes.widowx import WidowXTask

YELLOW_LOW = (0.20, -0.13)  # region of the yellow block's start: x, y [m]
YELLOW_HIGH = (0.28, -0.06)
YELLOW_HALF = 0.018  # [m]
YELLOW_YAW = 0.2  # it lies turned by at most this much [rad]
BLUE_LOW = (0.225, 0.07)  # region of the middle of the blue blocks: x, y [m]
BLUE_HIGH = (0.265, 0.10)
BLUE_HALF = 0.02  # of the height of a blue block [m]
BLUE_YAW = 0.2  # [rad]


class WidowXBlockStacking(WidowXTask):
    """The object is the yellow block, the target the two blue ones side by side."""

    name = 'widowx_block_stacking'
    title = 'stack a yellow block on blue ones (simulated WidowX 250 S)'
    task_entry = 'task_block_stacking'
    scene = scene_file('widowx_block_stacking')

    def arrange(self, rng: np.random.Generator) -> tuple[dict[str, Float64], dict[str, float]]:
        """Draw where the blocks lie."""
        x, y = rng.uniform(YELLOW_LOW, YELLOW_HIGH)
        blue_x, blue_y = rng.uniform(BLUE_LOW, BLUE_HIGH)
        yaw, blue_yaw = rng.uniform((-YELLOW_YAW, -BLUE_YAW), (YELLOW_YAW, BLUE_YAW))
        return {
            'object': lying(x, y, YELLOW_HALF, yaw),
            'target': lying(blue_x, blue_y, BLUE_HALF, blue_yaw),
        }, {}

    def succeeded(self, twin: Twin) -> bool:
        """Return whether the yellow block rests on the blue ones alone, released (C.4.2)."""
        rise = float((twin.object_pose('object') - twin.object_pose('target'))[2])
        on_top = rise > 0.9 * (BLUE_HALF + YELLOW_HALF)
        return on_top and touched_by(twin, 'object') == {'target'} and is_slow(twin, 'object')


WIDOWX_BLOCK_STACKING = WidowXBlockStacking()
