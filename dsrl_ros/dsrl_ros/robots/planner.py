"""From an action chunk to the joint trajectory that a controller follows. Owns no safety rule.

Everything is reckoned from what was *commanded* last, never from what was measured: tracking
errors then neither accumulate nor jerk the arm at the boundary of two chunks.

The arm follows the steps' targets as a quadratic B-spline: at the end of a step it is half-way
between the target of that step and the one before, at the velocity that leads on. Within a step
the acceleration is constant, and where a sequence of steps is cut into chunks makes no difference.
After the last step it brakes within one more, evenly, to rest on the last target.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Array, ControlMode, PolicySpec
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.trajectory import Float64, JointTrajectory

# A gripper column must pass this value to change the hand's mind: the Franka Hand stalls when it
# is told to open and close in quick succession, so what lies between leaves it as it is.
GRIPPER_THRESHOLD = 0.3
# Commands can be handed over at the points of a trajectory only: no two are further apart.
LONGEST_SEGMENT_NS = 100_000_000
CONTROL_MODE = ControlMode.EE_DELTA
ACTION_NAMES = ('dx', 'dy', 'dz', 'gripper')


@dataclass(frozen=True)
class Commanded:
    """What the robot has been told last: where the next chunk starts.

    Attributes:
        joints: [rad], (J,).
        velocity: [rad/s], (J,).
        target: joints in which the arm rests if nothing more is commanded [rad], (J,).
        tool: position of the tool with the joints at `target`, base frame [m], (3,).
        width: width of the gripper [m].
    """

    joints: Float64
    velocity: Float64
    target: Float64
    tool: Float64
    width: float


@dataclass(frozen=True)
class ChunkPlan:
    """What executing one action chunk means for this robot.

    Attributes:
        trajectory: from the start through the end of each step to rest, one step later; every
            step is `points_per_step` segments of equal duration.
        step_period_ns: time of one step [ns].
        points_per_step: points of the trajectory that each step adds.
        targets: joints that each step aims at [rad], (n, J).
        tool: position of the tool at each target, base frame [m], (n, 3).
        widths: width of the gripper to command at the start of each step [m], (n,).
        executed: the actions as they are carried out, (n, A); they differ from those asked for
            where the tool would have left the workspace.
        start: what was commanded before.
    """

    trajectory: JointTrajectory
    step_period_ns: int
    points_per_step: int
    targets: Float64
    tool: Float64
    widths: Float64
    executed: Array
    start: Commanded

    @property
    def num_steps(self) -> int:
        """Number of steps, n."""
        return len(self.widths)

    @property
    def duration_ns(self) -> int:
        """Time of all steps [ns]; the braking after them is not counted."""
        return self.num_steps * self.step_period_ns

    def commanded_at(self, elapsed_ns: int) -> Commanded:
        """Return what is commanded so long after the start [ns]."""
        begun = -(-elapsed_ns // self.step_period_ns)  # a step's end is still that step
        step = min(begun, self.num_steps) - 1
        if step < 0:
            return self.start
        joints, velocity = self.trajectory.sample(elapsed_ns)
        return Commanded(
            joints, velocity, self.targets[step], self.tool[step], float(self.widths[step])
        )


def check_spec(spec: PolicySpec) -> None:
    """Raise unless the chunks of a policy can be planned here.

    Raises:
        ShapeMismatchError: another control mode or other action columns.
    """
    here = (CONTROL_MODE, ACTION_NAMES)
    there = (spec.control_mode, spec.action_names)
    if here != there:
        raise ShapeMismatchError(
            f'PolicySpec of {spec.name}: got {there[0].name} with columns {list(there[1])}, '
            f'expected {here[0].name} with {list(here[1])}. Start the driver made for this policy.'
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
        self._points_per_step = -(-step_period_ns // LONGEST_SEGMENT_NS)
        self._low = np.array(robot.workspace_low)
        self._high = np.array(robot.workspace_high)

    def at_rest(self, joints: Float64, width: float) -> Commanded:
        """Return the commanded state of an arm that has been told to stay at `joints`, (J,)."""
        joints = np.array(joints, dtype=np.float64)
        return Commanded(
            joints=joints,
            velocity=np.zeros_like(joints),
            target=joints,
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
        targets = np.empty((steps + 1, self._robot.num_joints))
        executed = np.array(actions, dtype=np.float32)
        targets[0] = start.target
        position, width = start.tool, start.width
        for k in range(steps):
            wanted = position + actions[k, :3].astype(np.float64)
            limited = np.clip(wanted, self._low, self._high)
            if not np.array_equal(limited, wanted):
                executed[k, :3] = limited - position
            position = limited
            width = self._width(float(actions[k, 3]), width)
            tool[k], widths[k] = position, width
            targets[k + 1] = self._kinematics.solve_down(position, targets[k])
        by_steps = JointTrajectory(
            np.arange(steps + 2, dtype=np.int64) * self._step_period_ns,
            np.vstack([start.joints, (targets[:-1] + targets[1:]) / 2, targets[-1]]),
            np.vstack(
                [
                    start.velocity,
                    np.diff(targets, axis=0) / (1e-9 * self._step_period_ns),
                    np.zeros(self._robot.num_joints),
                ]
            ),
        )
        points = (steps + 1) * self._points_per_step + 1
        times_ns = np.linspace(0, by_steps.duration_ns, points).round().astype(np.int64)
        return ChunkPlan(
            JointTrajectory(times_ns, *by_steps.sample(times_ns)),
            self._step_period_ns,
            self._points_per_step,
            targets[1:],
            tool,
            widths,
            executed,
            start,
        )

    def _width(self, gripper: float, width: float) -> float:
        if gripper >= GRIPPER_THRESHOLD:
            return self._robot.gripper_high
        if gripper <= -GRIPPER_THRESHOLD:
            return self._robot.gripper_low
        return width
