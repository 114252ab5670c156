"""Planning with `moveit_py`: MoveIt's planners in this process.

It spins a node of its own in a thread of its own, and a crash of it (moveit2 #3721: at teardown)
takes the process with it. So the planner's node is the only thing in its process.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.motion_planner.planners.base import Limits
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.ros.robot_messages import trajectory_from_msg


class MoveItPyPlanner:
    """Plans by MoveIt's own pipelines, around what its planning scene holds.

    Args:
        robot: returns what MoveIt plans for, with the limits that MoveIt takes a share of.
        group: MoveIt's planning group of the arm.
        parameter_files: parameters of MoveIt (robot description, kinematics, pipelines,
            `planning_scene_monitor_options`, `plan_request_params`), ROS parameter files.

    Raises:
        ImportError: `moveit_py` is not installed.
    """

    name = 'moveit_py'

    def __init__(
        self,
        robot: Callable[[], RobotDescription],
        group: str,
        parameter_files: tuple[Path, ...],
    ) -> None:
        from moveit.core.robot_state import RobotState
        from moveit.planning import MoveItPy, PlanRequestParameters

        self._robot = robot
        self._robot_state = RobotState
        self._parameters = PlanRequestParameters
        self._moveit = MoveItPy(
            node_name='moveit_py', launch_params_filepaths=[str(path) for path in parameter_files]
        )
        self._arm = self._moveit.get_planning_component(group)

    async def plan(self, start: Float64, goal: Float64, limits: Limits) -> JointTrajectory:
        """Return MoveIt's plan; see `MotionPlanner`."""
        self._arm.set_start_state(robot_state=self._state(start))
        self._arm.set_goal_state(robot_state=self._state(goal))
        parameters = self._parameters(self._moveit, '')
        share = limits.share_of(self._robot())
        parameters.max_velocity_scaling_factor = share
        parameters.max_acceleration_scaling_factor = share
        answer = self._arm.plan(single_plan_parameters=parameters)
        if not answer:
            raise DriverError(
                f'moveit_py: got error code {answer.error_code.val}, expected a plan to '
                f'{goal.round(3).tolist()} rad. Look at the planning scene for what is in the way.'
            )
        message = answer.trajectory.get_robot_trajectory_msg().joint_trajectory
        return trajectory_from_msg(message, self._robot().joint_names)[0]

    def _state(self, joints: Float64) -> Any:
        state = self._robot_state(self._moveit.get_robot_model())
        state.joint_positions = dict(zip(self._robot().joint_names, joints.tolist(), strict=True))
        state.update()
        return state
