"""The connection to the simulation twin, which has no faults of its own."""

from __future__ import annotations

from rclpy.node import Node

from dsrl_msgs.msg import TaskStatus
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.arm_commands import TwinCommands
from dsrl_ros.nodes.driver.robot_interface import RobotInterface
from dsrl_ros.nodes.driver.robot_state import RobotState
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.latest_message import LatestMessage


class TwinRobot(RobotInterface):
    """The `RobotInterface` of the twin.

    Its fingers follow as the arm does. A twin that fails does not answer, which its pace reports;
    it publishes its own diagnostics.

    Attributes:
        commands: what is sent; lockstep counts it.
    """

    def __init__(self, node: Node, robot: RobotDescription, driver: ArmDriver) -> None:
        """Subscribe.

        Args:
            node: the driver.
            robot: that is simulated.
            driver: gets states and faults.
        """
        self._robot = robot
        self.commands = TwinCommands(node, robot)
        topics = {'': names.GRIPPER_STATES}
        self._state = RobotState(node, robot, qos.SENSOR, topics, driver.on_state)
        self._status = LatestMessage(
            node, TaskStatus, names.TASK_STATUS, qos.DECISION, driver.on_state
        )

    def missing(self) -> list[str]:
        """Return the topics of which nothing has come yet."""
        unseen = [self._status.name] if self._status.stamp_ns is None else []
        return self._state.missing() + unseen

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the arm."""
        return self.commands.other_publishers()

    def open(self) -> None:
        """Take the right to command."""
        self.commands.open()

    def close(self) -> None:
        """Give it up."""
        self.commands.close()

    def send(self, segment: Segment, force: bool = False) -> None:  # noqa: ARG002
        """Send a segment; the fingers take every width, commanded before or not."""
        self.commands.send(segment)

    def is_as_new_as(self, stamp_ns: int) -> bool:
        """Return whether everything is known as of `stamp_ns` or later."""
        return all(
            stream is not None and stream.stamp_ns is not None and stream.stamp_ns >= stamp_ns
            for stream in (self._state.arm, self._state.gripper, self._status)
        )

    def describe(self) -> RobotDescription:
        """Return what is simulated."""
        return self._robot

    def joints(self) -> Float64:
        """Return the joints measured last [rad], (J,)."""
        return self._state.joints()

    def width(self) -> float:
        """Return the width of the gripper measured last [m]."""
        return self._state.width()

    def scene(self) -> int:
        """Return how often the scene has been arranged."""
        return int(self._status.message().reset_count)

    async def recover(self) -> str:
        """Return at once."""
        return 'the simulation has no error state'
