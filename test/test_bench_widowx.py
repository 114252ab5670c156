"""Runs of the benches without ROS, in small, and the table that `bench.widowx` makes of them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench import widowx
from bench.learning import POLICY
from bench.runs import Experiment, is_there, run, run_missing
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.steering.choosers import NoiseChooser
from dsrl_ros.policies import io
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

TINY = {'hidden_size': 16, 'num_layers': 1, 'batch_size': 16, 'utd': 2, 'offline_steps': 10}


def small(name: str, **changes: Any) -> Experiment:
    """Return a line of the table in small, on the task of the demo."""
    made = widowx.experiment(name, 0, TINY, POLICY)
    values = {'task': PICK_PLACE.name, 'online': 2, 'looks': (1, 2), 'trials': 2, 'scales': (1.0,)}
    return dataclasses.replace(made, **{**values, **changes})


def result(name: str, seed: int, steered: int, **changes: Any) -> dict[str, Any]:
    values = {
        'method': name,
        'seed': seed,
        'options': {},
        'policy': 'abc',
        'commit': 'abc',
        'looks': [{'online': n, 'deterministic': steered} for n in (50, 100, 150)],
        'prior': {'0': 10, '0.5': 20, '1': 20},
        'online': [True] * 150,
        'trials': 50,
        'gradient_steps': 1,
        'cpu_s': 360.0,
    }
    return {**values, **changes}


@pytest.mark.parametrize(
    ('name', 'magnitude', 'utd'),
    [('pick_place', 2.0, 30), ('drawer_closing', 2.0, 20), ('block_stacking', 1.5, 20)],
)
def test_the_runs_are_those_of_the_paper(name: str, magnitude: float, utd: int) -> None:
    """Table 10 and C.4.2, 256 wide."""
    made = widowx.experiment(name, 1, {}, POLICY)
    config = made.config
    assert (config.noise_magnitude, config.utd, config.update_every) == (magnitude, utd, 2)
    assert (config.algorithm, config.hidden_size, config.discount) == ('sac', 256, 0.97)
    assert (made.warmup, made.online, made.trials) == (20, 150, 50)
    assert made.seed == 1 and 1.0 in made.scales


def test_a_run_measures_the_prior_learns_and_looks() -> None:
    made = run(small('pick_place', warmup=1))
    assert made.prior.keys() == {'1'} and 0 <= made.prior['1'] <= 2
    assert [look['online'] for look in made.looks] == [1, 2]
    assert all('exploring' not in look for look in made.looks)
    assert len(made.online) == 2 and made.trials == 2
    assert made.gradient_steps == 2 * (made.looks[-1]['decisions'] // 2)  # every other decision
    assert made.policy == io.load(POLICY).spec.sha256 and made.cpu_s > 0


def test_a_look_asks_for_the_choices_that_are_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deterministic one draws from no seed."""
    asked: list[int | None] = []
    chooser = DsrlSac.chooser

    def recorded(learner: DsrlSac, seed: int | None) -> NoiseChooser:
        asked.append(seed)
        return chooser(learner, seed)

    monkeypatch.setattr(DsrlSac, 'chooser', recorded)
    small_run = small('pick_place', warmup=0, online=1, looks=(1,), scales=(), trials=1)
    run(small_run)
    assert asked.count(None) == 1
    run(dataclasses.replace(small_run, choices=('exploring',)))
    assert asked.count(None) == 1


def test_rlpd_starts_from_what_the_frozen_policy_does_by_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its offline half are prior episodes, none of them the start of an episode of its own."""
    monkeypatch.setattr(widowx, 'PRIOR_EPISODES', 2)
    experiment = small('pick_place_rlpd', online=1, looks=(1,), scales=())
    env, policy = TaskEnv(PICK_PLACE), io.load(POLICY)
    given = widowx.prior_episodes(env, policy, experiment)
    assert {t.phase for t in given} == {'offline'}
    assert [t.sequence for t in given] == list(range(len(given)))
    assert sorted({t.key.episode for t in given}) == [1, 2]
    made = run(experiment)
    steps = 2 * (made.looks[0]['decisions'] // 2)
    assert made.gradient_steps == experiment.config.offline_steps + steps


def test_a_run_whose_file_is_there_is_not_repeated(tmp_path: Path) -> None:
    done = small('pick_place', warmup=1, online=1, looks=(1,), scales=(), trials=1)
    run_missing([done], tmp_path, jobs=1)
    written = done.path(tmp_path).read_bytes()
    assert is_there(done, tmp_path)
    run_missing([done], tmp_path, jobs=1)
    assert done.path(tmp_path).read_bytes() == written
    assert json.loads(written)['method'] == 'pick_place'


def test_the_best_scaled_prior_is_the_one_nearest_to_the_base_among_equals() -> None:
    scale, rate = widowx.best_scaled(result('pick_place', 0, 50))
    assert scale == '1' and rate.successes == 20


def test_the_table_has_a_row_for_each_task_and_seed(tmp_path: Path) -> None:
    for seed in (0, 1):
        path = tmp_path / f'pick_place-{seed}.json'
        path.write_text(json.dumps(result('pick_place', seed, 46 + seed)))
    without = result('pick_place_rlpd', 0, 0, prior={})
    (tmp_path / 'pick_place_rlpd-0.json').write_text(json.dumps(without))
    widowx.write_report(tmp_path)
    text = (tmp_path / 'table.md').read_text()
    assert '| pick and place | 1 | 40% (28% to 54%) | 40% (28% to 54%), c = 1 | 94% (' in text
    assert '| pick and place, RLPD | 0 | - | - | 0% (' in text
    assert '0.3 core-hours, commit abc' in text
    assert (tmp_path / 'curves.png').stat().st_size > 1000


def test_the_curves_begin_with_the_base_policy() -> None:
    looks = widowx.with_base(result('pick_place', 0, 50))['looks']
    assert [look['online'] for look in looks] == [0, 50, 100, 150]
    np.testing.assert_array_equal([look['deterministic'] for look in looks], [20, 50, 50, 50])
