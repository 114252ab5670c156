"""A simulated robot that takes and gives what its controllers would. Knows no task and no ROS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import quaternion_of
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold
from dsrl_ros.robots.simulation.camera import OffscreenCamera


@dataclass(frozen=True)
class ArmState:
    """What the robot's encoders say.

    Attributes:
        stamp_ns: simulated time [ns].
        position: [rad], (J,).
        velocity: [rad/s], (J,).
        gripper_width: distance between the fingers [m].
    """

    stamp_ns: int
    position: Float64
    velocity: Float64
    gripper_width: float


class Twin:
    """MuJoCo behind the interface of a joint trajectory controller and a gripper.

    The same calls give the same bits. Time is counted in whole physics steps and starts at zero
    with each reset.
    """

    def __init__(self, robot: RobotDescription, scene: Path) -> None:
        """Load a scene that holds the robot.

        Args:
            robot: names its joints.
            scene: MJCF file of robot and surroundings.

        Raises:
            ConfigError: a scene that MuJoCo cannot read, or without the robot's joints.
        """
        self._robot = robot
        try:
            self.model = mujoco.MjModel.from_xml_path(str(scene))
            arm = [self.model.joint(name) for name in robot.joint_names]
            fingers = [self.model.joint(name) for name in robot.finger_names]
            arm_actuators = [self.model.actuator(name).id for name in robot.joint_names]
            finger_actuators = [self.model.actuator(name).id for name in robot.finger_names]
        except (ValueError, KeyError) as error:
            raise ConfigError(
                f'scene {scene}: {error}; expected a readable MJCF with the joints and actuators '
                f'{", ".join((*robot.joint_names, *robot.finger_names))}.'
            ) from error
        self.data = mujoco.MjData(self.model)
        self.step_ns: int = round(self.model.opt.timestep * 1e9)
        self._qpos = np.array([joint.qposadr[0] for joint in arm])
        self._qvel = np.array([joint.dofadr[0] for joint in arm])
        self._finger_qpos = np.array([joint.qposadr[0] for joint in fingers])
        self._arm_ctrl = np.array(arm_actuators)
        self._finger_ctrl = np.array(finger_actuators)
        # A position servo with damping kv follows a moving reference without lag when its
        # set point leads by velocity * kv / kp.
        self._lead = (
            -self.model.actuator_biasprm[self._arm_ctrl, 2]
            / self.model.actuator_gainprm[self._arm_ctrl, 0]
        )
        self._cameras: dict[tuple[int, int], OffscreenCamera] = {}
        self.reset(np.array(robot.home), robot.gripper_high)

    @property
    def now_ns(self) -> int:
        """Simulated time since the reset [ns]."""
        return self._steps * self.step_ns

    def reset(
        self,
        joints: Float64,
        width: float,
        bodies: Mapping[str, Float64] | None = None,
        sliders: Mapping[str, float] | None = None,
    ) -> None:
        """Put everything at rest at time zero.

        Args:
            joints: arm [rad], (J,).
            width: gripper [m].
            bodies: pose of bodies that have a free joint, by name: position [m] and unit
                quaternion (w, x, y, z), (7,).
            sliders: position of joints of the scene, by name [m or rad]; others are at zero.
        """
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[self._qpos] = joints
        self.data.qpos[self._finger_qpos] = self._robot.fingers(width)
        for name, pose in (bodies or {}).items():
            address = self.model.jnt_qposadr[self.model.body(name).jntadr[0]]
            self.data.qpos[address : address + 7] = pose
        for name, position in (sliders or {}).items():
            self.data.joint(name).qpos = position
        self._steps = 0
        self._following: list[tuple[int, JointTrajectory]] = [(0, hold(joints))]
        self._width_target = width
        self._width_reference = width
        mujoco.mj_fwdPosition(self.model, self.data)

    def set_trajectory(self, trajectory: JointTrajectory, start_ns: int) -> None:
        """Follow `trajectory` from `start_ns` on, in place of whatever was planned after that.

        One whose start has passed is followed from where it is by now, as a joint trajectory
        controller does. The last point is held once the trajectory has ended.

        Raises:
            DriverError: joints of another robot.
        """
        if trajectory.positions.shape[1] != self._robot.num_joints:
            raise DriverError(
                f'trajectory: got {trajectory.positions.shape[1]} joints, expected '
                f'{self._robot.num_joints}.'
            )
        kept = [(start, old) for start, old in self._following if start < start_ns]
        self._following = [*kept, (start_ns, trajectory)]

    def set_gripper(self, width: float) -> None:
        """Move the fingers towards `width` [m] at the gripper's speed, from where they are."""
        width = float(np.clip(width, self._robot.gripper_low, self._robot.gripper_high))
        if width != self._width_target:
            self._width_target = width
            self._width_reference = self._measured_width()

    def advance(self, until_ns: int) -> None:
        """Step the physics up to `until_ns` [ns], a whole number of physics steps.

        Raises:
            DriverError: a time that is past or between two steps, or a simulation that diverged.
        """
        count, rest = divmod(until_ns - self.now_ns, self.step_ns)
        if rest or count < 0:
            raise DriverError(
                f'advance: got {until_ns} ns at time {self.now_ns} ns, expected a later whole '
                f'multiple of the physics step, {self.step_ns} ns.'
            )
        if count == 0:
            return
        model, data = self.model, self.data
        references = self._references(count)
        travel = self._robot.gripper_speed * self.step_ns * 1e-9  # [m] per physics step
        for reference in references:
            data.ctrl[self._arm_ctrl] = reference
            gap = self._width_target - self._width_reference
            self._width_reference += max(-travel, min(travel, gap))
            data.ctrl[self._finger_ctrl] = self._robot.fingers(self._width_reference)
            mujoco.mj_step(model, data)
        self._steps += count
        if (
            data.warning[mujoco.mjtWarning.mjWARN_BADQACC].number
            or not np.isfinite(data.qpos).all()
        ):
            raise DriverError(
                f'simulation of {self._robot.name}: diverged before {self.now_ns / 1e9:.3f} s. '
                'Reset the scene; if it happens again, lower the commanded accelerations.'
            )
        # mj_step leaves poses and contacts one step behind the joints.
        mujoco.mj_fwdPosition(model, data)

    def state(self) -> ArmState:
        """Return what the encoders say now."""
        return ArmState(
            stamp_ns=self.now_ns,
            position=self.data.qpos[self._qpos],
            velocity=self.data.qvel[self._qvel],
            gripper_width=self._measured_width(),
        )

    def object_pose(self, name: str) -> Float64:
        """Return where a body is, or a site where there is no such body.

        Returns:
            Position [m] and unit quaternion (w, x, y, z) in the world, (7,).
        """
        if mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, name) >= 0:
            body = self.data.body(name)
            return np.concatenate([body.xpos, body.xquat])
        site = self.data.site(name)
        return np.concatenate([site.xpos, quaternion_of(site.xmat)])

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the cameras that `render` takes."""
        return tuple(self.model.camera(i).name for i in range(self.model.ncam))

    def render(self, camera: str, width: int, height: int) -> NDArray[np.uint8]:
        """Return an RGB image, (height, width, 3), drawn without a display.

        Nothing is loaded before the first call.

        Raises:
            DriverError: no such camera, or nothing to draw with.
        """
        size = (width, height)
        if size not in self._cameras:
            self._cameras[size] = OffscreenCamera(self.model, width, height)
        return self._cameras[size].draw(self.data, camera)

    def close(self) -> None:
        """Free what rendering has taken."""
        for camera in self._cameras.values():
            camera.close()
        self._cameras.clear()

    def _measured_width(self) -> float:
        return self._robot.width(self.data.qpos[self._finger_qpos])

    def _references(self, count: int) -> Float64:
        """Return the arm's set points of the next `count` physics steps, (count, J)."""
        begin = self.now_ns + np.arange(count, dtype=np.int64) * self.step_ns
        # The last trajectory that starts before the last step; earlier ones fill in before it.
        references = np.empty((count, self._robot.num_joints))
        for start_ns, trajectory in self._following:
            rows = begin >= start_ns
            if rows.any():
                # A step is steered by where the arm should be at its end.
                position, velocity = trajectory.sample(begin[rows] + self.step_ns - start_ns)
                references[rows] = position + self._lead * velocity
        current = [i for i, (start, _) in enumerate(self._following) if start <= begin[-1]][-1]
        self._following = self._following[current:]
        return references
