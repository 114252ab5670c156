"""What the driver publishes of itself: results of chunks, its status, its diagnostics."""

from __future__ import annotations

from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node

from dsrl_msgs.msg import ChunkResult, DriverStatus
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.safety.rules import Rule
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Health, Level, healths_to_msg
from dsrl_ros.ros.messages import floats_to_msg, key_to_msg
from dsrl_ros.ros.stamps import header, stamp_from_ns

_STATE_NAMES = {
    DriverStatus.STATE_INACTIVE: 'inactive',
    DriverStatus.STATE_HOLDING: 'holding',
    DriverStatus.STATE_EXECUTING: 'executing',
    DriverStatus.STATE_LATCHED: 'latched',
    DriverStatus.STATE_ESTOP: 'emergency stop',
}
_LEVELS = {
    DriverStatus.STATE_INACTIVE: Level.WARN,
    DriverStatus.STATE_LATCHED: Level.ERROR,
    DriverStatus.STATE_ESTOP: Level.ERROR,
}


def state_of(driver: ArmDriver) -> int:
    """Return what a driver is doing, one of `DriverStatus.STATE_*`."""
    if not driver.active:
        state = DriverStatus.STATE_INACTIVE
    elif driver.latch.stopped_by is not None:
        stopped = driver.latch.stopped_by is Rule.ESTOP
        state = DriverStatus.STATE_ESTOP if stopped else DriverStatus.STATE_LATCHED
    else:
        state = DriverStatus.STATE_EXECUTING if driver.busy else DriverStatus.STATE_HOLDING
    return int(state)


def health_of(status: DriverStatus) -> Health:
    """Return the state of the command gate for people."""
    counts = zip(status.reject_names, status.reject_counts, strict=True)
    values: dict[str, object] = {f'refused: {name}': count for name, count in counts}
    values['longest silence [s]'] = f'{status.max_silence:.3f}'
    state = _STATE_NAMES[status.state]
    message = f'{state}: {status.message}' if status.message else state
    usual = Level.WARN if status.message else Level.OK
    return Health(_LEVELS.get(status.state, usual), message, values)


class DriverReporter:
    """Owns the publishers of the driver's results, status and diagnostics."""

    def __init__(self, node: Node, robot: str) -> None:
        """Create the publishers.

        Args:
            node: that owns them.
            robot: name of the robot.
        """
        self._node = node
        self._robot = robot
        self._results = node.create_publisher(ChunkResult, names.CHUNK_RESULT, qos.DECISION)
        self._status = node.create_publisher(DriverStatus, names.DRIVER_STATUS, qos.STATUS)
        self._diagnostics = node.create_publisher(DiagnosticArray, names.DIAGNOSTICS, qos.DECISION)

    def result(self, end: ChunkEnd) -> None:
        """Publish what became of a chunk."""
        rows, columns = end.executed.shape
        self._results.publish(
            ChunkResult(
                header=header(end.end_ns),
                id=key_to_msg(end.chunk.key),
                outcome=int(end.outcome),
                start=stamp_from_ns(end.start_ns),
                num_executed=rows,
                action_dim=columns,
                executed=floats_to_msg(end.executed),
                message=end.message,
            )
        )

    def status(self, driver: ArmDriver, stamp_ns: int, of_robot: Mapping[str, Health]) -> None:
        """Publish the driver's state: its status, and its diagnostics with those of the robot.

        Args:
            driver: configured.
            stamp_ns: now [ns].
            of_robot: state of the robot's parts.
        """
        assert driver.gate is not None
        counts = driver.gate.counts
        status = DriverStatus(
            header=header(stamp_ns),
            state=state_of(driver),
            message=driver.cause,
            reject_names=[rule.value for rule in counts],
            reject_counts=list(counts.values()),
            max_silence=driver.longest_silence_s,
        )
        self._status.publish(status)
        healths = {'command gate': health_of(status), **of_robot}
        self._diagnostics.publish(
            healths_to_msg(healths, self._node, status.header.stamp, self._robot)
        )
