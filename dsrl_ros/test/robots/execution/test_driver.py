"""A chunk is executed once however often it comes, and not before the robot is known then."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from arm_rig import MS, Arm

from dsrl_ros.core.types import ChunkOutcome


@pytest.fixture
def arm() -> Arm:
    return Arm()


def run_out(arm: Arm) -> None:
    arm.pace.run_to(arm.pace.now_ns() + 1000 * MS)


def test_a_chunk_that_comes_again_gets_its_end_again(arm: Arm) -> None:
    once = arm.chunk()
    arm.driver.receive(once)
    arm.driver.receive(once)
    run_out(arm)
    sent = len(arm.segments)
    arm.driver.receive(once)
    run_out(arm)
    assert len(arm.segments) == sent > 0
    assert [end.chunk for end in arm.ends] == [once, once]
    assert [end.outcome for end in arm.ends] == [ChunkOutcome.DONE, ChunkOutcome.DONE]


def test_a_chunk_waits_until_it_can_begin(arm: Arm) -> None:
    arm.known = False
    arm.driver.receive(arm.chunk())
    arm.driver.on_state(0)
    assert arm.driver.intake.waiting
    assert not arm.segments
    arm.known = True
    arm.driver.on_state(0)
    assert len(arm.segments) == 1
    assert not arm.driver.intake.waiting


def test_a_waiting_chunk_that_is_superseded_is_reported_unexecuted(arm: Arm) -> None:
    arm.known = False
    arm.driver.receive(arm.chunk(0))
    arm.driver.receive(arm.chunk(1))
    (end,) = arm.ends
    assert (end.outcome, end.executed.shape) == (ChunkOutcome.PREEMPTED, (0, 4))
    assert end.end_ns == arm.pace.now_ns()
    arm.driver.stop_waiting()
    run_out(arm)
    assert [end.chunk.key.decision for end in arm.ends] == [0, 1]
    assert arm.ends[-1].outcome is ChunkOutcome.DONE


def test_a_waiting_chunk_ends_when_the_driver_is_deactivated(arm: Arm) -> None:
    arm.known = False
    arm.driver.receive(arm.chunk(0))
    arm.driver.deactivate()
    arm.driver.receive(arm.chunk(1))
    assert [end.message for end in arm.ends] == [
        'the driver was deactivated',
        'the driver is not active',
    ]
    assert not arm.segments


def test_old_ends_are_forgotten_and_memory_stays_bounded(arm: Arm) -> None:
    """A chunk of an end that is forgotten is judged again; its order will refuse it."""
    bad = [replace(arm.chunk(k), data=np.zeros(0, dtype=np.float32)) for k in range(100)]

    def judged() -> int:
        assert arm.driver.gate is not None
        return sum(arm.driver.gate.counts.values())

    for chunk in bad:
        arm.driver.receive(chunk)
    assert judged() == 100
    for k in (99, 100 - 64):
        arm.driver.receive(bad[k])
        assert judged() == 100
    for k in (100 - 65, 0):
        arm.driver.receive(bad[k])
    assert judged() == 102
    assert len(arm.ends) == 104
