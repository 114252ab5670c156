"""The WidowX 250 S (six joints) with its gripper.

Published figures: Interbotix/interbotix_ros_manipulators, branch humble, commit a4b7e51:
`wx250s.urdf.xacro` (frames, position and velocity limits), `wx250s.yaml` (the motors' own limits,
in registers that the motors enforce), `wx250s_joint_limits.yaml` (the planner's accelerations).

- Of two limits the tighter one holds, rounded inwards. With 4096 ticks per turn about 2048 the
  motors end up to 2 mrad before the URDF does: at the upper ends of all joints (819 to 3345 for
  the shoulder, 648 to 3094 the elbow, 910 to 3447 the wrist). The URDF holds at the lower ends.
  A Velocity_Limit of 131 is 3.1414 rad/s.
- The vendor publishes no acceleration that the arm can bear. Its planner is given 5 rad/s^2, and
  the default profile of its Python interface reaches any speed in 0.3 s, the greatest with 10.5.
  10 is taken: a tenth of what the published torques give a stretched arm (20 N m less 5 against
  gravity, over 0.2 kg m^2). It counts for braking as well: within the 0.15 s that the driver takes
  for that, no joint may be faster than 1.5 rad/s. With that the tool, pointing down, moves at
  0.35 m/s amid its workspace and at 0.21 in the corners where the arm is nearly stretched.
- A width is `left_finger` minus `right_finger`, which the vendor counts from 15 to 37 mm. The
  fingers are thick: the gap between their pads is 18 mm less, 12 to 56 mm.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

from dsrl_ros.robots.model.description import RobotDescription

# Where the arm lies folded on itself, and from where it can be switched off: `sleep_positions`.
SLEEP = (0.0, -1.80, 1.55, 0.0, 0.8, 0.0)

WX250S = RobotDescription(
    name='wx250s',
    model_path=Path(__file__).parent / 'mjcf' / 'wx250s.xml',
    base_frame='wx250s/base_link',
    joint_names=(
        'waist',
        'shoulder',
        'elbow',
        'forearm_roll',
        'wrist_angle',
        'wrist_rotate',
    ),
    position_low=(-3.1415, -1.8849, -2.1467, -3.1415, -1.7453, -3.1415),
    position_high=(3.14, 1.9895, 1.6045, 3.14, 2.146, 3.14),
    velocity_limit=(3.1414,) * 6,
    acceleration_limit=(10.0,) * 6,
    home=(0.0,) * 6,
    episode_start=(0.0, -0.188, 0.501, 0.0, 1.2578, 0.0),  # tool at 0.24, 0, 0.13
    tool_frame='wx250s/ee_gripper_link',
    # The link's x axis is the approach direction: the tool's frame is turned in it by half a turn
    # about the line between x and z, which exchanges the two.
    tool_in_link=(0.0, sqrt(0.5), 0.0, sqrt(0.5)),
    tool_down=(0.0, 1.0, 0.0, 0.0),
    # Fingertips reach 15.6 mm below the tool frame: at 20 mm they clear a table at height zero.
    # The far corners at the top are where the arm is nearly stretched.
    workspace_low=(0.15, -0.18, 0.020),
    workspace_high=(0.34, 0.18, 0.20),
    finger_names=('left_finger', 'right_finger'),
    finger_signs=(1.0, -1.0),
    gripper_low=0.030,
    gripper_high=0.074,
    gripper_speed=0.1,
    # Stretched, it sags by 0.03 to 0.065 rad; on its way it is behind its goal by as much again.
    tracking_rad=0.2,
)
