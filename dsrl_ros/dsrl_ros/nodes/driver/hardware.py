"""What the wires to every robot share that is hardware, or stands in for it: all but its names.

A robot's own module says what takes arm and gripper, and what the robot itself calls a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Protocol

from rclpy.node import Node

from dsrl_ros.core.config.driver import DriverConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import ChunkOutcome, Float64
from dsrl_ros.nodes.driver.arm_commands import ArmCommands
from dsrl_ros.nodes.driver.robot_interface import DriverCalls, Trouble
from dsrl_ros.nodes.driver.robot_state import RobotState
from dsrl_ros.nodes.driver.tool_pose import ToolPosePublisher
from dsrl_ros.robots.execution.executor import Leg
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.safety.watchdogs import FollowWatch, SilenceWatch
from dsrl_ros.ros import qos
from dsrl_ros.ros.diagnostics import Health
from dsrl_ros.ros.robot_description import SelfDescription
from dsrl_ros.ros.waiting import STEADY_CLOCK

_LOOK_S = 0.02


class Hand(Protocol):
    """What takes the gripper's widths. No call blocks."""

    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""
        ...

    def wish(self, width_m: float, anew: bool) -> None:
        """Take a width that is asked for [m]; `anew` commands it even if it was commanded last."""
        ...

    def halt(self) -> None:
        """Command nothing more of what was wished."""
        ...

    def look(self) -> None:
        """Keep the deadlines; tell those who wait."""
        ...

    def when_settled(self, then: Callable[[str], None]) -> None:
        """Tell what went wrong with the last command, empty when nothing did, once it ended."""
        ...

    def health(self) -> Health:
        """Return the state of the gripper for people."""
        ...


