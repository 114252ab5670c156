"""Carries out one move after the other, as `runner` does chunks.

A move begins and ends at rest and nothing takes over from it: it ends, or it is stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsrl_ros.core.errors import DsrlError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.execution.chunk_executor import ChunkExecutor, Segment
from dsrl_ros.robots.execution.robot import Robot
from dsrl_ros.robots.execution.runner import Pace
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.moves import Move, joined
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.rules import Motion


@dataclass(frozen=True)
class MoveEnd:
    """What became of a move.

    Attributes:
        begun: whether the arm or the gripper was commanded at all.
        cause: why it did not end as planned; empty when it did.
    """

    begun: bool
    cause: str


Ended = Callable[[MoveEnd], None]


class Mover:
    """Executes moves on a robot.

    Args:
        description: names and limits of joints and gripper.
        executor: keeps what is commanded between moves and chunks; engaged before the first.
        gate: judges every move.
        pace: how time passes.
        robot: takes the segments.
    """

    def __init__(
        self,
        description: RobotDescription,
        executor: ChunkExecutor,
        gate: CommandGate,
        pace: Pace,
        robot: Robot,
    ) -> None:
        self._description = description
        self._executor = executor
        self._gate = gate
        self._pace = pace
        self._robot = robot
        self._segments: list[Segment] = []
        self._sent: Segment | None = None
        self._ended: Ended | None = None
        self._stopped_by = ''
        self._total = 1

    @property
    def busy(self) -> bool:
        """Whether a move is on its way."""
        return self._ended is not None

    @property
    def progress(self) -> float:
        """How much of the move on its way is done, 0 to 1."""
        return 0.0 if self._sent is None else 1.0 - len(self._segments) / self._total

    def begin(self, move: Move, ended: Ended) -> None:
        """Carry out a move once the arm rests, unless it is refused then.

        Args:
            move: what to do.
            ended: gets what became of it, once.
        """
        self._ended, self._stopped_by, self._sent = ended, '', None
        rests_ns = self._executor.rests_at() - self._pace.lead_ns
        if rests_ns > self._pace.now_ns():  # the braking of the last chunk is still being run out
            self._pace.wait_until(rests_ns, lambda: self._start(move))
        else:
            self._start(move)

    def _start(self, move: Move) -> None:
        cause = self._stopped_by
        try:
            cause = cause or self._judge(move, self._robot.joints())
        except DsrlError as error:
            cause = str(error)
        if cause:
            self._stopped_by = cause
            self._end()
        else:
            self._send_next()

    def _judge(self, move: Move, measured: Float64) -> str:
        """Make the segments of a move; return why not, empty when made.

        Raises:
            DsrlError: it is no move of this robot, from here, or the executor is not engaged.
        """
        start_ns = self._pace.now_ns() + self._pace.lead_ns
        commanded = self._executor.commanded_at(start_ns)
        planned = joined(move, commanded.joints, self._description, self._gate.tolerance_rad)
        trajectory = self._executor.ramped(planned, start_ns)
        motion = Motion(trajectory, commanded.joints, commanded.velocity, measured)
        refusal = self._gate.refusal_of_move(motion)
        if refusal is not None:
            self._gate.refuse(refusal)
            return str(refusal)
        self._segments = list(self._executor.follow(trajectory, start_ns, move.width))
        self._total, self._start_ns = len(self._segments), start_ns
        return ''

    def stop(self, cause: str) -> None:
        """Bring the arm to rest at once."""
        if self._ended is None or self._stopped_by:
            return
        self._stopped_by = cause
        if not self._pace.interrupt():
            return
        if self._sent is None:
            self._end()  # it was still waiting for rest
        else:
            self._brake(self._sent)

    def abandon(self, cause: str) -> None:
        """End the move on its way without another command, because time does not go on."""
        if self._ended is not None:
            self._stopped_by = cause
            self._end()

    def _send_next(self) -> None:
        segment = self._segments.pop(0)
        self._sent = segment
        # The gripper may have failed or been moved meanwhile: a move commands it all the same.
        self._robot.send(segment, force=True)
        lead_ns = self._pace.lead_ns if self._segments else 0
        self._pace.wait_until(segment.handoff_ns - lead_ns, self._on_reached)

    def _on_reached(self) -> None:
        if self._stopped_by and self._sent is not None:
            self._brake(self._sent)
        elif self._segments:
            self._send_next()
        else:
            self._end()

    def _brake(self, sent: Segment) -> None:
        """Brake on the way that has been sent: from anywhere else the arm would jump."""
        now_ns = max(self._pace.now_ns(), self._start_ns)
        segment = self._executor.brake(min(now_ns, sent.handoff_ns))
        self._robot.send(segment, force=True)
        self._pace.wait_until(segment.handoff_ns, self._end)

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        self._segments = []
        assert ended is not None
        ended(MoveEnd(self._sent is not None, self._stopped_by))
