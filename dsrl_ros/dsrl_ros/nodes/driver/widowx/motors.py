"""How warm the motors of an Interbotix arm are, and which are in an error. Reboots none.

`xs_sdk` publishes neither: a motor that is overloaded lets go, and the arm hangs. It cannot read
such a motor either: each answer bears an alert, which the vendor's library takes for a reading
that failed. So a motor that stays silent when it is read again is in an error.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from rclpy.node import Node

from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.nodes.driver.widowx.services import GROUP, SINGLE, XsServices
from dsrl_ros.ros.diagnostics import Health, Level

ALL = 'all'  # group of every joint
_ERRORS, _TEMPERATURES = 'Hardware_Error_Status', 'Present_Temperature'
_TRIES = 2  # a packet may be lost
_SILENT = 'no answer to a reading of its registers, as of a motor in an error'
# Bits of the former: robotis e-manual, control table of the X series.
_BITS = {
    0: 'input voltage',
    2: 'overheating',
    3: 'motor encoder',
    4: 'electrical shock',
    5: 'overload',
}


def errors_of(status: int) -> list[str]:
    """Return the names of the errors in a motor's status."""
    return [name for bit, name in _BITS.items() if status >> bit & 1]


class MotorWatch:
    """Reads one register of all motors at a time, now and then.

    Attributes:
        errors: of each motor that is in one, by name.
        reads: how often registers were read.
    """

    def __init__(
        self, node: Node, services: XsServices, config: WidowXConfig, joint_names: Sequence[str]
    ) -> None:
        """Prepare.

        Args:
            node: that waits.
            services: of xs_sdk.
            config: limits and names.
            joint_names: of the arm, (J,).
        """
        self._node = node
        self._services = services
        self._config = config
        self._names = (*joint_names, config.gripper_joint, *config.shadow_motors)
        self._next_s = 0.0
        self._next = _ERRORS
        self._reading = False
        self.reads = 0
        self._unread = ''
        self._temperatures: dict[str, int] = {}
        self.errors: dict[str, list[str]] = {}

    def begin_read(self) -> None:
        """Read what is due; to be called every 0.02 s."""
        if self._reading or time.monotonic() < self._next_s or self._services.missing():
            return
        self._next_s = time.monotonic() + self._config.look_s
        self._reading = True
        self._node.executor.create_task(self._read_in_turn, self._next)
        self._next = _TEMPERATURES if self._next == _ERRORS else _ERRORS

    async def read_errors(self) -> None:
        """Read which motors are in an error now.

        Raises:
            DriverError: xs_sdk does not answer.
        """
        found = await self._read(_ERRORS)
        found_of = {
            name: errors_of(found[name]) if name in found else [_SILENT] for name in self._names
        }
        self.errors = {name: errors for name, errors in found_of.items() if errors}

    def fault(self) -> str:
        """Return which motor must not go on; empty when all may."""
        for name, errors in self.errors.items():
            return (
                f'motor {name}: got {", ".join(errors)}, expected no error. It may have let go: '
                'hold the arm, call recover, then clear.'
            )
        limit = self._config.temperature_stop_c
        for name, temperature in self._temperatures.items():
            if 0 < limit <= temperature:
                return (
                    f'motor {name}: got {temperature} degrees Celsius, expected less than '
                    f'{limit}. Let it cool down, then call clear.'
                )
        return ''

    def health(self) -> Health:
        """Return the state of the motors for people."""
        values = {f'{name} [C]': value for name, value in self._temperatures.items()}
        if fault := self.fault():
            return Health(Level.ERROR, fault, values)
        warm = [n for n, t in self._temperatures.items() if t >= self._config.temperature_warn_c]
        if warm:
            return Health(Level.WARN, f'{", ".join(warm)} get warm: let the arm rest', values)
        if self._unread:
            return Health(Level.WARN, self._unread, values)
        return Health(Level.OK, 'fine', values)

    async def _read_in_turn(self, what: str) -> None:
        try:
            if what == _ERRORS:
                await self.read_errors()
            else:
                self._temperatures = await self._read(_TEMPERATURES)
                if len(self._temperatures) < len(self._names):
                    await self.read_errors()
            self._unread = ''
        except DriverError as error:
            self._unread = str(error)
        finally:
            self._reading = False
            self.reads += 1

    async def _read(self, register: str) -> dict[str, int]:
        """Return a register of each motor that answers; that of a group ends at a silent one."""
        found = dict(
            zip(self._names, await self._services.registers(GROUP, ALL, register), strict=False)
        )
        for name in self._names * _TRIES:
            if name not in found:
                value = await self._services.registers(SINGLE, name, register)
                found |= zip([name], value, strict=False)
        return found
