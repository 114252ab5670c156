"""Options of the driver for hardware."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option

_TRAJECTORY_CONTROLLER = 'fr3_arm_controller'


@dataclass(frozen=True)
class HardwareConfig:
    """Options of the driver for hardware; those of arm, gripper and recovery are a Franka's."""

    arm: str = option(
        'trajectory',
        'what takes the arm: the joint trajectory controller, or a CRISP controller',
        choices=('trajectory', 'crisp'),
    )
    description: str = option(
        'auto',
        "where limits and kinematics come from: the robot's own robot_description, or what is "
        'shipped; auto asks the robot, but not mock hardware, which is described without its hand',
        choices=('auto', 'topic', 'shipped'),
    )
    tool_pose: str = option(
        'auto',
        "who publishes the tool's pose: the driver, by forward kinematics of the joints, or "
        "the robot's stack; auto takes the driver where the vendor's stack does not publish it",
        choices=('auto', 'driver', 'robot'),
    )
    target_hz: float = option(
        50.0, 'targets per second for an arm that takes such [1/s]', low=10.0, high=1000.0
    )
    target_ttl_s: float = option(
        0.1, 'gap between two such targets after which the arm stops [s]', low=0.02, high=0.2
    )
    gripper: str = option(
        'franka',
        "what takes the gripper: the vendor's actions, control_msgs/GripperCommand, or no gripper",
        choices=('franka', 'gripper_command', 'none'),
    )
    gripper_names: tuple[str, ...] = option(
        ('gripper', 'fr3_gripper'), 'names that the gripper may have; the first found is it'
    )
    gripper_close_below_m: float = option(
        0.03, 'commanded width that closes the gripper [m]', low=0.0, high=0.08
    )
    gripper_open_above_m: float = option(
        0.05, 'commanded width that opens the gripper [m]', low=0.0, high=0.08
    )
    gripper_open_m: float = option(
        0.078, 'width of the open gripper [m]; the hand refuses more than it has', low=0, high=0.08
    )
    gripper_speed: float = option(0.1, 'speed of the gripper [m/s]', low=0.01, high=0.1)
    gripper_force: float = option(30.0, 'force of a grasp [N]', low=1.0, high=70.0)
    gripper_timeout_s: float = option(
        5.0, 'wait for the gripper to have opened or closed [s]', low=0.5, high=120.0
    )
    state_silence_s: float = option(
        0.2,
        'time without new states of the joints, or of the robot, that stops it [s]',
        low=0.06,
        high=5.0,
    )
    late_s: float = option(
        0.03, 'how late after its start a command is still sent [s]', low=0.005, high=1.0
    )
    follow_tolerance_rad: float = option(
        0.05, 'largest distance of a joint from its command [rad]', low=0.005, high=0.5
    )
    follow_timeout_s: float = option(
        0.3, 'time for which a joint may be further from its command [s]', low=0.05, high=5.0
    )
    recover_timeout_s: float = option(
        10.0, 'wait for each step of a recovery [s]', low=0.1, high=120.0
    )
    hardware_component: str = option(
        'FrankaHardwareInterface', 'hardware component that a recovery activates'
    )
    controllers: tuple[str, ...] = option(
        ('joint_state_broadcaster', 'franka_robot_state_broadcaster', _TRAJECTORY_CONTROLLER),
        'controllers that a recovery activates; with arm crisp, name yours',
    )

    def __post_init__(self) -> None:
        check(self)
        if self.gripper_close_below_m >= self.gripper_open_above_m:
            raise ConfigError(
                f'gripper_close_below_m: got {self.gripper_close_below_m:g}, expected less than '
                f'gripper_open_above_m, {self.gripper_open_above_m:g}: the width between them '
                'changes nothing.'
            )
        if self.target_ttl_s * self.target_hz <= 1.0:
            raise ConfigError(
                f'target_ttl_s: got {self.target_ttl_s:g}, expected more than one period of '
                f'target_hz, {1.0 / self.target_hz:g} s.'
            )
        if self.arm == 'crisp' and _TRAJECTORY_CONTROLLER in self.controllers:
            raise ConfigError(
                f'controllers: got {", ".join(self.controllers)} with arm crisp, expected your '
                f'CRISP controller in place of {_TRAJECTORY_CONTROLLER}: a recovery activates '
                'what is named, and two controllers cannot have one arm.'
            )
