"""A mock Franka Hand next to mock hardware: its actions, its stop and its states.

The vendor's own fake hand reports that it is half open and serves no action.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rclpy.action import ActionServer, CancelResponse
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from dsrl_ros.core.config.mock_gripper import MockGripperConfig
from dsrl_ros.robots.model.registry import find_robot
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.robot_messages import joints_to_msg
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK

# The driver takes the actions of one of these, and asks for no more.
try:
    from franka_msgs.action import Grasp, Homing, Move
except ImportError:
    Grasp = Homing = Move = None
try:
    from control_msgs.action import GripperCommand
except ImportError:
    GripperCommand = None

_STATE_PERIOD_S = 1 / 15  # the vendor's
_STEP_S = 0.01
_DEFAULT_SPEED = 0.1  # [m/s]


class MockGripperNode(Node):
    """A hand without fingers."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('mock_gripper', **node_options)
        self._config = declare_config(self, MockGripperConfig)
        self._robot = find_robot(self._config.robot_model)
        self._width = self._target = self._robot.gripper_high
        self._speed = _DEFAULT_SPEED
        self._arrived: Future | None = None
        name = self._config.gripper_name
        for action, topic, execute in (
            (Move, names.GRIPPER_MOVE, self._on_move),
            (Grasp, names.GRIPPER_GRASP, self._on_grasp),
            (Homing, names.GRIPPER_HOMING, self._on_homing),
            (GripperCommand, names.GRIPPER_ACTION, self._on_gripper_command),
        ):
            if action is not None:
                topic = names.remapped(self, topic.format(name=name))
                ActionServer(self, action, topic, execute, cancel_callback=self._on_cancel)
        self.create_service(Trigger, names.GRIPPER_STOP.format(name=name), self._on_stop)
        self._states = self.create_publisher(
            JointState, names.GRIPPER_STATES_OF.format(name=name), qos.DECISION
        )
        self.create_timer(_STATE_PERIOD_S, self._show, clock=STEADY_CLOCK)
        self.create_timer(_STEP_S, self._step, clock=STEADY_CLOCK)

    async def _on_move(self, handle: Any) -> Any:
        goal = handle.request
        return self._close(handle, Move.Result(), await self._go(goal.width, goal.speed))

    async def _on_grasp(self, handle: Any) -> Any:
        goal = handle.request
        stop_at = max(goal.width, self._config.object_width_m)
        arrived = await self._go(stop_at, goal.speed)
        off = self._width - goal.width
        grasped = arrived and -goal.epsilon.inner <= off <= goal.epsilon.outer
        return self._close(handle, Grasp.Result(), grasped)

    async def _on_homing(self, handle: Any) -> Any:
        arrived = await self._go(self._robot.gripper_high, _DEFAULT_SPEED)
        return self._close(handle, Homing.Result(), arrived)

    async def _on_gripper_command(self, handle: Any) -> Any:
        width = 2 * handle.request.command.position
        closes = width < self._width
        stop_at = max(width, self._config.object_width_m) if closes else width
        arrived = await self._go(stop_at, _DEFAULT_SPEED)
        result = GripperCommand.Result(position=self._width, reached_goal=arrived)
        if arrived:
            handle.succeed()
        else:
            handle.abort()
        return result

    def _close(self, handle: Any, result: Any, well: bool) -> Any:
        """End a goal of the vendor's actions."""
        result.success = well
        if well:
            handle.succeed()
        else:
            result.error = 'the hand was stopped, or did not find what it was to grasp'
            handle.abort()
        return result

    async def _go(self, width: float, speed: float) -> bool:
        """Go to a width [m]; return whether it was reached."""
        low, high = self._robot.gripper_low, self._robot.gripper_high
        if not low <= width <= high or not speed > 0.0:
            return False
        self._halt()
        self._target, self._speed = width, speed
        arrived = self._arrived = Future(executor=self.executor)
        return bool(await arrived)

    def _halt(self) -> None:
        self._target = self._width
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(False)
        self._arrived = None

    def _step(self) -> None:
        step = self._speed * _STEP_S
        self._width += min(max(self._target - self._width, -step), step)
        if self._arrived is not None and self._width == self._target:
            self._arrived.set_result(True)
            self._arrived = None

    def _on_cancel(self, _: Any) -> CancelResponse:
        self._halt()
        return CancelResponse.ACCEPT

    def _on_stop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._halt()
        response.success = True
        return response

    def _show(self) -> None:
        stamp_ns = self.get_clock().now().nanoseconds
        fingers = np.array(self._robot.fingers(self._width))
        self._states.publish(joints_to_msg(stamp_ns, self._robot.finger_names, fingers))


def main() -> None:
    """Run the mock gripper."""
    run_node(MockGripperNode)
