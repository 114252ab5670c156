"""Options of the motion planner node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import ROBOT_MODELS
from dsrl_ros.core.config.driver import BRAKE_S
from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class MotionPlannerConfig:
    """Options of the node that plans motions outside of episodes."""

    robot_model: str = option(
        'fr3', 'model of the robot that is planned for', choices=ROBOT_MODELS
    )
    planner: str = option(
        'auto',
        'what plans: moveit_py in this process, the move_group of a stack that is running, or the '
        'straight way in joint space; auto takes the first that is there',
        choices=('auto', 'moveit_py', 'move_group', 'plain'),
    )
    group: str = option('fr3_arm', "MoveIt's planning group of the arm")
    moveit_files: tuple[str, ...] = option(
        (), 'ROS parameter files that configure moveit_py; without any, auto leaves it out'
    )
    brake_s: float = option(
        BRAKE_S,
        'time in which the driver brakes, its brake_s: no plan is faster than that allows [s]',
        low=0.01,
        high=0.19,
    )

    def __post_init__(self) -> None:
        check(self)
