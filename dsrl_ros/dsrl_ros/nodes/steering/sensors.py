"""From sensor topics to observations: samples that belong together, now or some time before."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from dsrl_ros.core.types import Array
from dsrl_ros.nodes.steering.history import History
from dsrl_ros.nodes.steering.sensor_table import CAMERA, ENCODER, Sensor, SensorTable, Topic
from dsrl_ros.ros import qos
from dsrl_ros.ros.stamps import stamp_to_ns

try:
    import message_filters
except ImportError:  # no wheel carries it
    from dsrl_ros.ros.fallbacks import message_filters

# How long a sensor's messages wait for those of another, say a camera, that come later.
_MEMORY_S = 0.5
# A stream of 1 kHz is thinned to this: enough for some ten decisions per second.
_FINEST_S = 0.005
_FASTEST_S = 0.001  # period of the fastest sensors
_ANY = 2**62  # any distance [ns]
_WARN_S = 10.0  # between two warnings


@dataclass(frozen=True)
class StateSample:
    """A state and when it was acquired.

    Attributes:
        oldest_ns, newest_ns: stamps of the oldest and the newest sample in it [ns], without those
            of sensors that look back.
        state: (O,) raw, SI units.
        images: by camera, as received.
        features: (F,) of all given encoders, in the order of the table; None without any.
    """

    oldest_ns: int
    newest_ns: int
    state: Array
    images: Mapping[str, Image]
    features: Array | None = None


class _Stream:
    """One topic, as a filter that lets at most one message per period through.

    A message that is sent again with the same stamp is let through too. Two sensors may read one
    topic: now, and some time before.
    """

    def __init__(self, node: Node, topic: Topic, sensors: list[Sensor], period_s: float) -> None:
        self.topic = topic[1]
        self.names = ', '.join(sensor.name for sensor in sensors)
        self.newest_ns: int | None = None  # stamp of the newest message
        self.history: History | None = None
        self._period_ns = round(period_s * 1e9)
        self._last_ns: int | None = None  # of the last message that was let through
        self._callbacks: list[tuple[Callable[..., None], tuple[Any, ...]]] = []
        profile = qos.SENSOR
        if age_ns := max(sensor.age_ns for sensor in sensors):
            # A joined message lags behind the newest, as it waited for the others.
            self.history = History(age_ns + round(2e9 * _MEMORY_S))
            profile = qos.SENSOR if topic[0] is Image else qos.LOOKED_BACK_AT
        node.create_subscription(*topic, self._on_message, profile)

    def registerCallback(self, callback: Callable[..., None], *args: Any) -> None:  # noqa: N802
        """Call `callback` with every message that is let through, and with `args`."""
        self._callbacks.append((callback, args))

    def _on_message(self, message: Any) -> None:
        self.newest_ns = stamp_ns = stamp_to_ns(message.header.stamp)
        if self._last_ns is not None and 0 < stamp_ns - self._last_ns < self._period_ns:
            return
        self._last_ns = stamp_ns
        if self.history is not None:
            self.history.add(message)
        for callback, args in self._callbacks:
            callback(message, *args)


class ObservationSynchronizer:
    """Subscribes to the sensors and calls back with every state whose samples belong together.

    Args:
        node: that owns the subscriptions.
        table: the sensors, and the state entries computed from them.
        state_names: of the policy, (O,).
        cameras: of the table's, to subscribe to; the others are ignored.
        slop_s: largest distance of two stamps in one state [s].
        on_state: called with each state.

    Attributes:
        encoders: names of the sensors that give features.

    Raises:
        ConfigError: the table lacks an entry or a camera.
    """

    def __init__(
        self,
        node: Node,
        table: SensorTable,
        state_names: Sequence[str],
        cameras: Sequence[str],
        slop_s: float,
        on_state: Callable[[StateSample], None],
    ) -> None:
        table.require(state_names, cameras)
        self._logger = node.get_logger()
        self._table = table
        self._state_names = tuple(state_names)
        self._on_state = on_state
        self._sensors = table.needed(cameras)
        self.encoders = table.of_kind(ENCODER)
        self._slop_ns = round(slop_s * 1e9)
        self._joined: tuple[Any, ...] = ()  # the newest messages that belong together
        self._since_ns = 0
        self._gaps: list[str] = []  # sensors that look back to where nothing is known
        period_s = min(slop_s / 4.0, _FINEST_S)
        readers: dict[Topic, list[Sensor]] = {}
        for sensor in self._sensors:
            readers.setdefault(sensor.source, []).append(sensor)
        self._streams = {
            topic: _Stream(node, topic, sensors, period_s) for topic, sensors in readers.items()
        }
        self._synchronizer = message_filters.ApproximateTimeSynchronizer(
            list(self._streams.values()),
            math.ceil(_MEMORY_S / max(period_s, _FASTEST_S)),
            slop_s,
        )
        self._synchronizer.registerCallback(self._on_messages)

    def begin(self, since_ns: int) -> None:
        """Begin an episode: sensors that look back see nothing of before.

        In its place they see the first sample of the episode, as policies that look back are
        trained to. The newest state is passed on again.

        Args:
            since_ns: start of the episode [ns].
        """
        if since_ns < self._since_ns:  # time has restarted
            for stream in self._streams.values():
                if stream.history is not None:
                    stream.history.clear()
        self._since_ns = since_ns
        if self._joined:
            self._emit(accept_gaps=False)

    def lagging(self) -> str:
        """Return which sensors the others wait for, and gaps where one looks back; or ''."""
        stamps = [s.newest_ns for s in self._streams.values() if s.newest_ns is not None]
        newest_ns = max(stamps, default=0)
        lagging = []
        for stream in self._streams.values():
            name = f'{stream.names} ({stream.topic})'
            if stream.newest_ns is None:
                lagging.append(f'{name} has sent nothing')
            elif newest_ns - stream.newest_ns > self._slop_ns:
                lagging.append(f'{name} is {(newest_ns - stream.newest_ns) * 1e-9:.2f} s behind')
        return '; '.join((*lagging, *self._gaps))

    def _on_messages(self, *messages: Any) -> None:
        # Sent again, as while time stands still: nothing newer will come.
        repeated = bool(self._joined) and _stamps(messages) == _stamps(self._joined)
        self._joined = messages
        self._emit(accept_gaps=repeated)

    def _emit(self, accept_gaps: bool) -> None:
        """Call back with the newest state.

        Args:
            accept_gaps: where a sensor looks back to a time of which nothing is known, take the
                nearest sample and warn; otherwise there is no state.
        """
        now = dict(zip(self._streams, self._joined, strict=True))
        found: dict[Sensor, Any] = {}
        self._gaps = []
        for sensor in self._sensors:
            message = self._sample(sensor, now[sensor.source], sensor.age_ns // 2)
            if message is None:
                self._gaps.append(
                    f'{sensor.name} ({sensor.topic}) knows nothing of {sensor.age_ns * 1e-9:g} s '
                    'ago, give or take half of that: too slow, stopped, lost, or waited too long'
                )
                message = self._sample(sensor, now[sensor.source], _ANY)
            found[sensor] = message
        if self._gaps and not accept_gaps:
            return
        for gap in self._gaps:
            self._logger.warning(
                f'{gap}; the sample nearest to it is taken', throttle_duration_sec=_WARN_S
            )
        self._gaps = []
        stamps = _stamps(self._joined)
        fields = {sensor.name: sensor.fields(message) for sensor, message in found.items()}
        features = [
            np.asarray(message.values, dtype=np.float32)
            for sensor, message in found.items()
            if sensor.kind == ENCODER
        ]
        self._on_state(
            StateSample(
                min(stamps),
                max(stamps),
                self._table.state(self._state_names, fields),
                {sensor.name: m for sensor, m in found.items() if sensor.kind == CAMERA},
                np.concatenate(features) if features else None,
            )
        )

    def _sample(self, sensor: Sensor, now: Any, tolerance_ns: int) -> Any:
        """Return a sensor's message for a state; None where it looks back to a gap."""
        now_ns = stamp_to_ns(now.header.stamp)
        history = self._streams[sensor.source].history
        # The loop ignores states of before the episode.
        if not sensor.age_ns or history is None or now_ns < self._since_ns:
            return now
        return history.at(now_ns - sensor.age_ns, self._since_ns, tolerance_ns)


def _stamps(messages: Sequence[Any]) -> list[int]:
    return [stamp_to_ns(message.header.stamp) for message in messages]
