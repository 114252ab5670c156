"""The services and registers of an Interbotix `xs_sdk`, with deadlines.

The services report no failure: whoever sets something reads it back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from interbotix_xs_msgs.srv import OperatingModes, Reboot, RegisterValues, RobotInfo, TorqueEnable
from rclpy.node import Node

from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros import names
from dsrl_ros.ros.waiting import within

GROUP, SINGLE = 'group', 'single'
ANSWER_TIMEOUT_S = 2.0  # wait for an answer of xs_sdk [s]
_KINDS = {
    names.XS_INFO: RobotInfo,
    names.XS_MODES: OperatingModes,
    names.XS_TORQUE: TorqueEnable,
    names.XS_REBOOT: Reboot,
    names.XS_GET_REGISTERS: RegisterValues,
    names.XS_SET_REGISTERS: RegisterValues,
}

_MIDDLE_TICKS = 2048  # at 0 rad, half a turn from where ticks begin


class XsServices:
    """Every call raises `DriverError` where nobody answers in time."""

    def __init__(self, node: Node) -> None:
        """Make the clients.

        Args:
            node: that owns them.
        """
        self._node = node
        self._clients = {name: node.create_client(kind, name) for name, kind in _KINDS.items()}

    def missing(self) -> list[str]:
        """Return the services that nobody offers yet, for people."""
        return [
            f'the service {client.srv_name}'
            for client in self._clients.values()
            if not client.service_is_ready()
        ]

    async def info(self, cmd_type: str, name: str) -> RobotInfo.Response:
        """Return what is known of a group or a motor."""
        return await self._ask(names.XS_INFO, cmd_type=cmd_type, name=name)

    async def set_mode(
        self, cmd_type: str, name: str, mode: str, profile_ms: Sequence[int] = (0, 0)
    ) -> None:
        """Set the operating mode, with a profile in time: duration and acceleration [ms].

        Each motor lets go for a moment, and holds afterwards, whatever it did before.
        """
        duration_ms, acceleration_ms = profile_ms
        await self._ask(
            names.XS_MODES,
            cmd_type=cmd_type,
            name=name,
            mode=mode,
            profile_type='time',
            profile_velocity=duration_ms,
            profile_acceleration=acceleration_ms,
        )

    async def set_torque(self, cmd_type: str, name: str, enable: bool) -> None:
        """Let motors hold, or let go."""
        await self._ask(names.XS_TORQUE, cmd_type=cmd_type, name=name, enable=enable)

    async def reboot(self, cmd_type: str, name: str) -> None:
        """Restart motors that are in an error; they do not hold afterwards."""
        await self._ask(
            names.XS_REBOOT, cmd_type=cmd_type, name=name, enable=False, smart_reboot=True
        )

    async def registers(self, cmd_type: str, name: str, register: str) -> list[int]:
        """Return a register of each motor; fewer than there are motors where one does not answer.

        The vendor's simulated driver knows profiles only, and returns none of the others.
        """
        answer = await self._ask(
            names.XS_GET_REGISTERS, cmd_type=cmd_type, name=name, reg=register
        )
        return list(answer.values)

    async def set_registers(self, cmd_type: str, name: str, register: str, value: int) -> None:
        """Set a register of each motor, whether it holds or not."""
        await self._ask(
            names.XS_SET_REGISTERS, cmd_type=cmd_type, name=name, reg=register, value=value
        )

    async def _ask(self, service: str, **request: Any) -> Any:
        client = self._clients[service]
        if not client.service_is_ready():
            raise DriverError(f'{client.srv_name}: got nobody who serves it. Start xs_sdk.')
        try:
            answer = client.call_async(_KINDS[service].Request(**request))
            return await within(self._node, answer, ANSWER_TIMEOUT_S, client.srv_name)
        except TimeoutError as error:
            raise DriverError(f'{error}. Look at xs_sdk and the cable to the arm.') from error


class ArmRegisters:
    """Those of every motor of the arm, by joint; second motors of a joint come last.

    Every reading raises `DriverError` where not all motors answer.

    Attributes:
        motors: their names, (M,).
        readable: whether their registers can be read.
    """

    def __init__(
        self, services: XsServices, config: WidowXConfig, robot: RobotDescription, readable: bool
    ) -> None:
        """Read nothing yet.

        Args:
            services: of xs_sdk.
            config: names of group and motors.
            robot: names the joints.
            readable: whether there are motors with registers.
        """
        self._services = services
        self._group = config.group
        self._num_joints = robot.num_joints
        self.readable = readable
        # The second motor of a joint takes the commands of its first, but not while it reboots.
        self._seconds = config.shadow_motors if readable else ()
        self.motors = (*robot.joint_names, *self._seconds)

    async def read(self, register: str) -> list[int]:
        """Return a register of every motor, (M,)."""
        values = await self._services.registers(GROUP, self._group, register)
        for name in self._seconds:
            values += await self._services.registers(SINGLE, name, register)
        if len(values) != len(self.motors):
            raise DriverError(
                f'xs_sdk: got {register} of {len(values)} motors, expected {len(self.motors)}. '
                'One in an error answers nothing: call recover. Else check their cables and power.'
            )
        return values

    async def holds(self) -> list[bool]:
        """Return of each motor whether it holds, (M,)."""
        if not self.readable:
            return [True]
        return [bool(value) for value in await self.read('Torque_Enable')]

    async def goals_held(self) -> Float64:
        """Return the goal of each joint that is held [rad], not a number for the others, (J,)."""
        goals = np.full(self._num_joints, np.nan)
        if self.readable:
            holds = (await self.holds())[: len(goals)]
            ticks = np.array((await self.read('Goal_Position'))[: len(goals)])
            goals[holds] = ((ticks - _MIDDLE_TICKS) * (np.pi / _MIDDLE_TICKS))[holds]
        return goals

    async def ticks_off(self) -> Float64:
        """Return how far each motor is from its goal, (M,), of 4096 ticks per turn."""
        if not self.readable:
            return np.zeros(len(self.motors))
        goals, places = await self.read('Goal_Position'), await self.read('Present_Position')
        return np.abs(np.subtract(goals, places, dtype=np.float64))
