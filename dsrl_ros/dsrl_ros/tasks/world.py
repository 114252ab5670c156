"""A task on its twin as a world with a clock of its own. Serves nobody.

`TaskEnv` is the same world seen by an agent; this is the same world seen by a robot's driver.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.simulation.twin import ArmState, Twin
from dsrl_ros.tasks.task import Task, poses


@dataclass(frozen=True)
class WorldState:
    """Everything that can be seen of the world at one moment.

    Attributes:
        stamp_ns: of the world's clock [ns].
        arm: what the encoders say; its own stamp counts from the last reset.
        tool: pose of the tool in the base frame, (4, 4).
        objects: position [m] and unit quaternion (w, x, y, z) of each object, (7,).
        success: the task is done.
        reset_count: scenes arranged so far.
    """

    stamp_ns: int
    arm: ArmState
    tool: Float64
    objects: dict[str, Float64]
    success: bool
    reset_count: int


class TaskWorld:
    """Robot and scene under a clock that never goes back, not even in a reset."""

    def __init__(self, task: Task, start_ns: int) -> None:
        """Arrange the scene of seed 0.

        Args:
            task: what is to be done.
            start_ns: what the clock shows first [ns].
        """
        self.task = task
        self._twin = Twin(task.robot, task.scene)
        self._kinematics = Kinematics(task.robot)
        self._reset_count = 0
        self._arrange(0, start_ns)

    @property
    def now_ns(self) -> int:
        """What the clock shows [ns]."""
        return self._epoch_ns + self._twin.now_ns

    @property
    def step_ns(self) -> int:
        """Time of one physics step [ns]."""
        return self._twin.step_ns

    def reset(self, seed: int, at_ns: int) -> None:
        """Put robot and objects at the start that `seed` draws.

        Args:
            seed: of the start, 0 and up.
            at_ns: what the clock shows then [ns], later than now.
        """
        self._reset_count += 1
        self._arrange(seed, at_ns)

    def follow(self, trajectory: JointTrajectory, start_ns: int) -> None:
        """Let the arm follow a trajectory from `start_ns` of the clock on [ns].

        Raises:
            DriverError: it starts before the scene was arranged.
        """
        if start_ns < self._epoch_ns:
            raise DriverError(
                f'trajectory: got a start {(self._epoch_ns - start_ns) * 1e-9:.3f} s before the '
                'scene was arranged, expected a later one. Plan it anew.'
            )
        self._twin.set_trajectory(trajectory, start_ns - self._epoch_ns)

    def grip(self, width: float) -> None:
        """Move the fingers to `width` [m]."""
        self._twin.set_gripper(width)

    def skip(self, duration_ns: int) -> None:
        """Put the clock forward without anything happening [ns]."""
        self._epoch_ns += duration_ns

    def advance(self, until_ns: int) -> None:
        """Step the physics until the clock shows `until_ns`, a whole number of steps away."""
        self._twin.advance(until_ns - self._epoch_ns)

    def state(self) -> WorldState:
        """Look at the world."""
        arm = self._twin.state()
        return WorldState(
            stamp_ns=self.now_ns,
            arm=arm,
            tool=self._kinematics.tool_pose(arm.position),
            objects=poses(self.task, self._twin),
            success=self.task.succeeded(self._twin),
            reset_count=self._reset_count,
        )

    def render(self, camera: str, width: int, height: int) -> NDArray[np.uint8]:
        """Return an RGB image of the world, (height, width, 3).

        Raises:
            DriverError: there is nothing to render with.
        """
        return self._twin.render(camera, width, height)

    def _arrange(self, seed: int, at_ns: int) -> None:
        start = self.task.sample_reset(seed, self._kinematics)
        self._twin.reset(start.joints, start.width, start.bodies, start.sliders)
        self._epoch_ns = at_ns
