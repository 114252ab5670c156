"""Carries out one move after the other, as `robots.execution.runner` does chunks. Owns no clock.

A move begins and ends at rest and nothing takes over from it: it is done, or it is stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dsrl_ros.core.errors import DsrlError
from dsrl_ros.core.types import Float64
from dsrl_ros.robots.execution.executor import ChunkExecutor, Leg
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
    """Executes moves on something that takes legs.

    Args:
        robot: whose joints and gripper.
        executor: keeps what is commanded between moves and chunks; engaged before the first.
        gate: judges every move.
        pace: how time passes.
        send: hands a leg to the controllers.
    """

    def __init__(
        self,
        robot: RobotDescription,
        executor: ChunkExecutor,
        gate: CommandGate,
        pace: Pace,
        send: Callable[[Leg], None],
    ) -> None:
        self._robot = robot
        self._executor = executor
        self._gate = gate
        self._pace = pace
        self._send = send
        self._legs: list[Leg] = []
        self._sent: Leg | None = None
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
        return 0.0 if self._sent is None else 1.0 - len(self._legs) / self._total

    def begin(self, move: Move, measured: Callable[[], Float64], ended: Ended) -> None:
        """Carry out a move once the arm rests, unless it is refused then.

        Args:
            move: what to do.
            measured: returns the joints measured last [rad], (J,).
            ended: is told what became of it, once.
        """
        self._ended, self._stopped_by, self._sent = ended, '', None
        rests_ns = self._executor.rests_at() - self._pace.lead_ns
        if rests_ns > self._pace.now_ns():  # the braking of the last chunk is still being run out
            self._pace.wait_until(rests_ns, lambda: self._start(move, measured))
        else:
            self._start(move, measured)

    def _start(self, move: Move, measured: Callable[[], Float64]) -> None:
        cause = self._stopped_by
        try:
            cause = cause or self._judge(move, measured())
        except DsrlError as error:
            cause = str(error)
        if cause:
            self._stopped_by = cause
            self._end()
        else:
            self._send_next()

    def _judge(self, move: Move, measured: Float64) -> str:
        """Make the legs of a move; return why not, empty when made.

        Raises:
            DsrlError: it is no move of this robot, from here, or the executor is not engaged.
        """
        start_ns = self._pace.now_ns() + self._pace.lead_ns
        commanded = self._executor.commanded_at(start_ns)
        planned = joined(move, commanded.joints, self._robot, self._gate.tolerance_rad)
        trajectory = self._executor.ramped(planned, start_ns)
        motion = Motion(trajectory, commanded.joints, commanded.velocity, measured)
        refusal = self._gate.refusal_of_move(motion)
        if refusal is not None:
            self._gate.refuse(refusal)
            return str(refusal)
        self._legs = list(self._executor.follow(trajectory, start_ns, move.width))
        self._total, self._start_ns = len(self._legs), start_ns
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
        leg = self._legs.pop(0)
        self._sent = leg
        self._send(leg)
        lead_ns = self._pace.lead_ns if self._legs else 0
        self._pace.wait_until(leg.handoff_ns - lead_ns, self._on_reached)

    def _on_reached(self) -> None:
        if self._stopped_by and self._sent is not None:
            self._brake(self._sent)
        elif self._legs:
            self._send_next()
        else:
            self._end()

    def _brake(self, sent: Leg) -> None:
        """Brake on the way that has been sent: from anywhere else the arm would jump."""
        now_ns = max(self._pace.now_ns(), self._start_ns)
        leg = self._executor.brake(min(now_ns, sent.handoff_ns))
        self._send(leg)
        self._pace.wait_until(leg.handoff_ns, self._end)

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        self._legs = []
        assert ended is not None
        ended(MoveEnd(self._sent is not None, self._stopped_by))
