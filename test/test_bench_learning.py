"""The figures that `bench.learning` draws from its runs, on runs written by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bench.learning import METHODS, POLICY, experiment
from bench.learning_report import lowest_after_goal, pooled, reached, summary, write_report
from bench.runs import is_there
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.policies import io


def result(method: str = 'sac', seed: int = 0, **changes: Any) -> dict[str, Any]:
    looks = [
        {
            'online': online,
            'decisions': 0,
            'steps': 10 * online,
            'deterministic': 0,
            'exploring': n,
        }
        for online, n in ((0, 10), (4, 44), (8, 46), (50, 40))
    ]
    values = {
        'method': method,
        'seed': seed,
        'options': {},
        'commit': 'abc',
        'looks': looks,
        'online': [True] * 50,
        'trials': 50,
        'gradient_steps': 1,
        'cpu_s': 60.0,
    }
    return {**values, **changes}


def test_a_run_has_reached_the_goal_at_its_first_look_there() -> None:
    found = reached(result(), 'exploring')
    assert found is not None and found['online'] == 8
    assert reached(result(), 'deterministic') is None


def test_seeds_are_pooled_at_one_look() -> None:
    rate = pooled([result(), result(seed=1)], 50, 'exploring')
    assert (rate.successes, rate.trials) == (80, 100)


@pytest.mark.parametrize(
    ('online', 'expected'),
    [
        ([False] * 10 + [True] * 150, 0.95),  # as it first is above it
        ([True] * 60 + [False] * 2 + [True] * 100, 0.9),
        ([True] * 20 + [False] * 5 + [True] * 100, 0.75),
        ([True] * 20 + [False, True] * 50, 0.5),
        ([False, True] * 80, None),  # never above the goal
        ([True] * 100, None),  # too few episodes after it
    ],
)
def test_stability_is_the_lowest_rolling_success_after_the_goal(
    online: list[bool], expected: float | None
) -> None:
    lowest = lowest_after_goal(result(online=online))
    assert lowest == (None if expected is None else pytest.approx(expected))


def test_sample_efficiency_is_compared_seed_by_seed_and_failures_are_counted() -> None:
    sooner = [dict(look, steps=look['steps'] // 4) for look in result()['looks']]
    never = [dict(look, exploring=0) for look in result()['looks']]
    by_method = {
        'sac': [result(seed=1), result(seed=2)],
        'na': [result('na', 0), result('na', 1, looks=sooner), result('na', 2, looks=never)],
    }
    said = summary(by_method)[0]
    assert 'reached by 2 of 3 seeds (sac: 2 of 2)' in said
    assert 'with 0.25 times the control steps' in said


def test_a_result_made_with_other_options_is_not_taken_for_this_one(tmp_path: Path) -> None:
    sac = experiment('sac', 0, {}, (0,))
    assert not is_there(sac, tmp_path)
    made = result(options={'algorithm': 'sac'}, policy=io.load(POLICY).spec.sha256)
    sac.path(tmp_path).write_text(json.dumps(made))
    assert is_there(sac, tmp_path)
    with pytest.raises(ConfigError, match='another --out'):
        is_there(experiment('sac', 0, {'utd': 1}, (0,)), tmp_path)
    sac.path(tmp_path).write_text(json.dumps({**made, 'policy': '0' * 64}))
    with pytest.raises(ConfigError, match=r'policy 0000.*another --out'):
        is_there(sac, tmp_path)


def test_the_report_names_every_method_that_has_run(tmp_path: Path) -> None:
    for seed in (0, 1):
        (tmp_path / f'sac-{seed}.json').write_text(json.dumps(result(seed=seed)))
    write_report(tmp_path, {name: method.title for name, method in METHODS.items()})
    text = (tmp_path / 'table.md').read_text()
    assert '| DSRL-SAC | 2 | 20% (13% to 29%) |' in text and '8, 8' in text
    assert (tmp_path / 'curves.png').stat().st_size > 1000
