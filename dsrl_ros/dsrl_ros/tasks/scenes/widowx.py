"""What the WidowX's tasks have in common, so that one policy serves them all. Runs nothing.

The arm's tool points straight down and is led by its changes of place at 5 Hz. Every scene has an
`object` and a `target`, and the state tells which task it is: the paper conditions its policy on
an image of the goal (appendix C.4.2), this one on the task's number.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from math import cos, sin
from pathlib import Path

import numpy as np

from dsrl_ros.core.types import Array, ControlMode, Float64
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.widowx import WX250S
from dsrl_ros.robots.simulation.twin import ArmState, Twin
from dsrl_ros.tasks.task import SceneStart

TASK_ENTRIES = ('task_pick_place', 'task_drawer_closing', 'task_block_stacking')
START_TOOL = (0.24, 0.0, 0.13)  # where the tool is when an episode starts [m]


class WidowXTask(ABC):
    """A task of the WidowX; what is its own is said by a subclass, a `Task`.

    Attributes:
        name: of the task.
        title: for people.
        task_entry: the entry of the state that is one in this task, of `TASK_ENTRIES`.
        scene: MJCF of robot and surroundings.
    """

    name: str
    title: str
    task_entry: str
    scene: Path
    robot = WX250S
    step_period_ns = 200_000_000
    max_steps = 60
    control_mode = ControlMode.EE_DELTA
    state_names = (
        'tool_x',
        'tool_y',
        'tool_z',
        'finger',
        'object_from_tool_x',
        'object_from_tool_y',
        'object_from_tool_z',
        'target_from_tool_x',
        'target_from_tool_y',
        'target_from_tool_z',
        *TASK_ENTRIES,
    )
    action_names = ('dx', 'dy', 'dz', 'gripper')
    action_low = (-0.03, -0.03, -0.03, -1.0)
    action_high = (0.03, 0.03, 0.03, 1.0)
    object_names = ('object', 'target')

    def sample_reset(self, seed: int, kinematics: Kinematics) -> SceneStart:
        """Draw where the things of the scene are; the arm starts at one place."""
        joints = kinematics.solve_down(np.array(START_TOOL), np.array(WX250S.episode_start))
        bodies, sliders = self.arrange(np.random.default_rng(seed))
        return SceneStart(joints, WX250S.gripper_high, bodies, sliders)

    def observe(
        self, arm: ArmState, objects: Mapping[str, Float64], kinematics: Kinematics
    ) -> Array:
        """Build the observation [m]; `finger` is the position of the left one."""
        tool = kinematics.tool_position(arm.position)
        finger, _ = WX250S.fingers(arm.gripper_width)
        from_tool = [objects[name][:3] - tool for name in self.object_names]
        task = [float(entry == self.task_entry) for entry in TASK_ENTRIES]
        return np.concatenate([tool, [finger], *from_tool, task]).astype(np.float32)

    @abstractmethod
    def arrange(self, rng: np.random.Generator) -> tuple[dict[str, Float64], dict[str, float]]:
        """Draw a scene; return bodies and sliders as `SceneStart` has them."""

    @abstractmethod
    def succeeded(self, twin: Twin) -> bool:
        """Return whether the task is done."""


def lying(x: float, y: float, z: float, yaw: float) -> Float64:
    """Return the pose, (7,), of something at a place [m] and turned about the vertical [rad]."""
    return np.array([x, y, z, cos(yaw / 2), 0.0, 0.0, sin(yaw / 2)])


def scene_file(name: str) -> Path:
    """Return where the scene of that name lies."""
    return Path(__file__).parent / 'mjcf' / f'{name}.xml'
