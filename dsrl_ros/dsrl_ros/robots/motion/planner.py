"""Turns an action chunk into the joint trajectory that a controller follows.

Plans start from what was commanded last, never from what was measured: tracking errors then
neither accumulate nor jerk the arm at the boundary of two chunks. The modes give the target of
each row; `spline` joins them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.config.driver import LONGEST_SPAN_S
from dsrl_ros.core.types import Array, ControlMode, Float64, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.modes.base import StepTarget, target_at
from dsrl_ros.robots.motion.modes.ee_delta import SHIFT
from dsrl_ros.robots.motion.modes.registry import GRIPPER, MODES, arm_columns
from dsrl_ros.robots.motion.spline import spline
from dsrl_ros.robots.motion.trajectory import Int64, JointTrajectory

# A gripper column must pass this value to change the hand's mind: the Franka Hand stalls when it
# is commanded to open and close in quick succession, so a value between changes nothing.
GRIPPER_THRESHOLD = 0.3
LONGEST_SPAN_NS = round(LONGEST_SPAN_S * 1e9)


@dataclass(frozen=True)
class Commanded:
    """What the robot was commanded last: the start of the next chunk.

    Attributes:
        joints: [rad], (J,).
        velocity: [rad/s], (J,).
        target: where the last step leads; the next one goes on from there.
        width: width of the gripper [m].
    """

    joints: Float64
    velocity: Float64
    target: StepTarget
    width: float


@dataclass(frozen=True)
class ChunkPlan:
    """What executing one action chunk means for this robot.

    Attributes:
        trajectory: from the start through the end of each step to rest, one step later.
        points_per_step: points of the trajectory that each step adds.
        targets: where each step leads, (n,).
        widths: width of the gripper to command at the start of each step [m], (n,).
        executed: the actions as they are carried out, (n, A); they differ from those asked for
            where the tool would have left the workspace, or a quaternion was not of unit length.
        start: what was commanded before.
    """

    trajectory: JointTrajectory
    points_per_step: int
    targets: tuple[StepTarget, ...]
    widths: Float64
    executed: Array
    start: Commanded

    @property
    def num_steps(self) -> int:
        """Number of steps, n."""
        return len(self.widths)

    @property
    def starts_ns(self) -> Int64:
        """Time at which each step starts, and the last one ends [ns], (n + 1,)."""
        per_step = self.points_per_step
        return self.trajectory.times_ns[: self.num_steps * per_step + 1 : per_step]

    @property
    def duration_ns(self) -> int:
        """Time of all steps [ns]; the braking after them is not counted."""
        return int(self.starts_ns[-1])

    def commanded_at(self, elapsed_ns: int) -> Commanded:
        """Return what is commanded so long after the start [ns]."""
        begun = int(np.searchsorted(self.starts_ns, elapsed_ns))  # a step's end is still that step
        step = min(begun, self.num_steps) - 1
        if step < 0:
            return self.start
        joints, velocity = self.trajectory.sample(elapsed_ns)
        return Commanded(joints, velocity, self.targets[step], float(self.widths[step]))


def check_spec(spec: PolicySpec, robot: RobotDescription) -> None:
    """Raise unless the chunks of a policy can be planned for a robot.

    Raises:
        ShapeMismatchError: an unknown control mode, or columns that it does not read.
    """
    arm_columns(spec.control_mode, spec.action_names, robot)


class ChunkPlanner:
    """Plans chunks of one control mode. Where there is a gripper column it is the last.

    A gripper in [-1, 1] opens the hand from `GRIPPER_THRESHOLD` up, closes it from its negative
    down, and leaves it as it is between them.
    """

    def __init__(
        self,
        robot: RobotDescription,
        kinematics: Kinematics,
        step_period_ns: int,
        control_mode: ControlMode = ControlMode.EE_DELTA,
        action_names: tuple[str, ...] = (*SHIFT, GRIPPER),
    ) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            kinematics: of the same robot.
            step_period_ns: time of one step [ns].
            control_mode: what the columns mean.
            action_names: name of each column, (A,).

        Raises:
            ShapeMismatchError: an unknown control mode, or columns that it does not read.
        """
        self._arm = len(arm_columns(control_mode, action_names, robot))
        self._mode = MODES[control_mode](robot, kinematics, step_period_ns)
        self._robot = robot
        self._kinematics = kinematics
        self._step_period_ns = step_period_ns
        self._points_per_step = -(-step_period_ns // LONGEST_SPAN_NS)
        self._action_dim = len(action_names)

    def at_rest(self, joints: Float64, width: float) -> Commanded:
        """Return the commanded state of an arm that was commanded to stay at `joints`, (J,)."""
        target = target_at(joints, self._kinematics)
        return Commanded(target.joints, np.zeros_like(target.joints), target, width)

    def plan(self, actions: Array, start: Commanded) -> ChunkPlan:
        """Turn a chunk into a trajectory.

        Args:
            actions: (n, A), n >= 1.
            start: what was commanded last, at the time when the chunk begins.

        Raises:
            ShapeMismatchError, NonFiniteError: a chunk that is not (n, A) and finite, or whose
                numbers do not mean what its columns say.
            DriverError: a tool pose out of the arm's reach.
        """
        require_shape('action chunk', actions, (None, self._action_dim))
        require_finite('action chunk', actions)
        executed = np.array(actions, dtype=np.float32)
        widths = np.empty(len(actions))
        targets, width = [start.target], start.width
        for k, row in enumerate(actions.astype(np.float64)):
            target, executed[k, : self._arm] = self._mode.follow(row[: self._arm], targets[-1])
            targets.append(target)
            if self._action_dim > self._arm:
                width = self._width(float(row[-1]), width)
            widths[k] = width
        trajectory = spline(
            start.joints,
            start.velocity,
            np.array([target.joints for target in targets]),
            self._step_period_ns,
            self._points_per_step,
        )
        return ChunkPlan(
            trajectory, self._points_per_step, tuple(targets[1:]), widths, executed, start
        )

    def _width(self, gripper: float, width: float) -> float:
        if gripper >= GRIPPER_THRESHOLD:
            return self._robot.gripper_high
        if gripper <= -GRIPPER_THRESHOLD:
            return self._robot.gripper_low
        return width
