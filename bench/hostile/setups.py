"""What hostile chunks are made for: modes, robots and steps."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dsrl_ros.core.types import ControlMode, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.modes.registry import GRIPPER, MODES

ROBOT_NAME = 'arm'
BRAKE_NS = 100_000_000
ROWS = 4
KINEMATICS = Kinematics(FR3)
# With the FR3's own limits braking binds before speed does, and speed would never be grazed.
SLOW = replace(FR3, velocity_limit=(0.5,) * 7)


@dataclass(frozen=True)
class Setup:
    """What the chunks of a session are made for.

    Attributes:
        name: for people.
        control_mode: of the policy.
        choice: which of the mode's sets of columns.
        robot: whose limits.
        step_ns: time of one row [ns].
        gripper: whether there is a column for it.
    """

    name: str
    control_mode: ControlMode
    choice: int = 0
    robot: RobotDescription = FR3
    step_ns: int = 100_000_000
    gripper: bool = True

    @property
    def columns(self) -> tuple[str, ...]:
        """The arm's columns."""
        return MODES[self.control_mode].choices(self.robot)[self.choice]

    def spec(self) -> PolicySpec:
        """Return the card of a policy that such chunks may come from."""
        names = (*self.columns, GRIPPER) if self.gripper else self.columns
        return PolicySpec(
            name=self.name,
            state_names=('x',),
            action_names=names,
            horizon=ROWS,
            num_execute=ROWS,
            step_period_s=self.step_ns * 1e-9,
            control_mode=self.control_mode,
            noise_bound=6.0,
            action_low=(-1.0,) * len(names),
            action_high=(1.0,) * len(names),
            state_mean=(0.0,),
            state_std=(1.0,),
            sampler='flow-euler',
            denoising_steps=8,
            sha256='0' * 64,
        )


JOINT_SETUPS = (
    Setup('joint positions', ControlMode.JOINT_POSITION),
    Setup('joint positions, slow arm', ControlMode.JOINT_POSITION, robot=SLOW, gripper=False),
    Setup('joint velocities', ControlMode.JOINT_VELOCITY),
    Setup(
        'joint velocities, slow arm, long steps',
        ControlMode.JOINT_VELOCITY,
        robot=SLOW,
        step_ns=250_000_000,
    ),
)
TOOL_SETUPS = (
    Setup('poses', ControlMode.EE_POSE),
    Setup('shifts', ControlMode.EE_DELTA, step_ns=200_000_000),
    Setup('shifts and turns', ControlMode.EE_DELTA, choice=1, gripper=False),
)
