"""The node `move_group` of a MoveIt stack, as far as planning goes."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from moveit_msgs.action import MoveGroup
from moveit_msgs.msg import MoveItErrorCodes
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.node import Node
from rclpy.task import Future

from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import trajectory_to_msg

LIMITS = np.array([FR3.velocity_limit, FR3.acceleration_limit])


class StandInMoveGroup(Node):
    """The node `move_group`, without obstacles: it plans from the start state to the goal.

    Attributes:
        how: it 'plans', 'refuses' the goal, is 'silent', or ends with the error code of that name.
        goals: as they came.
        canceled: how many of them were.
    """

    def __init__(self, how: str = 'plans', **node_options: Any) -> None:
        super().__init__('move_group', **node_options)
        self.how = how
        self.goals: list[MoveGroup.Goal] = []
        self.canceled = 0
        ActionServer(
            self,
            MoveGroup,
            names.remapped(self, names.MOVE_GROUP),
            self._execute,
            goal_callback=self._on_goal,
            cancel_callback=self._on_cancel,
        )

    def _on_goal(self, goal: MoveGroup.Goal) -> GoalResponse:
        self.goals.append(goal)
        return GoalResponse.REJECT if self.how == 'refuses' else GoalResponse.ACCEPT

    def _on_cancel(self, _: object) -> CancelResponse:
        self.canceled += 1
        return CancelResponse.ACCEPT

    async def _execute(self, handle: Any) -> MoveGroup.Result:
        if self.how == 'silent':
            await Future(executor=self.executor)
        result = MoveGroup.Result()
        if self.how != 'plans':
            result.error_code.val = getattr(MoveItErrorCodes, self.how)
            handle.abort()
            return result
        request = handle.request.request
        start = request.start_state.joint_state.position
        (constraints,) = request.goal_constraints
        goal = [joint.position for joint in constraints.joint_constraints]
        scale = (request.max_velocity_scaling_factor, request.max_acceleration_scaling_factor)
        path = np.array([start, goal])
        trajectory = timed(path, scale[0] * LIMITS[0], scale[1] * LIMITS[1])
        message = trajectory_to_msg(trajectory, 0, request.start_state.joint_state.name)
        for point in message.points:
            point.accelerations = array('d', bytes(8 * len(start)))
        result.planned_trajectory.joint_trajectory = message
        result.error_code.val = MoveItErrorCodes.SUCCESS
        handle.succeed()
        return result
