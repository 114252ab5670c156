"""The columns of every control mode on a Franka."""

from __future__ import annotations

from dsrl_ros.core.types import ControlMode
from dsrl_ros.robots.model.franka import FR3

SHIFT, TURN = ('dx', 'dy', 'dz'), ('drx', 'dry', 'drz')
POSE = ('x', 'y', 'z', 'qw', 'qx', 'qy', 'qz')
COLUMNS = {
    'joint position': (ControlMode.JOINT_POSITION, FR3.joint_names),
    'joint velocity': (ControlMode.JOINT_VELOCITY, FR3.joint_names),
    'pose': (ControlMode.EE_POSE, POSE),
    'shift': (ControlMode.EE_DELTA, SHIFT),
    'shift and turn': (ControlMode.EE_DELTA, SHIFT + TURN),
}
