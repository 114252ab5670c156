"""From sensor topics to the observations of the decision loop: samples that belong together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image

from dsrl_ros.core.types import Array
from dsrl_ros.nodes.steering.sensor_history import History
from dsrl_ros.nodes.steering.sensor_table import CAMERA, ENCODER, Sensor, StateSources, Stream
from dsrl_ros.ros import qos
from dsrl_ros.ros.stamps import stamp_to_ns

try:
    import message_filters
except ImportError:  # no wheel carries it
    from dsrl_ros.ros.fallbacks import message_filters

# A sensor's messages wait so long for those of another, say a camera, that come later.
_MEMORY_S = 0.5
# A stream of 1 kHz is thinned to this: enough for what is decided some ten times per second.
_FINEST_S = 0.005
_FASTEST_S = 0.001  # period of the fastest sensors
_ANY = 2**62  # any distance [ns]
_WARN_S = 10.0  # between two warnings


@dataclass(frozen=True)
class StateSample:
    """A state and when it was acquired.

    Attributes:
        oldest_ns, newest_ns: stamps of the oldest and the newest sample in it [ns], those of
            sensors that look back left out.
        state: (O,) raw, SI units.
        images: by camera, as received.
        features: (F,) of all given encoders, in the order of the table; None without any.
    """

    oldest_ns: int
    newest_ns: int
    state: Array
    images: Mapping[str, Image]
    features: Array | None = None


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

    Raises:
        ConfigError: the table lacks an entry or a camera.
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
        self._node = node
        self._table = table
        self._state_names = tuple(state_names)
        self._on_state = on_state
        self._sensors = table.needed(cameras)
        self._slop_ns = round(slop_s * 1e9)
        self._newest_ns: dict[Stream, int] = {}  # stamp of each one's newest message
        self._histories: dict[Stream, History] = {}  # of those that are looked back at
        self._joined: tuple[Any, ...] = ()  # the newest messages that belong together
        self._since_ns = 0
        self._gaps: list[str] = []  # sensors that look back to where nothing is known
        period_s = min(slop_s / 4.0, _FINEST_S)
        # Two sensors may read one topic: now, and some time before.
        self._streams = list(dict.fromkeys(sensor.stream for sensor in self._sensors))
        filters = []
        for stream in self._streams:
            age_ns = max(s.age_ns for s in self._sensors if s.stream == stream)
            large = stream[0] is Image
            profile = qos.LOOKED_BACK_AT if age_ns and not large else qos.SENSOR
            subscriber = message_filters.Subscriber(node, *stream, qos_profile=profile)
            subscriber.registerCallback(partial(self._note, stream))
            filters.append(_Thinned(subscriber, round(period_s * 1e9)))
            if age_ns:
                # What is joined lags behind the newest, as it waited for the others.
                span_ns = age_ns + round(2e9 * _MEMORY_S)
                self._histories[stream] = History(filters[-1], span_ns)
        self._synchronizer = message_filters.ApproximateTimeSynchronizer(
            filters, math.ceil(_MEMORY_S / max(period_s, _FASTEST_S)), slop_s
        )
        self._synchronizer.registerCallback(self._on_messages)

    def begin(self, since_ns: int) -> None:
        """Begin an episode: sensors that look back see nothing of before.

        Where they would, they see the first sample of the episode, as policies that look back are
        trained to. The newest state is told again.

        Args:
            since_ns: start of the episode [ns].
        """
        if since_ns < self._since_ns:  # time has begun anew
            for history in self._histories.values():
                history.clear()
        self._since_ns = since_ns
        if self._joined:
            self._tell(at_last=False)

    def lagging(self) -> str:
        """Name the sensors that others wait for, and gaps where one looks back; or nothing."""
        newest_ns = max(self._newest_ns.values(), default=0)
        said = []
        for stream in self._streams:
            at_ns = self._newest_ns.get(stream)
            name = ', '.join(s.name for s in self._sensors if s.stream == stream)
            if at_ns is None:
                said.append(f'{name} ({stream[1]}) has sent nothing')
            elif newest_ns - at_ns > self._slop_ns:
                said.append(f'{name} ({stream[1]}) is {(newest_ns - at_ns) * 1e-9:.2f} s behind')
        return '; '.join((*said, *self._gaps))

    def _note(self, stream: Stream, message: Any) -> None:
        self._newest_ns[stream] = stamp_to_ns(message.header.stamp)

    def _on_messages(self, *messages: Any) -> None:
        # Sent again, as while time stands still: nothing newer will come.
        again = bool(self._joined) and _stamps(messages) == _stamps(self._joined)
        self._joined = messages
        self._tell(at_last=again)

    def _tell(self, at_last: bool) -> None:
        """Call back with the newest state, unless a sensor would have to look back into a gap.

        Args:
            at_last: then it takes the nearest that it knows, and says so: a sample was lost.
        """
        now = dict(zip(self._streams, self._joined, strict=True))
        found: dict[Sensor, Any] = {}
        self._gaps = []
        for sensor in self._sensors:
            message = self._sample(sensor, now[sensor.stream], sensor.age_ns // 2)
            if message is None:
                self._gaps.append(
                    f'{sensor.name} ({sensor.topic}) knows nothing of {sensor.age_ns * 1e-9:g} s '
                    'ago, give or take half of that: too slow, stopped, lost, or waited too long'
                )
                message = self._sample(sensor, now[sensor.stream], _ANY)
            found[sensor] = message
        if self._gaps and not at_last:
            return
        for gap in self._gaps:
            self._warn(f'{gap}; the sample nearest to it is taken')
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
        if not sensor.age_ns or now_ns < self._since_ns:  # the loop leaves what was before out
            return now
        history = self._histories[sensor.stream]
        return history.at(now_ns - sensor.age_ns, self._since_ns, tolerance_ns)

    def _warn(self, text: str) -> None:
        self._node.get_logger().warning(text, throttle_duration_sec=_WARN_S)


def _stamps(messages: Sequence[Any]) -> list[int]:
    return [stamp_to_ns(message.header.stamp) for message in messages]
