"""What a robot publishes of itself at run time: limits and kinematics out of its URDF.

Only the chain from the base to the tool is taken, and of it only names, frames and limits: meshes
are not at hand, and nothing else of a text from the network reaches a parser that opens files.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import isfinite, sqrt
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError, SubElement

import numpy as np

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics, load_model

# Without these MuJoCo would refuse links without a mass.
_COMPILER = {'boundmass': '1', 'boundinertia': '1'}
# Rounding of a URDF's numbers, not another tool.
_SAME_PLACE_MM = 0.1
_SAME_TURN = 1e-3


def described_by(urdf: str, robot: RobotDescription) -> RobotDescription:
    """Return a description with the limits and the kinematics that the robot itself states.

    Of each limit the tighter one holds, the URDF's or that of `robot`: beyond the URDF's the
    robot faults, and beyond that of `robot` nothing of this suite has been tried.

    Args:
        urdf: as on the topic `robot_description`.
        robot: names joints, base and tool, and holds what no URDF states.

    Raises:
        ConfigError: no URDF, or without a joint, a limit or a link that `robot` names.
    """
    chain = list(_chain(_parse(urdf), robot))
    moving: dict[str, Element] = {}
    for joint in chain:
        if joint.get('type') != 'fixed' and moving.setdefault(_name(joint), joint) is not joint:
            raise _wrong(f'two joints {_name(joint)}', 'one')
    for name in robot.joint_names:
        if name not in moving:
            raise _wrong(f'no joint {name} that moves', f'one above {robot.tool_frame}')
    for name, joint in moving.items():
        if name not in robot.joint_names or joint.get('type') not in ('revolute', 'continuous'):
            kind = joint.get('type')
            raise _wrong(
                f'joint {name} of type {kind} above {robot.tool_frame}',
                f'the hinges {", ".join(robot.joint_names)} and fixed joints only',
            )
    ranges: dict[str, tuple[float, float]] = {}
    speeds = []
    for i, name in enumerate(robot.joint_names):
        (low, high), speed = _limits(moving[name])
        low, high = max(low, robot.position_low[i]), min(high, robot.position_high[i])
        if not low < robot.home[i] < high:
            raise _wrong(f'limits of {name} that leave {low:g} to {high:g} rad', 'home in them')
        ranges[name] = (low, high)
        speeds.append(min(speed, robot.velocity_limit[i]))
    described = replace(
        robot,
        position_low=tuple(low for low, _ in ranges.values()),
        position_high=tuple(high for _, high in ranges.values()),
        velocity_limit=tuple(speeds),
        urdf=_chain_alone(chain, robot, ranges),
    )
    try:
        load_model(described)
    except ValueError as error:
        raise _wrong(f'what MuJoCo refuses ({" ".join(str(error).split())})', 'a URDF') from error
    return described


def differences(known: RobotDescription, stated: RobotDescription) -> list[str]:
    """Return where limits or kinematics of one robot differ, for people; empty where equal."""
    found = []
    for i, name in enumerate(known.joint_names):
        old = (known.position_low[i], known.position_high[i], known.velocity_limit[i])
        new = (stated.position_low[i], stated.position_high[i], stated.velocity_limit[i])
        if new != old:
            found.append(f'{name} {_span(*new)} instead of {_span(*old)}')
    # No joint is at zero there, where a turned axis would not show.
    low, high = np.array(known.position_low), np.array(known.position_high)
    joints = low + (high - low) / 3.0
    before, after = (Kinematics(robot).tool_pose(joints) for robot in (known, stated))
    away_mm = 1e3 * float(np.linalg.norm(after[:3, 3] - before[:3, 3]))
    # Of the rotation from one to the other; small angles are far from where this is inexact.
    turned = float(np.linalg.norm(after[:3, :3] - before[:3, :3])) / sqrt(2.0)
    if away_mm > _SAME_PLACE_MM or turned > _SAME_TURN:
        found.append(
            f'{known.tool_frame} {away_mm:.1f} mm and {turned:.3f} rad from where it would be '
            'with the same joints'
        )
    return found


def _span(low: float, high: float, speed: float) -> str:
    return f'{low:g} to {high:g} rad at {speed:g} rad/s'


class _Builder(ElementTree.TreeBuilder):
    """Builds elements, and refuses documents that declare anything of their own."""

    def doctype(self, name: str, *_: object) -> None:
        raise _wrong(
            f'a document type declaration ({name})', 'none, since entities hide behind it'
        )


def _parse(urdf: str) -> Element:
    try:
        root = ElementTree.fromstring(urdf, ElementTree.XMLParser(target=_Builder()))
    except (ParseError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        raise _wrong(f'no XML ({error})', 'a URDF') from error
    if root.tag != 'robot':
        raise _wrong(f'a document of type {root.tag}', 'robot')
    return root


def _chain(root: Element, robot: RobotDescription) -> Iterator[Element]:
    """Yield the joints from the robot's tool up to its base."""
    links = {link.get('name') for link in root.findall('link')}
    for frame in (robot.tool_frame, robot.base_frame):
        if frame not in links:
            raise _wrong(f'no link {frame}', 'the links of base and tool')
    above: dict[str, Element] = {}
    for joint in root.findall('joint'):
        child = _link(joint, 'child')
        if child in above:
            raise _wrong(f'two joints that carry link {child}', 'a tree of links')
        above[child] = joint
    link = robot.tool_frame
    while link != robot.base_frame:
        # Taken out, so that a ring of links comes to an end as well.
        found = above.pop(link, None)
        if found is None:
            raise _wrong(f'no way up from {robot.tool_frame} to {robot.base_frame}', 'one')
        yield found
        link = _link(found, 'parent')


