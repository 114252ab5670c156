"""The driver of one arm, without ROS: every way in which the arm is moved or stopped.

A chunk passes through `ArmDriver` from top to bottom: `receive`, once per key; wait for a state
as new as its observation; `_begin`: engage, judge, cut into segments, send; `_ended`: report.
"""

from __future__ import annotations

from typing import Protocol

from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.errors import DriverError, DsrlError
from dsrl_ros.core.types import ChunkOutcome, Float64, PolicySpec
from dsrl_ros.robots.execution.chunk_executor import ChunkExecutor
from dsrl_ros.robots.execution.intake import ChunkIntake
from dsrl_ros.robots.execution.mover import Ended, MoveEnd, Mover
from dsrl_ros.robots.execution.robot import Fault, Robot
from dsrl_ros.robots.execution.runner import ChunkEnd, ChunkRunner, Pace, unexecuted
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.robots.motion.planner import ChunkPlanner
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.watchdogs import SilenceWatch

_STOPPED = (ChunkOutcome.FAULT, ChunkOutcome.TIMEOUT)


class DriverListener(Protocol):
    """What the driver reports to: the node, or a test."""

    def on_motion(self) -> None:
        """React to a motion that begins: `check_heartbeat` every 0.01 s until the arm rests."""
        ...

    def on_end(self, end: ChunkEnd) -> None:
        """Report the end of a chunk, once for each time that the chunk came."""
        ...

    def on_stop(self, cause: str) -> None:
        """Log what has latched the driver."""
        ...

    def on_change(self) -> None:
        """Publish the driver's state, which may have changed."""
        ...


