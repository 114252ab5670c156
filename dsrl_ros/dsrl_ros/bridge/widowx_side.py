"""The wires to a WidowX by the vendor's `xs_sdk`, or by its simulated one.

The simulated one has motors without registers: they never let go, get warm, or fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from rclpy.node import Node

from dsrl_ros.bridge import names
from dsrl_ros.bridge.diagnostics import Health
from dsrl_ros.bridge.hardware_side import HardwareSide
from dsrl_ros.bridge.robot_side import DriverCalls
from dsrl_ros.bridge.waiting import pause
from dsrl_ros.bridge.xs_arm import JointGroupCommands
from dsrl_ros.bridge.xs_gripper import XsGripper
from dsrl_ros.bridge.xs_motors import ALL, MotorWatch
from dsrl_ros.bridge.xs_prepare import XsPreparation
from dsrl_ros.bridge.xs_services import GROUP, SINGLE, XsServices
from dsrl_ros.core.config import DriverConfig, HardwareConfig, WidowXConfig
from dsrl_ros.core.errors import DriverError, DsrlError, ShapeMismatchError
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.trajectory import Float64

# A bus that was not read says -pi of every joint, with a fresh stamp. The limits of most are far
# from there; a joint pushed against its stop may be read as a little beyond.
_BEYOND_RAD = 0.1
_BOOT_S = 0.5


class WidowXSide(HardwareSide):
    """The `RobotSide` of a WidowX."""

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        config: DriverConfig,
        hardware: HardwareConfig,
        widowx: WidowXConfig,
        calls: DriverCalls,
    ) -> None:
        """Subscribe, and look at the robot from now on.

        Args:
            node: the driver.
            robot: that is driven.
            config, hardware, widowx: options.
            calls: the driver's.
        """
        self._read_last: Float64 | None = None
        super().__init__(
            node,
            robot,
            config,
            hardware,
            calls,
            gripper_topics={widowx.gripper_joint: names.GRIPPER_STATES},
            asks_description=True,
            tells_tool=False,
        )
        real = config.robot_mode == 'real'
        self._services = XsServices(node, widowx.answer_timeout_s)
        self._hand = self._gripper = XsGripper(node, robot, hardware, widowx, self.width)
        mine = {names.XS_SINGLE: lambda: self._gripper.publisher}
        self._arm = self._motion = JointGroupCommands(
            node,
            lambda: self._robot,
            widowx.group,
            hardware,
            lambda topic: mine[topic]() if topic in mine else None,
        )
        self._motors = (
            MotorWatch(node, self._services, widowx, robot.joint_names) if real else None
        )
        self._shadow_motors = widowx.shadow_motors
        self._recover_timeout_s = hardware.recover_timeout_s
        self._preparation = XsPreparation(
            node, self._services, widowx, robot, self._motion, self.joints, real
        )
        self._preparations = 0
        self._unprepared = ''

    def missing(self) -> list[str]:
        """Return the topics and services that are not there yet."""
        return super().missing() + self._services.missing()

    def open(self) -> None:
        """Take the right to command."""
        super().open()
        self._gripper.open()

    def close(self) -> None:
        """Give it up; the motors hold."""
        self._preparations += 1  # what is under way is no longer wanted
        self._gripper.close()
        super().close()

    def prepare(self, then: Callable[[], None]) -> None:
        """Make the motors ready, then call `then`; what keeps them from it is a trouble."""
        self._preparations += 1
        self._unprepared = ''
        self._node.executor.create_task(self._prepare, self._preparations, then)

    def joints(self) -> Float64:
        """Return the joints measured last that can be true [rad], (J,)."""
        return self._state.joints() if self._read_last is None else self._read_last

    def reset(self) -> None:
        """Forget what somebody has looked at."""
        super().reset()
        self._unprepared = ''

    async def recover(self) -> str:
        """Reboot the motors that are in an error; they hold nothing until the driver is cleared.

        Raises:
            DriverError: they stay in it, or cannot be asked.
        """
        if self._motors is None:
            return await super().recover()
        await self._motors.look_at_errors()
        failed = list(self._motors.errors)
        if not failed:
            return 'no motor is in an error. Call the clear service to go on.'
        await self._services.reboot(GROUP, ALL)
        for name in failed:
            if name in self._shadow_motors:  # in no group
                await self._services.reboot(SINGLE, name)
        for _ in range(max(1, round(self._recover_timeout_s / _BOOT_S))):
            await pause(self._node, _BOOT_S)
            await self._motors.look_at_errors()
            if not self._motors.errors:
                return f'rebooted {", ".join(failed)}. Call the clear service to go on.'
        raise DriverError(f'recover: {self._motors.fault()}')

    def healths(self) -> Mapping[str, Health]:
        """Return the state of the motors and of the gripper."""
        own = {} if self._motors is None else {'motors': self._motors.health()}
        return {**own, **super().healths()}

    def _fault(self) -> str:
        return (self._motors.fault() if self._motors is not None else '') or self._unprepared

    def _look_at_parts(self) -> None:
        if self._motors is not None:
            self._motors.look()

    def _reads_well(self) -> bool:
        try:
            joints = self._state.joints()
        except ShapeMismatchError:
            return True  # another robot's, which is named elsewhere
        low, high = np.array(self._robot.position_low), np.array(self._robot.position_high)
        # Written so that what is not a number is not well either.
        if not ((joints >= low - _BEYOND_RAD) & (joints <= high + _BEYOND_RAD)).all():
            return False
        self._read_last = joints
        return True

    async def _prepare(self, number: int, then: Callable[[], None]) -> None:
        try:
            await self._preparation.run()
        except DsrlError as error:
            if number == self._preparations:
                self._unprepared = str(error)
            return
        if number == self._preparations:
            then()
