"""The demo's configuration agrees with its task and its policy."""

from __future__ import annotations

from pathlib import Path

import yaml

from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.policies import io
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE

BRINGUP = Path(__file__).parents[1] / 'dsrl_bringup'
OPTIONS = yaml.safe_load((BRINGUP / 'config/franka_steer.yaml').read_text())
POLICY = io.load(BRINGUP / 'policies/franka_pick_place.safetensors')


def test_the_reward_node_has_the_time_limit_of_the_task():
    assert RewardConfig().max_steps == PICK_PLACE.max_steps


def test_the_learned_noise_has_at_most_32_dimensions():
    learner = LearnerConfig(**OPTIONS['/**/trainer']['ros__parameters']['learner'])
    rows, action_dim = learner.noise_shape(POLICY.spec)
    assert rows * action_dim <= 32


def test_the_policy_is_of_this_task_and_its_state_can_be_observed():
    spec = POLICY.spec
    assert spec.state_names == PICK_PLACE.state_names
    assert spec.action_names == PICK_PLACE.action_names
    assert round(spec.step_period_s * 1e9) == PICK_PLACE.step_period_ns
    sources = {line.partition('=')[0] for line in SteeringConfig().state_sources}
    assert set(spec.state_names) <= sources
