"""Pick up a cube and place it in a bowl: scene, resets, observation, success."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.simulation.twin import ArmState, Twin
from dsrl_ros.tasks.scenes.contacts import is_slow, touched_by
from dsrl_ros.tasks.scenes.tabletop import TabletopTask, along_axes, lying, scene_file

START_TOOL = (0.45, 0.0, 0.16)  # where the tool is when an episode starts [m]
CUBE_LOW = (0.42, -0.20)  # region of the cube's start position: x, y [m]
CUBE_HIGH = (0.58, -0.06)
CUBE_YAW = 0.2  # the cube starts turned by at most this much [rad]
CUBE_HALF = 0.0225  # [m]
BOWL = (0.50, 0.20)  # centre, as in the scene [m]
BOWL_RADIUS = 0.071  # inside the wall [m]
BOWL_HEIGHT = 0.048  # rim above the table [m]


class PickPlace(TabletopTask):
    """The task of the demo, as in the paper's single-task Franka experiment (section 5.4)."""

    name = 'pick_place'
    title = 'pick up a cube and place it in a bowl (simulated Franka Research 3)'
    robot = FR3
    scene = scene_file('pick_place')
    max_steps = 40
    start_tool = START_TOOL
    start_guess = FR3.home
    state_names = (*along_axes('tool'), 'gripper_width', *along_axes('cube_from_tool'))
    action_low = (-0.08, -0.08, -0.08, -1.0)
    action_high = (0.08, 0.08, 0.08, 1.0)
    object_names = ('cube', 'bowl')

    def arrange(self, rng: np.random.Generator) -> tuple[dict[str, Float64], dict[str, float]]:
        """Draw where the cube is."""
        x, y = rng.uniform(CUBE_LOW, CUBE_HIGH)
        yaw = rng.uniform(-CUBE_YAW, CUBE_YAW)
        return {'cube': lying(x, y, CUBE_HALF, yaw)}, {}

    def observe(
        self, arm: ArmState, objects: Mapping[str, Float64], kinematics: Kinematics
    ) -> Array:
        """Build the observation [m]."""
        tool = kinematics.tool_position(arm.position)
        values = np.concatenate([tool, [arm.gripper_width], objects['cube'][:3] - tool])
        return values.astype(np.float32)

    def succeeded(self, twin: Twin) -> bool:
        """Return whether the cube rests in the bowl, touched by nothing else."""
        offset = (twin.object_pose('cube') - twin.object_pose('bowl'))[:3]
        if np.hypot(offset[0], offset[1]) > BOWL_RADIUS or offset[2] > BOWL_HEIGHT:
            return False
        return touched_by(twin, 'cube') == {'bowl'} and is_slow(twin, 'cube')


PICK_PLACE = PickPlace()
