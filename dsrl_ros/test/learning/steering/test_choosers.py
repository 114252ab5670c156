"""The same key always gives the same noise, whatever else was drawn."""

from __future__ import annotations

import numpy as np
import pytest
from toy import SPEC

from dsrl_ros.core.errors import NonFiniteError
from dsrl_ros.core.noise import expand, num_rows
from dsrl_ros.core.types import NoiseLayout, NoiseSource, Observation
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.steering.choosers import (
    ActorChooser,
    ConstantChooser,
    NoiseChooser,
    PriorChooser,
)
from dsrl_ros.learning.steering.seeding import Stream, keyed_generator, keyed_seed

STATE = np.array([0.3, -1.2], dtype=np.float32)
ACTOR = DsrlSac(SPEC, LearnerConfig(hidden_size=16), seed=0).export_actor(7, 3)


@pytest.mark.parametrize(
    'make',
    [
        lambda: PriorChooser(5, NoiseLayout.FULL, (2, 1)),
        lambda: ConstantChooser(np.ones((2, 1), dtype=np.float32), NoiseLayout.FULL),
        lambda: ActorChooser(ACTOR, seed=5),
        lambda: ActorChooser(ACTOR, seed=None),
    ],
)
def test_a_key_decides_the_noise(make: object) -> None:
    assert callable(make)
    first: NoiseChooser = make()
    second: NoiseChooser = make()
    second.choose(Observation(STATE), 9, 9)  # a draw in between changes nothing
    a, b = first.choose(Observation(STATE), 2, 3), second.choose(Observation(STATE), 2, 3)
    np.testing.assert_array_equal(a.rows, b.rows)
    assert a.rows.shape == (2, 1) and a.rows.dtype == np.float32


def test_the_prior_has_the_scale_asked_for() -> None:
    chooser = PriorChooser(0, NoiseLayout.FULL, (50, 4), scale=0.5)
    drawn = np.stack([chooser.choose(Observation(STATE), 0, k).rows for k in range(50)])
    assert abs(drawn.mean()) < 0.02
    assert drawn.std() == pytest.approx(0.5, abs=0.02)


def test_noise_says_where_it_comes_from() -> None:
    prior = PriorChooser(0, NoiseLayout.REPEATED, (1, 1)).choose(Observation(STATE), 0, 0)
    assert (prior.source, prior.layout) == (NoiseSource.PRIOR, NoiseLayout.REPEATED)
    actor = ActorChooser(ACTOR, None).choose(Observation(STATE), 0, 0)
    assert (actor.source, actor.weights_version) == (NoiseSource.ACTOR, 7)


def test_exploration_differs_between_decisions_and_the_deterministic_actor_does_not() -> None:
    exploring, deterministic = ActorChooser(ACTOR, 1), ActorChooser(ACTOR, None)
    assert not np.array_equal(
        exploring.choose(Observation(STATE), 0, 0).rows,
        exploring.choose(Observation(STATE), 0, 1).rows,
    )
    np.testing.assert_array_equal(
        deterministic.choose(Observation(STATE), 0, 0).rows,
        deterministic.choose(Observation(STATE), 4, 1).rows,
    )


def test_a_constant_that_is_no_noise_is_refused() -> None:
    with pytest.raises(NonFiniteError):
        ConstantChooser(np.full((2, 1), np.inf, dtype=np.float32), NoiseLayout.FULL)


def test_streams_and_keys_never_share_random_numbers() -> None:
    keys = [(s, e, d) for s in Stream for e in range(4) for d in range(4)]
    drawn = {keyed_generator(0, s, e, d).random() for s, e, d in keys}
    seeds = {keyed_seed(0, s, e, d) for s, e, d in keys}
    assert len(drawn) == len(seeds) == len(keys)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert (
        keyed_generator(0, Stream.PRIOR, 1).random() != keyed_generator(1, Stream.PRIOR).random()
    )


@pytest.mark.parametrize(
    ('layout', 'same_rows'), [(NoiseLayout.FULL, False), (NoiseLayout.REPEATED, True)]
)
def test_the_prior_has_its_scale_and_layout(layout: NoiseLayout, same_rows: bool) -> None:
    chooser = PriorChooser(0, layout, (num_rows(layout, 2), 4), 0.5)
    rows = [chooser.choose(Observation(STATE), 0, i).rows for i in range(2000)]
    drawn = np.stack([expand(each, layout, 2) for each in rows])
    assert drawn.shape == (2000, 2, 4) and drawn.dtype == np.float32
    assert drawn.std() == pytest.approx(0.5, rel=0.03)
    assert np.array_equal(drawn[:, 0], drawn[:, 1]) == same_rows
