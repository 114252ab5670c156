"""A chunk is executed once however often it comes, and not before the robot is known then."""

from __future__ import annotations

import numpy as np

from dsrl_ros.core.types import ChunkOutcome, DecisionKey
from dsrl_ros.robots.execution.intake import ChunkIntake
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.motion.chunk import Chunk


def chunk(decision: int) -> Chunk:
    key = DecisionKey('arm', 'a' * 32, 0, decision)
    return Chunk(key, 0, 4, ('dx',), 1, 1, 0.1, np.zeros(1, dtype=np.float32))


class Desk:
    """An intake with everything around it."""

    def __init__(self) -> None:
        self.ready = True
        self.begun: list[Chunk] = []
        self.reported: list[ChunkEnd] = []
        self.intake = ChunkIntake(
            lambda _: self.ready, self.begun.append, self.reported.append, lambda: 7
        )

    def end(self, which: Chunk) -> None:
        executed = np.zeros((1, 1), dtype=np.float32)
        self.intake.ended(ChunkEnd(which, ChunkOutcome.DONE, 0, 1, executed, ''))


def test_a_chunk_that_comes_again_gets_its_end_again() -> None:
    desk, once = Desk(), chunk(0)
    desk.intake.receive(once)
    desk.intake.receive(once)
    desk.end(once)
    desk.intake.receive(once)
    assert desk.begun == [once]
    assert [end.chunk for end in desk.reported] == [once, once]


def test_a_chunk_waits_until_it_can_begin() -> None:
    desk = Desk()
    desk.ready = False
    desk.intake.receive(chunk(0))
    desk.intake.begin_if_ready()
    assert desk.intake.waiting
    assert not desk.begun
    desk.ready = True
    desk.intake.begin_if_ready()
    assert len(desk.begun) == 1
    assert not desk.intake.waiting


def test_a_waiting_chunk_that_is_superseded_is_reported_unexecuted() -> None:
    desk = Desk()
    desk.ready = False
    desk.intake.receive(chunk(0))
    desk.intake.receive(chunk(1))
    (end,) = desk.reported
    assert (end.outcome, end.executed.shape, end.end_ns) == (ChunkOutcome.PREEMPTED, (0, 1), 7)
    desk.intake.begin_anyway()
    assert [begun.key.decision for begun in desk.begun] == [1]


def test_old_ends_are_forgotten_and_memory_stays_bounded() -> None:
    desk = Desk()
    for k in range(100):
        desk.intake.receive(chunk(k))
        desk.end(desk.begun[-1])
    desk.intake.receive(chunk(0))  # so long ago that the gate will refuse it by its order
    desk.intake.receive(chunk(99))
    assert [begun.key.decision for begun in desk.begun[100:]] == [0]
    assert len(desk.intake._ends) <= 64
