"""From sensor topics to the state of an observation, by a table of names that the user can change.

A sensor is declared as 'NAME KIND TOPIC', a state entry as 'ENTRY=NAME.FIELD',
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
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState

from dsrl_msgs.msg import Features
from dsrl_ros.bridge import qos
from dsrl_ros.bridge.convert import stamp_to_ns
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import Array

try:
    import message_filters
except ImportError:  # no wheel carries it
    from dsrl_ros.bridge.standins import message_filters

# A sensor's messages wait so long for those of another, say a camera, that come later.
_MEMORY_S = 0.5
# A stream of 1 kHz is thinned to this: enough for what is decided some ten times per second.
_FINEST_S = 0.005
_FASTEST_S = 0.001  # period of the fastest sensors


def _pose_fields(message: PoseStamped) -> dict[str, float]:
    p, q = message.pose.position, message.pose.orientation
    return {'x': p.x, 'y': p.y, 'z': p.z, 'qx': q.x, 'qy': q.y, 'qz': q.z, 'qw': q.w}


def _joint_fields(message: JointState) -> dict[str, float]:
    return dict(zip(message.name, message.position, strict=False))


def _gripper_fields(message: JointState) -> dict[str, float]:
    return {'width': sum(message.position)}


_KINDS: dict[str, tuple[type, Callable[[Any], dict[str, float]]]] = {
    'pose': (PoseStamped, _pose_fields),
    'joints': (JointState, _joint_fields),
    'gripper': (JointState, _gripper_fields),
}
_CAMERA, _FEATURES = 'image', 'features'
_ALL_KINDS = (*_KINDS, _CAMERA, _FEATURES)


@dataclass(frozen=True)
class StateSample:
    """A state and when it was acquired.

    Attributes:
        oldest_ns, newest_ns: stamps of the oldest and the newest sample in it [ns].
        state: (O,) raw, SI units.
        images: by camera, as received.
        features: (F,) of all given encoders, in the order of the table; None without any.
    """

    oldest_ns: int
    newest_ns: int
    state: Array
    images: Mapping[str, Image]
    features: Array | None = None


@dataclass(frozen=True)
class _Term:
    sensor: str
    field: str


class StateSources:
    """The table from sensors to state entries, checked when it is read.

    Args:
        sensors: 'NAME KIND TOPIC' each.
        sources: 'ENTRY=NAME.FIELD', 'ENTRY=NAME.FIELD-NAME.FIELD' or 'ENTRY=NUMBER' each.

    Raises:
        ConfigError: a line that cannot be read, an unknown kind or sensor.
    """

    def __init__(self, sensors: Sequence[str], sources: Sequence[str]) -> None:
        self.sensors: dict[str, tuple[str, str]] = {}  # with fields: kind and topic by name
        self.cameras: dict[str, str] = {}  # topic by name
        self.encoders: dict[str, str] = {}  # of given features: topic by name
        for line in sensors:
            words = line.split()
            if len(words) != 3 or words[1] not in _ALL_KINDS:
                raise ConfigError(
                    f"sensors: got {line!r}, expected 'NAME KIND TOPIC' with KIND one of "
                    f'{", ".join(_ALL_KINDS)}.'
                )
            if words[1] == _CAMERA:
                self.cameras[words[0]] = words[2]
            elif words[1] == _FEATURES:
                self.encoders[words[0]] = words[2]
            else:
                self.sensors[words[0]] = (words[1], words[2])
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

    def _term(self, line: str, text: str) -> _Term:
        sensor, dot, field = text.strip().partition('.')
        if not dot or not field or sensor not in self.sensors:
            raise ConfigError(
                f"state_sources: got {line!r}, expected 'ENTRY=NUMBER', 'ENTRY=NAME.FIELD' or "
                f"'ENTRY=NAME.FIELD-NAME.FIELD' with NAME one of {', '.join(self.sensors)}."
            )
        return _Term(sensor, field)

    def require(self, state_names: Sequence[str], cameras: Sequence[str] = ()) -> None:
        """Raise unless there is a source for every entry of a policy's state, and every camera.

        Raises:
            ConfigError: shows both sides.
        """
        unknown = [name for name in cameras if name not in self.cameras]
        if unknown:
            raise ConfigError(
                f'sensors: got no camera {", ".join(unknown)}; policy and learner need '
                f'{", ".join(cameras)}, the table has {", ".join(self.cameras) or "none"}. Add '
                f"'{unknown[0]} {_CAMERA} TOPIC'."
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


def _number(text: str) -> float | None:
    """Return the finite number that a text is, if it is one."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class _Thinned:
    """A filter that lets at most one message per period through; one sent again is no other."""

    def __init__(self, source: Any, period_ns: int) -> None:
        self._period_ns = period_ns
        self._last_ns: int | None = None
        self._callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        source.registerCallback(self._on_message)

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> None:  # noqa: N802
        """Call `callback` with every message that is let through, and with `args`."""
        self._callbacks.append((callback, args))

    def _on_message(self, message: Any) -> None:
        stamp_ns = stamp_to_ns(message.header.stamp)
        if self._last_ns is not None and 0 < stamp_ns - self._last_ns < self._period_ns:
            return
        self._last_ns = stamp_ns
        for callback, args in self._callbacks:
            callback(message, *args)


