"""The vendor's recovery from an error, step by step.

After a reflex the hardware component is unconfigured and its controllers are inactive, while all
nodes live: clear the robot's error, activate the component, activate the controllers.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from action_msgs.msg import GoalStatus
from controller_manager_msgs.srv import SetHardwareComponentState, SwitchController
from franka_msgs.action import ErrorRecovery
from lifecycle_msgs.msg import State
from rclpy.action import ActionClient
from rclpy.client import Client
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.task import Future

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.ros import names
from dsrl_ros.ros.waiting import until, within


class FrankaRecovery:
    """Runs the three steps, each with a deadline, then waits until the robot is well."""

    def __init__(self, node: Node, config: HardwareConfig, still_wrong: Callable[[], str]) -> None:
        """Make the clients.

        Args:
            node: that owns them.
            config: deadlines and names.
            still_wrong: what keeps the robot from taking commands now; empty when nothing does.
        """
        self._node = node
        self._config = config
        self._still_wrong = still_wrong
        self._clear = ActionClient(node, ErrorRecovery, names.remapped(node, names.ERROR_RECOVERY))
        self._set_state = node.create_client(SetHardwareComponentState, names.SET_HARDWARE_STATE)
        self._switch = node.create_client(SwitchController, names.SWITCH_CONTROLLER)

    async def run(self) -> str:
        """Recover; to be awaited in a callback group that lets others run.

        Returns:
            What was done.

        Raises:
            DriverError: names the step that failed, and why.
        """
        steps = {
            'error_recovery': self._clear_error,
            'set_hardware_component_state': self._activate_hardware,
            'switch_controller': self._activate_controllers,
            'robot state': self._wait_until_well,
        }
        done: list[str] = []
        for name, step in steps.items():
            try:
                complaint = await step()
            except (DriverError, TimeoutError) as error:
                complaint = str(error)
            if complaint:
                before = f' after {", ".join(done)}' if done else ''
                raise DriverError(f'recover: {name} failed{before}: {complaint}')
            done.append(name)
        return f'{", ".join(done)}: done. Call the clear service to go on.'

    async def _clear_error(self) -> str:
        if not self._clear.server_is_ready():
            raise self._nobody(names.ERROR_RECOVERY)
        handle: Any = await self._within(self._clear.send_goal_async(ErrorRecovery.Goal()))
        if not handle.accepted:
            return 'the goal was refused'
        result: Any = await self._within(handle.get_result_async())
        if result.status != GoalStatus.STATUS_SUCCEEDED:
            return 'the robot did not leave its error state; see the log of franka_hardware'
        return ''

    async def _activate_hardware(self) -> str:
        component = self._config.hardware_component
        request = SetHardwareComponentState.Request(
            name=component, target_state=State(id=State.PRIMARY_STATE_ACTIVE, label='active')
        )
        answer = await self._ask(self._set_state, request)
        if not answer.ok or answer.state.id != State.PRIMARY_STATE_ACTIVE:
            return f'got {component} in state {answer.state.label!r}, expected active'
        return ''

    async def _activate_controllers(self) -> str:
        # Best effort: those that are active already would fail a strict switch.
        request = SwitchController.Request(
            activate_controllers=list(self._config.controllers),
            strictness=SwitchController.Request.BEST_EFFORT,
            activate_asap=True,
            timeout=Duration(seconds=self._config.recover_timeout_s).to_msg(),
        )
        answer = await self._ask(self._switch, request)
        if not answer.ok:
            # Older controller managers say only that it failed.
            return getattr(answer, 'message', '') or (
                f'got a refusal for {", ".join(self._config.controllers)}; see the log of the '
                'controller manager'
            )
        return ''

    async def _wait_until_well(self) -> str:
        timeout_s = self._config.recover_timeout_s
        with suppress(TimeoutError):
            await until(self._node, lambda: not self._still_wrong(), timeout_s, 'robot state')
        return self._still_wrong()

    async def _ask(self, client: Client, request: Any) -> Any:
        """Return the answer to a request.

        Raises:
            DriverError: there is nobody to ask.
            TimeoutError: there is no answer in time.
        """
        if not client.service_is_ready():
            raise self._nobody(client.srv_name)
        return await self._within(client.call_async(request))

    async def _within(self, future: Future) -> Any:
        return await within(self._node, future, self._config.recover_timeout_s, 'the server')

    def _nobody(self, name: str) -> DriverError:
        return DriverError(f'got nobody who serves {self._node.resolve_service_name(name)}')
