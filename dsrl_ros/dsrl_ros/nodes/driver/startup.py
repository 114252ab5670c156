"""The start of a driver: waits until all is there and nobody else drives. Drives nothing."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.node import Node

from dsrl_msgs.msg import DriverStatus
from dsrl_msgs.msg import PolicySpec as PolicySpecMsg
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.nodes.driver.pace import LockstepPace, RealTimePace
from dsrl_ros.nodes.driver.robot_interface import RobotSide
from dsrl_ros.robots.motion.planner import check_spec
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import spec_from_msg
from dsrl_ros.ros.waiting import STEADY_CLOCK

_PERIOD_S = 0.05


@dataclass(frozen=True)
class StartCalls:
    """What the start tells the driver.

    Attributes:
        ready: nothing is missing any more; told once.
        changed: another policy differs from the pinned one; gets how.
    """

    ready: Callable[[], None]
    changed: Callable[[str], None]


class DriverStart:
    """Listens for the policy and for a driver that is there already.

    Attributes:
        spec: of the policy; None before it has come.
        pinned: set by the driver once it has prepared for `spec`, which may not change then.
    """

    def __init__(
        self,
        node: Node,
        listen_s: float,
        side: RobotSide,
        pace: LockstepPace | RealTimePace,
        calls: StartCalls,
    ) -> None:
        """Listen.

        Args:
            node: the driver.
            listen_s: time in which another driver is looked for [s].
            side: the wires to the robot.
            pace: how its time passes.
            calls: the driver's.
        """
        self._node = node
        self._side = side
        self._pace = pace
        self._calls = calls
        self._begins_s = time.monotonic() + listen_s
        self.spec: PolicySpec | None = None
        self.pinned = False
        node.create_subscription(PolicySpecMsg, names.POLICY_SPEC, self._on_spec, qos.LATCHED)
        # Another driver that lives says so; until this one is active, it keeps silent itself.
        self._rivals = node.create_subscription(
            DriverStatus, names.DRIVER_STATUS, self._on_rival, qos.STATUS
        )
        self._timer = node.create_timer(_PERIOD_S, self._look, clock=STEADY_CLOCK)
        self._timer.cancel()

    def by_itself(self) -> None:
        """Start as soon as nothing is missing, without being told."""
        self._timer.reset()

    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""
        missing = self._side.missing()
        if not self._pace.ready():
            missing.append(f'the service {self._node.resolve_service_name(names.ADVANCE)}')
        # A killed process is seen by the others until its lease ends.
        missing += [f'{topic} to have no publisher' for topic in self._side.rivals()]
        if self.spec is None:
            missing.append(self._node.resolve_topic_name(names.POLICY_SPEC))
        return missing

    def fitting_spec(self) -> PolicySpec:
        """Return the spec of the policy if this robot can execute its chunks.

        Raises:
            DriverError: there is none.
            ShapeMismatchError: policy or joints are not this robot's.
            ConfigError: what the robot says of itself is not this robot's.
        """
        if self.spec is None:
            raise DriverError('policy: got no PolicySpec, expected one. Start the policy node.')
        check_spec(self.spec, self._side.describe())
        self._side.joints()
        self._side.width()
        return self.spec

    def speak(self) -> None:
        """Stop listening for others: this driver speaks itself now."""
        self._node.destroy_subscription(self._rivals)

    def _look(self) -> None:
        if time.monotonic() < self._begins_s:
            return
        if missing := self.missing():
            self._node.get_logger().info(
                f'waiting for {", ".join(missing)}', throttle_duration_sec=5.0
            )
            return
        self._timer.cancel()
        self._calls.ready()

    def _on_spec(self, message: PolicySpecMsg) -> None:
        spec = spec_from_msg(message)
        if not self.pinned or self.spec is None:
            self.spec = spec
        elif differences := self.spec.differences(spec):
            self._calls.changed(f'the policy changed under way: {"; ".join(differences)}')

    def _on_rival(self, _: DriverStatus) -> None:
        raise DriverError(
            f'driver: got the status of another driver on '
            f'{self._node.resolve_topic_name(names.DRIVER_STATUS)}, expected none. The graph is '
            'running in this namespace already: end it, or start this one under another '
            'namespace.'
        )
