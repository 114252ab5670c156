"""Put the mushroom on the cloth, with a WidowX: the first task of the paper's section 5.4."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.scenes.contacts import is_slow, touched_by
from dsrl_ros.tasks.scenes.tabletop import lying, scene_file
from dsrl_ros.tasks.scenes.widowx import WidowXTask

MUSHROOM_LOW = (0.20, -0.13)  # region of the mushroom's start: x, y [m]
MUSHROOM_HIGH = (0.28, -0.06)
MUSHROOM_HEIGHT = 0.020  # of its origin above the table when upright [m]
CLOTH_LOW = (0.22, 0.07)  # region of the cloth's centre [m]
CLOTH_HIGH = (0.27, 0.10)
CLOTH_HALF = 0.05  # half of the cloth's edge [m]


class WidowXPickPlace(WidowXTask):
    """The object is the mushroom, the target the middle of the cloth."""

    name = 'widowx_pick_place'
    title = 'put a mushroom on a cloth (simulated WidowX 250 S)'
    task_entry = 'task_pick_place'
    scene = scene_file('widowx_pick_place')

    def arrange(self, rng: np.random.Generator) -> tuple[dict[str, Float64], dict[str, float]]:
        """Draw where mushroom and cloth are."""
        x, y = rng.uniform(MUSHROOM_LOW, MUSHROOM_HIGH)
        cloth_x, cloth_y = rng.uniform(CLOTH_LOW, CLOTH_HIGH)
        yaw = rng.uniform(-np.pi, np.pi)
        bodies = {'object': lying(x, y, MUSHROOM_HEIGHT, yaw)}
        return bodies, {'cloth_x': float(cloth_x), 'cloth_y': float(cloth_y)}

    def succeeded(self, twin: Twin) -> bool:
        """Return whether the mushroom lies at least half on the cloth, released (C.4.2).

        It is round: half of it is on the cloth when its middle is.
        """
        offset = np.abs(twin.object_pose('object') - twin.object_pose('target'))[:2]
        if offset.max() > CLOTH_HALF:
            return False
        touched = touched_by(twin, 'object')
        return bool(touched) and touched <= {'target', 'world'} and is_slow(twin, 'object')


WIDOWX_PICK_PLACE = WidowXPickPlace()
