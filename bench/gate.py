"""What the command gate costs, and whether anything gets through it that should not."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random

import numpy as np

from bench.hostile.session import Session
from bench.hostile.setups import BRAKE_NS, JOINT_SETUPS, KINEMATICS, ROBOT_NAME, TOOL_SETUPS, Setup
from bench.rows import Row
from dsrl_ros.core.config.driver import GateConfig
from dsrl_ros.core.types import ControlMode, DecisionKey
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.planner import ChunkPlanner
from dsrl_ros.robots.safety.gate import CommandGate
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Motion, Rule

_COST_ROUNDS = 2_000
_COST_ROWS = 50
_CHUNKS = 100  # of a session
# Inverse kinematics make the tool's modes several times slower: most sessions are the joints'.
_JOINT_SESSIONS, _TOOL_SESSIONS = 220, 40


@dataclass
class Tally:
    """What came of hostile chunks.

    Attributes:
        chunks: how many there were.
        accepted: how many were begun.
        refused: how many each rule refused.
        wrongs: what was wrong with what went out, and how often.
    """

    chunks: int = 0
    accepted: int = 0
    refused: Counter[Rule] = field(default_factory=Counter)
    wrongs: Counter[str] = field(default_factory=Counter)


def judge_hostile(setup: Setup, seeds: Iterable[int], tally: Tally) -> None:
    """Run a session for each seed and add what came of it."""
    for seed in seeds:
        session = Session(setup, Random(f'{setup.name} {seed}'), 'a' * 32)
        for _ in range(_CHUNKS):
            session.chunk()
        session.finish()
        tally.chunks += _CHUNKS
        tally.accepted += session.accepted
        tally.refused.update(session.refused)
        tally.wrongs.update(session.wrongs)


def _cost_ms() -> tuple[float, float]:
    """Return p50 and p99 of judging one chunk of 50 rows of 7 joints and its motion [ms]."""
    setup = Setup('cost', ControlMode.JOINT_POSITION, gripper=False)
    spec = replace(setup.spec(), horizon=_COST_ROWS, num_execute=_COST_ROWS)
    gate = CommandGate(FR3, spec, GateConfig(), Latch(0.0), BRAKE_NS, ROBOT_NAME)
    start = KINEMATICS.solve_down(np.array([0.5, 0.0, 0.2]), np.array(FR3.home))
    rows = start + 0.02 * np.sin(np.linspace(0.0, 6.0, _COST_ROWS))[:, None]
    chunk = Chunk(
        key=DecisionKey(ROBOT_NAME, 'a' * 32, 0, 0),
        stamp_ns=0,
        control_mode=spec.control_mode,
        action_names=spec.action_names,
        horizon=_COST_ROWS,
        num_execute=_COST_ROWS,
        step_period_s=spec.step_period_s,
        data=rows.astype(np.float32).reshape(-1),
    )
    planner = ChunkPlanner(FR3, KINEMATICS, setup.step_ns, spec.control_mode, spec.action_names)
    plan = planner.plan(chunk.rows_to_execute(), planner.at_rest(start, FR3.gripper_high))
    took = []
    for _ in range(_COST_ROUNDS):
        motion = Motion(replace(plan.trajectory), start, np.zeros_like(start), start)
        begin = time.thread_time()
        refusal = gate.refusal_of_chunk(chunk) or gate.refusal_of_motion(chunk, motion, 0)
        took.append(time.thread_time() - begin)
        assert refusal is None, refusal
    p50, p99 = 1e3 * np.percentile(took, [50, 99])
    return float(p50), float(p99)


def measure_gate() -> list[Row]:
    """Judge ordinary and hostile chunks."""
    p50, p99 = _cost_ms()
    tally = Tally()
    for setups, sessions in ((JOINT_SETUPS, _JOINT_SESSIONS), (TOOL_SETUPS, _TOOL_SESSIONS)):
        for setup in setups:
            judge_hostile(setup, range(sessions), tally)
    return [
        Row('gate, 50 x 7 chunk, p50', p50, 'ms'),
        Row(
            'gate, 50 x 7 chunk, p99',
            p99,
            'ms',
            0.5,
            note=f'{_COST_ROUNDS} rounds, time on the processor',
        ),
        *rows_of(tally),
    ]


def rows_of(tally: Tally) -> list[Row]:
    """Return what came of hostile chunks as lines of the table."""
    broken = ', '.join(f'{name} {count}' for name, count in tally.wrongs.items())
    counts = ', '.join(f'{rule.value} {tally.refused[rule]}' for rule in Rule)
    never = [rule for rule in Rule if not tally.refused[rule]]
    return [
        Row(
            f'limits that {tally.chunks} hostile chunks broke',
            float(tally.wrongs.total()),
            '',
            0.0,
            note=f'{tally.accepted} let through; {broken or "nothing broken"}',
        ),
        Row('rules that refused none of them', float(len(never)), '', 0.0, note=counts),
    ]
