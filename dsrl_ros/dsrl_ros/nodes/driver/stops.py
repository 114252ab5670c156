"""The ROS side of stopping: heartbeats, the emergency stop, `clear` and `recover`."""

from __future__ import annotations

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from dsrl_msgs.msg import Heartbeat
from dsrl_ros.core.errors import DriverError
from dsrl_ros.nodes.driver.robot_interface import RobotInterface
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.safety.rules import Rule
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.waiting import STEADY_CLOCK

_HEARTBEAT_CHECK_S = 0.01


class StopHandler:
    """Subscribes and serves; what each stop does, `ArmDriver` decides.

    Args:
        node: the driver's.
        robot_name: whose heartbeats count.
        driver: is stopped and cleared.
        robot: is recovered.
    """

    def __init__(
        self, node: Node, robot_name: str, driver: ArmDriver, robot: RobotInterface
    ) -> None:
        self._node = node
        self._robot_name = robot_name
        self._driver = driver
        self._robot = robot
        self._recovering = False
        node.create_subscription(Heartbeat, names.HEARTBEAT, self._on_heartbeat, qos.HEARTBEAT)
        node.create_subscription(Bool, names.ESTOP_SIGNAL, self._on_estop_signal, qos.DECISION)
        node.create_service(Trigger, names.ESTOP, self._on_estop)
        node.create_service(Trigger, names.CLEAR, self._on_clear)
        node.create_service(Trigger, names.CLEAR_FAULT, self._on_clear_fault)
        # It awaits the robot's answers, which a group of its own lets in meanwhile.
        node.create_service(
            Trigger, names.RECOVER, self._on_recover, callback_group=ReentrantCallbackGroup()
        )
        self._timer = node.create_timer(
            _HEARTBEAT_CHECK_S, self._check_heartbeat, clock=STEADY_CLOCK
        )
        self._timer.cancel()

    def watch_heartbeat(self) -> None:
        """Check the heartbeat from now until the arm rests."""
        self._timer.reset()

    def _check_heartbeat(self) -> None:
        if self._driver.busy:
            self._driver.check_heartbeat()
        else:
            self._timer.cancel()

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if message.robot == self._robot_name:
            self._driver.heard()

    def _on_estop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._driver.estop('emergency stop by service')
        response.success = True
        return response

    def _on_estop_signal(self, message: Bool) -> None:
        if message.data:
            self._driver.estop('emergency stop by topic')

    def _on_clear(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = self._driver.clear()
        response.success = not response.message
        if response.success and self._driver.active:
            self._node.get_logger().info('cleared')
        return response

    def _on_clear_fault(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._driver.latch.stopped_by is Rule.ESTOP:
            response.message = 'clear_fault: got an emergency stop, which a person clears.'
            return response
        return self._on_clear(request, response)

    async def _on_recover(
        self, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self._recovering or self._driver.busy:
            response.message = 'recover: got a call while one is under way or the arm moves.'
            return response
        self._recovering = True
        try:
            response.message = await self._robot.recover()
            response.success = True
        except DriverError as error:
            response.message = str(error)
        finally:
            self._recovering = False
        self._node.get_logger().info(response.message)
        return response
