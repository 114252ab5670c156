"""What the connections to all hardware share, mock hardware included.

A robot's own module adds what takes arm and gripper, and the faults that it reports itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from rclpy.node import Node

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import ChunkOutcome, Float64
from dsrl_ros.nodes.driver.arm_commands import ArmCommands
from dsrl_ros.nodes.driver.binary_gripper import BinaryGripperDriver
from dsrl_ros.nodes.driver.robot_interface import RobotInterface
from dsrl_ros.nodes.driver.robot_state import RobotState
from dsrl_ros.nodes.driver.tool_pose import ToolPosePublisher
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.robot import Fault
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.safety.watchdogs import FollowWatch, SilenceWatch
from dsrl_ros.ros import qos
from dsrl_ros.ros.diagnostics import Health
from dsrl_ros.ros.robot_description import SelfDescription
from dsrl_ros.ros.waiting import STEADY_CLOCK

_CHECK_S = 0.02


class HardwareRobot(RobotInterface):
    """A `RobotInterface`, without the faults that a robot reports itself.

    Its scene stays 0: whoever moves the arm by other means calls clear.

    A subclass sets `arm` and, where there is one, `_gripper`.

    Attributes:
        arm: takes the windows of the arm.
        late_s: how late after its start a segment is still sent [s].
    """

    arm: ArmCommands
    _gripper: BinaryGripperDriver | None = None

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        config: DriverConfig,
        hardware: HardwareConfig,
        driver: ArmDriver,
        *,
        gripper_topics: Mapping[str, str],
        asks_description: bool,
        publishes_tool: bool,
    ) -> None:
        """Subscribe, and check the robot from now on.

        Args:
            node: the driver.
            robot: that is driven.
            config, hardware: options.
            driver: gets states and faults.
            gripper_topics: where the state of a gripper of each name would come.
            asks_description: whether `description: auto` reads the URDF that the robot publishes.
            publishes_tool: whether the robot's stack publishes the pose of the tool.
        """
        self._node = node
        self._driver = driver
        self._robot = robot
        self._config = config
        asked = {'topic': True, 'shipped': False}.get(hardware.description, asks_description)
        self._own = SelfDescription(node, robot) if asked else None
        published = {'robot': True, 'driver': False}.get(hardware.tool_pose, publishes_tool)
        self._tool = None if published else ToolPosePublisher(node, robot)
        self._state = RobotState(node, robot, qos.FULL_RATE, gripper_topics, self._on_state)
        self._silence = SilenceWatch(
            hardware.state_silence_s,
            what=f'joint states on {self._state.arm.name}',
            advice='Check that the robot is connected and its broadcaster active.',
        )
        self._follow = FollowWatch(
            robot.joint_names, hardware.follow_tolerance_rad, hardware.follow_timeout_s
        )
        self.late_s = hardware.late_s
        self._newest_ns: int | None = None
        self._followed_ns: int | None = None
        self._silent = ''
        self._lost = self._late = ''
        self._opened = False
        self._reported = False
        node.create_timer(_CHECK_S, self._check, clock=STEADY_CLOCK)

    # What a kind of robot adds

    def _own_fault(self) -> str:
        """Return the fault that the robot itself reports; empty when there is none."""
        return ''

    def _check_parts(self) -> None:
        """Check the robot's own parts; is called every 0.02 s."""

    def _reads_well(self) -> bool:
        """Return whether the newest state of the joints can be one."""
        return True

    async def recover(self) -> str:
        """Return at once: such hardware has no error state."""
        return f'{self._config.robot_mode} hardware has no error state'

    def healths(self) -> Mapping[str, Health]:
        """Return the state of the gripper."""
        return {} if self._gripper is None else {'gripper': self._gripper.health()}

    # What all share

    def missing(self) -> list[str]:
        """Return the topics, actions, services and controllers that are not there yet."""
        missing = self._state.missing()
        if self._own is not None:
            missing += self._own.missing()
        if self._gripper is not None and self._state.gripper_name:
            missing += self._gripper.missing()
        return missing + self.arm.missing()

    def other_publishers(self) -> list[str]:
        """Return the topics on which somebody else commands the arm."""
        return self.arm.other_publishers()

    def open(self) -> None:
        """Take the right to command."""
        self.arm.open()
        self._opened = True

    def close(self) -> None:
        """Give it up."""
        self._opened = False
        self.arm.close()

    def send(self, segment: Segment, force: bool = False) -> None:
        """Send a segment; the gripper takes its time, and the arm does not wait for it."""
        late_s = (self._node.get_clock().now().nanoseconds - segment.start_ns) * 1e-9
        if late_s > self.late_s and not self._late:
            self._late = (
                f'driver: got {late_s:.3f} s behind with a command, expected at most '
                f'{self.late_s:g} s. The arm rests, far from where the command begins. Give the '
                'driver a core.'
            )
        if self._late or self.arm.fault():
            return
        if segment.width is not None and self._gripper is not None:
            self._gripper.request(segment.width, force)
        self.arm.send(segment)

    def halt_gripper(self) -> None:
        """Drop the gripper command that still waits; one that was sent goes on."""
        if self._gripper is not None:
            self._gripper.halt()

    def when_gripper_settled(self, then: Callable[[str], None]) -> None:
        """Call `then` once the last gripper command has ended, with its error or an empty text."""
        if self._gripper is None:
            then('')
        else:
            self._gripper.when_settled(then)

    def is_as_new_as(self, stamp_ns: int) -> bool:
        """Return whether the arm is known as of `stamp_ns` or later; a hand may be too slow."""
        return self._newest_ns is not None and self._newest_ns >= stamp_ns

    def describe(self) -> RobotDescription:
        """Return limits and kinematics, from the robot itself where it publishes them.

        Raises:
            ConfigError: the robot describes itself as another, or not yet.
        """
        if self._own is not None:
            self._robot = self._own.read()
            if self._tool is not None:
                self._tool.follow(self._robot)
        return self._robot

    def joints(self) -> Float64:
        """Return the joints measured last [rad], (J,)."""
        return self._state.joints()

    def width(self) -> float:
        """Return the width of the gripper measured last [m]."""
        return self._state.width()

    def fault(self) -> Fault | None:
        """Return why the robot cannot move now; None when it can."""
        if fault := self._own_fault() or self._silent or self._late or self.arm.fault():
            return Fault(fault)
        if self._own is not None and (changed := self._own.complaint()):
            return Fault(changed)
        if topics := self.arm.other_publishers() if self._opened else []:
            return Fault(f'somebody else commands {", ".join(topics)}')
        return Fault(self._lost, ChunkOutcome.TIMEOUT) if self._lost else None

    def reset(self) -> None:
        """Forget that the arm did not follow, or that a command came late."""
        self._lost = self._late = ''
        self._follow.reset()
        self.arm.reset()

    def _on_state(self, stamp_ns: int) -> None:
        newest_ns = self._state.arm.stamp_ns
        # One that repeats itself is frozen.
        if newest_ns is not None and newest_ns != self._newest_ns and self._reads_well():
            self._newest_ns = newest_ns
            self._silence.hear(moving=False)
            self._show_tool(newest_ns)
        self._driver.on_state(stamp_ns)

    def _show_tool(self, stamp_ns: int) -> None:
        if self._tool is not None:
            with suppress(ShapeMismatchError):  # named at the start, and by the watch later
                self._tool.publish(stamp_ns, self.joints)

    def _check(self) -> None:
        """Check everything that may go wrong; report a new fault once."""
        self._check_parts()
        if self._gripper is not None:
            self._gripper.poll()
        if self._state.arm.stamp_ns is None:
            return
        self._silent = self._silence.complaint()
        self._check_following()
        fault = self.fault()
        if fault is not None and not self._reported:
            self._driver.on_fault(fault)
        self._reported = fault is not None

    def _check_following(self) -> None:
        commanded = self._driver.commanded()
        # An arm that is lost stays so from one chunk to the next. An old state shows nothing: that
        # states have stopped is another fault, with a name of its own.
        if commanded is None or self._newest_ns == self._followed_ns:
            return
        self._followed_ns = self._newest_ns
        try:
            self._lost = self._lost or self._follow.complaint(commanded, self.joints())
        except ShapeMismatchError as error:
            self._lost = str(error)
