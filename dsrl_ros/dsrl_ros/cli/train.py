"""`dsrl train`: learn to steer a frozen policy in an environment, without ROS.

Measures the base policy first, in the noise layout chosen and in the full one; learns; then
measures steered, base and scaled prior on the same fresh resets. Ctrl-C stops after an episode and
keeps everything; a second one stops at once and goes back to the last checkpoint.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from dsrl_ros.cli import run_options
from dsrl_ros.console.panel import outcome_table
from dsrl_ros.console.progress import Bars
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import described
from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.core.types import PolicySpec, Transition
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.data.dataset import load_transitions
from dsrl_ros.learning.run.checkpoint import CheckpointStore
from dsrl_ros.learning.run.folder import make_run_folder
from dsrl_ros.learning.run.progress import RunProgress
from dsrl_ros.learning.run.training_run import TrainingRun
from dsrl_ros.learning.steering.plan import RunPlan

_NAMES = tuple(run_options.RunOptions.__dataclass_fields__)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        DsrlError: an option, the policy, the environment or the folder is wrong.
        KeyboardInterrupt: Ctrl-C; what was learned up to the last checkpoint is on the disk.
    """
    parser = argparse.ArgumentParser(prog='dsrl train', description=__doc__)
    parser.add_argument('learner', nargs='*', metavar='name:=value', help='options of the learner')
    run_options.add_arguments(parser, run_options.RunOptions)
    parser.add_argument('--out', default='', help='folder of the run [runs/<time>]')
    parser.add_argument('--config', type=Path, help='YAML file with options of the learner')
    parser.add_argument(
        '--resume', type=Path, metavar='RUN', help='go on with a run; takes no other option'
    )
    parser.add_argument(
        '--list-options', action='store_true', help='list the options of the learner and end'
    )
    given = vars(parser.parse_intermixed_args(arguments))
    if given['list_options']:
        for name, default, allowed, description in described(LearnerConfig):
            print(f'{name}:={default}  ({allowed})\n    {description}')
        return 0
    folder = None
    if given['resume']:
        options, config, folder = _resumed(given)
    else:
        options = run_options.run_options(given)
        config = run_options.learner_config(given['learner'], given['config'])
        run_options.check_together(options, config)
    torch.set_num_threads(1)  # small networks are slower with more
    policy = run_options.load_policy(options)
    run = TrainingRun(
        run_options.make_env(options, policy.spec, config),
        policy,
        config,
        RunPlan(options.seed, options.warmup, options.episodes, options.eval),
        _offline(options, policy.spec, config, folder),
        checkpoint_every=options.checkpoint_every,
    )
    if folder is None:
        folder = make_run_folder(str(given['out']), Path.cwd())
        run_options.save_options(folder, options, config)
    with Bars(folder / 'tensorboard') as bars:
        bars.say(
            f'{folder}: {config.algorithm}, {config.noise_layout} noise, seed {options.seed}, '
            f'policy {policy.spec.name} ({policy.spec.sha256[:12]}), env {options.env}'
        )
        before = signal.signal(signal.SIGINT, run.interrupt)
        try:
            run.run(folder, bars)
        except KeyboardInterrupt:
            bars.say(f'stopped; `dsrl train --resume {folder}` goes on')
            raise
        finally:
            signal.signal(signal.SIGINT, before)
    if options.eval:
        bars.say(outcome_table(outcome(run.progress, config)))
    bars.say(f'{folder}: summary.json, learning_curve.png, checkpoints/')
    return 0


def outcome(progress: RunProgress, config: LearnerConfig) -> list[tuple[str, SuccessRate]]:
    """Return the rows of the closing table."""
    scaled = progress.scaled(config.noise_layout)
    best = max(scaled, key=lambda c: scaled[c].rate)
    rows = [(f'base policy, {config.noise_layout} noise', progress.report.success('eval_base'))]
    if config.noise_layout != 'full':
        rows.append(('base policy, full noise', progress.scaled('full')[1.0]))
    rows.append((f'best scaled prior, c = {best:g}', scaled[best]))
    rows.append((f'steered ({config.algorithm})', progress.report.success('eval_steered')))
    return rows


def _resumed(given: dict[str, Any]) -> tuple[run_options.RunOptions, LearnerConfig, Path]:
    others = [name for name in (*_NAMES, 'out', 'config', 'learner') if given.get(name)]
    if others:
        raise ConfigError(
            f'--resume: got {", ".join(others)} beside it, expected nothing: a run goes on with '
            'the options it began with. Leave them out, or start a new run.'
        )
    folder = Path(str(given['resume'])).expanduser().absolute()
    options, config = run_options.load_options(folder)
    return options, config, folder


def _offline(
    options: run_options.RunOptions, spec: PolicySpec, config: LearnerConfig, folder: Path | None
) -> list[Transition]:
    """Return the offline data of a run, unless a checkpoint holds it already."""
    if not options.offline:
        return []
    if folder is not None and CheckpointStore(folder / 'checkpoints').complete():
        return []
    return load_transitions(Path(options.offline), spec, config)


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
