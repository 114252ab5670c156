"""From an action chunk to the joint trajectory that a controller follows. Owns no safety rule.

Everything is reckoned from what was *commanded* last, never from what was measured: tracking
errors then neither accumulate nor jerk the arm at the boundary of two chunks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.types import Array
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.trajectory import Float64, JointTrajectory

# A gripper column must pass this value to change the hand's mind: the Franka Hand stalls when it
# is told to open and close in quick succession, so what lies between leaves it as it is.
GRIPPER_THRESHOLD = 0.3


@dataclass(frozen=True)
class Commanded:
    """What the robot has been told last: where the next chunk starts.

    Attributes:
        joints: [rad], (J,).
        velocity: [rad/s], (J,); zero unless a chunk is superseded before its end.
        tool: position of the tool in the base frame [m], (3,).
        width: width of the gripper [m].
    """

    joints: Float64
    velocity: Float64
    tool: Float64
    width: float


@dataclass(frozen=True)
class ChunkPlan:
    """What executing one action chunk means for this robot.

    Attributes:
        trajectory: n + 1 points, the first the start, ending at rest.
        widths: width of the gripper to command at the start of each step [m], (n,).
        tool: position of the tool at the end of each step, base frame [m], (n, 3).
        executed: the actions as they are carried out, (n, A); they differ from those asked for
            where the tool would have left the workspace.
    """

    trajectory: JointTrajectory
    widths: Float64
    tool: Float64
    executed: Array

    @property
    def num_steps(self) -> int:
        """Number of steps, n."""
        return len(self.widths)

    def commanded_after(self, steps: int) -> Commanded:
        """Return what has been commanded once `steps` (1 to n) steps have been executed."""
        return Commanded(
            joints=self.trajectory.positions[steps],
            velocity=self.trajectory.velocities[steps],
            tool=self.tool[steps - 1],
            width=float(self.widths[steps - 1]),
        )


class ChunkPlanner:
    """Plans chunks of `ControlMode.EE_DELTA`: dx, dy, dz per step [m], gripper in [-1, 1].

    The tool keeps pointing straight down. Its commanded position stays in the robot's workspace
    box: a step that would leave it is shortened, and `ChunkPlan.executed` says so.
    """

    def __init__(
        self, robot: RobotDescription, kinematics: Kinematics, step_period_ns: int
    ) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            kinematics: of the same robot.
            step_period_ns: time of one step [ns].
        """
        self._robot = robot
        self._kinematics = kinematics
        self._step_period_ns = step_period_ns
        self._low = np.array(robot.workspace_low)
        self._high = np.array(robot.workspace_high)

    def at_rest(self, joints: Float64, width: float) -> Commanded:
        """Return the commanded state of an arm that has been told to stay at `joints`, (J,)."""
        return Commanded(
            joints=np.array(joints, dtype=np.float64),
            velocity=np.zeros(self._robot.num_joints),
            tool=self._kinematics.tool_position(joints),
            width=width,
        )

    def plan(self, actions: Array, start: Commanded) -> ChunkPlan:
        """Turn a chunk into a trajectory.

        Args:
            actions: (n, 4), n >= 1.
            start: what was commanded last, at the time when the chunk begins.

        Raises:
            ShapeMismatchError, NonFiniteError: a chunk that is not (n, 4) and finite.
            DriverError: a tool position out of the arm's reach.
        """
        require_shape('action chunk', actions, (None, 4))
        require_finite('action chunk', actions)
        steps = len(actions)
        tool = np.empty((steps, 3))
        widths = np.empty(steps)
        joints = np.empty((steps + 1, self._robot.num_joints))
        executed = np.array(actions, dtype=np.float32)
        joints[0] = start.joints
        position, width = start.tool, start.width
        for k in range(steps):
            wanted = position + actions[k, :3].astype(np.float64)
            limited = np.clip(wanted, self._low, self._high)
            if not np.array_equal(limited, wanted):
                executed[k, :3] = limited - position
            position = limited
            width = self._width(float(actions[k, 3]), width)
            tool[k], widths[k] = position, width
            joints[k + 1] = self._kinematics.solve_down(position, joints[k])
        times_ns = np.arange(steps + 1, dtype=np.int64) * self._step_period_ns
        velocities = np.zeros_like(joints)
        velocities[0] = start.velocity
        velocities[1:-1] = (joints[2:] - joints[:-2]) / (2e-9 * self._step_period_ns)
        trajectory = JointTrajectory(times_ns, joints, velocities)
        return ChunkPlan(trajectory, widths, tool, executed)

    def _width(self, gripper: float, width: float) -> float:
        if gripper >= GRIPPER_THRESHOLD:
            return self._robot.gripper_high
        if gripper <= -GRIPPER_THRESHOLD:
            return self._robot.gripper_low
        return width