class HardwareSide:
    """A `RobotSide` but for faults of the robot's own; its kind sets `_arm` and `_hand`."""

    _arm: ArmCommands
    _hand: Hand | None = None

    def __init__(
        self,
        node: Node,
        robot: RobotDescription,
        config: DriverConfig,
        hardware: HardwareConfig,
        calls: DriverCalls,
        *,
        gripper_topics: Mapping[str, str],
        asks_description: bool,
        tells_tool: bool,
    ) -> None:
        """Subscribe, and look at the robot from now on.

        Args:
            node: the driver.
            robot: that is driven.
            config, hardware: options.
            calls: the driver's.
            gripper_topics: where the state of a gripper of each name would come.
            asks_description: whether `description: auto` asks the robot for its URDF.
            tells_tool: whether the robot's stack publishes the pose of the tool.
        """
        self._node = node
        self._calls = calls
        self._robot = robot
        self._config = config
        asked = {'topic': True, 'shipped': False}.get(hardware.description, asks_description)
        self._own = SelfDescription(node, robot) if asked else None
        told = {'robot': True, 'driver': False}.get(hardware.tool_pose, tells_tool)
        self._tool = None if told else ToolPosePublisher(node, robot)
        self._state = RobotState(node, robot, qos.FULL_RATE, gripper_topics, self._on_state)
        self._silence = SilenceWatch(
            hardware.state_silence_s,
            what=f'joint states on {self._state.arm.name}',
            advice='Check that the robot is connected and its broadcaster active.',
        )
        self._follow = FollowWatch(
            robot.joint_names, hardware.follow_tolerance_rad, hardware.follow_timeout_s
        )
        self._late_s = hardware.late_s
        self._newest_ns: int | None = None
        self._followed_ns: int | None = None
        self._silent = ''
        self._lost = self._late = ''
        self._opened = False
        self._reported = False
        node.create_timer(_LOOK_S, self._look, clock=STEADY_CLOCK)

    # What a kind of robot adds

    def _fault(self) -> str:
        """Return what the robot itself says is wrong; empty when nothing is."""
        return ''

    def _look_at_parts(self) -> None:
        """Look at what may go wrong with the robot's own parts; is called every 0.02 s."""

    def _reads_well(self) -> bool:
        """Return whether the newest state of the joints can be one."""
        return True

    async def recover(self) -> str:
        """Return at once: such hardware has no error state."""
        return f'{self._config.robot_mode} hardware has no error state'

    def healths(self) -> Mapping[str, Health]:
        """Return the state of the gripper."""
        return {} if self._hand is None else {'gripper': self._hand.health()}

    # What all share

    def missing(self) -> list[str]:
        """Return the topics, actions, services and controllers that are not there yet."""
        missing = self._state.missing()
        if self._own is not None:
            missing += self._own.missing()
        if self._hand is not None and self._state.gripper_name:
            missing += self._hand.missing()
        return missing + self._arm.missing()

    def rivals(self) -> list[str]:
        """Return the topics on which somebody else commands the arm."""
        return self._arm.rivals()

    def open(self) -> None:
        """Take the right to command."""
        self._arm.open()
        self._opened = True

    def close(self) -> None:
        """Give it up."""
        self._opened = False
        self._arm.close()

    def send(self, leg: Leg, anew: bool = False) -> None:
        """Send a leg; the gripper takes its time, and the arm does not wait for it."""
        late_s = (self._node.get_clock().now().nanoseconds - leg.start_ns) * 1e-9
        if late_s > self._late_s and not self._late:
            self._late = (
                f'driver: got {late_s:.3f} s behind with a command, expected at most '
                f'{self._late_s:g} s. The arm rests, far from where the command begins. Give the '
                'driver a core.'
            )
        if self._late or self._arm.trouble():
            return
        if leg.width is not None and self._hand is not None:
            self._hand.wish(leg.width, anew)
        self._arm.send(leg)

    def halt_gripper(self) -> None:
        """Send no command to the gripper that is still waiting; what is on its way goes on."""
        if self._hand is not None:
            self._hand.halt()

    def when_gripper_settled(self, then: Callable[[str], None]) -> None:
        """Tell, once the gripper's last command has ended, what went wrong; empty if nothing."""
        if self._hand is None:
            then('')
        else:
            self._hand.when_settled(then)

    def is_as_new_as(self, stamp_ns: int) -> bool:
        """Return whether the arm is known as of `stamp_ns` or later; a hand may be too slow."""
        return self._newest_ns is not None and self._newest_ns >= stamp_ns

    def describe(self) -> RobotDescription:
        """Return limits and kinematics, stated by the robot itself where it is asked.

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

    def scene(self) -> int:
        """Return 0: who moves the arm by other means calls clear."""
        return 0

    def trouble(self) -> Trouble | None:
        """Return why the robot cannot move now; None when it can."""
        if fault := self._fault() or self._silent or self._late or self._arm.trouble():
            return Trouble(fault)
        if self._own is not None and (changed := self._own.complaint()):
            return Trouble(changed)
        if rivals := self._arm.rivals() if self._opened else []:
            return Trouble(f'somebody else commands {", ".join(rivals)}')
        return Trouble(self._lost, ChunkOutcome.TIMEOUT) if self._lost else None

    def reset(self) -> None:
        """Forget that the arm did not follow, or that a command came late."""
        self._lost = self._late = ''
        self._follow.reset()
        self._arm.reset()

    def _on_state(self, stamp_ns: int) -> None:
        newest_ns = self._state.arm.stamp_ns
        # One that repeats itself is frozen.
        if newest_ns is not None and newest_ns != self._newest_ns and self._reads_well():
            self._newest_ns = newest_ns
            self._silence.hear(moving=False)
            self._show_tool(newest_ns)
        self._calls.on_state(stamp_ns)

    def _show_tool(self, stamp_ns: int) -> None:
        if self._tool is not None:
            with suppress(ShapeMismatchError):  # named at the start, and by the watch later
                self._tool.publish(stamp_ns, self.joints)

    def _look(self) -> None:
        """Look at everything that may go wrong; tell the driver once."""
        self._look_at_parts()
        if self._hand is not None:
            self._hand.look()
        if self._state.arm.stamp_ns is None:
            return
        self._silent = self._silence.complaint()
        self._look_whether_it_follows()
        trouble = self.trouble()
        if trouble is not None and not self._reported:
            self._calls.on_trouble(trouble)
        self._reported = trouble is not None

    def _look_whether_it_follows(self) -> None:
        commanded = self._calls.commanded()
        # An arm that is lost stays so from one chunk to the next. An old state tells nothing: that
        # states have stopped is another trouble, with a name of its own.
        if commanded is None or self._newest_ns == self._followed_ns:
            return
        self._followed_ns = self._newest_ns
        try:
            self._lost = self._lost or self._follow.complaint(commanded, self.joints())
        except ShapeMismatchError as error:
            self._lost = str(error)
