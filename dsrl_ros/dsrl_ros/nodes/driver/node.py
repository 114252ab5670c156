"""The driver: the only node that commands the robot. Owns the connections, not the rules.

What may move, `robots.safety.gate` decides; in which order, `robots.execution.runner`; when,
`nodes.driver.pace`; on what wires, `nodes.driver.robot_interface`; what ends it,
`nodes.driver.stops`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from dsrl_msgs.msg import ActionChunk
from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.core.config.widowx import WidowXConfig
from dsrl_ros.core.errors import DriverError, DsrlError
from dsrl_ros.core.types import ChunkOutcome, Float64
from dsrl_ros.nodes.driver.connect import connect
from dsrl_ros.nodes.driver.move_server import MoveCalls, MoveServer
from dsrl_ros.nodes.driver.robot_interface import DriverCalls
from dsrl_ros.nodes.driver.startup import DriverStart, StartCalls
from dsrl_ros.nodes.driver.status import DriverReporter, state_of, status_to_msg
from dsrl_ros.nodes.driver.stops import DriverStops, StopCalls
from dsrl_ros.robots.execution.executor import ChunkExecutor
from dsrl_ros.robots.execution.intake import ChunkIntake
from dsrl_ros.robots.execution.mover import Ended, MoveEnd, Mover
from dsrl_ros.robots.execution.runner import ChunkEnd, ChunkRunner, unexecuted
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.model.registry import find_robot
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.robots.motion.planner import ChunkPlanner
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.robot_messages import untrusted_chunk
from dsrl_ros.ros.run_node import SUCCESS, logged, run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK

_STOPPED = (ChunkOutcome.FAULT, ChunkOutcome.TIMEOUT)


class DriverNode(LifecycleNode):
    """Inactive, it listens; active, it commands."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('driver', **node_options)
        self._gate_config = declare_config(self, GateConfig, 'gate')
        hardware = declare_config(self, HardwareConfig, 'hardware')
        widowx = declare_config(self, WidowXConfig, 'widowx')
        config = self._config = declare_config(self, DriverConfig)
        robot = self._robot = find_robot(config.robot_model)
        self._gate: CommandGate | None = None
        self._runner: ChunkRunner | None = None
        self._active = False
        self._linked = False
        self._stopped_for = ''  # what stopped the last chunk that was begun
        self._engaged_in: int | None = None  # scene of the robot that was engaged in

        self._latch = Latch(self._gate_config.clear_cooldown_s)
        stop_calls = StopCalls(
            self._is_active, self._busy, self._brake, self._report_status, self._on_cleared
        )
        self._stops = DriverStops(
            self, config.robot, config.heartbeat_timeout_s, self._latch, stop_calls
        )
        calls = DriverCalls(
            self._on_state,
            self._stops.on_trouble,
            self._on_stuck,
            self._commanded,
            lambda: self._latch.stopped_by is not None,
        )
        self._side, self._pace = connect(self, robot, config, hardware, widowx, calls)
        self._stops.attach(self._side)
        self._intake = ChunkIntake(self._is_ready, self._begin, self._report, self._pace.now_ns)
        self._reporter = DriverReporter(self, config.robot)
        MoveServer(self, robot, MoveCalls(self._begin_move, self._stop_move, self._move_progress))
        self.create_subscription(ActionChunk, names.ACTION_CHUNK, self._on_chunk, qos.DECISION)
        self._overdue = self.create_timer(
            config.state_timeout_s, self._on_overdue, clock=STEADY_CLOCK
        )
        self._overdue.cancel()
        self._status_timer = self.create_timer(
            config.status_period_s, self._report_status, clock=STEADY_CLOCK
        )
        self._status_timer.cancel()
        self._start = DriverStart(
            self,
            config.listen_s,
            self._side,
            self._pace,
            StartCalls(self._on_all_there, self._stops.fault),
        )
        if config.autostart:
            self._start.by_itself()

    def _is_active(self) -> bool:
        return self._active

    def _executing(self) -> bool:
        return self._runner is not None and (self._runner.busy or self._mover.busy)

    def _busy(self) -> bool:
        """Whether the arm is commanded to move, be it only to come to rest after a chunk."""
        if self._runner is None or self._executing() or not self._config.real_time:
            return self._executing()  # in lockstep time stands still after a chunk
        return self._pace.now_ns() < self._executor.rests_at()

    # Life cycle

    def _on_all_there(self) -> None:
        self._start.fitting_spec()
        for trigger in (self.trigger_configure, self.trigger_activate):
            if trigger() != SUCCESS:
                raise DriverError('driver: could not start; the lines above say why.')

    @logged
    def on_configure(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Prepare for the policy that is there."""
        spec = self._start.fitting_spec()
        robot = self._side.describe()
        brake_ns = round(self._config.brake_s * 1e9)
        window_ns = round(self._config.window_s * 1e9)
        planner = ChunkPlanner(
            robot,
            Kinematics(robot),
            round(spec.step_period_s * 1e9),
            spec.control_mode,
            spec.action_names,
        )
        self._gate = CommandGate(
            robot, spec, self._gate_config, self._latch, brake_ns, self._config.robot
        )
        self._executor = ChunkExecutor(
            planner,
            self._gate,
            window_ns,
            brake_ns,
            Ramp(self._config.ramp_start, round(self._config.ramp_s * 1e9)),
        )
        self._runner = ChunkRunner(self._executor, self._pace, self._side.send, self._intake.ended)
        self._mover = Mover(
            robot,
            self._executor,
            self._gate,
            self._pace,
            # What a move asks of the gripper is meant now, whatever was commanded before.
            partial(self._side.send, anew=True),
        )
        self._start.pinned = True
        return SUCCESS

    @logged
    def on_activate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Take command of the robot."""
        if missing := self._start.missing():
            raise DriverError(
                f'driver: got no {", ".join(missing)}, expected everything to be there.'
            )
        self._start.speak()
        self._side.open()
        self._active = True
        self._status_timer.reset()
        self._stops.look_at_robot()
        self._link()
        return SUCCESS

    @logged
    def on_deactivate(self, _: LifecycleState) -> TransitionCallbackReturn:
        """Bring the robot to rest and command it no more."""
        self._active = self._linked = False
        self._intake.give_up(ChunkOutcome.REJECTED, 'the driver was deactivated')
        self._brake(ChunkOutcome.FAULT, 'the driver was deactivated')  # is still sent
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
        self._side.close()
        self._gate = self._runner = None
        self._start.pinned = False
        return SUCCESS

    def _link(self) -> None:
        """Agree with what is driven on where counting starts, and engage anew."""
        self._linked = False
        self._engaged_in = None
        self._pace.link(self._on_linked)

    def _on_linked(self) -> None:
        self._linked = self._active
        self._report_status()
        self.get_logger().info(f'{self._robot.name} {self._config.robot}: holding', once=True)
        self._intake.begin_if_ready()

    # What comes in

    def _on_state(self, stamp_ns: int) -> None:
        self._pace.see(stamp_ns)
        self._intake.begin_if_ready()

    def _on_chunk(self, message: ActionChunk) -> None:
        self._stops.hear()
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

    def _on_stuck(self, message: str) -> None:
        """Stop: simulated time does not go on."""
        self._stops.fault(message)
        if self._runner is not None:
            self._runner.abandon(message)
            self._mover.abandon(message)

    def _on_cleared(self) -> None:
        self._stopped_for = ''
        if self._active:
            self.get_logger().info('cleared')
            self._link()

    # Execution

    def _is_ready(self, chunk: Chunk) -> bool:
        return self._linked and self._side.is_as_new_as(chunk.stamp_ns)

    def _begin(self, chunk: Chunk) -> None:
        assert self._runner is not None
        if self._mover.busy:
            now_ns, message = self._pace.now_ns(), 'the arm is on a move of a reset'
            self._intake.ended(unexecuted(chunk, ChunkOutcome.REJECTED, now_ns, message))
            return
        try:
            self._engage()
        except DsrlError as error:
            self._stops.fault(str(error))
            self._intake.ended(
                unexecuted(chunk, ChunkOutcome.FAULT, self._pace.now_ns(), str(error))
            )
            return
        self._runner.run(chunk, self._side.joints)
        if self._runner.busy:
            self._stops.watch()

    def _begin_move(self, move: Move, ended: Ended) -> None:
        if not self._linked or self._executing():
            cause = 'the driver is busy, inactive or not linked to the robot'
            ended(MoveEnd(begun=False, cause=cause))
            return

        def at_end(end: MoveEnd) -> None:
            if end.cause or move.width is None:
                ended(end)
            else:
                self._side.when_gripper_settled(
                    lambda complaint: ended(MoveEnd(begun=True, cause=complaint))
                )

        self._engage()
        self._mover.begin(move, self._side.joints, at_end)
        self._stops.watch()

    def _stop_move(self, cause: str) -> None:
        self._side.halt_gripper()
        if self._runner is not None:
            self._mover.stop(cause)

    def _move_progress(self) -> float:
        return self._mover.progress

    def _engage(self) -> None:
        """Where the arm was moved by others, start from there."""
        self._stops.look_at_robot()
        joints = self._side.joints()
        if self._engaged_in != self._side.scene() and not self._executing():
            self._engaged_in = self._side.scene()
            self._executor.engage(joints, self._side.width())

    def _commanded(self) -> Float64 | None:
        return self._executor.commanded_at(self._pace.now_ns()).joints if self._busy() else None

    def _brake(self, outcome: ChunkOutcome, message: str) -> None:
        self._side.halt_gripper()
        if self._runner is not None:
            self._runner.stop(outcome, message)
            self._mover.stop(message)

    # What is said

    def _report(self, end: ChunkEnd) -> None:
        self._reporter.result(end)
        if end.outcome in _STOPPED:
            self._stopped_for = end.message
        elif end.outcome is ChunkOutcome.DONE:
            self._stopped_for = ''
        if end.outcome is not ChunkOutcome.DONE:
            self.get_logger().warning(
                f'chunk {end.chunk.key}: {end.outcome.name}, {end.message}',
                throttle_duration_sec=1.0,
            )
            self._report_status()

    def _report_status(self) -> None:
        # Silent until active, so that a driver that is there already can be told from this one.
        if self._gate is None:
            return
        status = status_to_msg(
            self._pace.now_ns(),
            state_of(self._active, self._latch.stopped_by, self._busy()),
            self._latch.cause or self._stopped_for,
            self._gate.counts,
            self._stops.longest_silence_s,
        )
        self._reporter.status(status, self._side.healths())


def main() -> None:
    """Run the driver."""
    run_node(DriverNode)
