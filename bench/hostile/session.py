"""An `ArmDriver` under a script of hostile events, without clock, ROS or robot."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import numpy as np

from bench.hostile.audit import SegmentAudit
from bench.hostile.chunks import HostileChunks
from bench.hostile.pace import ScriptedPace
from bench.hostile.setups import BRAKE_NS, ROBOT_NAME, Setup
from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.types import ChunkOutcome, DecisionKey, Float64
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Rule

_WIDTH_M = 0.08


class AuditedRobot:
    """A `Robot` that follows every command, and now and then is measured somewhere else.

    Attributes:
        latch: of the driver.
        audit: checks what is sent.
        wrongs: what was wrong with it.
        moved: how often something other than commands moved the arm.
        fresh: whether a chunk has just come, which finds a state as new as it or does not.
    """

    def __init__(
        self, description: RobotDescription, rng: Random, pace: ScriptedPace, latch: Latch
    ) -> None:
        self._description, self._rng, self._pace = description, rng, pace
        self._off = 0.0
        self._engages = False
        self.latch = latch
        self.audit = SegmentAudit(description, BRAKE_NS)
        self.wrongs: list[str] = []
        self.moved = 0
        self.fresh = False

    def send(self, segment: Segment, force: bool = False) -> None:  # noqa: ARG002
        """Check a segment."""
        self.wrongs += self.audit.wrongs(segment)
        braking = segment.width is None and segment.trajectory.duration_ns == BRAKE_NS
        if self.latch.stopped_by is Rule.ESTOP and not braking:
            self.wrongs.append('motion after an emergency stop')

    def is_as_new_as(self, _: int) -> bool:
        """Return, for most chunks that have just come, that the state is as new."""
        return self.fresh and self._rng.random() < 0.9

    def scene(self) -> int:
        """Return how often the arm was moved; asked before each chunk, so draw how far off it is.

        The driver then reads the joints once to engage, where they are right, and once to judge.
        """
        self._engages = True
        self._off = (
            self._rng.choice((0.05, 0.11, -3.0, np.nan)) if self._rng.random() < 0.05 else 0.0
        )
        return self.moved

    def joints(self) -> Float64:
        """Return where the arm is commanded to be, or somewhere else."""
        off = 0.0 if self._engages else self._off
        self._engages = False
        return self.audit.commanded(self._pace.now_ns())[0] + off

    def width(self) -> float:
        """Return that of the open gripper [m]."""
        return _WIDTH_M

    def describe(self) -> RobotDescription:
        """Return what is driven."""
        return self._description

    def fault(self) -> None:
        """Return None: faults come from the script."""

    def other_publishers(self) -> list[str]:
        """Return none."""
        return []

    def reset(self) -> None:
        """Do nothing."""

    def halt_gripper(self) -> None:
        """Do nothing: no command waits."""

    def when_gripper_settled(self, then: Callable[[str], None]) -> None:
        """Call `then` at once."""
        then('')


class Session:
    """One driver, and what went wrong with it; the `DriverListener` of that driver.

    Attributes:
        wrongs: what was wrong with segments and ends; empty as long as every promise is kept.
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
        ramp = (rng.choice((0.1, 0.5)), 1.0) if rng.random() < 0.3 else (1.0, 0.0)
        config = DriverConfig(
            robot=ROBOT_NAME,
            real_time=True,
            brake_s=BRAKE_NS * 1e-9,
            ramp_start=ramp[0],
            ramp_s=ramp[1],
        )
        latch = Latch(cooldown_s=0.0)
        self._robot = AuditedRobot(setup.robot, rng, self._pace, latch)
        self._driver = ArmDriver(config, GateConfig(), self, latch)
        self._driver.attach(self._robot, self._pace)
        self._driver.configure(setup.spec())
        self._driver.activate()
        self._received: set[DecisionKey] = set()
        self._reported: dict[DecisionKey, ChunkEnd] = {}
        self._executed: set[DecisionKey] = set()
        self.wrongs = self._robot.wrongs
        self.accepted = 0
        assert self._driver.gate is not None
        self.refused: dict[Rule, int] = self._driver.gate.counts
        self._come_to_rest()
        self._move_arm()

    def chunk(self) -> None:
        """Send a chunk, and let some time pass or something happen."""
        rng = self._rng
        chunk = self._chunks.next(self._robot.audit.rest, self._pace.now_ns())
        self._received.add(chunk.key)
        self._robot.fresh = True
        self._driver.receive(chunk)
        self._robot.fresh = False
        self._pass_time()
        if rng.random() < 0.15:
            self._happen()
        if self._driver.latch.stopped_by is not None and rng.random() < 0.5:
            self._come_to_rest()
            assert not self._driver.clear()
            self._move_arm()

    def finish(self) -> None:
        """Let everything come to its end, and check that every chunk has one."""
        self._driver.stop_waiting()
        self._run_out()
        if self._received != self._reported.keys():
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
                self._driver.brake(ChunkOutcome.FAULT, 'silence')
            case 1:
                self._driver.estop('button')
            case 2:
                self._driver.latch.latch('fault')
            case 3:
                self._driver.stop_waiting()
            case _:
                self._come_to_rest()
                self._move_arm()

    def _come_to_rest(self) -> None:
        self._run_out()
        self._pace.pass_part(1.0)  # the braking after the last row

    def _move_arm(self) -> None:
        """Find the arm at rest, where it was left or somewhere else."""
        audit = self._robot.audit
        moved = self._rng.random() < 0.5 or not audit.rest.any()
        audit.engage(self._chunks.start() if moved else audit.rest)
        self._robot.moved += 1

    def _run_out(self) -> None:
        while self._pace.go_on():
            pass

    # What the driver reports

    def on_motion(self) -> None:
        """Need no heartbeat."""

    def on_stop(self, cause: str) -> None:
        """Log nothing."""

    def on_change(self) -> None:
        """Publish nothing."""

    def on_end(self, end: ChunkEnd) -> None:
        """Check the end of a chunk."""
        key = end.chunk.key
        if self._reported.get(key) is not end:  # of a chunk that came again it is the same
            self._check(end)
        self._reported[key] = end

    def _check(self, end: ChunkEnd) -> None:
        if end.end_ns > end.start_ns:
            self.accepted += 1
            if end.chunk.key in self._executed:
                self.wrongs.append('a chunk executed twice')
            self._executed.add(end.chunk.key)
            if len(end.executed) > end.chunk.num_execute or not np.isfinite(end.executed).all():
                self.wrongs.append('executed')
        elif len(end.executed):
            self.wrongs.append('executed without time')
