"""The gripper of an Interbotix arm, by its motor alone: pressed shut and open, or sent to a width.

The motor reports no end of a command, and it overheats when it presses at full effort: so the
fingers are watched, and once they have met something the effort is lowered to what holds.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from interbotix_xs_msgs.msg import JointSingleCommand
from rclpy.node import Node
from rclpy.publisher import Publisher

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.nodes.driver.binary_gripper import BinaryGripperDriver
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names, qos

_NEAR_M = 0.002  # of the ends of the fingers' way
_STILL_M = 0.0005  # fingers that have moved less meanwhile have met something
_STILL_S = 0.3


class XsGripper(BinaryGripperDriver):
    """Ends a command when the fingers are where it leads, or when they have met something.

    Attributes:
        publisher: of its commands; None before `open`.
    """

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        hardware: HardwareConfig,
        config: WidowXConfig,
        width: Callable[[], float],
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publisher.
            robot: how far the fingers go.
            hardware: thresholds and deadlines.
            config: name, mode and efforts of the motor.
            width: returns the width measured last [m].
            steady_s: a clock that never jumps [s].
        """
        super().__init__(node, hardware)
        self._robot = robot
        self._motor = config
        self._width = width
        self._steady_s = steady_s
        self._under_way: tuple[bool, int] | None = None  # whether it closes, and its command_id
        self._still = (0.0, 0.0)  # a width [m], and since when the fingers are about there [s]
        self.name = node.resolve_topic_name(names.XS_SINGLE)
        self.publisher: Publisher | None = None

    def missing(self) -> list[str]:
        """Return nothing: the arm misses the same xs_sdk."""
        return []

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if self.publisher is None:
            self.publisher = self._node.create_publisher(
                JointSingleCommand, names.XS_SINGLE, qos.COMMAND
            )

    def close(self) -> None:
        """Give it up; the motor goes on with its last command."""
        if self.publisher is not None:
            self._node.destroy_publisher(self.publisher)
        self.publisher = None

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
            self._end(command_id, '')

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
        self._end(
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
        if self.publisher is not None:
            command = effort if self._motor.gripper == 'pwm' else width
            self.publisher.publish(
                JointSingleCommand(name=self._motor.gripper_joint, cmd=float(command))
            )
