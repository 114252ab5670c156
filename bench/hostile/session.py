"""The chain from intake to legs under a script of hostile events, without clock, ROS or robot."""

from __future__ import annotations

from random import Random

import numpy as np

from bench.hostile.audit import LegAudit
from bench.hostile.chunks import HostileChunks
from bench.hostile.pace import SECOND_NS, ScriptedPace
from bench.hostile.setups import BRAKE_NS, KINEMATICS, ROBOT_NAME, Setup
from dsrl_ros.core.config.driver import GateConfig
from dsrl_ros.core.types import ChunkOutcome, DecisionKey
from dsrl_ros.robots.execution.executor import ChunkExecutor, Leg
from dsrl_ros.robots.execution.intake import ChunkIntake
from dsrl_ros.robots.execution.runner import ChunkEnd, ChunkRunner
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.planner import ChunkPlanner
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Rule

WINDOW_NS = 200_000_000


class Session:
    """One driver's worth of chain, and what went wrong in it.

    Attributes:
        wrongs: what was wrong with legs and ends; empty as long as every promise is kept.
        accepted: chunks that were begun.
        refused: chunks that each rule has refused.
    """

    def __init__(self, setup: Setup, rng: Random, run: str) -> None:
        """Engage an arm.

        Args:
            setup: mode and robot.
            rng: where every chunk and event is drawn from.
            run: of the decision keys.
        """
        self._rng = rng
        self._chunks = HostileChunks(setup, rng, run)
        self._pace = ScriptedPace(rng.choice((0, 20_000_000)), rng.random() < 0.5)
        self._audit = LegAudit(setup.robot, BRAKE_NS)
        self._latch = Latch(cooldown_s=0.0)
        spec = setup.spec()
        gate = CommandGate(setup.robot, spec, GateConfig(), self._latch, BRAKE_NS, ROBOT_NAME)
        planner = ChunkPlanner(
            setup.robot, KINEMATICS, setup.step_ns, setup.control_mode, spec.action_names
        )
        ramp = Ramp(rng.choice((0.1, 0.5)), SECOND_NS) if rng.random() < 0.3 else Ramp()
        self._executor = ChunkExecutor(planner, gate, WINDOW_NS, BRAKE_NS, ramp)
        self._runner = ChunkRunner(self._executor, self._pace, self._send, self._on_end)
        self._intake = ChunkIntake(
            lambda _: rng.random() < 0.9, self._begin, self._report, self._pace.now_ns
        )
        self._received: set[DecisionKey] = set()
        self._reported: set[DecisionKey] = set()
        self._executed: set[DecisionKey] = set()
        self.wrongs: list[str] = []
        self.accepted = 0
        self.refused: dict[Rule, int] = gate.counts
        self._engage()

    def chunk(self) -> None:
        """Send a chunk, and let some time pass or something happen."""
        rng = self._rng
        chunk = self._chunks.next(self._audit.rest, self._pace.now_ns())
        self._received.add(chunk.key)
        self._intake.receive(chunk)
        self._pass_time()
        if rng.random() < 0.15:
            self._happen()
        if self._latch.stopped_by is not None and rng.random() < 0.5:
            self._clear()

    def finish(self) -> None:
        """Let everything come to its end, and look whether every chunk has one."""
        self._intake.begin_anyway()
        self._run_out()
        if self._received != self._reported:
            self.wrongs.append('a chunk without an end')

    def _pass_time(self) -> None:
        rng = self._rng
        how = rng.choices(('run out', 'some', 'part', 'none'), (60, 20, 15, 5))[0]
        if how == 'run out':
            self._run_out()
        elif how == 'some':
            for _ in range(rng.randint(1, 6)):
                self._pace.go_on(late_ns=rng.choice((0, 0, 5_000_000)))
        elif how == 'part':
            self._pace.pass_part(rng.random())

    def _happen(self) -> None:
        match self._rng.randrange(5):
            case 0:
                self._runner.stop(ChunkOutcome.FAULT, 'silence')
            case 1:
                self._latch.estop('button')
                self._runner.stop(ChunkOutcome.ESTOP, 'button')
            case 2:
                self._latch.latch('fault')
            case 3:
                self._intake.begin_anyway()
            case _:
                self._engage()

    def _clear(self) -> None:
        self._run_out()
        self._latch.clear()
        self._engage()

    def _engage(self) -> None:
        """Find the arm at rest, where it was left or somewhere else."""
        self._run_out()
        self._pace.pass_part(1.0)  # the braking after the last row
        moved = self._rng.random() < 0.5 or not self._audit.rest.any()
        joints = self._chunks.start() if moved else self._audit.rest
        self._executor.engage(joints, 0.08)
        self._audit.engage(joints)

    def _run_out(self) -> None:
        while self._pace.go_on():
            pass

    def _begin(self, chunk: Chunk) -> None:
        off = self._rng.choice((0.05, 0.11, -3.0, np.nan)) if self._rng.random() < 0.05 else 0.0
        self._runner.run(chunk, lambda: self._audit.commanded(self._pace.now_ns())[0] + off)

    def _send(self, leg: Leg) -> None:
        wrongs = self._audit.wrongs(leg)
        braking = leg.width is None and leg.trajectory.duration_ns == BRAKE_NS
        if self._latch.stopped_by is Rule.ESTOP and not braking:
            wrongs.append('motion after an emergency stop')
        self.wrongs += wrongs

    def _on_end(self, end: ChunkEnd) -> None:
        if end.end_ns > end.start_ns:
            self.accepted += 1
            if end.chunk.key in self._executed:
                self.wrongs.append('a chunk executed twice')
            self._executed.add(end.chunk.key)
            if len(end.executed) > end.chunk.num_execute or not np.isfinite(end.executed).all():
                self.wrongs.append('executed')
        elif len(end.executed):
            self.wrongs.append('executed without time')
        self._intake.ended(end)

    def _report(self, end: ChunkEnd) -> None:
        self._reported.add(end.chunk.key)
