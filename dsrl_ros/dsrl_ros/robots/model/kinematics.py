"""The kinematic model of an arm, and its forward and inverse kinematics."""

from __future__ import annotations

import mink
import mujoco
import numpy as np

from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription

# The posture resolves the arm's seventh degree of freedom. It weighs so little against the tool
# that it moves the tool by less than the tolerance, and pulls by a small part of its error per
# iteration so that the iteration stays near its seed.
_POSTURE_COST = 1e-3
_POSTURE_GAIN = 0.05
_POSITION_TOLERANCE = 1e-5  # [m]
_ORIENTATION_TOLERANCE = 1e-4  # [rad]
_MAX_ITERATIONS = 50


def load_model(robot: RobotDescription) -> mujoco.MjModel:
    """Return the MuJoCo model of a robot; a site of it is named as the tool frame."""
    if not robot.urdf:
        return mujoco.MjModel.from_xml_path(str(robot.model_path))
    spec = mujoco.MjSpec.from_string(robot.urdf)
    spec.body(robot.tool_frame).add_site(name=robot.tool_frame, quat=robot.tool_in_link)
    return spec.compile()


def quaternion_of(rotation: Float64) -> Float64:
    """Return the unit quaternion (w, x, y, z), (4,), of a rotation matrix, (3, 3)."""
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    return quaternion


class Kinematics:
    """Where the tool is for given joints, and which joints bring the tool where it should be.

    Deterministic: equal arguments give equal bits, whatever was solved before. Not thread safe.
    """

    def __init__(self, robot: RobotDescription) -> None:
        """Load the robot's model.

        Args:
            robot: whose kinematics.
        """
        self._robot = robot
        model = load_model(robot)
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
        self._reach = _length(model, int(model.site(robot.tool_frame).id))

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

        Arguments, result and error as `solve` has them.
        """
        return self.solve(position, np.array(self._robot.tool_down), seed)

    def solve(self, position: Float64, orientation: Float64, seed: Float64) -> Float64:
        """Return joints that bring the tool to a pose.

        Args:
            position: wanted position of the tool in the base frame [m], (3,).
            orientation: wanted orientation, unit quaternion (w, x, y, z), (4,).
            seed: joints to start from [rad], (J,); the solution nearest to them is found.

        Returns:
            Joints [rad], (J,), within the robot's limits.

        Raises:
            DriverError: no joints within the limits reach that pose.
        """
        position = np.asarray(position)
        if not float(np.linalg.norm(position)) <= self._reach:
            raise _unreached(position, 'further away than the arm is long')
        self._tool.set_target(
            mink.SE3.from_rotation_and_translation(mink.SO3(orientation), position)
        )
        self._update(seed)
        for _ in range(_MAX_ITERATIONS):
            error = self._tool.compute_error(self._configuration)
            distance, angle = (float(np.linalg.norm(part)) for part in (error[:3], error[3:]))
            if distance < _POSITION_TOLERANCE and angle < _ORIENTATION_TOLERANCE:
                joints: Float64 = self._configuration.q[self._address].copy()
                return joints
            try:
                velocity = mink.solve_ik(
                    self._configuration,
                    [self._tool, self._posture],
                    1.0,
                    'daqp',
                    limits=self._limits,
                )
            except mink.MinkError as failure:
                raise _unreached(position, f'a search that failed ({failure})') from failure
            self._configuration.integrate_inplace(velocity, 1.0)
        raise _unreached(
            position,
            f'{1e3 * distance:.2f} mm and {angle:.3g} rad left after {_MAX_ITERATIONS} iterations',
        )

    def _update(self, joints: Float64) -> None:
        self._qpos[self._address] = joints
        self._configuration.update(self._qpos)


def _length(model: mujoco.MjModel, site: int) -> float:
    """Return the length of a chain stretched out, from the base to a site [m]."""
    length = float(np.linalg.norm(model.site_pos[site]))
    body = int(model.site_bodyid[site])
    while body != 0:
        length += float(np.linalg.norm(model.body_pos[body]))
        body = int(model.body_parentid[body])
    return length


def _unreached(position: Float64, how: str) -> DriverError:
    return DriverError(
        f'inverse kinematics: got tool target {np.round(position, 4).tolist()} m, {how}; expected '
        'a pose the arm can reach. Keep targets and the workspace box within reach.'
    )
