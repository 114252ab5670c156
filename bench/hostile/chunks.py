"""Chunks that mean harm: malformed, out of turn, or of motions that no arm should make.

Drawn from a `random.Random`, so that a seed repeats them and Hypothesis can shrink them.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np

from bench.hostile.motions import rows_of, starts
from bench.hostile.setups import ROBOT_NAME, ROWS, Setup
from dsrl_ros.core.types import DecisionKey, Float64
from dsrl_ros.robots.motion.chunk import Chunk


class HostileChunks:
    """Draws the chunks of one session, and where its arm starts."""

    def __init__(self, setup: Setup, rng: Random, run: str) -> None:
        """Prepare.

        Args:
            setup: what they are made for.
            rng: where everything is drawn from.
            run: of the decision keys.
        """
        self._setup = setup
        self._rng = rng
        self._spec = setup.spec()
        self._key = DecisionKey(ROBOT_NAME, run, 0, 0)
        self._last: Chunk | None = None

    def start(self) -> Float64:
        """Return joints to engage from [rad], (J,), some at a limit, some beyond."""
        rng, robot = self._rng, self._setup.robot
        joints = rng.choice(starts()).copy()
        if rng.random() < 0.3:  # turns about the tool's axis, so that the tool stays
            gap = 10.0 ** rng.uniform(-4, -0.5)
            joints[6] = rng.choice([robot.position_low[6] + gap, robot.position_high[6] - gap])
        return joints

    def next(self, rest: Float64, now_ns: int) -> Chunk:
        """Return the next chunk.

        Args:
            rest: joints in which the arm rests if nothing more comes [rad], (J,).
            now_ns: time of the robot [ns].
        """
        rng, setup, spec = self._rng, self._setup, self._spec
        kind = rng.choices(('calm', 'edge', 'wild', 'spoilt', 'again'), (35, 25, 10, 27, 3))[0]
        if kind == 'again' and self._last is not None:
            return self._last
        extent = {
            'edge': 1.0 + rng.choice((-1, 1)) * 10.0 ** rng.uniform(-7, -1),
            'wild': 10.0 ** rng.uniform(0, 5),
        }.get(kind, rng.uniform(0.0, 0.9))
        drawn = np.random.default_rng(rng.getrandbits(32))
        rows = rows_of(setup, drawn, rest, extent)
        if setup.gripper:
            rows = np.hstack([rows, drawn.uniform(-1, 1, (ROWS, 1)).round(1)])
        self._key = self._key.next().next()  # every second one is never sent, until it is too late
        chunk = Chunk(
            key=self._key,
            stamp_ns=now_ns,
            control_mode=spec.control_mode,
            action_names=spec.action_names,
            horizon=ROWS,
            num_execute=rng.randint(1, ROWS),
            step_period_s=spec.step_period_s,
            data=rows.astype(np.float32).reshape(-1),
        )
        if kind == 'spoilt':
            chunk = self._spoilt(chunk)
        self._last = chunk
        return chunk

    def _spoilt(self, chunk: Chunk) -> Chunk:
        """Return a chunk with one thing wrong with it."""
        rng, key, data = self._rng, chunk.key, chunk.data.copy()
        match rng.randrange(14):
            case 0 | 1:
                data[rng.randrange(len(data))] = rng.choice([np.nan, np.inf, -np.inf])
                return replace(chunk, data=data)
            case 2:
                data[rng.randrange(len(data))] = rng.choice([3e38, -3e38, 1e20, -1e6])
                return replace(chunk, data=data)
            case 3:
                return replace(chunk, data=data[: rng.randrange(len(data))])
            case 4:
                return replace(chunk, data=np.zeros(len(data) + rng.randint(1, 9), np.float32))
            case 5:
                names = list(chunk.action_names)
                rng.shuffle(names)
                return replace(chunk, action_names=tuple(names[: rng.randint(0, len(names))]))
            case 6:
                return replace(chunk, control_mode=rng.randint(-1, 9))
            case 7:
                return replace(chunk, key=replace(key, robot='another'))
            case 8:
                return replace(chunk, key=replace(key, decision=rng.randint(0, key.decision)))
            case 9:
                return replace(chunk, key=replace(key, run='f' * 32))
            case 10:
                return replace(chunk, horizon=rng.randint(-1, 9))
            case 11:
                return replace(chunk, num_execute=rng.choice([-(2**31), -1, 0, ROWS + 1, 2**31]))
            case 12:
                return replace(chunk, step_period_s=rng.choice([0.0, -0.1, 1e-9, np.nan, np.inf]))
            case _:  # late, or from the future
                off_ns = round(rng.choice([-1, 1]) * 10.0 ** rng.uniform(6, 18))
                return replace(chunk, stamp_ns=chunk.stamp_ns + off_ns)
