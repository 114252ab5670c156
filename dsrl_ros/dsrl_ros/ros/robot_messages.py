"""Messages of a robot's sensors and controllers, and the library's types. Checks what it reads."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from trajectory_msgs.msg import JointTrajectoryPoint

from dsrl_msgs.msg import ActionChunk
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.kinematics import quaternion_of
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.ros.messages import key_from_msg
from dsrl_ros.ros.stamps import header, stamp_to_ns

_NS = 1_000_000_000
BASE_FRAME = 'base'


def trajectory_to_msg(
    trajectory: JointTrajectory, start_ns: int, joint_names: Sequence[str]
) -> JointTrajectoryMsg:
    """Return a trajectory as the message a joint trajectory controller takes.

    Args:
        trajectory: what to follow.
        start_ns: time of its first point [ns].
        joint_names: (J,).
    """
    points = [
        JointTrajectoryPoint(
            positions=array('d', position.tolist()),
            velocities=array('d', velocity.tolist()),
            time_from_start=Duration(sec=time_ns // _NS, nanosec=time_ns % _NS),
        )
        for time_ns, position, velocity in zip(
            trajectory.times_ns.tolist(), trajectory.positions, trajectory.velocities, strict=True
        )
    ]
    return JointTrajectoryMsg(
        header=header(start_ns), joint_names=list(joint_names), points=points
    )


def trajectory_from_msg(
    message: JointTrajectoryMsg, joint_names: Sequence[str]
) -> tuple[JointTrajectory, int]:
    """Return the trajectory of a message, and the time of its first point [ns].

    Raises:
        ShapeMismatchError: other joints, no points, or points without velocities.
        NonFiniteError: a NaN or an infinity.
    """
    if list(message.joint_names) != list(joint_names):
        raise ShapeMismatchError(
            f'trajectory: got joints {list(message.joint_names)}, expected {list(joint_names)}.'
        )
    rows = [(len(point.positions), len(point.velocities)) for point in message.points]
    expected = (len(joint_names), len(joint_names))
    if not rows or any(row != expected for row in rows):
        raise ShapeMismatchError(
            f'trajectory: got points of (positions, velocities) {rows}, expected at least one '
            f'of {expected}.'
        )
    times = [stamp_to_ns(point.time_from_start) for point in message.points]
    # A controller reaches the first point from where it is; the suite's first point is there.
    first_ns = times[0]
    trajectory = JointTrajectory(
        np.array(times, dtype=np.int64) - first_ns,
        np.array([point.positions for point in message.points], dtype=np.float64),
        np.array([point.velocities for point in message.points], dtype=np.float64),
    )
    return trajectory, stamp_to_ns(message.header.stamp) + first_ns


def joints_to_msg(
    stamp_ns: int, names: Sequence[str], positions: Float64, velocities: Float64 | None = None
) -> JointState:
    """Return joint positions as a message with every field filled.

    An empty array at the end of a message is serialised by Fast DDS with bytes that were never
    set, which readers of bags refuse; so what is not known is zero.
    """
    nothing = array('d', bytes(8 * len(names)))
    return JointState(
        header=header(stamp_ns),
        name=list(names),
        position=array('d', positions.tolist()),
        velocity=nothing if velocities is None else array('d', velocities.tolist()),
        effort=nothing,
    )


def positions_from_msg(message: JointState, names: Sequence[str]) -> Float64:
    """Return the positions of the named joints, in this order, (J,).

    Raises:
        ShapeMismatchError: a joint is missing, or has no position.
    """
    column = {name: i for i, name in enumerate(message.name)}
    count = len(message.position)
    if any(column.get(name, count) >= count for name in names):
        raise ShapeMismatchError(
            f'joint states: got positions of {list(message.name)}, expected {list(names)} among '
            'them. Check the joint names of the robot against its description.'
        )
    return np.array([message.position[column[name]] for name in names], dtype=np.float64)


def pose_to_msg(stamp_ns: int, position: Float64, quaternion: Float64) -> PoseStamped:
    """Return a pose in the base frame.

    Args:
        stamp_ns: when it was so [ns].
        position: [m], (3,).
        quaternion: unit (w, x, y, z), (4,).
    """
    message = PoseStamped(header=header(stamp_ns, BASE_FRAME))
    where, turned = message.pose.position, message.pose.orientation
    where.x, where.y, where.z = position.tolist()
    turned.w, turned.x, turned.y, turned.z = quaternion.tolist()
    return message


def transform_to_msg(stamp_ns: int, transform: Float64) -> PoseStamped:
    """Return a pose in the base frame, given as a matrix [m], (4, 4)."""
    return pose_to_msg(stamp_ns, transform[:3, 3], quaternion_of(transform[:3, :3]))


def untrusted_chunk(message: ActionChunk) -> Chunk:
    """Return a chunk as it came; it may contradict itself."""
    return Chunk(
        key=key_from_msg(message.id),
        stamp_ns=stamp_to_ns(message.header.stamp),
        control_mode=message.control_mode,
        action_names=tuple(message.action_names),
        horizon=message.horizon,
        num_execute=message.num_execute,
        step_period_s=message.step_period,
        data=np.array(message.data, dtype=np.float32),
    )
