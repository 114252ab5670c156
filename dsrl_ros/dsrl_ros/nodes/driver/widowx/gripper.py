"""The gripper of an Interbotix arm, by its motor alone: pressed shut and open, or sent to a width.

The motor reports no end of a command, and it overheats when it presses at full effort: so the
fingers are watched, and once they have met something the effort is lowered to what holds.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.nodes.driver.binary_gripper import BinaryGripperDriver
from dsrl_ros.nodes.driver.widowx.arm import JointGroupCommands
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names

_NEAR_M = 0.002  # of the ends of the fingers' way
_STILL_M = 0.0005  # fingers that have moved less meanwhile have met something
_STILL_S = 0.3


class XsGripper(BinaryGripperDriver):
    """Ends a command when the fingers are where it leads, or when they have met something."""

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        hardware: HardwareConfig,
        config: WidowXConfig,
        arm: JointGroupCommands,
        width: Callable[[], float],
    ) -> None:
        """Prepare.

        Args:
            node: the driver.
            robot: how far the fingers go.
            hardware: thresholds and deadlines.
            config: name, mode and efforts of the motor.
            arm: that commands are sent by.
            width: returns the width measured last [m].
        """
        super().__init__(node, hardware)
        self._robot = robot
        self._motor = config
        self._arm = arm
        self._width = width
        self._under_way: tuple[bool, int] | None = None  # whether it closes, and its command_id
        self._still = (0.0, 0.0)  # a width [m], and since when the fingers are about there [s]
        self.name = node.resolve_topic_name(names.XS_SINGLE)

    def missing(self) -> list[str]:
        """Return nothing: the arm misses the same xs_sdk."""
        return []

    def start(self, closes: bool, command_id: int) -> None:
        """Close or open."""
        self._under_way = (closes, command_id)
        self._still = (self._width(), self._steady_s())
        effort = -self._motor.gripper_pwm if closes else self._motor.gripper_pwm
        self._command(effort, self._robot.gripper_low if closes else self._robot.gripper_high)

    def stop(self) -> None:
        """Stop the fingers where they are."""
        self._command(0.0, self._width())
        if self._under_way is not None:
            (_, command_id), self._under_way = self._under_way, None
            self.ended(command_id, '')

    def poll(self) -> None:
        """Check the fingers and the deadline."""
        if self._under_way is not None:
            self._check_fingers(*self._under_way)
        super().poll()

    def _check_fingers(self, closes: bool, command_id: int) -> None:
        width, now_s = self._width(), self._steady_s()
        off = width - self._robot.gripper_low if closes else self._robot.gripper_high - width
        if abs(width - self._still[0]) > _STILL_M:
            self._still = (width, now_s)
        met = now_s - self._still[1] >= _STILL_S
        if off > _NEAR_M and not met:
            return
        self._under_way = None
        if closes:
            self._command(-self._motor.gripper_hold_pwm, self._robot.gripper_low)
        else:
            self._command(0.0, self._robot.gripper_high)
        blocked = not closes and off > _NEAR_M
        self.ended(
            command_id,
            f'got the fingers {width:.3f} m apart, expected {self._robot.gripper_high:g} m. '
            'Look at what they are stuck on, and whether the motor holds.'
            if blocked
            else '',
        )

    def _command(self, effort: float, width: float) -> None:
        """Send the motor what its mode takes.

        Args:
            effort: in mode pwm.
            width: in mode linear_position, between both fingers [m]: twice what `joint_states` say
                of one.
        """
        command = effort if self._motor.gripper == 'pwm' else width
        self._arm.command_motor(self._motor.gripper_joint, float(command))
