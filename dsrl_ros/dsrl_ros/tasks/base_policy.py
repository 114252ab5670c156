"""Make the policy that the demo ships: record demonstrations, train, measure, write the card.

Run as `python -m dsrl_ros.tasks.base_policy`, or `make base-policy`.
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from dsrl_ros.core.types import NoiseLayout, PolicySpec
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.flow import VelocityField
from dsrl_ros.policies.training import TrainingConfig, train
from dsrl_ros.tasks.demonstrator import record
from dsrl_ros.tasks.evaluate import evaluate, prior
from dsrl_ros.tasks.pick_place import PICK_PLACE
from dsrl_ros.tasks.task import Task

SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
LAYOUTS = (NoiseLayout.REPEATED, NoiseLayout.FULL)
FIRST_RESET = 2_000_000  # resets of the card, of which nothing was chosen or trained


def spec_of(task: Task, field: VelocityField, name: str) -> PolicySpec:
    """Return what a policy for a task takes and gives; its hash is still open."""
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


def success_table(
    task: Task, policy: FrozenPolicy, resets: int, workers: int
) -> list[dict[str, Any]]:
    """Measure the policy under N(0, c^2 I), each layout and scale on the same resets."""
    seeds = range(FIRST_RESET, FIRST_RESET + resets)
    rows = []
    for layout in LAYOUTS:
        for scale in SCALES:
            rate = evaluate(task, policy, prior(policy.spec, layout, scale), seeds, workers)
            print(f'{layout.name.lower()} noise, c = {scale:g}: {rate}', flush=True)
            low, high = rate.interval
            rows.append(
                {
                    'layout': layout.name.lower(),
                    'scale': scale,
                    'successes': rate.successes,
                    'resets': rate.trials,
                    'interval_95': [round(low, 4), round(high, 4)],
                }
            )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the policy; see `--help`."""
    parser = argparse.ArgumentParser(prog='python -m dsrl_ros.tasks.base_policy')
    defaults = TrainingConfig()
    parser.add_argument('--out', type=Path, required=True, help='weights, NAME.safetensors')
    parser.add_argument('--demonstrations', type=int, default=10)
    parser.add_argument('--demonstration-seed', type=int, default=0)
    parser.add_argument('--training-seed', type=int, default=defaults.seed)
    parser.add_argument('--steps', type=int, default=defaults.steps, help='gradient steps')
    parser.add_argument('--resets', type=int, default=500, help='resets per row of the card')
    parser.add_argument('--workers', type=int, default=2, help='processes that measure')
    options = parser.parse_args(arguments)

    task = PICK_PLACE
    config = TrainingConfig(steps=options.steps, seed=options.training_seed)
    given = record(options.demonstrations, options.demonstration_seed)
    field = train([(one.states, one.actions) for one in given], config)

    notes: dict[str, Any] = {
        'task': task.title,
        'script': 'python -m dsrl_ros.tasks.base_policy',
        'demonstrations': options.demonstrations,
        'demonstration_seed': options.demonstration_seed,
        'demonstration_steps': sum(len(one.actions) for one in given),
        'training': dataclasses.asdict(config),
        'versions': {name: version(name) for name in ('torch', 'mujoco', 'mink', 'numpy')},
    }
    io.save(field, spec_of(task, field, options.out.stem), options.out, notes)
    policy = io.load(options.out)
    print(f'{options.out}: sha256 {policy.spec.sha256}', flush=True)
    notes['success'] = success_table(task, policy, options.resets, options.workers)
    io.save(field, policy.spec, options.out, notes)


if __name__ == '__main__':
    main()
