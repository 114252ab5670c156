"""What every tabletop task shares: tool deltas at 5 Hz, and a start with the tool down."""

from __future__ import annotations

from abc import abstractmethod
from math import cos, sin
from pathlib import Path

import numpy as np

from dsrl_ros.core.types import ControlMode, Float64
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.tasks.task import SceneStart, Task


class TabletopTask(Task):
    """A task whose tool points straight down and is moved by position deltas.

    Attributes:
        start_tool: tool at the start of an episode [m], (3,).
        start_guess: joints near those of the start [rad], (J,).
    """

    start_tool: tuple[float, float, float]
    start_guess: tuple[float, ...]
    step_period_ns = 200_000_000
    control_mode = ControlMode.EE_DELTA
    action_names = ('dx', 'dy', 'dz', 'gripper')

    def start_joints(self, kinematics: Kinematics) -> Float64:
        """Return the arm's joints at the start of an episode [rad], (J,)."""
        return kinematics.solve_down(np.array(self.start_tool), np.array(self.start_guess))

    def sample_reset(self, seed: int, kinematics: Kinematics) -> SceneStart:
        """Draw the scene; the arm always starts at the same place, with an open gripper."""
        bodies, sliders = self.arrange(np.random.default_rng(seed))
        joints = self.start_joints(kinematics)
        return SceneStart(joints, self.robot.gripper_high, bodies, sliders)

    @abstractmethod
    def arrange(self, rng: np.random.Generator) -> tuple[dict[str, Float64], dict[str, float]]:
        """Draw a scene; return bodies and sliders as in `SceneStart`."""


def lying(x: float, y: float, z: float, yaw: float) -> Float64:
    """Return the pose, (7,), of a body at a place [m], turned about the vertical [rad]."""
    return np.array([x, y, z, cos(yaw / 2), 0.0, 0.0, sin(yaw / 2)])


def along_axes(*names: str) -> tuple[str, ...]:
    """Return the names of the three coordinates of each place."""
    return tuple(f'{name}_{axis}' for name in names for axis in 'xyz')


def scene_file(name: str) -> Path:
    """Return the path of the scene of that name."""
    return Path(__file__).parent / 'mjcf' / f'{name}.xml'
