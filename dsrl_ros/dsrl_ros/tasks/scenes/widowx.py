"""What the WidowX's tasks share, so that one policy serves them all.

Every scene has an `object` and a `target`, and the state holds the task as a one-hot vector. The
paper conditions its policy on an image of the goal instead (appendix C.4.2).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dsrl_ros.core.types import Array, Float64
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.widowx import WX250S
from dsrl_ros.robots.simulation.twin import ArmState
from dsrl_ros.tasks.scenes.tabletop import TabletopTask, along_axes

TASK_ENTRIES = ('task_pick_place', 'task_drawer_closing', 'task_block_stacking')
START_TOOL = (0.24, 0.0, 0.13)  # where the tool is when an episode starts [m]


class WidowXTask(TabletopTask):
    """A task of the WidowX.

    Attributes:
        task_entry: the entry of the state that is one in this task, of `TASK_ENTRIES`.
    """

    task_entry: str
    robot = WX250S
    start_tool = START_TOOL
    start_guess = WX250S.episode_start
    max_steps = 60
    state_names = (
        *along_axes('tool'),
        'finger',
        *along_axes('object_from_tool', 'target_from_tool'),
        *TASK_ENTRIES,
    )
    action_low = (-0.03, -0.03, -0.03, -1.0)
    action_high = (0.03, 0.03, 0.03, 1.0)
    object_names = ('object', 'target')

    def observe(
        self, arm: ArmState, objects: Mapping[str, Float64], kinematics: Kinematics
    ) -> Array:
        """Build the observation [m]; `finger` is the position of the left one."""
        tool = kinematics.tool_position(arm.position)
        finger, _ = WX250S.fingers(arm.gripper_width)
        from_tool = [objects[name][:3] - tool for name in self.object_names]
        task = [float(entry == self.task_entry) for entry in TASK_ENTRIES]
        return np.concatenate([tool, [finger], *from_tool, task]).astype(np.float32)
