"""Close the drawer, with a WidowX: the second task of the paper's section 5.4."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import Float64
from dsrl_ros.robots.simulation.twin import Twin
from dsrl_ros.tasks.scenes.tabletop import lying, scene_file
from dsrl_ros.tasks.scenes.widowx import WidowXTask

CABINET_LOW = (0.215, 0.09)  # region of the middle of the shut drawer's front: x, y [m]
CABINET_HIGH = (0.265, 0.12)
CABINET_YAW = 0.15  # turned by at most this much [rad]
OPENING_LOW, OPENING_HIGH = 0.06, 0.10  # how far the drawer is open at the start [m]
SHUT = 0.004  # a drawer less open than this is shut [m]


class WidowXDrawerClosing(WidowXTask):
    """The object is the drawer's front, the target where it is when the drawer is shut."""

    name = 'widowx_drawer_closing'
    title = 'push a drawer shut (simulated WidowX 250 S)'
    task_entry = 'task_drawer_closing'
    max_steps = 32
    scene = scene_file('widowx_drawer_closing')

    def arrange(self, rng: np.random.Generator) -> tuple[dict[str, Float64], dict[str, float]]:
        """Draw where the cabinet is and how far its drawer is open."""
        x, y = rng.uniform(CABINET_LOW, CABINET_HIGH)
        yaw = rng.uniform(-CABINET_YAW, CABINET_YAW)
        opening = float(rng.uniform(OPENING_LOW, OPENING_HIGH))
        return {'cabinet': lying(x, y, 0.0, yaw)}, {'drawer': opening}

    def succeeded(self, twin: Twin) -> bool:
        """Return whether the drawer is shut (C.4.2)."""
        return float(twin.data.joint('drawer').qpos[0]) < SHUT


WIDOWX_DRAWER_CLOSING = WidowXDrawerClosing()
