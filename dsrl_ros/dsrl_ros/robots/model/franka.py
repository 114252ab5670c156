"""The Franka Research 3 with the Franka Hand.

Joint limits: frankarobotics/franka_description, `robots/fr3/joint_limits.yaml`. Acceleration
limits: the robot's own, from Franka's documentation of the FR3. Hand: Franka Hand product manual.
"""

from __future__ import annotations

from math import pi
from pathlib import Path

from dsrl_ros.robots.model.description import RobotDescription

FR3 = RobotDescription(
    name='fr3',
    model_path=Path(__file__).parent / 'mjcf' / 'fr3.xml',
    base_frame='fr3_link0',
    joint_names=tuple(f'fr3_joint{i}' for i in range(1, 8)),
    position_low=(-2.7437, -1.7837, -2.9007, -3.0421, -2.8065, 0.5445, -3.0159),
    position_high=(2.7437, 1.7837, 2.9007, -0.1518, 2.8065, 4.5169, 3.0159),
    velocity_limit=(2.62, 2.62, 2.62, 2.62, 5.26, 4.18, 5.26),
    acceleration_limit=(10.0,) * 7,
    home=(0.0, -pi / 4, 0.0, -3 * pi / 4, 0.0, pi / 2, pi / 4),
    episode_start=(0.0, -0.2594, 0.0, -2.4315, 0.0, 2.1721, pi / 4),  # tool at 0.45, 0, 0.3
    tool_frame='fr3_hand_tcp',
    tool_down=(0.0, 1.0, 0.0, 0.0),
    # Fingertips reach 9.5 mm below the tool frame: at 15 mm they clear a table at height zero.
    workspace_low=(0.32, -0.35, 0.015),
    workspace_high=(0.65, 0.35, 0.40),
    finger_names=('fr3_finger_joint1', 'fr3_finger_joint2'),
    gripper_low=0.0,
    gripper_high=0.08,
    gripper_speed=0.1,
    tracking_rad=0.1,
)
