"""The table from sensor topics to the state of an observation, which the user can change.

A sensor is declared as 'NAME KIND TOPIC', or as 'NAME KIND TOPIC AGE' for what it said AGE seconds
before, give or take half of that; a state entry as 'ENTRY=NAME.FIELD',
'ENTRY=NAME.FIELD-NAME.FIELD' or, for what does not change during a run, 'ENTRY=NUMBER'. Kinds and
their fields:

- `pose` (geometry_msgs/PoseStamped): x, y, z [m], qx, qy, qz, qw.
- `joints` (sensor_msgs/JointState): each joint's name, its position [rad] or [m].
- `gripper` (sensor_msgs/JointState of the fingers): width, the sum of their positions [m].
- `image` (sensor_msgs/Image): no field; the camera of this name, for the policy and the learner.
- `features` (dsrl_msgs/Features): no field; for the learner, several one after the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import Image, JointState

from dsrl_msgs.msg import Features
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Array

Topic: TypeAlias = tuple[type, str]  # type and name

CAMERA, ENCODER = 'image', 'features'
_OLDEST_S = 10.0


def _pose_fields(message: PoseStamped) -> dict[str, float]:
    p, q = message.pose.position, message.pose.orientation
    return {'x': p.x, 'y': p.y, 'z': p.z, 'qx': q.x, 'qy': q.y, 'qz': q.z, 'qw': q.w}


def _joint_fields(message: JointState) -> dict[str, float]:
    return dict(zip(message.name, message.position, strict=False))


def _gripper_fields(message: JointState) -> dict[str, float]:
    return {'width': sum(message.position)}


_TYPES: dict[str, type] = {
    'pose': PoseStamped,
    'joints': JointState,
    'gripper': JointState,
    CAMERA: Image,
    ENCODER: Features,
}
_FIELDS: dict[str, Callable[[Any], dict[str, float]]] = {
    'pose': _pose_fields,
    'joints': _joint_fields,
    'gripper': _gripper_fields,
}


@dataclass(frozen=True)
class Sensor:
    """One line of the table.

    Attributes:
        name, kind, topic: as declared.
        age_ns: how long before the others its sample is from [ns].
    """

    name: str
    kind: str
    topic: str
    age_ns: int = 0

    @property
    def source(self) -> Topic:
        """What it reads."""
        return _TYPES[self.kind], self.topic

    def fields(self, message: Any) -> dict[str, float]:
        """Return the numbers in one of its messages; none of an image or features."""
        read = _FIELDS.get(self.kind)
        return {} if read is None else read(message)


@dataclass(frozen=True)
class _Term:
    sensor: str
    field: str


class SensorTable:
    """The table from sensors to state entries, checked when it is read.

    Args:
        sensors: 'NAME KIND TOPIC' or 'NAME KIND TOPIC AGE' each.
        sources: 'ENTRY=NAME.FIELD', 'ENTRY=NAME.FIELD-NAME.FIELD' or 'ENTRY=NUMBER' each.

    Raises:
        ConfigError: a line that cannot be read, an unknown kind or sensor, or two of one name.
    """

    def __init__(self, sensors: Sequence[str], sources: Sequence[str]) -> None:
        self.sensors: dict[str, Sensor] = {}
        for line in sensors:
            sensor = _sensor(line)
            if sensor.name in self.sensors:
                raise ConfigError(f'sensors: got {sensor.name} twice, expected one of each name.')
            self.sensors[sensor.name] = sensor
        self._entries: dict[str, list[_Term]] = {}
        self._constants: dict[str, float] = {}
        for line in sources:
            entry, _, expression = line.partition('=')
            number = _number(expression)
            if number is None:
                terms = [self._term(line, text) for text in expression.split('-', 1)]
                self._entries[entry.strip()] = terms
            else:
                self._constants[entry.strip()] = number

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of the sensors of a kind, in the order of the table."""
        return [sensor.name for sensor in self.sensors.values() if sensor.kind == kind]

    def needed(self, cameras: Sequence[str]) -> list[Sensor]:
        """Return the sensors to listen to: all but the cameras that are not among these."""
        return [s for s in self.sensors.values() if s.kind != CAMERA or s.name in cameras]

    def _term(self, line: str, text: str) -> _Term:
        name, dot, field = text.strip().partition('.')
        with_fields = [n for n, sensor in self.sensors.items() if sensor.kind in _FIELDS]
        if not dot or not field or name not in with_fields:
            raise ConfigError(
                f"state_sources: got {line!r}, expected 'ENTRY=NUMBER', 'ENTRY=NAME.FIELD' or "
                f"'ENTRY=NAME.FIELD-NAME.FIELD' with NAME one of {', '.join(with_fields)}."
            )
        return _Term(name, field)

    def require(self, state_names: Sequence[str], cameras: Sequence[str] = ()) -> None:
        """Raise unless there is a source for every entry of a policy's state, and every camera.

        Raises:
            ConfigError: shows both sides.
        """
        known_cameras = self.of_kind(CAMERA)
        unknown = [name for name in cameras if name not in known_cameras]
        if unknown:
            raise ConfigError(
                f'sensors: got no camera {", ".join(unknown)}; policy and learner need '
                f'{", ".join(cameras)}, the table has {", ".join(known_cameras) or "none"}. Add '
                f"'{unknown[0]} {CAMERA} TOPIC'."
            )
        known = [*self._entries, *self._constants]
        missing = [name for name in state_names if name not in known]
        if missing:
            raise ConfigError(
                f'state_sources: got none for {", ".join(missing)}; the policy needs '
                f'{", ".join(state_names)}, the table has {", ".join(known)}. '
                'Add the missing lines.'
            )

    def state(
        self, state_names: Sequence[str], fields: Mapping[str, Mapping[str, float]]
    ) -> Array:
        """Compute a state.

        Args:
            state_names: (O,).
            fields: of each sensor, by name.

        Returns:
            (O,) float32; differences are taken in double precision.

        Raises:
            ConfigError: a sensor lacks a field.
        """
        return np.array([self._value(name, fields) for name in state_names], dtype=np.float32)

    def _value(self, name: str, fields: Mapping[str, Mapping[str, float]]) -> float:
        if name in self._constants:
            return self._constants[name]
        values = []
        for term in self._entries[name]:
            found = fields[term.sensor]
            if term.field not in found:
                raise ConfigError(
                    f'state_sources: {name} takes {term.sensor}.{term.field}, but the sensor has '
                    f'{", ".join(found)}.'
                )
            values.append(found[term.field])
        return values[0] - values[1] if len(values) == 2 else values[0]


def _sensor(line: str) -> Sensor:
    """Read one line of `sensors`.

    Raises:
        ConfigError: it cannot be read.
    """
    words = line.split()
    if len(words) not in (3, 4) or words[1] not in _TYPES:
        raise ConfigError(
            f"sensors: got {line!r}, expected 'NAME KIND TOPIC' or 'NAME KIND TOPIC AGE' with "
            f'KIND one of {", ".join(_TYPES)}.'
        )
    name, kind, topic, *age = words
    age_s = _number(age[0]) if age else 0.0
    if age_s is None or not 0.0 <= age_s <= _OLDEST_S:
        raise ConfigError(
            f'sensors: got {line!r}, expected an AGE of 0 to {_OLDEST_S:g} s: what the sensor '
            'said so long before.'
        )
    return Sensor(name, kind, topic, round(age_s * 1e9))


def _number(text: str) -> float | None:
    """Return the finite number that a text is, if it is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
