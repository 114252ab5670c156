"""The driver node: the only one that commands the robot. Connects `ArmDriver` to ROS."""

from __future__ import annotations

from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from dsrl_msgs.msg import ActionChunk
from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import ChunkOutcome
from dsrl_ros.nodes.driver.connect import connect
from dsrl_ros.nodes.driver.move_server import MoveServer
from dsrl_ros.nodes.driver.startup import StartupCheck
from dsrl_ros.nodes.driver.status import DriverReporter
from dsrl_ros.nodes.driver.stops import StopHandler
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.model.registry import find_robot
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.robot_messages import untrusted_chunk
from dsrl_ros.ros.run_node import SUCCESS, logged, run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK

STATUS_PERIOD_S = 0.5  # every change is published at once; this is for those who come later


class DriverNode(LifecycleNode):
    """Inactive, it listens; active, it commands. The `DriverListener` of its `ArmDriver`.

    Attributes:
        driver: executes chunks and moves.
        robot: the connection to the robot.
        startup: what the driver waits for before it starts.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__('driver', **node_options)
        gate_config = declare_config(self, GateConfig, 'gate')
        hardware = declare_config(self, HardwareConfig, 'hardware')
        widowx = declare_config(self, WidowXConfig, 'widowx')
        config = self._config = declare_config(self, DriverConfig)
        description = find_robot(config.robot_model)
        self.driver = ArmDriver(config, gate_config, self, Latch(gate_config.clear_cooldown_s))
        self.robot, self._pace = connect(self, description, config, hardware, widowx, self.driver)
        self.driver.attach(self.robot, self._pace)
        self._stops = StopHandler(self, config.robot, self.driver, self.robot)
        self._reporter = DriverReporter(self, config.robot)
        MoveServer(self, description, self.driver)
        self.create_subscription(ActionChunk, names.ACTION_CHUNK, self._on_chunk, qos.DECISION)
        self._overdue = self.create_timer(
            config.state_timeout_s, self._on_overdue, clock=STEADY_CLOCK
        )
        self._overdue.cancel()
        self._status_timer = self.create_timer(STATUS_PERIOD_S, self.on_change, clock=STEADY_CLOCK)
        self._status_timer.cancel()
        self.startup = StartupCheck(self, self.robot, self._pace, self.driver)
        if config.autostart:
            self.startup.start_when_ready()

    # Life cycle

    @logged
    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Prepare for the policy that is there."""
        self.driver.configure(self.startup.fitting_spec())
        return SUCCESS

    @logged
    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Take command of the robot."""
        if missing := self.startup.missing():
            raise DriverError(
                f'driver: got no {", ".join(missing)}, expected everything to be there.'
            )
        self.startup.stop_listening()
        self.robot.open()
        self._status_timer.reset()
        self.driver.activate()
        return SUCCESS

    @logged
    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to rest and command it no more."""
        self.driver.deactivate()
        return SUCCESS

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to rest and command it no more."""
        return self.on_deactivate(state)

    @logged
    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Give up the command topics and forget the policy."""
        self.driver.clean_up()
        self.robot.close()
        return SUCCESS

    # Chunks

    def _on_chunk(self, message: ActionChunk) -> None:
        self.driver.receive(untrusted_chunk(message))
        if self.driver.intake.waiting:
            self._overdue.reset()

    def _on_overdue(self) -> None:
        self._overdue.cancel()
        self.driver.stop_waiting()

    # What the driver reports

    def on_motion(self) -> None:
        """Check the heartbeat from now until the arm rests."""
        self._stops.watch_heartbeat()

    def on_stop(self, cause: str) -> None:
        """Log what has latched the driver."""
        self.get_logger().error(cause)

    def on_end(self, end: ChunkEnd) -> None:
        """Publish the end of a chunk, and log one that did not end as planned."""
        self._reporter.result(end)
        if end.outcome is not ChunkOutcome.DONE:
            self.get_logger().warning(
                f'chunk {end.chunk.key}: {end.outcome.name}, {end.message}',
                throttle_duration_sec=1.0,
            )
            self.on_change()

    def on_change(self) -> None:
        """Publish the driver's state.

        It publishes nothing before it is configured, so that it can find a driver that was there
        before.
        """
        if self.driver.gate is not None:
            self._reporter.status(self.driver, self._pace.now_ns(), self.robot.healths())
        if self.driver.linked:
            config = self._config
            self.get_logger().info(f'{config.robot_model} {config.robot}: holding', once=True)


def main() -> None:
    """Run the driver."""
    run_node(DriverNode)
