"""The command gate: applies latch and rules, counts refusals, and latches after too many.

The rules themselves are in `robots.safety.rules`.
"""

from __future__ import annotations

from dsrl_ros.core.config.driver import GateConfig
from dsrl_ros.core.types import DecisionKey, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import ChunkRules, Motion, MotionRules, Refusal, Rule

# The stamp of a chunk may be this much in the future: clocks of two machines differ [s].
_MAX_LEAD_S = 0.05


class CommandGate:
    """Judges everything that would move the robot.

    Every chunk is judged once: by `refusal_of_chunk`, then, with its motion planned, by
    `refusal_of_motion`; then `refuse` or `accept` takes note.

    Attributes:
        counts: chunks that each rule has refused.
        tolerance_rad: largest distance of a joint from where it is commanded to be [rad].
    """

    def __init__(
        self,
        robot: RobotDescription,
        spec: PolicySpec,
        config: GateConfig,
        latch: Latch,
        brake_ns: int,
        robot_name: str,
    ) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            spec: of the policy whose chunks come.
            config: options.
            latch: closed by too many refusals in a row, among other things.
            brake_ns: time in which the robot brakes to rest whenever it is stopped [ns].
            robot_name: in the key of every chunk that is meant for this robot.
        """
        self._config = config
        self._latch = latch
        self._chunk_rules = ChunkRules(spec, robot_name)
        self._motion_rules = MotionRules(robot, brake_ns, config.jump_tolerance_rad)
        self.tolerance_rad = self._motion_rules.tolerance_rad
        self._last_key: DecisionKey | None = None
        self._consecutive = 0
        self.counts = dict.fromkeys(Rule, 0)

    def refusal_of_chunk(self, chunk: Chunk) -> Refusal | None:
        """Return the first rule before planning that `chunk` breaks, None if there is none."""
        return self._latch.refusal() or self._chunk_rules.first_broken(chunk)

    def refusal_of_motion(self, chunk: Chunk, motion: Motion, now_ns: int) -> Refusal | None:
        """Return the first rule after planning that is broken, None if the robot may move.

        Args:
            chunk: as it came.
            motion: what it would make the arm do.
            now_ns: time on the clock of the chunk's stamp [ns].
        """
        return (
            self._motion_rules.first_broken(motion)
            or self._in_order(chunk)
            or self._in_time(chunk, now_ns)
        )

    def refusal_of_move(self, motion: Motion) -> Refusal | None:
        """Return the first rule that a motion outside of an episode breaks, None if there is none.

        The workspace is that of chunks, and as much beyond it as the way begins and ends there: a
        home may lie above it.
        """
        return self._latch.refusal() or self._motion_rules.first_broken(motion, wider=True)

    def accept(self, chunk: Chunk) -> None:
        """Take note that `chunk` is being executed."""
        self._last_key = chunk.key
        self._consecutive = 0

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal; too many in a row latch."""
        self.counts[refusal.rule] += 1
        if self._latch.stopped_by is not None:
            self._consecutive = 0
            return
        self._consecutive += 1
        if self._consecutive >= self._config.latch_after:
            self._latch.latch(f'{self._consecutive} chunks in a row refused; {refusal}')

    def _in_order(self, chunk: Chunk) -> Refusal | None:
        last = self._last_key
        if last is None or chunk.key.run != last.run or chunk.key > last:
            return None
        return Refusal(Rule.ORDER, f'got decision {chunk.key} after {last}, expected a later one')

    def _in_time(self, chunk: Chunk, now_ns: int) -> Refusal | None:
        age_s = (now_ns - chunk.stamp_ns) * 1e-9
        if -_MAX_LEAD_S <= age_s <= self._config.max_age_s:
            return None
        return Refusal(
            Rule.AGE,
            f'got a chunk for an observation {age_s:.3f} s old, expected '
            f'{-_MAX_LEAD_S:g} to {self._config.max_age_s:g} s',
        )
