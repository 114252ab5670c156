"""What the robot itself says is wrong, read from the vendor's state. Recovers nothing."""

from __future__ import annotations

from franka_msgs.msg import FrankaRobotState
from rclpy.node import Node

from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.diagnostics import Health, Level
from dsrl_ros.bridge.newest import Newest

_MODES = {
    getattr(FrankaRobotState, f'ROBOT_MODE_{name}'): name.lower().replace('_', ' ')
    for name in (
        'OTHER',
        'IDLE',
        'MOVE',
        'GUIDING',
        'REFLEX',
        'USER_STOPPED',
        'AUTOMATIC_ERROR_RECOVERY',
    )
}
# In these somebody else has the arm, or nobody.
_NOT_OURS = (
    FrankaRobotState.ROBOT_MODE_GUIDING,
    FrankaRobotState.ROBOT_MODE_REFLEX,
    FrankaRobotState.ROBOT_MODE_USER_STOPPED,
)


def errors_of(state: FrankaRobotState) -> list[str]:
    """Return the names of the errors that the robot is in."""
    errors = state.current_errors
    return [name for name in errors.get_fields_and_field_types() if getattr(errors, name)]


def fault_of(state: FrankaRobotState) -> str:
    """Return what keeps the robot from taking commands; empty when nothing does."""
    errors = errors_of(state)
    if not errors and state.robot_mode not in _NOT_OURS:
        return ''
    mode = _MODES.get(state.robot_mode, str(state.robot_mode))
    return (
        f'robot: got mode {mode} with {", ".join(errors) or "no error"}, expected idle or move '
        'without errors. Make sure that the arm is free, then call the recover service, then '
        'clear.'
    )


class FaultWatch:
    """Looks at the newest state of the robot."""

    def __init__(self, node: Node) -> None:
        """Subscribe.

        Args:
            node: that owns the subscription.
        """
        self._state = Newest(node, FrankaRobotState, names.ROBOT_STATE, qos.FULL_RATE)

    @property
    def stamp_ns(self) -> int | None:
        """Stamp of the newest state [ns]; None before the first."""
        return self._state.stamp_ns

    def missing(self) -> list[str]:
        """Return the topic if nothing has come on it yet."""
        return [self._state.name] if self._state.stamp_ns is None else []

    def fault(self) -> str:
        """Return what keeps the robot from taking commands; empty when nothing does."""
        state = self._state.message()
        return '' if state is None else fault_of(state)

    def health(self) -> Health:
        """Return the state of the robot for people."""
        state = self._state.message() or FrankaRobotState()
        fault = self.fault()
        values = {
            'mode': _MODES.get(state.robot_mode, str(state.robot_mode)),
            'errors': ', '.join(errors_of(state)),
            'control command success rate': f'{state.control_command_success_rate:.3f}',
        }
        return Health(Level.ERROR if fault else Level.OK, fault or 'fine', values)
