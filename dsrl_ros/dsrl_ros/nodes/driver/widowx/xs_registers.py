"""What the motors of an Interbotix arm themselves tell of how they hold. Changes nothing.

The vendor's simulated driver has motors without registers: they hold, and are where they go.
"""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.widowx.services import GROUP, SINGLE, XsServices
from dsrl_ros.robots.model.description import RobotDescription

_MIDDLE_TICKS = 2048  # at 0 rad, half a turn from where ticks begin


class ArmRegisters:
    """Those of every motor of the arm, by joint; second motors of a joint come last.

    Every reading raises `DriverError` where not all motors answer.

    Attributes:
        motors: their names, (M,).
        told: whether they tell registers.
    """

    def __init__(
        self, services: XsServices, config: WidowXConfig, robot: RobotDescription, told: bool
    ) -> None:
        """Read nothing yet.

        Args:
            services: of xs_sdk.
            config: names of group and motors.
            robot: names the joints.
            told: whether there are motors that tell registers.
        """
        self._services = services
        self._group = config.group
        self._num_joints = robot.num_joints
        self.told = told
        # The second motor of a joint takes what its first is told, but not while it reboots.
        self._seconds = config.shadow_motors if told else ()
        self.motors = (*robot.joint_names, *self._seconds)

    async def read(self, register: str) -> list[int]:
        """Return a register of every motor, (M,)."""
        values = await self._services.registers(GROUP, self._group, register)
        for name in self._seconds:
            values += await self._services.registers(SINGLE, name, register)
        if len(values) != len(self.motors):
            raise DriverError(
                f'xs_sdk: got {register} of {len(values)} motors, expected {len(self.motors)}. '
                'One in an error tells none: call recover. Else check their cables and power.'
            )
        return values

    async def holds(self) -> list[bool]:
        """Return of each motor whether it holds, (M,)."""
        if not self.told:
            return [True]
        return [bool(value) for value in await self.read('Torque_Enable')]

    async def goals_held(self) -> Float64:
        """Return the goal of each joint that is held [rad], not a number for the others, (J,)."""
        goals = np.full(self._num_joints, np.nan)
        if self.told:
            holds = (await self.holds())[: len(goals)]
            ticks = np.array((await self.read('Goal_Position'))[: len(goals)])
            goals[holds] = ((ticks - _MIDDLE_TICKS) * (np.pi / _MIDDLE_TICKS))[holds]
        return goals

    async def ticks_off(self) -> Float64:
        """Return how far each motor is from its goal, (M,), of 4096 ticks per turn."""
        if not self.told:
            return np.zeros(len(self.motors))
        goals, places = await self.read('Goal_Position'), await self.read('Present_Position')
        return np.abs(np.subtract(goals, places, dtype=np.float64))
