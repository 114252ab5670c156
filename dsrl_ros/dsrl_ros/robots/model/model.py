"""The kinematic model of a robot as MuJoCo holds it, from an MJCF or a URDF. Moves nothing."""

from __future__ import annotations

import mujoco

from dsrl_ros.robots.model.description import RobotDescription


def load_model(robot: RobotDescription) -> mujoco.MjModel:
    """Return a model with the robot's joints by name and a site called as its tool frame."""
    if not robot.urdf:
        return mujoco.MjModel.from_xml_path(str(robot.model_path))
    spec = mujoco.MjSpec.from_string(robot.urdf)
    spec.body(robot.tool_frame).add_site(name=robot.tool_frame, quat=robot.tool_in_link)
    return spec.compile()
