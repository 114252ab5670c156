"""The URDFs of the robots as their vendors publish them, written from their numbers."""

from __future__ import annotations

from math import pi, radians

# frankarobotics/franka_description, robots/fr3: frame of each joint in the one before, xyz [m] and
# rpy [rad], with position and velocity limits.
JOINTS = (
    ((0.0, 0.0, 0.333), (0.0, 0.0, 0.0), -2.7437, 2.7437, 2.62),
    ((0.0, 0.0, 0.0), (-pi / 2, 0.0, 0.0), -1.7837, 1.7837, 2.62),
    ((0.0, -0.316, 0.0), (pi / 2, 0.0, 0.0), -2.9007, 2.9007, 2.62),
    ((0.0825, 0.0, 0.0), (pi / 2, 0.0, 0.0), -3.0421, -0.1518, 2.62),
    ((-0.0825, 0.384, 0.0), (-pi / 2, 0.0, 0.0), -2.8065, 2.8065, 5.26),
    ((0.0, 0.0, 0.0), (pi / 2, 0.0, 0.0), 0.5445, 4.5169, 4.18),
    ((0.088, 0.0, 0.0), (pi / 2, 0.0, 0.0), -3.0159, 3.0159, 5.26),
)

FIXED = (
    ('base', 'fr3_link0', (0.3, 0.0, 1.0), (0.0, 0.1, 0.0)),  # the table it stands on
    ('fr3_link7', 'fr3_link8', (0.0, 0.0, 0.107), (0.0, 0.0, 0.0)),
    ('fr3_link8', 'fr3_hand', (0.0, 0.0, 0.0), (0.0, 0.0, -pi / 4)),
    ('fr3_hand', 'fr3_hand_tcp', (0.0, 0.0, 0.1034), (0.0, 0.0, 0.0)),
)

MESH = '<geometry><mesh filename="package://franka_description/meshes/none.dae"/></geometry>'


def words(numbers: tuple[float, ...]) -> str:
    return ' '.join(repr(number) for number in numbers)


def link(name: str) -> str:
    return f'<link name="{name}"><visual>{MESH}</visual><collision>{MESH}</collision></link>'


def franka_urdf() -> str:
    """Return the FR3's URDF as its vendor publishes it, meshes, fingers and controllers too."""
    parts = [link('base'), link('fr3_leftfinger')]
    for parent, child, xyz, rpy in FIXED:
        parts.append(
            f'{link(child)}<joint name="{child}_joint" type="fixed">'
            f'<origin xyz="{words(xyz)}" rpy="{words(rpy)}"/>'
            f'<parent link="{parent}"/><child link="{child}"/></joint>'
        )
    for i, (xyz, rpy, low, high, speed) in enumerate(JOINTS, start=1):
        parts.append(
            f'{link(f"fr3_link{i}")}<joint name="fr3_joint{i}" type="revolute">'
            f'<origin xyz="{words(xyz)}" rpy="{words(rpy)}"/><axis xyz="0 0 1"/>'
            f'<parent link="fr3_link{i - 1}"/><child link="fr3_link{i}"/>'
            f'<limit lower="{low}" upper="{high}" effort="87" velocity="{speed}"/>'
            f'<dynamics damping="0.003"/></joint>'
        )
    return (
        f'<?xml version="1.0"?><robot name="fr3">{"".join(parts)}'
        '<joint name="fr3_finger_joint1" type="prismatic"><parent link="fr3_hand"/>'
        '<child link="fr3_leftfinger"/><axis xyz="0 1 0"/>'
        '<limit lower="0" upper="0.04" effort="100" velocity="0.2"/></joint>'
        '<ros2_control name="fr3" type="system"><joint name="fr3_joint1"/></ros2_control></robot>'
    )


# interbotix_xsarm_descriptions, wx250s.urdf.xacro: parent, child, origin [m], and of the joints
# that move axis, position limits [rad].
TURN = pi - 1e-5

DEGREES = [(radians(a), radians(b)) for a, b in ((-108, 114), (-123, 92), (-100, 123))]

AXES = {'x': '1 0 0', 'y': '0 1 0', 'z': '0 0 1'}

LINKS = (
    ('waist', 'base_link', 'shoulder_link', '0 0 0.072', 'z', -TURN, TURN),
    ('shoulder', 'shoulder_link', 'upper_arm_link', '0 0 0.03865', 'y', *DEGREES[0]),
    ('elbow', 'upper_arm_link', 'upper_forearm_link', '0.04975 0 0.25', 'y', *DEGREES[1]),
    ('forearm_roll', 'upper_forearm_link', 'lower_forearm_link', '0.175 0 0', 'x', -TURN, TURN),
    ('wrist_angle', 'lower_forearm_link', 'wrist_link', '0.075 0 0', 'y', *DEGREES[2]),
    ('wrist_rotate', 'wrist_link', 'gripper_link', '0.065 0 0', 'x', -TURN, TURN),
    ('ee_arm', 'gripper_link', 'ee_arm_link', '0.043 0 0'),
    ('gripper_bar', 'ee_arm_link', 'gripper_bar_link', '0 0 0'),
    ('ee_bar', 'gripper_bar_link', 'fingers_link', '0.023 0 0'),
    ('ee_gripper', 'fingers_link', 'ee_gripper_link', '0.027575 0 0'),
)


def widowx_urdf() -> str:
    """Return the arm's URDF as its vendor publishes it, with the joints beside the chain."""
    links = {name for joint in LINKS for name in joint[1:3]}
    parts = [f'<link name="wx250s/{name}"/>' for name in sorted(links)]
    for name, parent, child, xyz, *moving in LINKS:
        limit = ''
        if moving:
            axis, low, high = moving
            limit = (
                f'<axis xyz="{AXES[axis]}"/><limit effort="5" lower="{low}" upper="{high}" '
                f'velocity="{pi}"/><dynamics friction="0.1" damping="0.1"/>'
            )
        parts.append(
            f'<joint name="{name}" type="{"revolute" if moving else "fixed"}">'
            f'<origin rpy="0 0 0" xyz="{xyz}"/><parent link="wx250s/{parent}"/>'
            f'<child link="wx250s/{child}"/>{limit}</joint>'
        )
    return (
        f'<?xml version="1.0"?><robot name="wx250s">{"".join(parts)}'
        '<link name="wx250s/left_finger_link"/><joint name="left_finger" type="prismatic">'
        '<axis xyz="0 1 0"/><limit effort="5" lower="0.015" upper="0.037" velocity="1"/>'
        '<parent link="wx250s/fingers_link"/><child link="wx250s/left_finger_link"/></joint>'
        '<link name="wx250s/gripper_prop_link"/><joint name="gripper" type="continuous">'
        '<axis xyz="1 0 0"/><limit effort="1" velocity="3.14"/>'
        '<parent link="wx250s/ee_arm_link"/><child link="wx250s/gripper_prop_link"/></joint>'
        '</robot>'
    )
