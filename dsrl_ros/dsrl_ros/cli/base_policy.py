"""Makes a shipped policy: records demonstrations, trains, measures, writes the card.

Run as `python -m dsrl_ros.cli.base_policy RECIPE`, or `make base-policy`.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
from collections.abc import Sequence
from importlib.metadata import version
from itertools import product
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from dsrl_ros.core.noise import num_rows
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import NoiseLayout, PolicySpec
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import rollout
from dsrl_ros.learning.steering.choosers import NoiseChooser, PriorChooser
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.flow import VelocityField
from dsrl_ros.policies.training import TrainingConfig, train
from dsrl_ros.tasks.demonstrations.demonstrator import Demonstrator, record
from dsrl_ros.tasks.demonstrations.pick_place import PICK_PLACE_DEMONSTRATOR
from dsrl_ros.tasks.demonstrations.widowx import WIDOWX_DEMONSTRATORS
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.task import Task

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
LAYOUTS = (NoiseLayout.REPEATED, NoiseLayout.FULL)
FIRST_RESET = 2_000_000  # of the card; no choice and no training used these resets


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a policy is made.

    Attributes:
        demonstrators: of the tasks that the policy can do; they share states and actions.
        demonstrations: of each of them.
        training: its options.
        resets: per row of the card at c = 1, the policy's base success.
        other_resets: per row of every other scale.
    """

    demonstrators: tuple[Demonstrator, ...]
    demonstrations: int
    training: TrainingConfig
    resets: int
    other_resets: int

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The tasks that the policy can do."""
        return tuple(one.task for one in self.demonstrators)


RECIPES = {
    'franka_pick_place': Recipe((PICK_PLACE_DEMONSTRATOR,), 10, TrainingConfig(), 500, 500),
    'widowx_multitask': Recipe(
        WIDOWX_DEMONSTRATORS, 10, TrainingConfig(horizon=4, steps=900), 300, 100
    ),
}


def spec_of(task: Task, field: VelocityField, name: str) -> PolicySpec:
    """Return the spec of a policy for a task, without its hash."""
    return PolicySpec(
        name=name,
        state_names=task.state_names,
        action_names=task.action_names,
        horizon=field.shape.horizon,
        num_execute=field.shape.horizon,
        step_period_s=task.step_period_ns * 1e-9,
        control_mode=task.control_mode,
        noise_bound=6.0,
        action_low=task.action_low,
        action_high=task.action_high,
        state_mean=tuple(field.state_mean.tolist()),
        state_std=tuple(field.state_std.tolist()),
        sampler='flow-euler',
        denoising_steps=8,
        sha256='0' * 64,
    )


def evaluate(
    task: Task, policy: FrozenPolicy, chooser: NoiseChooser, seeds: Sequence[int], workers: int = 1
) -> SuccessRate:
    """Run one episode per seed.

    Args:
        task: what is to be done.
        policy: what acts.
        chooser: of its noise.
        seeds: of the resets; part of the key of the noise too.
        workers: processes to share the work; the result does not depend on it.

    Raises:
        EOFError: a worker has died.
    """
    # Forked, so that policy and chooser need not be sent: the workers have them.
    context = multiprocessing.get_context('fork')
    receivers = []
    for worker in range(workers):
        receiver, sender = context.Pipe(duplex=False)
        arguments = (task, policy, chooser, seeds[worker::workers], sender)
        context.Process(target=_count, args=arguments, daemon=True).start()
        sender.close()  # the worker has its own end: when it dies, receiving ends too
        receivers.append(receiver)
    return SuccessRate(sum(receiver.recv() for receiver in receivers), len(seeds))


def _count(
    task: Task,
    policy: FrozenPolicy,
    chooser: NoiseChooser,
    seeds: Sequence[int],
    sender: Connection,
) -> None:
    env, config = TaskEnv(task), LearnerConfig()
    ends = (rollout(env, policy, chooser, config, seed, seed)[-1] for seed in seeds)
    sender.send(sum(end.success for end in ends))


def success_table(
    tasks: Sequence[Task], policy: FrozenPolicy, resets: int, other_resets: int, workers: int
) -> list[dict[str, Any]]:
    """Measure the policy under N(0, c^2 I), each layout and scale from the same reset on.

    Args:
        tasks: that the policy can do.
        policy: to measure.
        resets: at c = 1.
        other_resets: at every other scale.
        workers: processes to share the work.
    """
    rows = []
    for task, layout, scale in product(tasks, LAYOUTS, SCALES):
        count = resets if scale == 1.0 else other_resets
        shape = num_rows(layout, policy.spec.horizon), policy.spec.action_dim
        prior = PriorChooser(0, layout, shape, scale)
        seeds = range(FIRST_RESET, FIRST_RESET + count)
        rate = evaluate(task, policy, prior, seeds, workers)
        print(f'{task.name}, {layout.name.lower()} noise, c = {scale:g}: {rate}', flush=True)
        low, high = rate.interval
        rows.append(
            {
                'task': task.name,
                'layout': layout.name.lower(),
                'scale': scale,
                'successes': rate.successes,
                'resets': rate.trials,
                'interval_95': [round(low, 4), round(high, 4)],
            }
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Make a policy; see `--help`."""
    parser = argparse.ArgumentParser(prog='python -m dsrl_ros.cli.base_policy')
    parser.add_argument('recipe', choices=RECIPES, help='which policy')
    parser.add_argument('--out', type=Path, required=True, help='weights, NAME.safetensors')
    parser.add_argument('--demonstrations', type=int, help="of each task; default: the recipe's")
    parser.add_argument('--demonstration-seed', type=int, default=0)
    parser.add_argument('--training-seed', type=int, default=0)
    parser.add_argument('--steps', type=int, help="gradient steps; default: the recipe's")
    parser.add_argument('--resets', type=int, help="per row of the card; default: the recipe's")
    parser.add_argument('--workers', type=int, default=2, help='processes that measure')
    options = parser.parse_args(arguments)

    recipe = RECIPES[options.recipe]
    config = dataclasses.replace(
        recipe.training,
        seed=options.training_seed,
        steps=options.steps or recipe.training.steps,
    )
    count = options.demonstrations or recipe.demonstrations
    given = [
        demonstration
        for demonstrator in recipe.demonstrators
        for demonstration in record(demonstrator, count, options.demonstration_seed)
    ]
    field = train([(one.states, one.actions) for one in given], config)

    notes: dict[str, Any] = {
        'task': '; '.join(task.title for task in recipe.tasks),
        'script': f'python -m dsrl_ros.cli.base_policy {options.recipe}',
        'demonstrations': count,
        'demonstration_seed': options.demonstration_seed,
        'demonstration_steps': sum(len(one.actions) for one in given),
        'training': dataclasses.asdict(config),
        'versions': {name: version(name) for name in ('torch', 'mujoco', 'mink', 'numpy')},
    }
    io.save(field, spec_of(recipe.tasks[0], field, options.out.stem), options.out, notes)
    policy = io.load(options.out)
    print(f'{options.out}: sha256 {policy.spec.sha256}', flush=True)
    resets, others = options.resets or recipe.resets, options.resets or recipe.other_resets
    notes['success'] = success_table(recipe.tasks, policy, resets, others, options.workers)
    io.save(field, policy.spec, options.out, notes)


if __name__ == '__main__':
    main()