class StateSensors:
    """Subscribes to the sensors and calls back with every state whose samples belong together.

    Args:
        node: that owns the subscriptions.
        table: what to listen to.
        state_names: of the policy, (O,).
        cameras: to listen to, of the table's; the others are left alone.
        slop_s: largest distance of two stamps in one state [s].
        on_state: called with each state.
    """

    def __init__(
        self,
        node: Node,
        table: StateSources,
        state_names: Sequence[str],
        cameras: Sequence[str],
        slop_s: float,
        on_state: Callable[[StateSample], None],
    ) -> None:
        table.require(state_names, cameras)
        self._table = table
        self._state_names = tuple(state_names)
        self._on_state = on_state
        self._readers = {name: _KINDS[kind][1] for name, (kind, _) in table.sensors.items()}
        self._cameras = tuple(cameras)
        listened = {
            name: (_KINDS[kind][0], topic) for name, (kind, topic) in table.sensors.items()
        }
        listened |= {name: (Image, table.cameras[name]) for name in cameras}
        listened |= {name: (Features, topic) for name, topic in table.encoders.items()}
        subscribers = [
            message_filters.Subscriber(node, kind, topic, qos_profile=qos.SENSOR)
            for kind, topic in listened.values()
        ]
        self._slop_ns = round(slop_s * 1e9)
        self._topics = {name: topic for name, (_, topic) in listened.items()}
        self._newest_ns: dict[str, int] = {}  # stamp of each sensor's newest message
        for name, subscriber in zip(listened, subscribers, strict=True):
            subscriber.registerCallback(partial(self._note, name))
        period_s = min(slop_s / 4.0, _FINEST_S)
        self._synchronizer = message_filters.ApproximateTimeSynchronizer(
            [_Thinned(subscriber, round(period_s * 1e9)) for subscriber in subscribers],
            math.ceil(_MEMORY_S / max(period_s, _FASTEST_S)),
            slop_s,
        )
        self._synchronizer.registerCallback(self._on_messages)

    def lagging(self) -> str:
        """Name the sensors that others wait for; empty while none is behind them."""
        newest_ns = max(self._newest_ns.values(), default=0)
        said = []
        for name, topic in self._topics.items():
            at_ns = self._newest_ns.get(name)
            if at_ns is None:
                said.append(f'{name} ({topic}) has sent nothing')
            elif newest_ns - at_ns > self._slop_ns:
                said.append(f'{name} ({topic}) is {(newest_ns - at_ns) * 1e-9:.2f} s behind')
        return '; '.join(said)

    def _note(self, name: str, message: Any) -> None:
        self._newest_ns[name] = stamp_to_ns(message.header.stamp)

    def _on_messages(self, *messages: Any) -> None:
        rest = iter(messages)  # in the order of `__init__`
        samples = list(islice(rest, len(self._readers)))
        images = list(islice(rest, len(self._cameras)))
        features = [np.asarray(message.values, dtype=np.float32) for message in rest]
        fields = {
            name: read(message)
            for (name, read), message in zip(self._readers.items(), samples, strict=True)
        }
        stamps = [stamp_to_ns(message.header.stamp) for message in messages]
        self._on_state(
            StateSample(
                min(stamps),
                max(stamps),
                self._table.state(self._state_names, fields),
                dict(zip(self._cameras, images, strict=True)),
                np.concatenate(features) if features else None,
            )
        )
