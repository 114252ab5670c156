"""The start of the driver: it waits for policy and robot, and for any other driver to show."""

from __future__ import annotations

import time

from rclpy.lifecycle import LifecycleNode

from dsrl_msgs.msg import DriverStatus
from dsrl_msgs.msg import PolicySpec as PolicySpecMsg
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.nodes.driver.pace import LockstepPace, RealTimePace
from dsrl_ros.nodes.driver.robot_interface import RobotInterface
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.motion.planner import check_spec
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import spec_from_msg
from dsrl_ros.ros.run_node import SUCCESS
from dsrl_ros.ros.waiting import STEADY_CLOCK

LISTEN_S = 1.0  # a driver that is there publishes its status twice per second
_PERIOD_S = 0.05


class StartupCheck:
    """Waits until everything is there, and ends where another driver runs.

    Attributes:
        spec: of the policy; None before it has come.
    """

    def __init__(
        self,
        node: LifecycleNode,
        robot: RobotInterface,
        pace: LockstepPace | RealTimePace,
        driver: ArmDriver,
    ) -> None:
        """Listen.

        Args:
            node: the driver.
            robot: the connection to the robot.
            pace: how its time passes.
            driver: may not be given another policy once it is configured.
        """
        self._node = node
        self._robot = robot
        self._pace = pace
        self._driver = driver
        self._begins_s = time.monotonic() + LISTEN_S
        self.spec: PolicySpec | None = None
        node.create_subscription(PolicySpecMsg, names.POLICY_SPEC, self._on_spec, qos.LATCHED)
        # A driver that runs publishes its status; this one does not until it is configured.
        self._other_drivers = node.create_subscription(
            DriverStatus, names.DRIVER_STATUS, self._on_other_driver, qos.STATUS
        )
        self._timer = node.create_timer(_PERIOD_S, self._start, clock=STEADY_CLOCK)
        self._timer.cancel()

    def start_when_ready(self) -> None:
        """Configure and activate the node as soon as nothing is missing."""
        self._timer.reset()

    def missing(self) -> list[str]:
        """Return what is not there yet, for people."""
        missing = self._robot.missing()
        if not self._pace.ready():
            missing.append(f'the service {self._node.resolve_service_name(names.ADVANCE)}')
        # A killed process is seen by the others until its lease ends.
        missing += [f'{topic} to have no publisher' for topic in self._robot.other_publishers()]
        if self.spec is None:
            missing.append(self._node.resolve_topic_name(names.POLICY_SPEC))
        return missing

    def fitting_spec(self) -> PolicySpec:
        """Return the spec of the policy if this robot can execute its chunks.

        Raises:
            DriverError: there is none.
            ShapeMismatchError: policy or joints are not this robot's.
            ConfigError: the robot describes itself as another.
        """
        if self.spec is None:
            raise DriverError('policy: got no PolicySpec, expected one. Start the policy node.')
        check_spec(self.spec, self._robot.describe())
        self._robot.joints()
        self._robot.width()
        return self.spec

    def stop_listening(self) -> None:
        """Ignore other drivers from now on: this one publishes its own status."""
        self._node.destroy_subscription(self._other_drivers)

    def _start(self) -> None:
        if time.monotonic() < self._begins_s:
            return
        if missing := self.missing():
            self._node.get_logger().info(
                f'waiting for {", ".join(missing)}', throttle_duration_sec=5.0
            )
            return
        self._timer.cancel()
        self.fitting_spec()
        for trigger in (self._node.trigger_configure, self._node.trigger_activate):
            if trigger() != SUCCESS:
                raise DriverError('driver: could not start; the lines above say why.')

    def _on_spec(self, message: PolicySpecMsg) -> None:
        spec = spec_from_msg(message)
        if self._driver.gate is None or self.spec is None:
            self.spec = spec
        elif differences := self.spec.differences(spec):
            self._driver.stop_for(f'the policy changed under way: {"; ".join(differences)}')

    def _on_other_driver(self, _: DriverStatus) -> None:
        raise DriverError(
            f'driver: got the status of another driver on '
            f'{self._node.resolve_topic_name(names.DRIVER_STATUS)}, expected none. The graph is '
            'running in this namespace already: end it, or start this one under another '
            'namespace.'
        )