def _name(joint: Element) -> str:
    return joint.get('name', '')


def _link(joint: Element, end: str) -> str:
    element = joint.find(end)
    name = None if element is None else element.get('link')
    if name is None:
        raise _wrong(f'joint {_name(joint)} without a {end}', 'the name of a link')
    return name


def _limits(joint: Element) -> tuple[tuple[float, float], float]:
    """Return least and greatest position [rad] and the speed limit [rad/s] of a hinge."""
    limit = joint.find('limit')
    if limit is None:
        raise _wrong(f'joint {_name(joint)} without limits', 'position and velocity')
    velocity = _number(joint, limit, 'velocity')
    if velocity <= 0.0:
        raise _wrong(f'velocity limit {velocity:g} of {_name(joint)}', 'more than 0')
    if joint.get('type') == 'continuous':
        return (float('-inf'), float('inf')), velocity
    return (_number(joint, limit, 'lower'), _number(joint, limit, 'upper')), velocity


def _number(joint: Element, element: Element, name: str) -> float:
    text = element.get(name, 'none')
    return _numbers(joint, f'{element.tag} {name}', text, 1)[0]


def _vector(joint: Element, tag: str, name: str, default: str) -> tuple[float, ...]:
    """Return three numbers of an element that may be left out."""
    element = joint.find(tag)
    text = default if element is None else element.get(name, default)
    return _numbers(joint, f'{tag} {name}', text, 3)


def _numbers(joint: Element, what: str, text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(word) for word in text.split())
    except ValueError:
        values = ()
    if len(values) != count or not all(isfinite(value) for value in values):
        raise _wrong(
            f'{what} = {text!r} of {_name(joint)}',
            'a finite number' if count == 1 else f'{count} finite numbers',
        )
    return values


def _chain_alone(
    chain: list[Element], robot: RobotDescription, ranges: dict[str, tuple[float, float]]
) -> str:
    """Return a URDF of the joints of a chain, with `ranges` as their position limits."""
    root = Element('robot', name=robot.name)
    SubElement(SubElement(root, 'mujoco'), 'compiler', _COMPILER)
    SubElement(root, 'link', name=robot.base_frame)
    for joint in chain:
        name, child = _name(joint), _link(joint, 'child')
        SubElement(root, 'link', name=child)
        alone = SubElement(root, 'joint', name=name, type='fixed')
        SubElement(alone, 'parent', link=_link(joint, 'parent'))
        SubElement(alone, 'child', link=child)
        frame = {part: _vector(joint, 'origin', part, '0 0 0') for part in ('xyz', 'rpy')}
        SubElement(alone, 'origin', {part: _text(numbers) for part, numbers in frame.items()})
        if joint.get('type') != 'fixed':
            low, high = ranges[name]
            alone.set('type', 'revolute')
            SubElement(alone, 'axis', xyz=_text(_vector(joint, 'axis', 'xyz', '1 0 0')))
            SubElement(alone, 'limit', lower=repr(low), upper=repr(high), effort='0', velocity='0')
    return ElementTree.tostring(root, encoding='unicode')


def _text(numbers: tuple[float, ...]) -> str:
    return ' '.join(repr(number) for number in numbers)


def _wrong(got: str, expected: str) -> ConfigError:
    return ConfigError(
        f'robot_description: got {got}, expected {expected}. Look at what publishes it, and '
        'whether it is of the robot that the driver was started for.'
    )
