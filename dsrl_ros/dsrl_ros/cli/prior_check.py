"""`dsrl prior-check`: how often the frozen policy succeeds with noise N(0, c^2 I), without ROS.

Draws resets and noise by the keys of a run of the graph, so scale 1 repeats its base result.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.learning.choosers import PriorChooser
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.steered import evaluate
from dsrl_ros.policies import io
from dsrl_ros.tasks.env import PickPlaceEnv


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure each scale and print one JSON line per scale as soon as it is known."""
    parser = argparse.ArgumentParser(prog='dsrl prior-check', description=__doc__)
    parser.add_argument('--policy', type=Path, required=True, help='policy (.safetensors)')
    parser.add_argument('--seed', type=int, required=True, help='seed of the run')
    parser.add_argument('--episodes', type=int, default=50, help='evaluation resets')
    parser.add_argument(
        '--first-episode', type=int, default=0, help='number of the first evaluation episode'
    )
    parser.add_argument('--scales', type=float, nargs='+', default=[0.0, 0.25, 0.5, 0.75, 1.0])
    parser.add_argument('--layout', choices=('full', 'repeated', 'basis'), default='full')
    parser.add_argument('--num-basis', type=int, default=3, help='rows of the basis layout')
    options = parser.parse_args(arguments)

    torch.set_num_threads(1)
    policy = io.load(options.policy)
    config = LearnerConfig(noise_layout=options.layout, num_basis=options.num_basis)
    shape = config.noise_shape(policy.spec)
    env = PickPlaceEnv()
    for scale in options.scales:
        chooser = PriorChooser(options.seed, config.layout, shape, scale)
        successes = sum(
            evaluate(
                env,
                policy,
                chooser,
                config,
                options.seed,
                options.episodes,
                options.first_episode,
            )
        )
        rate = SuccessRate(successes, options.episodes)
        line = {
            'scale': scale,
            'successes': successes,
            'trials': options.episodes,
            'interval_95': rate.interval,
        }
        print(json.dumps(line), flush=True)


if __name__ == '__main__':
    main(sys.argv[1:])
