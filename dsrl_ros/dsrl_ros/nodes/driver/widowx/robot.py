"""The connection to a WidowX by the vendor's `xs_sdk`, or by its simulated one.

The simulated one has motors without registers: they never let go, get warm, or fail.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from rclpy.node import Node

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError, DsrlError, ShapeMismatchError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.hardware import HardwareRobot
from dsrl_ros.nodes.driver.widowx.arm import JointGroupCommands
from dsrl_ros.nodes.driver.widowx.gripper import XsGripper
from dsrl_ros.nodes.driver.widowx.motors import ALL, MotorWatch
from dsrl_ros.nodes.driver.widowx.preparation import XsPreparation
from dsrl_ros.nodes.driver.widowx.services import GROUP, SINGLE, XsServices
from dsrl_ros.nodes.driver.widowx.states import XsStates
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros.diagnostics import Health
from dsrl_ros.ros.robot_messages import positions_from_msg
from dsrl_ros.ros.waiting import pause

_BOOT_S = 0.5


class WidowXRobot(HardwareRobot):
    """The `RobotInterface` of a WidowX.

    Attributes:
        motors: their state; None on the vendor's simulated driver.
        preparation: makes the motors ready.
    """

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        config: DriverConfig,
        hardware: HardwareConfig,
        widowx: WidowXConfig,
        driver: ArmDriver,
    ) -> None:
        """Subscribe, and check the robot from now on.

        Args:
            node: the driver.
            robot: that is driven.
            config, hardware, widowx: options.
            driver: gets states and faults.
        """
        self._plausible = XsStates(widowx.gripper_joint)
        super().__init__(
            node,
            robot,
            config,
            hardware,
            driver,
            gripper_topics={},  # the fingers come with the arm
            asks_description=True,
            publishes_tool=False,
        )
        real = config.robot_mode == 'real'
        self._services = XsServices(node)
        # Simulated fingers meet nothing: while they are pressed they go round their crank.
        pressed = widowx if real else replace(widowx, gripper_hold_pwm=0.0)
        self.arm = arm = JointGroupCommands(node, lambda: self._robot, widowx.group, hardware)
        self._gripper = XsGripper(node, robot, hardware, pressed, arm, self.width)
        self.motors = MotorWatch(node, self._services, widowx, robot.joint_names) if real else None
        self._shadow_motors = widowx.shadow_motors
        self._recover_timeout_s = hardware.recover_timeout_s
        self.preparation = XsPreparation(
            node, self._services, widowx, robot, arm, self.joints, real
        )
        self._preparations = 0
        self._unprepared = ''

    def missing(self) -> list[str]:
        """Return the topics and services that are not there yet."""
        others = (
            [f'{self._state.arm.name} to have one publisher'] if self._published_twice() else []
        )
        return super().missing() + self._services.missing() + others

    def close(self) -> None:
        """Give it up; the motors hold."""
        self._preparations += 1  # what is under way is no longer wanted
        super().close()

    def prepare(self, then: Callable[[], None]) -> None:
        """Make the motors ready, then call `then`; what keeps them from it is a fault.

        A driver that is stopped meanwhile prepares no further, and asks again when it is cleared.
        """
        self._preparations += 1
        self._unprepared = ''
        self._reported = False  # if it fails as before, that is new all the same
        self._node.executor.create_task(self._prepare, self._preparations, then)

    def joints(self) -> Float64:
        """Return the joints measured last that can be true [rad], (J,)."""
        return self._state.joints() if self._plausible.joints is None else self._plausible.joints

    def width(self) -> float:
        """Return the width of the gripper measured last that can be true [m]."""
        if self._plausible.width is None:
            fingers = positions_from_msg(self._state.arm.message(), self._robot.finger_names)
            return self._robot.width(fingers)
        return self._plausible.width

    def reset(self) -> None:
        """Forget faults that are over: a person has checked the robot."""
        super().reset()
        self._unprepared = ''

    async def recover(self) -> str:
        """Reboot the motors that are in an error; they hold nothing until the driver is cleared.

        Raises:
            DriverError: they stay in it, or cannot be asked.
        """
        if self.motors is None:
            return await super().recover()
        await self.motors.read_errors()
        failed = list(self.motors.errors)
        if not failed:
            return 'no motor is in an error. Call the clear service to go on.'
        await self._services.reboot(GROUP, ALL)
        for name in failed:
            if name in self._shadow_motors:  # in no group
                await self._services.reboot(SINGLE, name)
        for _ in range(max(1, round(self._recover_timeout_s / _BOOT_S))):
            await pause(self._node, _BOOT_S)
            await self.motors.read_errors()
            if not self.motors.errors:
                return f'rebooted {", ".join(failed)}. Call the clear service to go on.'
        raise DriverError(f'recover: {self.motors.fault()}')

    def healths(self) -> Mapping[str, Health]:
        """Return the state of the motors and of the gripper."""
        own = {} if self.motors is None else {'motors': self.motors.health()}
        return {**own, **super().healths()}

    def _own_fault(self) -> str:
        motors = self.motors.fault() if self.motors is not None else ''
        beyond = self._silent and self._plausible.beyond  # nothing else has come for a while
        return motors or self._published_twice() or beyond or self._unprepared

    def _published_twice(self) -> str:
        """Return who else publishes joints of the same names; empty where nobody does."""
        topic = self._state.arm.name
        if self._node.count_publishers(topic) < 2:
            return ''
        return (
            f'{topic}: got more than one publisher, expected xs_sdk alone: which arm is the real '
            "one? Give the other a robot_name of its own, as MoveIt's fake hardware takes."
        )

    def _check_parts(self) -> None:
        if self.motors is not None:
            self.motors.begin_read()

    def _reads_well(self) -> bool:
        try:
            return self._plausible.take(self._state.arm.message(), self._robot)
        except ShapeMismatchError:
            return True  # another robot's, which is named elsewhere

    async def _prepare(self, number: int, then: Callable[[], None]) -> None:
        def wanted() -> bool:
            return number == self._preparations and self._driver.latch.stopped_by is None

        try:
            await self.preparation.run(wanted)
        except DsrlError as error:
            if wanted():
                self._unprepared = str(error)
            return
        if wanted():
            then()
