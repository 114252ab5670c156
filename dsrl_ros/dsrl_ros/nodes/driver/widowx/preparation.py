"""What must hold of an Interbotix arm before it is commanded, step by step.

The vendor's stack comes up with a profile that takes 2 s to reach any goal, and whatever changes a
motor's mode lets it go and has it hold again, at a goal from before. So: the arm rests; nothing is
changed that need not be; a motor that lets go gets its goal where it is before it holds again; and
everything set is read back, as the services answer to everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from interbotix_xs_msgs.srv import RobotInfo
from rclpy.node import Node

from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import Float64
from dsrl_ros.nodes.driver.widowx import services
from dsrl_ros.nodes.driver.widowx.arm import JointGroupCommands
from dsrl_ros.nodes.driver.widowx.services import GROUP, SINGLE, ArmRegisters, XsServices
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.ros.waiting import pause

_STILL_RAD = 0.01  # an arm that has moved less meanwhile rests
_STILL_S = 0.3
REST_TIMEOUT_S = 10.0  # wait for an arm that moves by itself to come to rest [s]
_POLL_S = 0.05
_ASLEEP_RAD = 0.2  # of the vendor's sleep pose, in which the arm lies on itself
_SAME_TICKS = 30  # of 4096 per turn: 2.6 degrees
_MODES = 'Start xs_sdk with mode_configs:=.../dsrl_bringup/config/controllers/widowx_modes.yaml'


class XsPreparation:
    """Makes the motors ready for a stream of targets."""

    def __init__(
        self,
        node: Node,
        xs_services: XsServices,
        config: WidowXConfig,
        robot: RobotDescription,
        arm: JointGroupCommands,
        joints: Callable[[], Float64],
        tells_registers: bool,
    ) -> None:
        """Prepare nothing yet.

        Args:
            node: that waits.
            xs_services: of xs_sdk.
            config: names and profile.
            robot: names the joints.
            arm: that goals are sent by.
            joints: returns the joints measured last [rad], (J,).
            tells_registers: whether there are motors; the vendor's simulated driver has none.
        """
        self._node = node
        self._services = xs_services
        self._config = config
        self._robot = robot
        self._arm = arm
        self._joints = joints
        self._registers = ArmRegisters(xs_services, config, robot, tells_registers)

    async def run(self, wanted: Callable[[], bool]) -> None:
        """Do it all; to be awaited in a task of its own.

        Args:
            wanted: whether the driver still has the right to command, is not stopped, and began no
                other run; asked before each change.

        Raises:
            DriverError: names what is not as it must be, and what to do.
            ShapeMismatchError: the joints are not this robot's.
        """

        def go_on() -> None:
            if not wanted():
                raise DriverError(
                    'xs_sdk: got motors half prepared, expected the driver to go on.'
                )

        info = await self._services.info(GROUP, self._config.group)
        if tuple(info.joint_names) != self._robot.joint_names:
            raise DriverError(
                f'xs_sdk: got group {self._config.group} of {list(info.joint_names)}, expected '
                f'{list(self._robot.joint_names)} in this order.'
            )
        await self._rest()
        holds = await self._registers.holds()
        if (info.mode, info.profile_type) != ('position', 'time'):
            await self._change_mode(info, any(holds), go_on)
            holds = await self._registers.holds()
        await self._set_profile(go_on)
        if not all(holds):
            await self._send_goal_where_it_is(go_on)
            go_on()
            await self._services.set_torque(GROUP, self._config.group, enable=True)
            if not all(await self._registers.holds()):
                raise DriverError('xs_sdk: got motors that do not hold, expected them to.')
        await self._prepare_gripper(go_on)

    async def _rest(self) -> None:
        """Wait for an arm that others set in motion: ros2_control drives it to sleep at start."""
        begun_s = still_s = time.monotonic()
        place = self._joints()
        while time.monotonic() - still_s < _STILL_S:
            if time.monotonic() - begun_s > REST_TIMEOUT_S:
                raise DriverError(
                    f'arm: got one that moves for {REST_TIMEOUT_S:g} s, expected it '
                    'to rest before it is commanded. Look at who else moves it.'
                )
            await pause(self._node, _POLL_S)
            if np.abs(self._joints() - place).max() > _STILL_RAD:
                place, still_s = self._joints(), time.monotonic()

    async def _change_mode(
        self, info: RobotInfo.Response, holds: bool, go_on: Callable[[], None]
    ) -> None:
        got = f'xs_sdk: got the arm in mode {info.mode}, profile {info.profile_type}'
        if info.mode != 'position':
            raise DriverError(f'{got}, expected position and time. {_MODES}.')
        asleep = np.abs(self._joints() - info.joint_sleep_positions).max() < _ASLEEP_RAD
        if holds and not asleep:
            raise DriverError(
                f'{got}, expected position and time. To change that lets the arm go: bring it to '
                f'its sleep pose and call clear, or better, {_MODES.lower()}.'
            )
        if holds:
            go_on()
            await self._services.set_torque(GROUP, self._config.group, enable=False)
        await self._send_goal_where_it_is(go_on)
        go_on()
        await self._services.set_mode(GROUP, self._config.group, 'position', self._profile())

    def _profile(self) -> tuple[int, int]:
        return self._config.profile_ms, self._config.profile_acceleration_ms

    async def _set_profile(self, go_on: Callable[[], None]) -> None:
        """Set how fast a motor goes to a goal, which it takes while it holds."""
        names = ('Profile_Velocity', 'Profile_Acceleration')
        for name, value in zip(names, self._profile(), strict=True):
            if set(await self._registers.read(name)) != {value}:
                go_on()
                await self._services.set_registers(GROUP, self._config.group, name, value)
                if (got := set(await self._registers.read(name))) != {value}:
                    raise DriverError(f'xs_sdk: got {name} {sorted(got)}, expected {value}.')

    async def _send_goal_where_it_is(self, go_on: Callable[[], None]) -> None:
        """Send the goal where the arm is, until the motors have it: they would jump to another.

        A motor that holds keeps its goal: it is behind by what it bears, and would sink by that.
        """
        until_s = time.monotonic() + services.ANSWER_TIMEOUT_S
        held = await self._registers.goals_held()
        loose = np.isnan(held)
        looked_at = np.array([*loose, *[loose.all()] * (len(self._registers.motors) - len(held))])
        while True:
            go_on()
            self._arm.hold(np.where(loose, self._joints(), held))
            await pause(self._node, _POLL_S)
            off = await self._registers.ticks_off() * looked_at
            if off.max() <= _SAME_TICKS:
                return
            if time.monotonic() > until_s:
                worst = self._registers.motors[int(off.argmax())]
                raise DriverError(
                    f'xs_sdk: got the goal of {worst} {off.max():.0f} ticks from where it is, '
                    f'expected at most {_SAME_TICKS}: it would jump. Is it beyond its limits?'
                )

    async def _prepare_gripper(self, go_on: Callable[[], None]) -> None:
        name, mode = self._config.gripper_joint, self._config.gripper
        if (await self._services.info(SINGLE, name)).mode != mode:
            go_on()
            await self._services.set_mode(SINGLE, name, mode, (500, 100))
            if (got := (await self._services.info(SINGLE, name)).mode) != mode:
                raise DriverError(f'xs_sdk: got {name} in mode {got}, expected {mode}.')
        if self._registers.readable and not all(
            await self._services.registers(SINGLE, name, 'Torque_Enable')
        ):
            go_on()
            await self._services.set_torque(SINGLE, name, enable=True)