class ArmDriver:
    """Executes chunks and moves on a robot, one at a time, and stops them.

    Attributes:
        latch: closed by a fault or an emergency stop, opened by `clear` alone.
        intake: chunks that have come.
        gate: judges chunks and moves; None until `configure`.
        executor: keeps what is commanded; there after `configure`.
        active: whether the driver may command.
        linked: whether it is ready for chunks: active, and the robot prepared.
    """

    def __init__(
        self, config: DriverConfig, gate_config: GateConfig, listener: DriverListener, latch: Latch
    ) -> None:
        """Start inactive; `attach` a robot next.

        Args:
            config, gate_config: options.
            listener: what the driver reports to.
            latch: open.
        """
        self._config = config
        self._gate_config = gate_config
        self._listener = listener
        self._silence = SilenceWatch(config.heartbeat_timeout_s)
        self.latch = latch
        self.intake = ChunkIntake()
        self.gate: CommandGate | None = None
        self.executor: ChunkExecutor
        self._runner: ChunkRunner | None = None
        self._mover: Mover
        self.active = self.linked = False
        self._stopped_for = ''  # what stopped the last chunk that was begun
        self._engaged_in: int | None = None  # scene of the robot that was engaged in

    def attach(self, robot: Robot, pace: Pace) -> None:
        """Take the robot to drive, and how its time passes."""
        self._robot, self._pace = robot, pace

    # What happens to a chunk

    def receive(self, chunk: Chunk) -> None:
        """Take a chunk; the end of one that came before is reported again.

        A chunk waits until the robot's state is as new as the chunk's observation: begun from an
        older one, its outcome would depend on which message travels faster.
        """
        self.heard()
        end = self.intake.end_of(chunk)
        if end is not None:
            self._report(end)
        elif not self.intake.is_under_way(chunk):
            self._give_up(ChunkOutcome.PREEMPTED, f'superseded by {chunk.key}')
            self.intake.wait(chunk)
            self._begin_if_ready()
        if not self.active:
            self._give_up(ChunkOutcome.REJECTED, 'the driver is not active')

    def on_state(self, stamp_ns: int) -> None:
        """Take note that a state of the robot has come, with its stamp [ns]."""
        self._pace.see(stamp_ns)
        self._begin_if_ready()

    def stop_waiting(self) -> None:
        """Begin the waiting chunk without a state as new as it; the gate judges its age."""
        if self.linked:
            self._begin_waiting()
        else:
            self._give_up(ChunkOutcome.REJECTED, 'the driver is not linked to the robot')

    def _begin_if_ready(self) -> None:
        chunk = self.intake.waiting
        if chunk is not None and self.linked and self._robot.is_as_new_as(chunk.stamp_ns):
            self._begin_waiting()

    def _begin_waiting(self) -> None:
        chunk = self.intake.take()
        if chunk is not None:
            self._begin(chunk)

    def _begin(self, chunk: Chunk) -> None:
        """Engage, then let the runner judge the chunk, cut it into segments and send them."""
        assert self._runner is not None
        if self._mover.busy:
            self._end_unexecuted(chunk, ChunkOutcome.REJECTED, 'the arm is on a move of a reset')
            return
        try:
            self._engage()
        except DsrlError as error:
            self.stop_for(str(error))
            self._end_unexecuted(chunk, ChunkOutcome.FAULT, str(error))
            return
        self._runner.run(chunk)
        if self._runner.busy:
            self._listener.on_motion()

    def _engage(self) -> None:
        """Latch if the robot cannot move; start from where others have moved the arm."""
        self._check_robot()
        scene, joints = self._robot.scene(), self._robot.joints()
        if self._engaged_in != scene and not self.executing:
            self._engaged_in = scene
            self.executor.engage(joints, self._robot.width())

    def _give_up(self, outcome: ChunkOutcome, message: str) -> None:
        """End the waiting chunk, if there is one, unexecuted."""
        chunk = self.intake.take()
        if chunk is not None:
            self._end_unexecuted(chunk, outcome, message)

    def _end_unexecuted(self, chunk: Chunk, outcome: ChunkOutcome, message: str) -> None:
        self._ended(unexecuted(chunk, outcome, self._pace.now_ns(), message))

    def _ended(self, end: ChunkEnd) -> None:
        self.intake.ended(end)
        self._report(end)

    def _report(self, end: ChunkEnd) -> None:
        if end.outcome in _STOPPED:
            self._stopped_for = end.message
        elif end.outcome is ChunkOutcome.DONE:
            self._stopped_for = ''
        self._listener.on_end(end)

    # Moves outside of episodes

    def begin_move(self, move: Move, ended: Ended) -> None:
        """Carry out a move; `ended` is called once.

        Raises:
            DsrlError: the arm's state cannot be read.
        """
        if not self.linked or self.executing:
            cause = 'the driver is busy, inactive or not linked to the robot'
            ended(MoveEnd(begun=False, cause=cause))
            return

        def at_end(end: MoveEnd) -> None:
            if end.cause or move.width is None:
                ended(end)
            else:
                self._robot.when_gripper_settled(
                    lambda error: ended(MoveEnd(begun=True, cause=error))
                )

        self._engage()
        self._mover.begin(move, at_end)
        self._listener.on_motion()

    def stop_move(self, cause: str) -> None:
        """Bring the arm to rest; the move under way ends with `cause`."""
        self._robot.halt_gripper()
        if self._runner is not None:
            self._mover.stop(cause)

    @property
    def progress(self) -> float:
        """How much of the move under way is done, 0 to 1."""
        return self._mover.progress

    # What stops the arm, and what lets it go on

    def heard(self) -> None:
        """Take note of a sign of life of the steering node."""
        self._silence.hear(self.busy)

    def check_heartbeat(self) -> None:
        """Brake if the steering node has been silent for too long; nothing is latched."""
        if silent := self._silence.complaint():
            self.brake(ChunkOutcome.FAULT, silent)

    def on_fault(self, fault: Fault) -> None:
        """Latch and brake because of the robot, while active."""
        if self.active:
            self.stop_for(fault.message, fault.outcome)

    def on_stuck(self, message: str) -> None:
        """Latch: simulated time does not go on, so nothing can brake."""
        self.stop_for(message)
        if self._runner is not None:
            self._runner.abandon(message)
            self._mover.abandon(message)

    def stop_for(self, cause: str, outcome: ChunkOutcome = ChunkOutcome.FAULT) -> None:
        """Latch and brake because of a fault."""
        self._listener.on_stop(cause)
        self.latch.latch(cause)
        self.brake(outcome, cause)
        self._listener.on_change()

    def estop(self, cause: str) -> None:
        """Latch and brake because of an emergency stop."""
        self._listener.on_stop(cause)
        self.latch.estop(cause)
        self.brake(ChunkOutcome.ESTOP, cause)
        self._listener.on_change()

    def brake(self, outcome: ChunkOutcome, message: str) -> None:
        """Bring the arm to rest; what is under way ends with `outcome`."""
        self._robot.halt_gripper()
        if self._runner is not None:
            self._runner.stop(outcome, message)
            self._mover.stop(message)

    def clear(self) -> str:
        """Open the latch and link again; return why that cannot be done yet, else nothing."""
        if self.busy:
            return 'clear: got a call while the arm comes to rest, call again then.'
        self._robot.reset()
        if fault := self._robot.fault():
            return f'clear: the cause is still there: {fault.message}'
        if refusal := self.latch.clear():
            return refusal
        self._stopped_for = ''
        if self.active:
            self._link()
        return ''

    def _check_robot(self) -> None:
        """Latch if the robot cannot take a command now."""
        if self.latch.stopped_by is not None:
            return
        if fault := self._robot.fault():
            self.on_fault(fault)
        elif topics := self._robot.other_publishers():
            self.stop_for(f'somebody else commands {", ".join(topics)}')

    # Life cycle

    def configure(self, spec: PolicySpec) -> None:
        """Prepare for the chunks of a policy.

        Raises:
            DsrlError: the robot cannot be described, or does not execute such chunks.
        """
        config, robot = self._config, self._robot.describe()
        brake_ns = round(config.brake_s * 1e9)
        planner = ChunkPlanner(
            robot,
            Kinematics(robot),
            round(spec.step_period_s * 1e9),
            spec.control_mode,
            spec.action_names,
        )
        self.gate = CommandGate(robot, spec, self._gate_config, self.latch, brake_ns, config.robot)
        self.executor = ChunkExecutor(
            planner,
            self.gate,
            round(config.window_s * 1e9),
            brake_ns,
            Ramp(config.ramp_start, round(config.ramp_s * 1e9)),
        )
        self._runner = ChunkRunner(self.executor, self._pace, self._robot, self._ended)
        self._mover = Mover(robot, self.executor, self.gate, self._pace, self._robot)

    def activate(self) -> None:
        """Take command of the robot."""
        self.active = True
        self._check_robot()
        self._link()

    def deactivate(self) -> None:
        """Bring the robot to rest and command it no more."""
        cause = 'the driver was deactivated'
        self.active = self.linked = False
        self._give_up(ChunkOutcome.REJECTED, cause)
        self.brake(ChunkOutcome.FAULT, cause)  # is still sent
        self._listener.on_change()

    def clean_up(self) -> None:
        """Forget the policy.

        Raises:
            DriverError: the arm still moves.
        """
        if self.busy:
            raise DriverError('driver: got a clean-up while the arm comes to rest, try again.')
        self.gate = self._runner = None

    def _link(self) -> None:
        """Wait until the robot is ready, then engage before the next chunk or move."""
        self.linked = False
        self._engaged_in = None
        self._pace.link(self._on_linked)

    def _on_linked(self) -> None:
        self.linked = self.active
        self._listener.on_change()
        self._begin_if_ready()

    # State

    @property
    def executing(self) -> bool:
        """Whether a chunk or a move is under way."""
        return self._runner is not None and (self._runner.busy or self._mover.busy)

    @property
    def busy(self) -> bool:
        """Whether the arm is commanded to move, if only to come to rest after a chunk."""
        if self._runner is None or self.executing or not self._config.real_time:
            return self.executing  # in lockstep no time passes after a chunk
        return self._pace.now_ns() < self.executor.rests_at()

    @property
    def cause(self) -> str:
        """What stopped the arm last; empty once a chunk was executed after it."""
        return self.latch.cause or self._stopped_for

    @property
    def longest_silence_s(self) -> float:
        """Longest gap between two heartbeats while the arm moved [s]."""
        return self._silence.longest_s

    def commanded(self) -> Float64 | None:
        """Return the joints commanded now [rad], (J,); None while the arm is to rest."""
        return self.executor.commanded_at(self._pace.now_ns()).joints if self.busy else None
