"""Forward and inverse kinematics of an arm, from its MJCF. Knows neither time nor chunks."""

from __future__ import annotations

import mink
import mujoco
import numpy as np

from dsrl_ros.core.errors import DriverError
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.trajectory import Float64

# The posture resolves the arm's seventh degree of freedom. It weighs so little beside the tool
# that it moves the tool by less than the tolerance, and pulls by a small part of its error per
# iteration so that the iteration stays near its seed.
_POSTURE_COST = 1e-3
_POSTURE_GAIN = 0.05
_POSITION_TOLERANCE = 1e-5  # [m]
_ORIENTATION_TOLERANCE = 1e-4  # [rad]
_MAX_ITERATIONS = 50


class Kinematics:
    """Where the tool is for given joints, and which joints bring the tool where it should be.

    Deterministic: equal arguments give equal bits, whatever was solved before. Not thread safe.
    """

    def __init__(self, robot: RobotDescription) -> None:
        """Load the robot's MJCF.

        Args:
            robot: whose kinematics.
        """
        self._robot = robot
        model = mujoco.MjModel.from_xml_path(str(robot.model_path))
        self._configuration = mink.Configuration(model)
        self._tool = mink.FrameTask(
            frame_name=robot.tool_frame,
            frame_type='site',
            position_cost=1.0,
            orientation_cost=1.0,
        )
        self._posture = mink.PostureTask(model, cost=_POSTURE_COST, gain=_POSTURE_GAIN)
        self._limits = [mink.ConfigurationLimit(model)]
        self._address = np.array([model.joint(name).qposadr[0] for name in robot.joint_names])
        self._qpos = np.zeros(model.nq)
        home = self._qpos.copy()
        home[self._address] = robot.home
        self._posture.set_target(home)
        self._down = mink.SO3(np.array(robot.tool_down))

    def tool_position(self, joints: Float64) -> Float64:
        """Return the tool's position in the base frame [m], (3,), for `joints` [rad], (J,)."""
        position: Float64 = self.tool_pose(joints)[:3, 3]
        return position

    def tool_pose(self, joints: Float64) -> Float64:
        """Return the tool's pose in the base frame, (4, 4), for `joints` [rad], (J,)."""
        self._update(joints)
        pose: Float64 = self._configuration.get_transform_frame_to_world(
            self._robot.tool_frame, 'site'
        ).as_matrix()
        return pose

    def solve_down(self, position: Float64, seed: Float64) -> Float64:
        """Return joints that bring the tool to `position`, pointing straight down.

        Args:
            position: wanted position of the tool in the base frame [m], (3,).
            seed: joints to start from [rad], (J,); the solution nearest to them is found.

        Returns:
            Joints [rad], (J,), within the robot's limits.

        Raises:
            DriverError: no joints within the limits reach that pose.
        """
        target = mink.SE3.from_rotation_and_translation(self._down, np.asarray(position))
        self._tool.set_target(target)
        self._update(seed)
        for _ in range(_MAX_ITERATIONS):
            error = self._tool.compute_error(self._configuration)
            reached = (
                float(np.linalg.norm(error[:3])) < _POSITION_TOLERANCE
                and float(np.linalg.norm(error[3:])) < _ORIENTATION_TOLERANCE
            )
            if reached:
                joints: Float64 = self._configuration.q[self._address].copy()
                return joints
            velocity = mink.solve_ik(
                self._configuration,
                [self._tool, self._posture],
                1.0,
                'daqp',
                limits=self._limits,
            )
            self._configuration.integrate_inplace(velocity, 1.0)
        raise DriverError(
            f'inverse kinematics: got tool target {np.round(position, 4).tolist()} m with '
            f'{1e3 * float(np.linalg.norm(error[:3])):.2f} mm left after {_MAX_ITERATIONS} '
            'iterations, expected a pose the arm can reach. Keep the workspace box within reach.'
        )

    def _update(self, joints: Float64) -> None:
        self._qpos[self._address] = joints
        self._configuration.update(self._qpos)
