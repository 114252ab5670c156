"""Whatever chunks and events come, what goes out keeps every limit; and the audit would notice."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.gate import Tally, judge_hostile, rows_of
from bench.hostile.audit import SegmentAudit
from bench.hostile.chunks import HostileChunks
from bench.hostile.session import Session
from bench.hostile.setups import BRAKE_NS, JOINT_SETUPS, SLOW, TOOL_SETUPS, Setup
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.motion.trajectory import JointTrajectory
from dsrl_ros.robots.safety.rules import Rule

MS = 1_000_000
RUN = 'a' * 32


def suffer(setup: Setup, rng: Random, chunks: int) -> None:
    session = Session(setup, rng, RUN)
    for _ in range(chunks):
        session.chunk()
    session.finish()
    assert not session.wrongs


@pytest.mark.parametrize('setup', JOINT_SETUPS, ids=lambda setup: setup.name)
@settings(max_examples=150)
@given(rng=st.randoms(use_true_random=False), chunks=st.integers(1, 6))
def test_what_goes_out_of_joint_chunks_keeps_every_limit(
    setup: Setup, rng: Random, chunks: int
) -> None:
    suffer(setup, rng, chunks)


@pytest.mark.parametrize('setup', TOOL_SETUPS, ids=lambda setup: setup.name)
@settings(max_examples=80)
@given(rng=st.randoms(use_true_random=False), chunks=st.integers(1, 6))
def test_what_goes_out_of_tool_chunks_keeps_every_limit(
    setup: Setup, rng: Random, chunks: int
) -> None:
    suffer(setup, rng, chunks)


def test_hostile_chunks_meet_every_rule_and_some_pass() -> None:
    """Were all of them refused, or for one reason, the properties above would say little."""
    tally = Tally()
    for setup in (*JOINT_SETUPS, *TOOL_SETUPS):
        before = tally.accepted
        judge_hostile(setup, range(2), tally)
        assert tally.accepted - before > 20, setup.name
    assert not [rule for rule in Rule if not tally.refused[rule]]
    assert all(row.held for row in rows_of(tally))


def test_a_seed_repeats_its_chunks() -> None:
    one, two = (HostileChunks(TOOL_SETUPS[0], Random(5), RUN) for _ in range(2))
    rest = one.start()
    np.testing.assert_array_equal(two.start(), rest)
    for _ in range(20):
        first, second = one.next(rest, 0), two.next(rest, 0)
        assert first.key == second.key
        np.testing.assert_array_equal(first.data, second.data)


START = HostileChunks(JOINT_SETUPS[1], Random(4), RUN).start()


def segment(positions: list[float], velocities: list[float], joint: int = 6) -> Segment:
    """Return a segment that moves one joint from the start, with points 0.1 s apart."""
    where = np.tile(START, (len(positions), 1))
    where[:, joint] += positions
    speed = np.zeros_like(where)
    speed[:, joint] = velocities
    times = np.arange(len(positions)) * 100 * MS
    return Segment(JointTrajectory(times, where, speed), 0, 100 * MS, None, 1)


FINE = segment([0.0, 0.0125, 0.025], [0.0, 0.25, 0.0])


def wrongs(sent: Segment, **limits: object) -> set[str]:
    audit = SegmentAudit(replace(SLOW, **limits), BRAKE_NS)  # type: ignore[arg-type]
    audit.engage(START)
    return set(audit.wrongs(sent))


def around(joint: int, low: float, high: float) -> dict[str, object]:
    """Return position limits of one joint about where it starts."""
    lows, highs = list(SLOW.position_low), list(SLOW.position_high)
    home = list(SLOW.home)
    lows[joint], highs[joint] = START[joint] + low, START[joint] + high
    home[joint] = START[joint] + (low + high) / 2
    return {'position_low': tuple(lows), 'position_high': tuple(highs), 'home': tuple(home)}


@pytest.mark.parametrize(
    ('found', 'sent', 'limits'),
    [
        (set(), FINE, {}),
        ({'position'}, FINE, around(6, -0.1, 0.02499)),
        ({'position'}, segment([0.0, 0.0], [0.05, 0.0]), around(6, -0.1, 0.0005)),
        ({'velocity'}, FINE, {'velocity_limit': (0.2499,) * 7}),
        ({'acceleration', 'braking'}, FINE, {'acceleration_limit': (2.499,) * 7}),
        ({'workspace'}, segment([0.0, 0.0, 0.0], [0.0] * 3), {'workspace_low': (0.9, -0.35, 0.0)}),
        ({'jump'}, segment([1e-5, 1e-5], [0.0, 0.0]), {}),
        ({'no rest', 'jump'}, segment([0.0, 0.0], [1e-5, 1e-5]), {}),
        ({'long'}, segment([0.0] * 4, [0.0] * 4), {}),
        ({'hand-off'}, replace(FINE, handoff_ns=0), {}),
        ({'hand-off'}, replace(FINE, handoff_ns=201 * MS), {}),
        ({'width'}, replace(FINE, width=0.1), {}),
    ],
)
def test_the_audit_finds_what_is_wrong_with_a_segment(
    found: set[str], sent: Segment, limits: dict[str, object]
) -> None:
    if 'workspace_low' in limits:
        limits = {**limits, 'workspace_high': (1.0, 0.35, 0.4)}
    got = wrongs(sent, **limits)
    assert found <= got
    assert found or not got
