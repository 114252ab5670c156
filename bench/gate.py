"""What the command gate costs, and whether anything gets through it that should not."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from bench.rows import Row
from dsrl_ros.core.config import GateConfig
from dsrl_ros.core.types import ControlMode, DecisionKey, PolicySpec
from dsrl_ros.robots.chunk import Chunk
from dsrl_ros.robots.executor import ChunkExecutor, Execution
from dsrl_ros.robots.extremes import extremes
from dsrl_ros.robots.franka import FR3
from dsrl_ros.robots.gate import CommandGate
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.latch import Latch
from dsrl_ros.robots.planner import ChunkPlanner
from dsrl_ros.robots.rules import Motion
from dsrl_ros.robots.trajectory import Float64, JointTrajectory

_HOSTILE = 20_000
_COST_ROUNDS = 2_000
_STEP_NS, _WINDOW_NS, _BRAKE_NS = 100_000_000, 200_000_000, 100_000_000
_NOW_NS = 5_000_000_000
_NAMES = ('dx', 'dy', 'dz', 'gripper')


def _spec(horizon: int) -> PolicySpec:
    return PolicySpec(
        name='bench',
        state_names=('x',),
        action_names=_NAMES,
        horizon=horizon,
        num_execute=horizon,
        step_period_s=_STEP_NS * 1e-9,
        control_mode=ControlMode.EE_DELTA,
        noise_bound=6.0,
        action_low=(-0.04,) * 3 + (-1.0,),
        action_high=(0.04,) * 3 + (1.0,),
        state_mean=(0.0,),
        state_std=(1.0,),
        sampler='flow-euler',
        denoising_steps=8,
        sha256='0' * 64,
    )


def _gate(horizon: int, latch: Latch) -> CommandGate:
    config = GateConfig(latch_after=1000, clear_cooldown_s=0.0)
    return CommandGate(FR3, _spec(horizon), config, latch, _BRAKE_NS, 'bench')


def _chunk(horizon: int) -> Chunk:
    return Chunk(
        key=DecisionKey('bench', 'a' * 32, 0, 0),
        stamp_ns=_NOW_NS,
        control_mode=ControlMode.EE_DELTA,
        action_names=_NAMES,
        horizon=horizon,
        num_execute=horizon,
        step_period_s=_STEP_NS * 1e-9,
        data=np.zeros(horizon * len(_NAMES), dtype=np.float32),
    )


def _cost_ms(start: Float64) -> tuple[float, float]:
    """Return p50 and p99 of judging one chunk of 50 rows and its motion of 7 joints [ms]."""
    gate, chunk = _gate(50, Latch(0.0)), _chunk(50)
    phase = np.linspace(0.0, 6.0, 51)[:, None]
    trajectory = JointTrajectory(
        np.arange(51) * _STEP_NS,
        start + 0.02 * np.sin(phase),
        0.012 * np.cos(phase) * np.ones(len(start)),
    )
    motion = Motion(trajectory, trajectory.positions[0], trajectory.velocities[0], start)
    took = []
    for _ in range(_COST_ROUNDS):
        begin = time.perf_counter()
        gate.refusal_of_chunk(chunk)
        gate.refusal_of_motion(chunk, motion, _NOW_NS)
        took.append(time.perf_counter() - begin)
    p50, p99 = 1e3 * np.percentile(took, [50, 99])
    return float(p50), float(p99)


def _hostile(rng: np.random.Generator, number: int) -> Chunk:
    """Draw a chunk that may be wrong in any way: numbers, sizes, names, order, age."""
    chunk = replace(_chunk(4), key=DecisionKey('bench', 'a' * 32, 0, number))
    data = rng.normal(scale=10.0 ** rng.uniform(-3, 0.5), size=16).astype(np.float32)
    bad = rng.random()
    if bad < 0.1:
        data[rng.integers(16)] = rng.choice([np.nan, np.inf, -np.inf, 3e38])
    elif bad < 0.15:
        data = data[: rng.integers(16)]
    elif bad < 0.2:
        chunk = replace(chunk, action_names=tuple(rng.permutation(_NAMES)))
    elif bad < 0.25:
        chunk = replace(
            chunk, key=DecisionKey('bench', 'a' * 32, 0, int(rng.integers(number + 1)))
        )
    elif bad < 0.3:
        chunk = replace(chunk, stamp_ns=_NOW_NS - int(rng.integers(10**10)))
    elif bad < 0.35:
        chunk = replace(chunk, num_execute=int(rng.integers(-1, 8)))
    return replace(chunk, data=data)


def _violates(execution: Execution) -> bool:
    """Whether a window that would be sent breaks a limit of the robot, or does not end at rest."""
    for leg in execution.legs:
        trajectory = leg.trajectory
        reached = extremes(trajectory)
        within = (
            np.isfinite(trajectory.positions).all()
            and np.isfinite(trajectory.velocities).all()
            and (reached.low >= np.array(FR3.position_low) - 1e-6).all()
            and (reached.high <= np.array(FR3.position_high) + 1e-6).all()
            and (reached.speed <= np.array(FR3.velocity_limit) + 1e-6).all()
            and (reached.acceleration <= np.array(FR3.acceleration_limit) + 1e-6).all()
            and not trajectory.velocities[-1].any()
            and trajectory.duration_ns <= _WINDOW_NS
        )
        if not within:
            return True
    return False


def measure_gate() -> list[Row]:
    """Judge ordinary and hostile chunks."""
    kinematics = Kinematics(FR3)
    start = kinematics.solve_down(np.array([0.5, 0.0, 0.2]), np.array(FR3.home))
    p50, p99 = _cost_ms(start)
    rng = np.random.default_rng(0)
    latch = Latch(cooldown_s=0.0)
    gate = _gate(4, latch)
    planner = ChunkPlanner(FR3, kinematics, _STEP_NS)
    executor = ChunkExecutor(planner, gate, _WINDOW_NS, _BRAKE_NS)
    executor.engage(start, FR3.gripper_high)
    violations = accepted = 0
    commanded, now_ns = start, 0
    for number in range(_HOSTILE):
        result = executor.begin(_hostile(rng, number), now_ns, _NOW_NS, commanded)
        if isinstance(result, Execution):
            accepted += 1
            violations += _violates(result)
            now_ns = result.start_ns + result.plan.duration_ns
            commanded = result.plan.commanded_at(result.plan.duration_ns).joints
        else:
            latch.clear()
            commanded = executor.brake(now_ns).trajectory.positions[-1]
            now_ns += _BRAKE_NS
    note = f'{_HOSTILE} chunks, {accepted} let through'
    return [
        Row('gate, 50 x 7 chunk, p50', p50, 'ms'),
        Row('gate, 50 x 7 chunk, p99', p99, 'ms', 0.5, note=f'{_COST_ROUNDS} rounds'),
        Row('hostile chunks that break a limit', float(violations), '', 0.0, note=note),
    ]
