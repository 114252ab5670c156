"""What `dsrl train`, `eval` and `prior-check` share: environments by name, and the run's options.

A run's folder holds `train.yaml`, from which any of them builds the same environment, policy and
learner again.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from dsrl_ros.core.config.choices import TASK_NAMES
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.factories import is_factory, make, search_here
from dsrl_ros.core.options import check, from_mapping, option, options_of, parse, to_mapping
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.run.rollout import ChunkEnv
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy

OPTIONS = 'train.yaml'


@dataclass(frozen=True)
class RunOptions:
    """What a run needs beside the options of its learner."""

    env: str = option(
        TASK_NAMES[0],
        f'A task of the suite ({", ".join(TASK_NAMES)}), the id of a Gymnasium environment, or '
        'module:factory, a function without arguments that returns one.',
    )
    policy: str = option('', 'File of the policy, or module:factory.')
    seed: int = option(0, 'Seed of everything.', low=0, high=2**31)
    warmup: int = option(10, 'Episodes with prior noise before the first online one.', low=0)
    episodes: int = option(50, 'Online episodes.', low=0)
    eval: int = option(50, 'Fresh resets to evaluate on; 0 for none.', low=0)
    offline: str = option('', 'Transitions to start from, a .safetensors file.')
    checkpoint_every: int = option(
        10, 'Episodes from one checkpoint to the next; the last one is always kept.', low=1
    )
    max_steps: int = option(0, 'Steps after which an episode is cut; 0 leaves it alone.', low=0)
    end_on_success: bool = option(False, 'End an episode at its first success.')
    success_return: str = option(
        '', 'Return of an episode that counts as success, where the environment judges none.'
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.policy:
            raise ConfigError(
                'policy: got none, expected the path of a file (.safetensors, .pt, .ts, .pt2) or '
                'module:factory. '
                'Give --policy.'
            )


def add_arguments(
    parser: argparse.ArgumentParser, config: type[Any], names: Sequence[str] = ()
) -> None:
    """Add options of `config`, all or those named, to a command line.

    One that is not given stays out of what the parser returns.
    """
    fields = options_of(config)
    for name in names or fields:
        field = fields[name]
        kind: Any = type(field.default)
        flag: dict[str, Any] = {'type': kind}
        if kind is bool:
            flag = {'action': argparse.BooleanOptionalAction}
        shown = '' if field.default == '' else f' [{field.default}]'
        parser.add_argument(
            f'--{name.replace("_", "-")}',
            default=argparse.SUPPRESS,
            help=f'{field.metadata["description"]}{shown}'.replace('%', '%%'),
            **flag,
        )


def run_options(given: Mapping[str, Any]) -> RunOptions:
    """Return the options of a run; paths become absolute, so that it can be resumed anywhere.

    Raises:
        ConfigError: one is missing or out of range.
    """
    values = {name: given[name] for name in RunOptions.__dataclass_fields__ if name in given}
    for name in ('policy', 'offline'):
        if values.get(name) and not is_factory(values[name]):
            values[name] = str(Path(values[name]).expanduser().absolute())
    return from_mapping(RunOptions, values, 'command line')


def learner_config(pairs: Sequence[str], file: Path | None) -> LearnerConfig:
    """Return the options of the learner: those of the file, and over them name:=value.

    Raises:
        ConfigError: an unknown name, a value out of range, a file that cannot be read.
    """
    values: dict[str, Any] = _read_yaml(file) if file else {}
    for text in pairs:
        name, assign, value = text.partition(':=')
        if not assign:
            raise ConfigError(
                f'command line: got {text!r}, expected name:=value, an option of the learner. '
                '`dsrl train --list-options` lists them.'
            )
        values[name] = parse(LearnerConfig, name, value, 'command line')
    return from_mapping(LearnerConfig, values, str(file) if file else 'command line')


def check_together(options: RunOptions, config: LearnerConfig) -> None:
    """Raise unless each option of a new run has an effect beside the others.

    Raises:
        ConfigError: one has none.
    """
    for name in ('offline_steps', 'offline_share'):
        if (value := getattr(config, name)) > 0 and not options.offline:
            raise ConfigError(
                f'{name}: got {value} without offline data, expected 0. Give --offline, or leave '
                f'{name} out.'
            )
    collects = options.warmup + options.episodes > 0
    by_steps = config.algorithm not in ('constant', 'prior')
    if options.offline and by_steps and not collects and not config.offline_steps:
        raise ConfigError(
            'offline_steps: got 0 with offline data and no episodes, expected more than 0, or '
            'nothing is learned. Set offline_steps, or let --warmup or --episodes be more than 0.'
        )


def save_options(folder: Path, options: RunOptions, config: LearnerConfig) -> None:
    """Write every option of a run."""
    content = {'run': to_mapping(options), 'learner': to_mapping(config)}
    (folder / OPTIONS).write_text(yaml.safe_dump(content, sort_keys=False))


def load_options(folder: Path) -> tuple[RunOptions, LearnerConfig]:
    """Read every option of a run.

    Raises:
        ConfigError: no folder of a run, or one of another version of the suite.
    """
    path = folder / OPTIONS
    content = _read_yaml(path)
    return (
        from_mapping(RunOptions, content.get('run') or {}, f'{path}: run'),
        from_mapping(LearnerConfig, content.get('learner') or {}, f'{path}: learner'),
    )


def load_policy(options: RunOptions) -> FrozenPolicy:
    """Return the policy of a run."""
    return io.load(Path(options.policy))


def make_env(options: RunOptions, spec: PolicySpec, config: LearnerConfig) -> ChunkEnv:
    """Return the environment that `options` name, for a policy.

    Raises:
        ConfigError: there is none of that name, it cannot be made, or the policy cannot live in
            it; options that this environment has no use for.
    """
    if options.env in TASK_NAMES:
        from dsrl_ros.tasks.env import TaskEnv
        from dsrl_ros.tasks.scenes.registry import find_task
        from dsrl_ros.tasks.task import check_policy

        _refuse_wrapping(options)
        task = find_task(options.env)
        check_policy(task, spec)
        env = TaskEnv(task)
        env.camera_images(spec)  # fails now, not in the first episode, where a camera is missing
        return env
    made = _made(options.env)
    if hasattr(made, 'execute'):
        _refuse_wrapping(options)
        chunked: ChunkEnv = made
        return chunked
    from dsrl_ros.tasks.gym_env import GymChunkEnv

    return GymChunkEnv(
        made,
        spec,
        step_discount=config.discount if config.discount_unit == 'step' else 1.0,
        max_steps=options.max_steps or None,
        end_on_success=options.end_on_success,
        success_return=_number(options.success_return),
    )


def _refuse_wrapping(options: RunOptions) -> None:
    """Raise if an option is given that only an environment stepped by actions takes.

    Raises:
        ConfigError: one is.
    """
    given = [
        f'--{name.replace("_", "-")}'
        for name in ('max_steps', 'end_on_success', 'success_return')
        if getattr(options, name)
    ]
    if given:
        raise ConfigError(
            f'{", ".join(given)}: got it with env {options.env}, which executes chunks and ends '
            'and judges its episodes itself, expected none. Leave it out.'
        )


def _made(name: str) -> Any:
    """Return the environment of a factory, or the registered one."""
    if is_factory(name):
        return make('env', name)
    import gymnasium

    search_here()  # a module of the user's lies where the command is called
    try:
        return gymnasium.make(name)
    except (ImportError, AttributeError, TypeError, gymnasium.error.Error) as error:
        raise ConfigError(
            f'env: got {name!r}: {error}; expected {" or ".join(TASK_NAMES)}, the id of a '
            'registered environment (one of a package as package:Name-v0), or module:factory, a '
            'function without arguments in a module that Python finds from here.'
        ) from error


def _number(text: str) -> float | None:
    """Return the number in a text; None for an empty one.

    Raises:
        ConfigError: it is none.
    """
    try:
        return float(text) if text else None
    except ValueError:
        raise ConfigError(f'success_return: got {text!r}, expected a number.') from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise ConfigError(f'{path}: {error}, expected readable YAML.') from error
    if not isinstance(content, dict):
        raise ConfigError(f'{path}: got {type(content).__name__}, expected name: value lines.')
    return content
