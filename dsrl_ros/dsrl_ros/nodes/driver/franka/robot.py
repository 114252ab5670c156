"""The connection to a Franka by the vendor's ROS stack, on mock hardware or on a robot.

Mock hardware has no state of the robot's own, and nothing to recover from; the rest is the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rclpy.node import Node

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.nodes.driver.arm_commands import TrajectoryCommands
from dsrl_ros.nodes.driver.franka.crisp import CrispCommands
from dsrl_ros.nodes.driver.franka.gripper import GripperClient
from dsrl_ros.nodes.driver.hardware import HardwareRobot
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names
from dsrl_ros.ros.diagnostics import Health

if TYPE_CHECKING:
    from dsrl_ros.nodes.driver.franka.faults import FaultWatch
    from dsrl_ros.nodes.driver.franka.recovery import FrankaRecovery


class FrankaRobot(HardwareRobot):
    """The `RobotInterface` of a Franka."""

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        config: DriverConfig,
        hardware: HardwareConfig,
        driver: ArmDriver,
    ) -> None:
        """Subscribe, and check the robot from now on.

        Args:
            node: the driver.
            robot: that is driven.
            config, hardware: options.
            driver: gets states and faults.
        """
        hands = () if hardware.gripper == 'none' else hardware.gripper_names
        real = config.robot_mode == 'real'
        super().__init__(
            node,
            robot,
            config,
            hardware,
            driver,
            gripper_topics={name: names.GRIPPER_STATES_OF.format(name=name) for name in hands},
            asks_description=real,
            publishes_tool=real,
        )
        self.arm = (
            CrispCommands(node, lambda: self._robot, hardware)
            if hardware.arm == 'crisp'
            else TrajectoryCommands(node, robot)
        )
        self._gripper = self._hand = GripperClient(node, hardware) if hands else None
        self._faults: FaultWatch | None = None
        self._recovery: FrankaRecovery | None = None
        if real:
            from dsrl_ros.nodes.driver.franka.faults import FaultWatch
            from dsrl_ros.nodes.driver.franka.recovery import FrankaRecovery

            self._faults = FaultWatch(node, hardware.state_silence_s)
            self._recovery = FrankaRecovery(node, hardware, self._still_wrong)

    def missing(self) -> list[str]:
        """Return the topics, actions and controllers that are not there yet."""
        return super().missing() + (self._faults.missing() if self._faults is not None else [])

    async def recover(self) -> str:
        """Run the vendor's recovery.

        Raises:
            DriverError: names the step that failed.
        """
        if self._recovery is None:
            return await super().recover()
        return await self._recovery.run()

    def healths(self) -> Mapping[str, Health]:
        """Return the state of the robot and of its gripper."""
        own = {} if self._faults is None else {'robot': self._faults.health()}
        return {**own, **super().healths()}

    def _own_fault(self) -> str:
        return self._faults.fault() if self._faults is not None else ''

    def _still_wrong(self) -> str:
        return self._own_fault() or self._silent

    def _check_parts(self) -> None:
        if self._hand is not None and self._state.gripper_name:
            self._hand.connect(self._state.gripper_name)
        if self._faults is not None:
            self._faults.check_age()
