"""Planning by the `move_group` node of a MoveIt stack that is running already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.action import ActionClient
from rclpy.action.client import ClientGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.motion_planner.planners.base import Limits
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import trajectory_from_msg
from dsrl_ros.ros.waiting import within

_TOLERANCE = 1e-3  # of each joint at the goal [rad]
_ATTEMPTS = 3
TIMEOUT_S = 10.0  # wait for a plan, half of which MoveIt may search [s]


class MoveGroupPlanner:
    """Asks the `MoveGroup` action for a plan only; it executes nothing.

    Args:
        node: whose executor runs meanwhile.
        robot: returns what MoveIt plans for, with the limits that MoveIt takes a share of.
        group: MoveIt's planning group of the arm.

    Attributes:
        client: of the action.

    Raises:
        ImportError: `moveit_msgs` is not installed.
    """

    name = 'move_group'

    def __init__(
        self,
        node: Node,
        robot: Callable[[], RobotDescription],
        group: str,
    ) -> None:
        from moveit_msgs.action import MoveGroup
        from moveit_msgs.msg import Constraints, JointConstraint

        self._node, self._robot, self._group = node, robot, group
        self._goal_type, self._constraints = MoveGroup.Goal, Constraints
        self._constraint = JointConstraint
        self.client = ActionClient(
            node,
            MoveGroup,
            names.remapped(node, names.MOVE_GROUP),
            callback_group=ReentrantCallbackGroup(),
        )

    async def plan(self, start: Float64, goal: Float64, limits: Limits) -> JointTrajectory:
        """Return the plan of `move_group`; see `MotionPlanner`."""
        if not self.client.server_is_ready():
            raise DriverError(
                f'move_group: got no action {names.remapped(self._node, names.MOVE_GROUP)}, '
                'expected the move_group node of the MoveIt stack. Start it, or set planner to '
                'plain.'
            )
        try:
            result = await self._ask(self._goal(start, goal, limits))
        except TimeoutError as error:
            raise DriverError(f'{error}. Look at the log of move_group.') from error
        if result.error_code.val != result.error_code.SUCCESS:
            raise DriverError(
                f'move_group: got {_name(result.error_code)}, expected a plan to '
                f'{goal.round(3).tolist()} rad. Look at the planning scene for what is in the way.'
            )
        message = result.planned_trajectory.joint_trajectory
        return trajectory_from_msg(message, self._robot().joint_names)[0]

    async def _ask(self, goal: object) -> Any:
        """Return the result of a goal of the action.

        Raises:
            DriverError: the goal is refused.
            TimeoutError: there is no answer in time.
        """
        sent = self.client.send_goal_async(goal)
        handle: ClientGoalHandle = await within(self._node, sent, TIMEOUT_S, 'move_group')
        if not handle.accepted:
            raise DriverError('move_group: got a refusal of the goal, expected a plan.')
        waiting = handle.get_result_async()
        try:
            answer: Any = await within(self._node, waiting, TIMEOUT_S, 'move_group')
        except TimeoutError:
            handle.cancel_goal_async()  # nobody waits for that plan any more
            raise
        return answer.result

    def _goal(self, start: Float64, goal: Float64, limits: Limits) -> object:
        robot = self._robot()
        names_, share = list(robot.joint_names), limits.share_of(robot)
        message = self._goal_type()
        request = message.request
        request.group_name = self._group
        request.num_planning_attempts = _ATTEMPTS
        request.allowed_planning_time = TIMEOUT_S / 2
        request.max_velocity_scaling_factor = share
        request.max_acceleration_scaling_factor = share
        # Of the joints that are named alone: what the arm holds stays in MoveIt's scene.
        request.start_state.is_diff = True
        request.start_state.joint_state.name = names_
        request.start_state.joint_state.position = start.tolist()
        constraints = [
            self._constraint(
                joint_name=name,
                position=position,
                tolerance_above=_TOLERANCE,
                tolerance_below=_TOLERANCE,
                weight=1.0,
            )
            for name, position in zip(names_, goal.tolist(), strict=True)
        ]
        request.goal_constraints = [self._constraints(joint_constraints=constraints)]
        message.planning_options.plan_only = True
        scene = message.planning_options.planning_scene_diff
        scene.is_diff = scene.robot_state.is_diff = True
        return message


def _name(code: Any) -> str:
    """Return an error code of MoveIt for people."""
    found = (name for name in dir(code) if name.isupper() and getattr(code, name) == code.val)
    return f'{next(found, "error code")} ({code.val})'
