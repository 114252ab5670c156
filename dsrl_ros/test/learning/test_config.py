"""An impossible configuration cannot exist, and layouts and discounts follow from it."""

from __future__ import annotations

import pytest
from toy import SPEC

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.types import NoiseLayout
from dsrl_ros.learning.config import LearnerConfig


@pytest.mark.parametrize(
    'changes',
    [
        {'num_critics': 1},
        {'num_critics': 11},
        {'activation': 'swish'},
        {'critic_reduction': 'median'},
        {'discount': 1.01},
        {'utd': 0},
        {'noise_magnitude': 0.0},
        {'noise_magnitude': float('nan')},
        {'target_entropy_per_dim': 0.7},
        {'hidden_size': 256.0},
        {'temperature': 0.0},
        {'temperature': 0.01, 'temperature_floor': 0.1},
        {'start_transitions': 11, 'replay_capacity': 10},
    ],
)
def test_out_of_range_or_contradictory_options_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match='|'.join(changes)):
        LearnerConfig(**changes)  # type: ignore[arg-type]


def test_a_fixed_temperature_may_be_zero() -> None:
    assert LearnerConfig(temperature=0.0, temperature_auto=False).temperature == 0.0


@pytest.mark.parametrize(
    ('layout', 'rows'), [('full', SPEC.horizon), ('repeated', 1), ('basis', 2)]
)
def test_noise_shape_follows_the_layout(layout: str, rows: int) -> None:
    config = LearnerConfig(noise_layout=layout, num_basis=2)
    assert config.layout == NoiseLayout[layout.upper()]
    assert config.noise_shape(SPEC) == (rows, SPEC.action_dim)


def test_more_basis_vectors_than_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match='num_basis'):
        LearnerConfig(noise_layout='basis', num_basis=3).noise_shape(SPEC)


def test_discount_counts_decisions_or_executed_steps() -> None:
    """A chunk cut short is discounted for the steps executed, where the unit is the step."""
    per_decision = LearnerConfig(discount=0.9)
    per_step = LearnerConfig(discount=0.9, discount_unit='step')
    assert per_decision.transition_discount(3) == pytest.approx(0.9)
    assert per_step.transition_discount(3) == pytest.approx(0.729)
    assert per_step.transition_discount(0) == 1.0
