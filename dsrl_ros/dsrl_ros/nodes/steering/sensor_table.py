"""The user's table from sensor topics to the state of an observation.

A sensor is declared as 'NAME KIND TOPIC', or as 'NAME KIND TOPIC AGE' for its sample of AGE
seconds before, give or take half of that. A state entry is declared as 'ENTRY=NAME.FIELD',
'ENTRY=NAME.FIELD-NAME.FIELD' or, for a value that is constant during a run, 'ENTRY=NUMBER'. Kinds
and their fields:

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
Fields: TypeAlias = Mapping[str, float]  # the numbers in a message, by name

CAMERA, ENCODER = 'image', 'features'
_OLDEST_S = 10.0


def _pose_fields(message: PoseStamped) -> Fields:
    p, q = message.pose.position, message.pose.orientation
    return {'x': p.x, 'y': p.y, 'z': p.z, 'qx': q.x, 'qy': q.y, 'qz': q.z, 'qw': q.w}


# Type of each kind's messages, and what reads their fields.
_KINDS: dict[str, tuple[type, Callable[[Any], Fields] | None]] = {
    'pose': (PoseStamped, _pose_fields),
    'joints': (JointState, lambda m: dict(zip(m.name, m.position, strict=False))),
    'gripper': (JointState, lambda m: {'width': sum(m.position)}),
    CAMERA: (Image, None),
    ENCODER: (Features, None),
}


@dataclass(frozen=True)
class Sensor:
    """One line of the table.

    Attributes:
        name, kind, topic: as declared.
        age_ns: how long before the others its sample was taken [ns].
    """

    name: str
    kind: str
    topic: str
    age_ns: int = 0

    @property
    def source(self) -> Topic:
        """The topic that it reads."""
        return _KINDS[self.kind][0], self.topic

    def fields(self, message: Any) -> Fields:
        """Return the numbers in one of its messages; none of an image or features."""
        read = _KINDS[self.kind][1]
        return {} if read is None else read(message)


class SensorTable:
    """The table from sensors to state entries, checked when it is read.

    Args:
        sensors: 'NAME KIND TOPIC' or 'NAME KIND TOPIC AGE' each.
        sources: 'ENTRY=NAME.FIELD', 'ENTRY=NAME.FIELD-NAME.FIELD' or 'ENTRY=NUMBER' each.

    Raises:
        ConfigError: a line that cannot be read, an unknown kind or sensor, or two of one name.
    """

    def __init__(self, sensors: Sequence[str], sources: Sequence[str]) -> None:
        self._sensors: dict[str, Sensor] = {}
        for line in sensors:
            sensor = _sensor(line)
            if sensor.name in self._sensors:
                raise ConfigError(f'sensors: got {sensor.name} twice, expected one of each name.')
            self._sensors[sensor.name] = sensor
        # Each entry is a number, or one or two (sensor, field) of which the second is subtracted.
        self._entries: dict[str, float | list[tuple[str, str]]] = {}
        for line in sources:
            entry, _, expression = line.partition('=')
            number = _number(expression)
            self._entries[entry.strip()] = (
                [self._term(line, text) for text in expression.split('-', 1)]
                if number is None
                else number
            )

    def of_kind(self, kind: str) -> list[str]:
        """Return the names of the sensors of a kind, in the order of the table."""
        return [sensor.name for sensor in self._sensors.values() if sensor.kind == kind]

    def needed(self, cameras: Sequence[str]) -> list[Sensor]:
        """Return the sensors to subscribe to: all but the cameras that are not among these."""
        return [s for s in self._sensors.values() if s.kind != CAMERA or s.name in cameras]

    def _term(self, line: str, text: str) -> tuple[str, str]:
        name, dot, field = text.strip().partition('.')
        with_fields = [s.name for s in self._sensors.values() if _KINDS[s.kind][1]]
        if not dot or not field or name not in with_fields:
            raise ConfigError(
                f"state_sources: got {line!r}, expected 'ENTRY=NUMBER', 'ENTRY=NAME.FIELD' or "
                f"'ENTRY=NAME.FIELD-NAME.FIELD' with NAME one of {', '.join(with_fields)}."
            )
        return name, field

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
        missing = [name for name in state_names if name not in self._entries]
        if missing:
            raise ConfigError(
                f'state_sources: got none for {", ".join(missing)}; the policy needs '
                f'{", ".join(state_names)}, the table has {", ".join(self._entries)}. '
                'Add the missing lines.'
            )

    def state(self, state_names: Sequence[str], fields: Mapping[str, Fields]) -> Array:
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

    def _value(self, name: str, fields: Mapping[str, Fields]) -> float:
        entry = self._entries[name]
        if isinstance(entry, float):
            return entry
        values = []
        for sensor, field in entry:
            if field not in fields[sensor]:
                raise ConfigError(
                    f'state_sources: {name} takes {sensor}.{field}, but the sensor has '
                    f'{", ".join(fields[sensor])}.'
                )
            values.append(fields[sensor][field])
        return values[0] - values[1] if len(values) == 2 else values[0]


def _sensor(line: str) -> Sensor:
    """Read one line of `sensors`.

    Raises:
        ConfigError: it cannot be read.
    """
    words = line.split()
    if len(words) not in (3, 4) or words[1] not in _KINDS:
        raise ConfigError(
            f"sensors: got {line!r}, expected 'NAME KIND TOPIC' or 'NAME KIND TOPIC AGE' with "
            f'KIND one of {", ".join(_KINDS)}.'
        )
    name, kind, topic, *age = words
    age_s = _number(age[0]) if age else 0.0
    if age_s is None or not 0.0 <= age_s <= _OLDEST_S:
        raise ConfigError(
            f'sensors: got {line!r}, expected an AGE of 0 to {_OLDEST_S:g} s: how long '
            'before the others the sample was taken.'
        )
    return Sensor(name, kind, topic, round(age_s * 1e9))


def _number(text: str) -> float | None:
    """Return the finite number that a text is, if it is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
