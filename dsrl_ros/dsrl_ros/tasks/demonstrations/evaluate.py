"""How often a policy succeeds on given resets. Learns nothing and chooses nothing."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import numpy as np

from dsrl_ros.core.noise import expand, num_rows
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import Array, NoiseLayout, PolicySpec
from dsrl_ros.policies.base import FrozenPolicy, ask
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.task import Task

NoiseSource = Callable[[Array, np.random.Generator], Array]
"""From a state (O,) and a generator to the noise of one decision, (H, A) float32."""

# Noise and scene of an episode come from one seed, in streams of their own.
_NOISE_STREAM = 1


def prior(spec: PolicySpec, layout: NoiseLayout, scale: float) -> NoiseSource:
    """Return the source that draws the rows of `layout` from N(0, scale^2 I)."""
    shape = num_rows(layout, spec.horizon), spec.action_dim

    def draw(_: Array, rng: np.random.Generator) -> Array:
        rows = (scale * rng.standard_normal(shape)).astype(np.float32)
        return expand(rows, layout, spec.horizon)

    return draw


def run_episode(env: TaskEnv, policy: FrozenPolicy, noise: NoiseSource, seed: int) -> bool:
    """Run one episode and return whether it succeeded.

    Args:
        env: where.
        policy: what acts.
        noise: which noise it is handed.
        seed: of the reset, and of the noise in a stream of its own.
    """
    rng = np.random.default_rng((seed, _NOISE_STREAM))
    state, _ = env.reset(seed=seed)
    while True:
        images = [image[None] for image in env.film(policy.spec)]
        chunk = ask(policy, state[None], noise(state, rng)[None], images)[0]
        result = env.execute(chunk[: policy.spec.num_execute])
        if result.terminated or result.truncated:
            return result.terminated
        state = result.state


def evaluate(
    task: Task, policy: FrozenPolicy, noise: NoiseSource, seeds: Sequence[int], workers: int = 1
) -> SuccessRate:
    """Run one episode per seed.

    Args:
        task: what is to be done.
        policy: what acts.
        noise: which noise it is handed.
        seeds: of the resets.
        workers: processes to share the work; the result does not depend on it.

    Raises:
        EOFError: a worker has died.
    """
    # Forked, so that policy and noise source need not be sent: the workers have them.
    context = multiprocessing.get_context('fork')
    receivers = []
    for worker in range(workers):
        receiver, sender = context.Pipe(duplex=False)
        arguments = (task, policy, noise, seeds[worker::workers], sender)
        context.Process(target=_count, args=arguments, daemon=True).start()
        sender.close()  # the worker has its own end: when it dies, receiving ends too
        receivers.append(receiver)
    return SuccessRate(sum(receiver.recv() for receiver in receivers), len(seeds))


def _count(
    task: Task,
    policy: FrozenPolicy,
    noise: NoiseSource,
    seeds: Sequence[int],
    sender: Connection,
) -> None:
    env = TaskEnv(task)
    sender.send(sum(run_episode(env, policy, noise, seed) for seed in seeds))
