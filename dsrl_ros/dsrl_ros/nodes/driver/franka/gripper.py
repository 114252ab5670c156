"""The gripper of a Franka: the actions of its hand, and its stop."""

from __future__ import annotations

from functools import partial
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.task import Future
from std_srvs.srv import Trigger

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.nodes.driver.binary_gripper import BinaryGripperDriver
from dsrl_ros.ros import names

# A grasp counts as done at whatever width the object stopped the fingers.
_ANY_WIDTH_M = 0.08


class GripperClient(BinaryGripperDriver):
    """A hand whose name is known once its first state has come."""

    def __init__(self, node: Node, config: HardwareConfig) -> None:
        """Prepare.

        Args:
            node: that owns the clients.
            config: interface, thresholds and deadlines.
        """
        super().__init__(node, config)
        self._hand_name = ''
        self._clients: dict[str, ActionClient] = {}  # by the name of their action
        self._handle: Any = None

    def connect(self, name: str) -> None:
        """Make the clients for the gripper of this name, unless they are there."""
        if self._clients:
            return
        self._hand_name = name
        states = names.GRIPPER_STATES_OF.format(name=name)
        self.name = self._node.resolve_topic_name(states).rpartition('/')[0]
        kinds: dict[str, Any]
        if self._config.gripper == 'franka':
            from franka_msgs.action import Grasp, Move

            kinds = {names.GRIPPER_MOVE: Move, names.GRIPPER_GRASP: Grasp}
        else:
            from control_msgs.action import GripperCommand

            kinds = {names.GRIPPER_ACTION: GripperCommand}
        self._clients = {
            action: ActionClient(
                self._node, kind, names.remapped(self._node, action.format(name=name))
            )
            for action, kind in kinds.items()
        }
        self._stop = self._node.create_client(Trigger, names.GRIPPER_STOP.format(name=name))

    def missing(self) -> list[str]:
        """Return the actions that nobody serves yet, or that have not been looked for."""
        if not self._clients:
            return ['the actions of the gripper']
        return [
            f'the action {self._node.resolve_service_name(action.format(name=self._hand_name))}'
            for action, client in self._clients.items()
            if not client.server_is_ready()
        ]

    def start(self, closes: bool, command_id: int) -> None:
        """Close or open."""
        action, goal = self._goal(closes)
        client = self._clients.get(action)
        if client is None or not client.server_is_ready():
            self.ended(
                command_id, 'got no action server, expected one. Check the node of the hand.'
            )
            return
        self._handle = None
        answer = client.send_goal_async(goal)
        answer.add_done_callback(partial(self._on_answer, command_id))

    def stop(self) -> None:
        """Stop the command under way."""
        if self._stop.service_is_ready():
            self._stop.call_async(Trigger.Request())
        elif self._handle is not None:
            self._handle.cancel_goal_async()

    def _goal(self, closes: bool) -> tuple[str, Any]:
        """Return the action that closes or opens, and its goal."""
        config = self._config
        width = 0.0 if closes else config.gripper_open_m
        if config.gripper != 'franka':
            from control_msgs.action import GripperCommand

            goal = GripperCommand.Goal()
            goal.command.position = width / 2  # the vendor's node takes that of one finger
            goal.command.max_effort = config.gripper_force
            return names.GRIPPER_ACTION, goal
        from franka_msgs.action import Grasp, Move

        if not closes:
            return names.GRIPPER_MOVE, Move.Goal(width=width, speed=config.gripper_speed)
        goal = Grasp.Goal(width=width, speed=config.gripper_speed, force=config.gripper_force)
        goal.epsilon.inner = goal.epsilon.outer = _ANY_WIDTH_M
        return names.GRIPPER_GRASP, goal

    def _on_answer(self, command_id: int, answer: Future) -> None:
        handle = answer.result()
        if not handle.accepted:
            self.ended(command_id, 'got a refusal, expected the goal to be accepted.')
            return
        self._handle = handle
        handle.get_result_async().add_done_callback(partial(self._on_result, command_id))

    def _on_result(self, command_id: int, answer: Future) -> None:
        status, result = answer.result().status, answer.result().result
        # The vendor's actions say both; GripperCommand ends well by its status alone.
        if status == GoalStatus.STATUS_SUCCEEDED and getattr(result, 'success', True):
            self.ended(command_id, '')
        else:
            error = getattr(result, 'error', '') or f'status {status}'
            self.ended(command_id, f'got {error}, expected the gripper to arrive.')
