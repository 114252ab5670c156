"""The faults that the robot itself reports, read from the vendor's state."""

from __future__ import annotations

from franka_msgs.msg import FrankaRobotState
from rclpy.node import Node

from dsrl_ros.robots.safety.watchdogs import SilenceWatch
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Health, Level
from dsrl_ros.ros.latest_message import LatestMessage

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
# In all others somebody else has the arm, or nobody.
_OURS = (FrankaRobotState.ROBOT_MODE_IDLE, FrankaRobotState.ROBOT_MODE_MOVE)


def errors_of(state: FrankaRobotState) -> list[str]:
    """Return the names of the errors that the robot is in."""
    errors = state.current_errors
    return [name for name in errors.get_fields_and_field_types() if getattr(errors, name)]


def fault_of(state: FrankaRobotState) -> str:
    """Return what keeps the robot from taking commands; empty when nothing does."""
    errors = errors_of(state)
    if not errors and state.robot_mode in _OURS:
        return ''
    mode = _MODES.get(state.robot_mode, str(state.robot_mode))
    return (
        f'robot: got mode {mode} with {", ".join(errors) or "no error"}, expected idle or move '
        'without errors. Make sure that the arm is free, then call the recover service, then '
        'clear.'
    )


class FaultWatch:
    """Checks the newest state of the robot and its age: an old state may hide an error."""

    def __init__(self, node: Node, silence_s: float) -> None:
        """Subscribe.

        Args:
            node: that owns the subscription.
            silence_s: longest time without a new state [s].
        """
        self._state = LatestMessage(
            node, FrankaRobotState, names.ROBOT_STATE, qos.FULL_RATE, self._on_state
        )
        self._newest_ns = 0
        self._silence = SilenceWatch(
            silence_s,
            what=f'states of the robot on {self._state.name}',
            advice='Check that the robot is connected and its broadcaster active.',
        )
        self._silent = ''

    def missing(self) -> list[str]:
        """Return the topic if nothing has come on it yet."""
        return [self._state.name] if self._state.stamp_ns is None else []

    def check_age(self) -> None:
        """Check the age of the newest state; to be called every 0.02 s."""
        self._silent = '' if self._state.stamp_ns is None else self._silence.complaint()

    def fault(self) -> str:
        """Return what keeps the robot from taking commands; empty when nothing does."""
        state = self._state.message()
        known = '' if state is None else fault_of(state)
        return ' '.join(text for text in (known, self._silent) if text)

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

    def _on_state(self, stamp_ns: int) -> None:
        if stamp_ns != self._newest_ns:  # one that repeats itself is frozen
            self._newest_ns, self._silent = stamp_ns, ''
            self._silence.hear(moving=False)
