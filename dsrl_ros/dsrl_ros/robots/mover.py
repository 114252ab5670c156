"""Carries out one move after the other, as `robots.runner` does chunks. Owns no clock.

A move begins and ends at rest and nothing takes over from it: it is done, or it is stopped.
"""

from __future__ import annotations

from collections.abc import Callable

from dsrl_ros.core.errors import DsrlError
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.executor import ChunkExecutor, Leg
from dsrl_ros.robots.gate import CommandGate
from dsrl_ros.robots.moves import Move, joined, legs_of
from dsrl_ros.robots.rules import Motion
from dsrl_ros.robots.runner import Pace
from dsrl_ros.robots.trajectory import Float64

Ended = Callable[[str], None]
"""Is told why a move ended before its end; nothing when it did not."""


class Mover:
    """Executes moves on something that takes legs.

    Args:
        robot: whose joints and gripper.
        executor: keeps what is commanded between moves and chunks; engaged before the first.
        gate: judges every move.
        pace: how time passes.
        send: hands a leg to the controllers.
        window_ns: longest window, braking included [ns].
        brake_ns: time to brake to rest [ns].
    """

    def __init__(
        self,
        robot: RobotDescription,
        executor: ChunkExecutor,
        gate: CommandGate,
        pace: Pace,
        send: Callable[[Leg], None],
        window_ns: int,
        brake_ns: int,
    ) -> None:
        self._robot = robot
        self._executor = executor
        self._gate = gate
        self._pace = pace
        self._send = send
        self._window_ns = window_ns
        self._brake_ns = brake_ns
        self._legs: list[Leg] = []
        self._ended: Ended | None = None
        self._sent: Leg | None = None  # last, of the move on its way
        self._stopped_by = ''
        self._total = 1

    @property
    def busy(self) -> bool:
        """Whether a move is on its way."""
        return self._ended is not None

    @property
    def progress(self) -> float:
        """How much of the move on its way is done, 0 to 1."""
        return 1.0 - len(self._legs) / self._total

    def begin(self, move: Move, measured: Float64, ended: Ended) -> str:
        """Judge a move and carry it out, as soon as the arm rests, unless it is refused.

        Args:
            move: what to do.
            measured: joints measured last [rad], (J,).
            ended: is told how it ended, once.

        Returns:
            Why it is refused; empty when it has begun.

        Raises:
            DriverError: the executor is not engaged.
        """
        soonest_ns = self._pace.now_ns() + self._pace.lead_ns
        start_ns = self._executor.rests_from(soonest_ns)
        commanded = self._executor.commanded_at(start_ns)
        try:
            trajectory = joined(move, commanded.joints, self._robot)
        except DsrlError as error:
            return str(error)
        motion = Motion(trajectory, commanded.joints, commanded.velocity, measured)
        refusal = self._gate.refusal_of_move(motion)
        if refusal is not None:
            self._gate.refuse(refusal)
            return str(refusal)
        width = commanded.width if move.width is None else move.width
        self._executor.follow(trajectory, start_ns, width)
        self._legs = list(legs_of(trajectory, move, start_ns, self._window_ns, self._brake_ns))
        self._total, self._start_ns = len(self._legs), start_ns
        self._ended, self._stopped_by = ended, ''
        self._sent = None
        if start_ns > soonest_ns:
            self._pace.wait_until(start_ns - self._pace.lead_ns, self._on_reached)
        else:
            self._send_next()
        return ''

    def stop(self, cause: str) -> None:
        """Bring the arm to rest at once."""
        if self._ended is None or self._stopped_by:
            return
        self._stopped_by = cause
        if self._pace.interrupt():
            self._brake()

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
        if self._stopped_by:
            self._brake()
        elif self._legs:
            self._send_next()
        else:
            self._end()

    def _brake(self) -> None:
        """Brake on the way that has been sent: from anywhere else the arm would jump."""
        if self._sent is None:
            self._end()  # it comes to rest by itself
            return
        now_ns = max(self._pace.now_ns(), self._start_ns)
        leg = self._executor.brake(min(now_ns, self._sent.handoff_ns))
        self._send(leg)
        self._pace.wait_until(leg.handoff_ns, self._end)

    def _end(self) -> None:
        ended, self._ended = self._ended, None
        self._legs = []
        assert ended is not None
        ended(self._stopped_by)
