"""The driver: the only node that commands the robot. Owns the connections, not the rules.

What may move, `robots.gate` decides; in which order, `robots.runner`; when, `bridge.pace`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from dsrl_msgs.msg import ActionChunk, DriverStatus, Heartbeat
from dsrl_msgs.msg import PolicySpec as PolicySpecMsg
from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.commands import CommandPublisher
from dsrl_ros.bridge.convert import spec_from_msg
from dsrl_ros.bridge.driver_report import DriverReporter, status_to_msg
from dsrl_ros.bridge.lifecycle import SUCCESS, logged
from dsrl_ros.bridge.pace import LockstepPace, RealTimePace
from dsrl_ros.bridge.params import declare_config
from dsrl_ros.bridge.robot import untrusted_chunk
from dsrl_ros.bridge.robot_state import RobotState
from dsrl_ros.bridge.run_node import run_node
from dsrl_ros.bridge.waiting import STEADY_CLOCK
from dsrl_ros.core.config import DriverConfig, GateConfig
from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.core.types import ChunkOutcome, PolicySpec
from dsrl_ros.robots.chunk import Chunk
from dsrl_ros.robots.executor import ChunkExecutor
from dsrl_ros.robots.franka import FR3
from dsrl_ros.robots.gate import CommandGate
from dsrl_ros.robots.intake import ChunkIntake
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.latch import Latch
from dsrl_ros.robots.planner import LONGEST_SEGMENT_NS, ChunkPlanner, check_spec
from dsrl_ros.robots.ramp import Ramp
from dsrl_ros.robots.rules import Rule
from dsrl_ros.robots.runner import ChunkEnd, ChunkRunner
from dsrl_ros.robots.silence import SilenceWatch

_ROBOT = FR3
_START_PERIOD_S = 0.05
_WATCH_PERIOD_S = 0.01


class DriverNode(LifecycleNode):
    """Inactive, it listens; active, it commands."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('driver', **node_options)
        self._gate_config = declare_config(self, GateConfig, 'gate')
        self._config = declare_config(self, DriverConfig)
        config = self._config
        if config.robot_ip:
            raise ConfigError(
                f'robot_ip: got {config.robot_ip!r}, expected none: the hardware adapter is not '
                'in this version, which drives the simulation only. Leave robot_ip out.'
            )
        segment_s = LONGEST_SEGMENT_NS * 1e-9
        if config.window_s - config.brake_s < segment_s - 1e-9:
            raise ConfigError(
                f'brake_s: got {config.brake_s:g}, expected at most {segment_s:g} s less than '
                f'window_s, {config.window_s:g}: a window holds a segment and the braking.'
            )
        self._born_s = time.monotonic()
        self._spec: PolicySpec | None = None
        self._gate: CommandGate | None = None
        self._runner: ChunkRunner | None = None
        self._active = False
        self._linked = False
        self._engaged_in: int | None = None  # reset count of the scene that was engaged in

        self._silence = SilenceWatch(config.heartbeat_timeout_s)
        self._latch = Latch(self._gate_config.clear_cooldown_s)
        self._commands = CommandPublisher(self, _ROBOT)
        self._pace: LockstepPace | RealTimePace = (
            RealTimePace(self, config.lead_s)
            if config.real_time
            else LockstepPace(self, self._commands, config.advance_timeout_s, self._on_stuck)
        )
        self._state = RobotState(self, _ROBOT, self._on_state)
        self._intake = ChunkIntake(self._is_ready, self._begin, self._report, self._pace.now_ns)
        self._reporter = DriverReporter(self, config.robot)
        self.create_subscription(PolicySpecMsg, names.POLICY_SPEC, self._on_spec, qos.LATCHED)
        self.create_subscription(ActionChunk, names.ACTION_CHUNK, self._on_chunk, qos.DECISION)
        self.create_subscription(Heartbeat, names.HEARTBEAT, self._on_heartbeat, qos.HEARTBEAT)
        self.create_subscription(Bool, names.ESTOP_SIGNAL, self._on_estop_signal, qos.DECISION)
        self.create_service(Trigger, names.ESTOP, self._on_estop)
        self.create_service(Trigger, names.CLEAR, self._on_clear)
        # Another driver that lives says so; until this one is active, it keeps silent itself.
        self._rivals = self.create_subscription(
            DriverStatus, names.DRIVER_STATUS, self._on_rival, qos.STATUS
        )
        self._overdue = self._timer(config.state_timeout_s, self._on_overdue)
        self._watch = self._timer(_WATCH_PERIOD_S, self._watch_heartbeat)
        self._status_timer = self._timer(config.status_period_s, self._report_status)
        self._start_timer = self._timer(_START_PERIOD_S, self._start)
        if config.autostart:
            self._start_timer.reset()

    def _timer(self, period_s: float, callback: Callable[[], None]) -> Any:
        """Return a timer on the steady clock that does not run yet."""
        timer = self.create_timer(period_s, callback, clock=STEADY_CLOCK)
        timer.cancel()
        return timer

    def _busy(self) -> bool:
        return self._runner is not None and self._runner.busy

    # Life cycle

    def _start(self) -> None:
        """Wait for everything that is needed, then configure and activate."""
        if time.monotonic() - self._born_s < self._config.listen_s:
            return
        if missing := self._missing():
            self.get_logger().info(f'waiting for {missing}', throttle_duration_sec=5.0)
            return
        self._start_timer.cancel()
        self._check_fits()
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != SUCCESS:
                raise DriverError('driver: could not start; the lines above say why.')

    def _missing(self) -> str:
        """Say what is not there yet; empty when everything is."""
        missing = self._state.missing()
        if self._spec is None:
            missing.append(self.resolve_topic_name(names.POLICY_SPEC))
        if not self._pace.ready():
            missing.append(f'the service {self.resolve_service_name(names.ADVANCE)}')
        if self._commands.rivals():
            # A killed process is seen by the others until its lease ends.
            missing.append(f'{self.resolve_topic_name(names.TRAJECTORY)} to have no publisher')
        return ', '.join(missing)

    def _check_fits(self) -> PolicySpec:
        """Return the spec of the policy if this robot can execute its chunks.

        Raises:
            DriverError: there is none.
            ShapeMismatchError: policy or joints are not this robot's.
        """
        if self._spec is None:
            raise DriverError('policy: got no PolicySpec, expected one. Start the policy node.')
        check_spec(self._spec, _ROBOT)
        self._state.joints()
        self._state.width()
        return self._spec

    @logged
    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Prepare for the policy that is there."""
        spec = self._check_fits()
        brake_ns = round(self._config.brake_s * 1e9)
        planner = ChunkPlanner(
            _ROBOT,
            Kinematics(_ROBOT),
            round(spec.step_period_s * 1e9),
            spec.control_mode,
            spec.action_names,
        )
        self._gate = CommandGate(
            _ROBOT, spec, self._gate_config, self._latch, brake_ns, self._config.robot
        )
        self._executor = ChunkExecutor(
            planner,
            self._gate,
            round(self._config.window_s * 1e9),
            brake_ns,
            Ramp(self._config.ramp_start, round(self._config.ramp_s * 1e9)),
        )
        self._runner = ChunkRunner(
            self._executor, self._pace, self._commands.send, self._intake.ended
        )
        return SUCCESS

    @logged
    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Take command of the robot."""
        if missing := self._missing():
            raise DriverError(f'driver: got no {missing}, expected everything to be there.')
        self.destroy_subscription(self._rivals)
        self._commands.open()
        self._active = True
        self._status_timer.reset()
        self._link()
        return SUCCESS

    @logged
    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to rest and command it no more."""
        self._active = self._linked = False
        self._intake.give_up(ChunkOutcome.REJECTED, 'the driver was deactivated')
        if self._runner is not None:  # braking is still sent
            self._runner.stop(ChunkOutcome.FAULT, 'the driver was deactivated')
        self._report_status()
        return SUCCESS

    @logged
    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to rest and command it no more."""
        return self.on_deactivate(state)

    @logged
    def on_cleanup(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Give up the command topics and forget the policy."""
        if self._busy():
            raise DriverError('driver: got a clean-up while the arm comes to rest, try again.')
        self._commands.close()
        self._gate = self._runner = None
        return SUCCESS

    def _link(self) -> None:
        """Agree with what is driven on where counting starts, and engage anew."""
        self._linked = False
        self._engaged_in = None
        self._pace.link(self._on_linked)

    def _on_linked(self) -> None:
        self._linked = self._active
        self._report_status()
        self.get_logger().info(f'{_ROBOT.name} {self._config.robot}: holding', once=True)
        self._intake.begin_if_ready()

    # What comes in

    def _on_rival(self, _: DriverStatus) -> None:
        raise DriverError(
            f'driver: got the status of another driver on '
            f'{self.resolve_topic_name(names.DRIVER_STATUS)}, expected none. The graph is running '
            'in this namespace already: end it, or start this one under another namespace.'
        )

    def _on_spec(self, message: PolicySpecMsg) -> None:
        spec = spec_from_msg(message)
        if self._gate is None or self._spec is None:
            self._spec = spec
        elif differences := self._spec.differences(spec):
            self._fault(f'the policy changed under way: {"; ".join(differences)}')

    def _on_state(self, stamp_ns: int) -> None:
        self._pace.see(stamp_ns)
        self._intake.begin_if_ready()

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if message.robot == self._config.robot:
            self._silence.hear(self._busy())

    def _on_chunk(self, message: ActionChunk) -> None:
        self._silence.hear(self._busy())
        self._intake.receive(untrusted_chunk(message))
        if not self._active:
            self._intake.give_up(ChunkOutcome.REJECTED, 'the driver is not active')
        elif self._intake.waiting:
            self._overdue.reset()

    def _on_overdue(self) -> None:
        """Stop waiting for states as new as a chunk: the gate will find it too far ahead."""
        self._overdue.cancel()
        if self._linked:
            self._intake.begin_anyway()
        else:
            self._intake.give_up(ChunkOutcome.REJECTED, 'the driver is not linked to the robot')

    # Execution

    def _is_ready(self, chunk: Chunk) -> bool:
        return self._linked and self._state.is_as_new_as(chunk.stamp_ns)

    def _begin(self, chunk: Chunk) -> None:
        assert self._runner is not None
        if self._commands.rivals():
            self._fault(f'somebody else commands {self.resolve_topic_name(names.TRAJECTORY)}')
        joints = self._state.joints()
        if self._engaged_in != self._state.reset_count() and not self._runner.busy:
            # The arm was brought here by other means than chunks: start from where it is.
            self._engaged_in = self._state.reset_count()
            self._executor.engage(joints, self._state.width())
        self._runner.run(chunk, joints)
        if self._runner.busy:
            self._watch.reset()

    def _report(self, end: ChunkEnd) -> None:
        self._reporter.result(end)
        if end.outcome is not ChunkOutcome.DONE:
            self.get_logger().warning(
                f'chunk {end.chunk.key}: {end.outcome.name}, {end.message}',
                throttle_duration_sec=1.0,
            )
            self._report_status()

    def _on_stuck(self, message: str) -> None:
        """Stop: simulated time does not go on."""
        self._fault(message)
        if self._runner is not None:
            self._runner.abandon(message)

    # Stops

    def _watch_heartbeat(self) -> None:
        """Stop a chunk whose sender has fallen silent."""
        if self._runner is None or not self._runner.busy:
            self._watch.cancel()
        elif complaint := self._silence.complaint():
            self._runner.stop(ChunkOutcome.FAULT, complaint)

    def _fault(self, cause: str) -> None:
        """Latch: nothing moves until somebody has looked."""
        self.get_logger().error(cause)
        self._latch.latch(cause)
        self._report_status()

    def _estop(self, cause: str) -> None:
        self.get_logger().error(cause)
        self._latch.estop(cause)
        if self._runner is not None:
            self._runner.stop(ChunkOutcome.ESTOP, cause)
        self._report_status()

    def _on_estop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._estop('emergency stop by service')
        response.success = True
        return response

    def _on_estop_signal(self, message: Bool) -> None:
        if message.data:
            self._estop('emergency stop by topic')

    def _on_clear(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._busy():
            response.message = 'clear: got a call while the arm comes to rest, call again then.'
            return response
        response.message = self._latch.clear()
        response.success = not response.message
        if response.success and self._active:
            self.get_logger().info('cleared')
            self._link()
        return response

    # What is said

    def _report_status(self) -> None:
        # Silent until active, so that a driver that is there already can be told from this one.
        if self._gate is None:
            return
        self._reporter.status(
            status_to_msg(
                self._pace.now_ns(),
                self._driver_state(),
                self._latch.cause,
                self._gate.counts,
                self._silence.longest_s,
            )
        )

    def _driver_state(self) -> int:
        state: int = DriverStatus.STATE_HOLDING
        if not self._active:
            state = DriverStatus.STATE_INACTIVE
        elif self._latch.stopped_by is Rule.ESTOP:
            state = DriverStatus.STATE_ESTOP
        elif self._latch.stopped_by is Rule.LATCHED:
            state = DriverStatus.STATE_LATCHED
        elif self._busy():
            state = DriverStatus.STATE_EXECUTING
        return state


def main() -> None:
    """Run the driver."""
    run_node(DriverNode)
