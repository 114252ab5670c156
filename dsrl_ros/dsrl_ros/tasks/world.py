"""A task on its twin as a world with its own clock, as a robot's driver sees it.

`TaskEnv` is the same world as an agent sees it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.simulation.twin import ArmState, Twin
from dsrl_ros.tasks.task import Task, poses

# No stamp is zero: many programs read zero as "unset".
LOCKSTEP_START_NS = 1_000_000_000
# A world further behind the wall clock than this (a suspended process) skips that time.
_MOST_BEHIND_NS = 1_000_000_000


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

    def __init__(self, task: Task, start_ns: int | None = None) -> None:
        """Arrange the scene of seed 0.

        Args:
            task: to be done.
            start_ns: the wall clock [ns]; None for lockstep, which starts at 1 s and refuses
                trajectories that start late.
        """
        self.task = task
        self._lockstep = start_ns is None
        self._twin = Twin(task.robot, task.scene)
        self._kinematics = Kinematics(task.robot)
        self._reset_count = 0
        self._arrange(0, LOCKSTEP_START_NS if start_ns is None else start_ns)

    @property
    def now_ns(self) -> int:
        """Time of the clock [ns]."""
        return self._epoch_ns + self._twin.now_ns

    @property
    def step_ns(self) -> int:
        """Time of one physics step [ns]."""
        return self._twin.step_ns

    def reset(self, seed: int, at_ns: int) -> None:
        """Put robot and objects at the start that `seed` draws.

        Args:
            seed: of the start, 0 and up.
            at_ns: time of the clock at the start [ns], later than now.
        """
        self._reset_count += 1
        self._arrange(seed, at_ns)

    def follow(self, trajectory: JointTrajectory, start_ns: int) -> None:
        """Let the arm follow a trajectory.

        Args:
            trajectory: of the joints.
            start_ns: its start on the clock [ns]; 0 is now.

        Raises:
            DriverError: it starts in the past in lockstep, or before the scene was arranged.
        """
        start_ns = start_ns or self.now_ns
        if self._lockstep and start_ns < self.now_ns:
            raise DriverError(
                f'trajectory: got a start at {start_ns} ns, expected {self.now_ns} or later: in '
                'lockstep nothing can be late.'
            )
        if start_ns < self._epoch_ns:
            raise DriverError(
                f'trajectory: got a start {(self._epoch_ns - start_ns) * 1e-9:.3f} s before the '
                'scene was arranged, expected a later one. Plan it again.'
            )
        self._twin.set_trajectory(trajectory, start_ns - self._epoch_ns)

    def grip(self, width: float) -> None:
        """Move the fingers to `width` [m]."""
        self._twin.set_gripper(width)

    def run(self, until_ns: int, period_ns: int) -> Iterator[WorldState]:
        """Step the physics; yield the state after every period, and at the end.

        Args:
            until_ns: time of the clock at the end [ns], a whole number of physics steps away; if
                it is past, the state now is yielded.
            period_ns: whole physics steps [ns].
        """
        until_ns = max(until_ns, self.now_ns)
        while True:
            self._advance(min(self.now_ns + period_ns, until_ns))
            yield self.state()
            if self.now_ns >= until_ns:
                return

    def catch_up(self, wall_ns: int) -> int:
        """Step the physics to the wall clock, or skip the time if it is too far behind.

        Args:
            wall_ns: the wall clock [ns].

        Returns:
            Time skipped [ns].
        """
        behind_ns = wall_ns - self.now_ns
        if behind_ns > _MOST_BEHIND_NS:
            self._epoch_ns += behind_ns
            return behind_ns
        if behind_ns >= self.step_ns:
            self._advance(self.now_ns + behind_ns // self.step_ns * self.step_ns)
        return 0

    def state(self) -> WorldState:
        """Return the world now."""
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

    def _advance(self, until_ns: int) -> None:
        self._twin.advance(until_ns - self._epoch_ns)

    def _arrange(self, seed: int, at_ns: int) -> None:
        start = self.task.sample_reset(seed, self._kinematics)
        self._twin.reset(start.joints, start.width, start.bodies, start.sliders)
        self._epoch_ns = at_ns
