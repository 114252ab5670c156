"""The rules that a chunk, and the motion it asks for, must keep.

They refuse and never clamp: the learner would learn from a command that the robot did not carry
out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np

from dsrl_ros.core.types import Float64, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.extremes import Margins, extremes
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.safety.workspace import Workspace

_ROUNDING = 1e-6  # of limits [rad], [rad/s], [rad/s^2]


class Rule(str, Enum):
    """What a chunk can be refused for, in the order of the checks."""

    ESTOP = 'estop'
    LATCHED = 'latched'
    FINITE = 'finite'
    NAMES = 'names'
    SHAPES = 'shapes'
    POSITION = 'position'
    VELOCITY = 'velocity'
    ACCELERATION = 'acceleration'
    WORKSPACE = 'workspace'
    JUMP = 'jump'
    ORDER = 'order'
    AGE = 'age'


@dataclass(frozen=True)
class Refusal:
    """Why a chunk may not be executed.

    Attributes:
        rule: the first rule it breaks.
        message: what, got, expected.
    """

    rule: Rule
    message: str

    def __str__(self) -> str:
        return f'{self.rule.value}: {self.message}'


@dataclass(frozen=True)
class Motion:
    """What a chunk would make the arm do, and where the arm is.

    Attributes:
        trajectory: from now until the arm rests.
        commanded: joints commanded now [rad], (J,).
        commanded_velocity: [rad/s], (J,).
        measured: joints measured last [rad], (J,).
    """

    trajectory: JointTrajectory
    commanded: Float64
    commanded_velocity: Float64
    measured: Float64


class ChunkRules:
    """The rules for a chunk before it is planned."""

    def __init__(self, spec: PolicySpec, robot_name: str) -> None:
        """Prepare.

        Args:
            spec: of the policy whose chunks come.
            robot_name: in the key of every chunk that is meant for this robot.
        """
        self._spec = spec
        self._robot_name = robot_name

    def first_broken(self, chunk: Chunk) -> Refusal | None:
        """Return the first broken rule; None when the chunk may be planned."""
        spec, finite = self._spec, np.isfinite(chunk.data)
        if not (finite.all() and np.isfinite(chunk.step_period_s)):
            return Refusal(
                Rule.FINITE,
                f'got {np.count_nonzero(~finite)} non-finite of {chunk.data.size} entries and a '
                f'step period of {chunk.step_period_s} s, expected finite numbers',
            )
        if chunk.key.robot != self._robot_name:
            return Refusal(
                Rule.NAMES, f'got a chunk for {chunk.key.robot!r}, expected {self._robot_name!r}'
            )
        if (chunk.control_mode, chunk.action_names) != (spec.control_mode, spec.action_names):
            return Refusal(
                Rule.NAMES,
                f'got control mode {chunk.control_mode} with columns {list(chunk.action_names)}, '
                f'expected {spec.control_mode:d} with {list(spec.action_names)}',
            )
        if (
            chunk.horizon == spec.horizon
            and 1 <= chunk.num_execute <= spec.horizon
            and chunk.data.shape == (spec.horizon * spec.action_dim,)
            and chunk.step_period_s == spec.step_period_s
        ):
            return None
        return Refusal(
            Rule.SHAPES,
            f'got {chunk.data.size} numbers for {chunk.horizon} rows every '
            f'{chunk.step_period_s:g} s, {chunk.num_execute} to execute, expected '
            f'{spec.horizon * spec.action_dim} for {spec.horizon} rows every '
            f'{spec.step_period_s:g} s, 1 to {spec.horizon} to execute',
        )


class MotionRules:
    """The rules for a motion: the robot's limits hold throughout, stopped or not.

    Attributes:
        tolerance_rad: largest distance of a joint from where it is commanded to be [rad].
    """

    def __init__(self, robot: RobotDescription, brake_ns: int, tolerance_rad: float = 0.0) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            brake_ns: time in which the arm brakes to rest whenever it is stopped [ns].
            tolerance_rad: largest distance of a joint from where it is commanded to be [rad];
                0 takes the robot's own.
        """
        self._robot = robot
        self._brake_ns = brake_ns
        self.tolerance_rad = tolerance_rad or robot.tracking_rad
        self._workspace = Workspace(robot, brake_ns)
        self._low, self._high = np.array(robot.position_low), np.array(robot.position_high)
        self._speed = np.array(robot.velocity_limit)
        self._acceleration = np.array(robot.acceleration_limit)
        self._margins = Margins(robot, brake_ns)

    def first_broken(self, motion: Motion, wider: bool = False) -> Refusal | None:
        """Return the first broken rule; None when the arm may move so.

        Args:
            motion: what is to be judged.
            wider: take into the workspace the box around it and both ends of the motion.
        """
        return (
            self._limits(motion.trajectory)
            or self._tool(motion.trajectory, wider)
            or self._jump(motion)
        )

    def _limits(self, trajectory: JointTrajectory) -> Refusal | None:
        if self._margins.kept_by(trajectory):
            return None
        reached = extremes(trajectory, self._brake_ns)
        positions = np.stack([reached.low, reached.high])
        # The arm may be stopped at its fastest, so that braking counts as acceleration.
        braking = reached.speed / (self._brake_ns * 1e-9)
        acceleration = np.stack([reached.acceleration, braking])
        # Every row of values, (K, J), must lie between its limits, (J,).
        hardest = self._acceleration
        for rule, unit, values, low, high in (
            (Rule.POSITION, 'rad', positions, self._low, self._high),
            (Rule.VELOCITY, 'rad/s', reached.speed[None], -self._speed, self._speed),
            (Rule.ACCELERATION, 'rad/s^2', acceleration, -hardest, hardest),
        ):
            outside = np.maximum(low - values, values - high)
            row, joint = np.unravel_index(int(np.argmax(outside)), outside.shape)
            if not outside[row, joint] <= _ROUNDING:
                return Refusal(
                    rule,
                    f'got {values[row, joint]:.4g} {unit} for {self._robot.joint_names[joint]}, '
                    f'expected {low[joint]:.4g} to {high[joint]:.4g}',
                )
        return None

    def _tool(self, trajectory: JointTrajectory, wider: bool) -> Refusal | None:
        violation = self._workspace.violation(trajectory, wider)
        if violation is None:
            return None
        return Refusal(
            Rule.WORKSPACE,
            f'got the tool at {violation.tool.round(4).tolist()} m, expected between '
            f'{violation.low.round(3).tolist()} and {violation.high.round(3).tolist()}',
        )

    def _jump(self, motion: Motion) -> Refusal | None:
        start = motion.trajectory
        jump = np.abs(start.positions[0] - motion.commanded).max()
        kick = np.abs(start.velocities[0] - motion.commanded_velocity).max()
        if not (jump <= _ROUNDING and kick <= _ROUNDING):
            return Refusal(
                Rule.JUMP,
                f'got a start {jump:.3g} rad and {kick:.3g} rad/s from what is commanded now, '
                'expected none',
            )
        error = np.abs(motion.measured - motion.commanded)
        worst = int(np.argmax(error))
        # Written so that a measurement that is not a number is refused too.
        if error[worst] <= self.tolerance_rad:
            return None
        return Refusal(
            Rule.JUMP,
            f'got {self._robot.joint_names[worst]} {error[worst]:.3g} rad from where it is '
            f'commanded to be, expected at most {self.tolerance_rad:g} rad',
        )
