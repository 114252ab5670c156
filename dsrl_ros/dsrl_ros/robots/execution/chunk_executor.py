"""Turns chunks into segments for a controller, and keeps what is commanded.

It starts from what was commanded, never from what was measured, so that the same chunks give the
same commands, bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

from dsrl_ros.core.errors import DriverError, DsrlError, NonFiniteError, ShapeMismatchError
from dsrl_ros.core.types import Array, Float64
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.planner import ChunkPlan, ChunkPlanner, Commanded
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.motion.windows import braking, cut
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.rules import Motion, Refusal, Rule

_NO_RAMP = Ramp()


@dataclass(frozen=True)
class Segment:
    """What is sent at once: one window, and the gripper when it changes.

    Attributes:
        trajectory: ends at rest.
        start_ns: time of its first point [ns].
        handoff_ns: time at which the next segment takes over [ns].
        width: of the gripper from the start on [m]; None leaves it as it is.
        rows: rows of the chunk executed at the hand-off.
    """

    trajectory: JointTrajectory
    start_ns: int
    handoff_ns: int
    width: float | None
    rows: int


@dataclass(frozen=True)
class Execution:
    """An accepted chunk.

    Attributes:
        chunk: as it came.
        plan: what it means for the robot.
        start_ns: when its first row starts [ns].
        segments: what to send, in order.
    """

    chunk: Chunk
    plan: ChunkPlan
    start_ns: int
    segments: tuple[Segment, ...]

    def executed_by(self, time_ns: int) -> Array:
        """Return the actions of the rows that have ended by then, as carried out, (n, A)."""
        rows = max(
            (segment.rows for segment in self.segments if segment.handoff_ns <= time_ns), default=0
        )
        return self.plan.executed[:rows]

    def commanded_at(self, time_ns: int) -> Commanded:
        """Return what is commanded at a time, if all segments have been sent by then.

        The last segment may brake sooner than the plan would: what was sent is what is commanded.
        """
        last = self.segments[-1]
        commanded = self.plan.commanded_at(min(time_ns, last.handoff_ns) - self.start_ns)
        if time_ns <= last.handoff_ns:
            return commanded
        joints, velocity = last.trajectory.sample(time_ns - last.start_ns)
        return replace(commanded, joints=joints, velocity=velocity)


class ChunkExecutor:
    """Plans, gates and cuts chunks, one after the other.

    `engage` once, then `begin` a chunk and send its segments, each by its start. `brake` stops
    the arm at any moment.
    """

    def __init__(
        self,
        planner: ChunkPlanner,
        gate: CommandGate,
        window_ns: int,
        brake_ns: int,
        ramp: Ramp = _NO_RAMP,
    ) -> None:
        """Prepare.

        Args:
            planner: of the robot.
            gate: judges every chunk.
            window_ns: longest window, braking included [ns].
            brake_ns: time to brake to rest [ns].
            ramp: how slowly it starts after engagement, and after braking; chunks and moves each
                have one of their own.
        """
        self._planner = planner
        self._gate = gate
        self._window_ns = window_ns
        self._brake_ns = brake_ns
        self._ramp = ramp
        self._chunks_since_ns: int | None = None
        self._moves_since_ns: int | None = None
        self._rest: Commanded | None = None
        self._execution: Execution | None = None
        self._move: tuple[JointTrajectory, int] | None = None  # what leads to rest, and its start
        self._rests_ns = 0

    def engage(self, joints: Float64, width: float) -> None:
        """Start from an arm at rest that nothing is commanded to.

        Args:
            joints: [rad], (J,).
            width: of the gripper [m].
        """
        self._rest = self._planner.at_rest(joints, width)
        self._execution = self._move = None
        self._chunks_since_ns = self._moves_since_ns = None
        self._rests_ns = 0

    def rests_at(self) -> int:
        """Return when what is commanded comes to rest if nothing more is [ns]; 0 where it does."""
        if self._execution is not None:
            last = self._execution.segments[-1]
            return last.start_ns + last.trajectory.duration_ns
        return self._rests_ns

    def ramped(self, trajectory: JointTrajectory, start_ns: int) -> JointTrajectory:
        """Return a move as slow as it has to be, planned for full speed, if it starts then [ns].

        One that holds the arm still is left as it is, and does not use up the ramp.
        """
        elapsed_ns = _elapsed(self._moves_since_ns, start_ns)
        if elapsed_ns >= self._ramp.duration_ns or not trajectory.velocities.any():
            return trajectory
        return self._ramp.stretched(trajectory, elapsed_ns)[0]

    def follow(
        self, trajectory: JointTrajectory, start_ns: int, width: float | None
    ) -> tuple[Segment, ...]:
        """Make a move the one to follow; return what to send, in order.

        Args:
            trajectory: of the arm, from rest to rest.
            start_ns: time of its first point [ns].
            width: of the gripper from then on [m], sent with the first segment; None leaves it
                as it is.
        """
        rest_width = self.commanded_at(start_ns).width if width is None else width
        self._rest = self._planner.at_rest(trajectory.positions[-1], rest_width)
        self._execution, self._move = None, (trajectory, start_ns)
        self._rests_ns = start_ns + trajectory.duration_ns
        if self._moves_since_ns is None and trajectory.velocities.any():
            self._moves_since_ns = start_ns
        last = len(trajectory.times_ns) - 1
        return self._cut(trajectory, (0, last), start_ns, width)

    def begin(
        self, chunk: Chunk, start_ns: int, now_ns: int, measured: Callable[[], Float64]
    ) -> Execution | Refusal:
        """Judge a chunk and make it the one to follow, unless it is refused.

        Args:
            chunk: as it came.
            start_ns: when its first row is to start [ns].
            now_ns: time on the clock of the chunk's stamp [ns].
            measured: returns the joints measured last [rad], (J,); a `DsrlError` of it refuses.

        Raises:
            DriverError: not engaged.
        """
        result = self._judge(chunk, start_ns, now_ns, measured)
        if isinstance(result, Refusal):
            self._gate.refuse(result)
        else:
            self._gate.accept(chunk)
            self._execution, self._move = result, None
            if self._chunks_since_ns is None:
                self._chunks_since_ns = start_ns
        return result

    def brake(self, start_ns: int) -> Segment:
        """Give up the chunk; return the segment that brakes to rest from `start_ns` on.

        Raises:
            DriverError: not engaged.
        """
        commanded = self.commanded_at(start_ns)
        trajectory = braking(commanded.joints, commanded.velocity, self._brake_ns)
        self.engage(trajectory.positions[-1], commanded.width)
        self._rests_ns = start_ns + self._brake_ns
        return Segment(trajectory, start_ns, start_ns + self._brake_ns, None, 0)

    def commanded_at(self, time_ns: int) -> Commanded:
        """Return what is commanded at a time [ns].

        Raises:
            DriverError: not engaged.
        """
        if self._execution is not None:
            return self._execution.commanded_at(time_ns)
        if self._rest is None:
            raise DriverError('executor: got a chunk before engage, expected engage first.')
        if self._move is None:
            return self._rest
        trajectory, start_ns = self._move
        joints, velocity = trajectory.sample(max(time_ns - start_ns, 0))
        return replace(self._rest, joints=joints, velocity=velocity)

    def _judge(
        self, chunk: Chunk, start_ns: int, now_ns: int, measured: Callable[[], Float64]
    ) -> Execution | Refusal:
        start = self.commanded_at(start_ns)
        refusal = self._gate.refusal_of_chunk(chunk)
        if refusal is not None:
            return refusal
        try:
            elapsed_ns = _elapsed(self._chunks_since_ns, start_ns)
            rows = chunk.rows_to_execute()
            plan = self._ramp.plan(self._planner, rows, start, elapsed_ns)
        except DsrlError as error:
            return Refusal(_rule_of(error), str(error))
        try:
            motion = Motion(plan.trajectory, start.joints, start.velocity, measured())
        except DsrlError as error:
            return Refusal(Rule.JUMP, str(error))  # nobody knows where the arm is
        refusal = self._gate.refusal_of_motion(chunk, motion, now_ns)
        if refusal is not None:
            return refusal
        return Execution(chunk, plan, start_ns, self._segments(plan, start_ns))

    def _segments(self, plan: ChunkPlan, start_ns: int) -> tuple[Segment, ...]:
        """Cut the plan into segments; the gripper changes only where a segment starts."""
        widths = [plan.start.width, *(float(width) for width in plan.widths)]
        changes = [row for row in range(plan.num_steps) if widths[row] != widths[row + 1]]
        per_row = plan.points_per_step
        segments: list[Segment] = []
        for row, end in pairwise(sorted({0, *changes, plan.num_steps})):
            width: float | None = widths[row + 1] if row in changes else None
            points = row * per_row, end * per_row
            segments += self._cut(plan.trajectory, points, start_ns, width, per_row)
        return tuple(segments)

    def _cut(
        self,
        trajectory: JointTrajectory,
        points: tuple[int, int],
        start_ns: int,
        width: float | None,
        per_row: int = 0,
    ) -> tuple[Segment, ...]:
        """Cut a trajectory that starts then [ns], from one of its points to another.

        The first segment changes the gripper; a move has no rows, and so no points per row.
        """
        windows = cut(trajectory, *points, self._window_ns, self._brake_ns)
        return tuple(
            Segment(
                trajectory=window.trajectory,
                start_ns=start_ns + window.start_ns,
                handoff_ns=start_ns + window.handoff_ns,
                width=None if number else width,
                rows=window.last // per_row if per_row else 0,
            )
            for number, window in enumerate(windows)
        )


def _elapsed(since_ns: int | None, start_ns: int) -> int:
    """Return the time since the first motion [ns]; 0 where there was none."""
    return 0 if since_ns is None else max(start_ns - since_ns, 0)


def _rule_of(error: DsrlError) -> Rule:
    """Name the rule that a chunk breaks which cannot be planned."""
    if isinstance(error, NonFiniteError):
        return Rule.FINITE
    if isinstance(error, ShapeMismatchError):
        return Rule.SHAPES
    return Rule.POSITION  # out of the arm's reach
