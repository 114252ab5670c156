"""The motion planner node: plans the motions of a reset, to given joints or straight up.

It is a process of its own because MoveIt brings threads, a node and crashes of its own.
"""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from dsrl_msgs.srv import PlanMotion
from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.config.motion_planner import MotionPlannerConfig
from dsrl_ros.core.errors import ConfigError, DsrlError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.motion_planner.planners.base import Limits
from dsrl_ros.nodes.motion_planner.planners.choose import choose_planner
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.registry import find_robot
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.robots.motion.retreat import straight_up
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.ros import names
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.robot_description import SelfDescription
from dsrl_ros.ros.robot_messages import trajectory_to_msg
from dsrl_ros.ros.run_node import run_node


class MotionPlannerNode(Node):
    """Serves `plan_motion`.

    Attributes:
        planner: makes the plans.
        described: the robot as it describes itself.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__('motion_planner', **node_options)
        config = declare_config(self, MotionPlannerConfig)
        self._shipped = find_robot(config.robot_model)
        self.described = SelfDescription(self, self._shipped)
        self._brake_s = config.brake_s
        self.planner = choose_planner(self, self._robot, config)
        self._failure = ''
        # The answer may wait for another process, whose words the same executor takes in.
        self.create_service(
            PlanMotion, names.PLAN_MOTION, self._on_plan, callback_group=ReentrantCallbackGroup()
        )
        Diagnostics(self, 'planner', self._health)
        self.get_logger().info(f'plans by {self.planner.name}')

    def _limits(self, share: float) -> Limits:
        """Return a share of the robot's limits, of velocities from which it can brake in time.

        What moves may be stopped at its fastest, and the driver's gate counts that, too, as
        acceleration.
        """
        robot = self._robot()
        acceleration = np.array(robot.acceleration_limit)
        velocity = np.minimum(robot.velocity_limit, acceleration * self._brake_s)
        return Limits(share * velocity, share * acceleration)

    def _robot(self) -> RobotDescription:
        """Return the robot as it describes itself where it does; the driver judges every plan."""
        if not self.described.missing():
            try:
                return self.described.read()
            except ConfigError as error:
                self.get_logger().warning(f'planning for the shipped robot: {error}', once=True)
        return self._shipped

    async def _on_plan(
        self, request: PlanMotion.Request, response: PlanMotion.Response
    ) -> PlanMotion.Response:
        try:
            trajectory = await self._plan(request, response)
        except Exception as error:  # also of MoveIt, whose errors are no business of a run's
            known = isinstance(error, DsrlError)
            self._failure = response.message = str(error) if known else traceback.format_exc()
            self.get_logger().warning(self._failure)
            return response
        self._failure = ''
        response.success = True
        response.trajectory = trajectory_to_msg(trajectory, 0, self._shipped.joint_names)
        return response

    async def _plan(
        self, request: PlanMotion.Request, response: PlanMotion.Response
    ) -> JointTrajectory:
        start = self._joints('start', request.start)
        if not 0.0 < request.speed <= 1.0:
            raise ConfigError(f'speed: got {request.speed}, expected more than 0, at most 1.')
        limits = self._limits(request.speed)
        if request.kind == PlanMotion.Request.KIND_JOINTS:
            response.planner = self.planner.name
            return await self.planner.plan(start, self._joints('goal', request.goal), limits)
        if request.kind == PlanMotion.Request.KIND_RETREAT:
            if not 0.0 < request.height <= 1.0:
                raise ConfigError(
                    f'height: got {request.height} m, expected more than 0, at most 1.'
                )
            response.planner = 'plain'  # a few centimetres, which no planner does better
            path = straight_up(Kinematics(self._robot()), start, request.height)
            return timed(path, limits.velocity, limits.acceleration)
        raise ConfigError(f'kind: got {request.kind}, expected one of PlanMotion.KIND_*.')

    def _joints(self, name: str, values: Any) -> Float64:
        joints = np.array(values, dtype=np.float64)
        require_shape(name, joints, (self._shipped.num_joints,))
        require_finite(name, joints)
        return joints

    def _health(self) -> Health:
        if self._failure:
            return Health(Level.WARN, f'the last motion could not be planned: {self._failure}')
        return Health(Level.OK, f'plans by {self.planner.name}')


def main() -> None:
    """Run the motion planner node."""
    run_node(MotionPlannerNode)
