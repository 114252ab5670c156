"""The arm by a CRISP controller: targets at a steady rate along the planned path. Judges nothing.

A CRISP controller pulls the tool towards the last target it got, for as long as it lives. So
targets are read off windows that end at rest, and a stream that has stalled is not taken up again.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import JointState

from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.commands import rivals_on
from dsrl_ros.bridge.robot import joints_to_msg, transform_to_msg
from dsrl_ros.bridge.waiting import STEADY_CLOCK
from dsrl_ros.core.config import HardwareConfig
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.executor import Leg
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.trajectory import Float64

_TOPICS = (names.TARGET_POSE, names.TARGET_JOINT)


class CrispCommands:
    """Sends the tool's targets, and the joints that the null space is to follow."""

    def __init__(
        self, node: Node, robot: Callable[[], RobotDescription], config: HardwareConfig
    ) -> None:
        """Prepare; nothing can be commanded before `open`.

        Args:
            node: that owns the publishers.
            robot: whose tool; asked when the right to command is taken.
            config: rate and time-to-live of the targets.
        """
        self._node = node
        self._robot = robot
        self._ttl_s = config.target_ttl_s
        self._pose: Publisher | None = None
        self._joint: Publisher | None = None
        self._legs: deque[Leg] = deque()
        self._ticked_s = 0.0
        self._trouble = ''
        self._timer = node.create_timer(1.0 / config.target_hz, self._tick, clock=STEADY_CLOCK)
        self._timer.cancel()

    def rivals(self) -> list[str]:
        """Return the topics on which somebody else commands the same arm."""
        mine = (self._pose, self._joint)
        return [
            name
            for topic, publisher in zip(_TOPICS, mine, strict=True)
            for name in rivals_on(self._node, topic, publisher)
        ]

    def missing(self) -> list[str]:
        """Say that nobody listens, if so."""
        full_name = self._node.resolve_topic_name(names.TARGET_POSE)
        if self._node.count_subscribers(full_name):
            return []
        return [f'a controller that takes {full_name}']

    def trouble(self) -> str:
        """Return why the arm was let rest before its time; empty when it was not."""
        return self._trouble

    def reset(self) -> None:
        """Forget a stall: somebody has looked."""
        self._trouble = ''

    def open(self) -> None:
        """Take the right to command, unless it is held already."""
        if self._pose is None:
            self._kinematics = Kinematics(self._robot())
            self._pose = self._node.create_publisher(PoseStamped, names.TARGET_POSE, qos.COMMAND)
            self._joint = self._node.create_publisher(JointState, names.TARGET_JOINT, qos.COMMAND)

    def close(self) -> None:
        """Give it up."""
        self._timer.cancel()
        self._legs.clear()
        for publisher in (self._pose, self._joint):
            if publisher is not None:
                self._node.destroy_publisher(publisher)
        self._pose = self._joint = None

    def send(self, leg: Leg) -> None:
        """Follow a leg from its start on, in place of all that would have begun then or later."""
        if not self._legs:
            self._ticked_s = time.monotonic()
            self._timer.reset()
        # A leg is sent ahead of its start: what brakes before it takes its place.
        while self._legs and self._legs[-1].start_ns >= leg.start_ns:
            self._legs.pop()
        self._legs.append(leg)

    def _tick(self) -> None:
        now_s, now_ns = time.monotonic(), self._node.get_clock().now().nanoseconds
        gap_s, self._ticked_s = now_s - self._ticked_s, now_s
        if gap_s > self._ttl_s:
            # This process stood still: what was planned meanwhile is no longer wanted.
            self._stall(gap_s)
            return
        while len(self._legs) > 1 and self._legs[1].start_ns <= now_ns:
            self._legs.popleft()
        if not self._legs:
            self._timer.cancel()
            return
        leg = self._legs[0]
        elapsed_ns = now_ns - leg.start_ns
        self._publish(now_ns, *leg.trajectory.sample(elapsed_ns))
        if len(self._legs) == 1 and elapsed_ns > leg.trajectory.duration_ns:
            self._legs.clear()  # its end, at rest, has just been sent
            self._timer.cancel()

    def _stall(self, gap_s: float) -> None:
        self._legs.clear()
        self._timer.cancel()
        self._trouble = (
            f'{self._node.resolve_topic_name(names.TARGET_POSE)}: got a gap of {gap_s:.2f} s '
            f'between two targets, expected at most {self._ttl_s:g} s. The driver was not '
            'scheduled; give it a core.'
        )

    def _publish(self, stamp_ns: int, joints: Float64, velocity: Float64) -> None:
        assert self._pose is not None and self._joint is not None
        tool = self._kinematics.tool_pose(joints)
        self._joint.publish(joints_to_msg(stamp_ns, self._robot().joint_names, joints, velocity))
        self._pose.publish(transform_to_msg(stamp_ns, tool))
