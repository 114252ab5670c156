"""What the suite knows of a robot, in one frozen description. Owns no behaviour."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dsrl_ros.core.errors import ConfigError


@dataclass(frozen=True)
class RobotDescription:
    """The facts of one robot: the only place where its limits are written down.

    J is the number of arm joints; SI units.

    Attributes:
        name: model of the robot.
        model_path: MJCF of the robot alone; the joints carry the names given here.
        base_frame: link that the base frame lies in.
        joint_names: arm joints from base to tool, (J,).
        position_low, position_high: joint limits [rad], (J,).
        velocity_limit: largest joint speed [rad/s], (J,).
        acceleration_limit: largest joint acceleration that a planner may ask for [rad/s^2], (J,).
        home: joint positions of the named state `ready` [rad], (J,).
        episode_start: where an episode begins unless a task says otherwise: the tool in the
            workspace, pointing straight down [rad], (J,).
        tool_frame: at the point between the fingertips, its z axis the approach direction; a site
            of the MJCF, a link of a URDF.
        tool_down: orientation of the tool in the base frame when it points straight down, as a
            unit quaternion (w, x, y, z).
        workspace_low, workspace_high: box the tool's position stays in, base frame [m], (3,).
        tool_in_link: orientation of the tool in the link of that name of the vendor's URDF, as a
            unit quaternion (w, x, y, z): vendors do not agree on the axis of approach.
        finger_names: finger joints, each moving by half the width.
        finger_signs: whether a finger's position grows (1.0) or falls (-1.0) with the width.
        tracking_rad: how far a joint may be from where it is commanded to be while all is well: it
            lags, and sags under its load where the motors hold by proportional gain alone.
        gripper_low, gripper_high: range of the gripper's width [m].
        gripper_speed: rate at which the width changes [m/s].
        urdf: chain from base to tool as the robot itself describes it, made by
            `robots.model.urdf`; kinematics come from it where there is one, from the MJCF where it
            is empty.
    """

    name: str
    model_path: Path
    base_frame: str
    joint_names: tuple[str, ...]
    position_low: tuple[float, ...]
    position_high: tuple[float, ...]
    velocity_limit: tuple[float, ...]
    acceleration_limit: tuple[float, ...]
    home: tuple[float, ...]
    episode_start: tuple[float, ...]
    tool_frame: str
    tool_down: tuple[float, float, float, float]
    workspace_low: tuple[float, float, float]
    workspace_high: tuple[float, float, float]
    finger_names: tuple[str, str]
    gripper_low: float
    gripper_high: float
    gripper_speed: float
    tracking_rad: float
    urdf: str = ''
    tool_in_link: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    finger_signs: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        per_joint = (
            'position_low',
            'position_high',
            'velocity_limit',
            'acceleration_limit',
            'home',
            'episode_start',
        )
        for name in per_joint:
            got = len(getattr(self, name))
            if got != self.num_joints:
                raise ConfigError(
                    f'RobotDescription.{name}: got {got} entries, expected one for each of '
                    f'{", ".join(self.joint_names)}.'
                )
        for joint, low, home, high in zip(
            self.joint_names, self.position_low, self.home, self.position_high, strict=True
        ):
            if not low < home < high:
                raise ConfigError(
                    f'RobotDescription.home: got {home} for {joint}, expected {low} to {high}.'
                )

    def fingers(self, width: float) -> tuple[float, float]:
        """Return the position of each finger joint at a width of the gripper [m]."""
        first, second = self.finger_signs
        return first * width / 2, second * width / 2

    def width(self, fingers: Iterable[float]) -> float:
        """Return the width of the gripper [m] for the position of each finger joint [m], (2,)."""
        pairs = zip(self.finger_signs, fingers, strict=True)
        return float(sum(sign * position for sign, position in pairs))

    @property
    def num_joints(self) -> int:
        """Number of arm joints, J."""
        return len(self.joint_names)
