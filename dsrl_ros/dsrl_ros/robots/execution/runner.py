"""Runs one chunk after the other: sends a segment, waits, sends the next, stops when told.

Lockstep simulation, real-time simulation and a robot differ only in the `Pace` given to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dsrl_ros.core.types import Array, ChunkOutcome
from dsrl_ros.robots.execution.chunk_executor import ChunkExecutor, Execution, Segment
from dsrl_ros.robots.execution.robot import Robot
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.safety.rules import Refusal, Rule


class Pace(Protocol):
    """How time passes for the robot.

    Attributes:
        lead_ns: how long before its start a segment is sent [ns].
    """

    lead_ns: int

    def link(self, then: Callable[[], None]) -> None:
        """Agree with the robot on where counting starts, then call `then`."""
        ...

    def see(self, stamp_ns: int) -> None:
        """Take note of the stamp of a state of the robot [ns]."""
        ...

    def now_ns(self) -> int:
        """Return the robot's time [ns]."""
        ...

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        """Call `then`, once, when the robot's time has reached `time_ns`."""
        ...

    def interrupt(self) -> bool:
        """Give up waiting; False when that cannot be, and `then` is still called."""
        ...


@dataclass(frozen=True)
class ChunkEnd:
    """What became of one chunk.

    Attributes:
        chunk: as it came.
        outcome: how it ended.
        start_ns, end_ns: of its execution [ns]; equal when there was none.
        executed: the actions really executed, (n, A).
        message: why it did not end as planned; empty when it did.
    """

    chunk: Chunk
    outcome: ChunkOutcome
    start_ns: int
    end_ns: int
    executed: Array
    message: str


def unexecuted(chunk: Chunk, outcome: ChunkOutcome, now_ns: int, message: str) -> ChunkEnd:
    """Return the end of a chunk that was not executed at all."""
    nothing = np.zeros((0, len(chunk.action_names)), dtype=np.float32)
    return ChunkEnd(chunk, outcome, now_ns, now_ns, nothing, message)


class ChunkRunner:
    """Executes chunks on a robot.

    At most one chunk is under way; a newer one takes over at its next hand-off.
    """

    def __init__(
        self,
        executor: ChunkExecutor,
        pace: Pace,
        robot: Robot,
        ended: Callable[[ChunkEnd], None],
    ) -> None:
        """Prepare.

        Args:
            executor: plans and judges; engaged before the first chunk.
            pace: how time passes.
            robot: takes the segments.
            ended: gets the end of each chunk, once.
        """
        self._executor = executor
        self._pace = pace
        self._robot = robot
        self._ended = ended
        self._current: Execution | None = None
        self._segments_sent = 0
        self._stop: tuple[ChunkOutcome, str] | None = None
        self._newer: Chunk | None = None

    @property
    def busy(self) -> bool:
        """Whether a chunk is under way."""
        return self._current is not None

    def run(self, chunk: Chunk) -> None:
        """Execute `chunk` now, or from the next hand-off of the one under way."""
        if self._current is None:
            self._begin(chunk, self._pace.now_ns() + self._pace.lead_ns)
            return
        if self._newer is not None:
            superseded = f'superseded by {chunk.key}'
            now_ns = self._pace.now_ns()
            self._ended(unexecuted(self._newer, ChunkOutcome.PREEMPTED, now_ns, superseded))
        self._newer = chunk

    def stop(self, outcome: ChunkOutcome, message: str) -> None:
        """Bring the robot to rest at once; the chunk under way ends with `outcome`."""
        if self._current is None or self._stop is not None:
            return
        self._stop = (outcome, message)
        if self._pace.interrupt():
            self._brake(self._current)

    def abandon(self, message: str) -> None:
        """End the chunk under way without another command, because time does not go on.

        The robot runs out the braking of the segment it has.
        """
        if self._current is not None:
            self._stop = (ChunkOutcome.FAULT, message)
            now_ns = self._pace.now_ns()
            self._end(self._current, now_ns, self._current.executed_by(now_ns))

    def _begin(self, chunk: Chunk, start_ns: int) -> None:
        result = self._judge(chunk, start_ns)
        if isinstance(result, Refusal):
            self._refused(chunk, result)
        else:
            self._follow(result)

    def _judge(self, chunk: Chunk, start_ns: int) -> Execution | Refusal:
        now_ns = self._pace.now_ns()
        return self._executor.begin(chunk, start_ns, now_ns, self._robot.joints)

    def _refused(self, chunk: Chunk, refusal: Refusal) -> None:
        stopped = refusal.rule is Rule.ESTOP
        outcome = ChunkOutcome.ESTOP if stopped else ChunkOutcome.REJECTED
        self._ended(unexecuted(chunk, outcome, self._pace.now_ns(), str(refusal)))

    def _follow(self, execution: Execution) -> None:
        self._current = execution
        self._segments_sent = 0
        self._send_next(execution)

    def _send_next(self, current: Execution) -> None:
        segment = current.segments[self._segments_sent]
        self._segments_sent += 1
        self._robot.send(segment)
        last = self._segments_sent == len(current.segments)
        lead_ns = 0 if last else self._pace.lead_ns
        self._pace.wait_until(
            segment.handoff_ns - lead_ns, lambda: self._on_reached(current, segment)
        )

    def _on_reached(self, current: Execution, segment: Segment) -> None:
        if self._stop is not None:
            self._brake(current)
        elif self._segments_sent == len(current.segments):
            self._end(current, segment.handoff_ns, current.plan.executed)
        elif self._newer is not None:
            self._hand_over(current, segment.handoff_ns, self._newer)
        else:
            self._send_next(current)

    def _hand_over(self, current: Execution, handoff_ns: int, chunk: Chunk) -> None:
        """Let a newer chunk take over, or brake for good when it is refused."""
        self._newer = None
        self._stop = (ChunkOutcome.PREEMPTED, f'superseded by {chunk.key}')
        result = self._judge(chunk, handoff_ns)
        if isinstance(result, Refusal):
            self._refused(chunk, result)
            self._brake(current)
        else:
            self._end(current, handoff_ns, current.executed_by(handoff_ns))
            self._follow(result)

    def _brake(self, current: Execution) -> None:
        """Brake within the segment that was sent, after its start and before its own braking.

        From anywhere else the arm would jump.
        """
        handoff_ns = current.segments[self._segments_sent - 1].handoff_ns
        start_ns = min(max(self._pace.now_ns(), current.start_ns), handoff_ns)
        executed = current.executed_by(start_ns)
        segment = self._executor.brake(start_ns)
        self._robot.send(segment)
        self._pace.wait_until(
            segment.handoff_ns, lambda: self._end(current, segment.handoff_ns, executed)
        )

    def _end(self, current: Execution, end_ns: int, executed: Array) -> None:
        """Report the end of a chunk; the newer one, if there is one, begins right there."""
        outcome, message = self._stop or (ChunkOutcome.DONE, '')
        newer = self._newer
        self._current = self._stop = self._newer = None
        self._ended(ChunkEnd(current.chunk, outcome, current.start_ns, end_ns, executed, message))
        if newer is not None:
            self._begin(newer, end_ns)
