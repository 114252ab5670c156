"""The equations of the losses, each against a case worked out by hand."""

from __future__ import annotations

import pytest
import torch

from dsrl_ros.learning.algorithms import losses
from dsrl_ros.learning.data.replay import Batch
from dsrl_ros.learning.networks.encoder import ObservationBatch

NOWHERE = ObservationBatch(torch.zeros(3, 2))
BATCH = Batch(
    observation=NOWHERE,
    action=torch.zeros(3, 2),
    reward=torch.tensor([1.0, 0.0, 0.5]),
    discount=torch.tensor([0.9, 0.9, 0.5]),
    terminated=torch.tensor([1.0, 0.0, 0.0]),
    next_observation=NOWHERE,
)


def test_the_target_is_the_reward_and_what_follows_unless_the_task_ended() -> None:
    """1; 0 + 0.9 * 2; 0.5 + 0.5 * 4."""
    target = losses.td_target(BATCH, torch.tensor([9.0, 2.0, 4.0]))
    assert target.tolist() == pytest.approx([1.0, 1.8, 2.5])


def test_the_entropy_bonus_is_added_to_the_bounded_value() -> None:
    """1; 0 + 0.9 (1 - 0.5); 0.5 + 0.5 (0 + 2)."""
    bonus = torch.tensor([7.0, -0.5, 2.0])
    target = losses.td_target(BATCH, torch.tensor([9.0, 2.0, -4.0]), bonus, (0.0, 1.0))
    assert target.tolist() == pytest.approx([1.0, 0.45, 1.5])


def test_the_critic_loss_is_half_the_squared_error_summed_over_critics() -> None:
    """Values 1 and 3 against targets (0, 1, 2): means of squares 2/3 and 14/3."""
    values = torch.tensor([[1.0], [3.0]]).expand(2, 3)
    loss = losses.critic_loss(values, torch.tensor([0.0, 1.0, 2.0]))
    assert loss.item() == pytest.approx(0.5 * (2 / 3 + 14 / 3))


def test_distillation_teaches_each_noise_critic_by_its_action_critic() -> None:
    """0.5 ((1 - 3)^2 + (1 - 3)^2) / 2 + 0.5 (2 - 5)^2 = 2 + 4.5."""
    values = torch.tensor([[1.0, 1.0], [2.0, 2.0]])
    loss = losses.distillation_loss(values, torch.tensor([[3.0, 3.0], [5.0, 5.0]]))
    assert loss.item() == pytest.approx(6.5)


def test_the_actor_loss_is_temperature_times_log_prob_less_value() -> None:
    """Mean of 0.25 * 4 - 3 and 0.25 * (-2) - 1."""
    loss = losses.actor_loss(
        torch.tensor(0.25), torch.tensor([4.0, -2.0]), torch.tensor([3.0, 1.0])
    )
    assert loss.item() == pytest.approx((-2.0 - 1.5) / 2)


@pytest.mark.parametrize(('entropy', 'sign'), [(-1.0, -1.0), (1.0, 1.0)])
def test_the_temperature_rises_below_the_target_entropy_and_falls_above(
    entropy: float, sign: float
) -> None:
    """Loss -log alpha (mean log pi + H): its gradient is -(mean log pi + H) = entropy - H."""
    log_temperature = torch.tensor(-2.0, requires_grad=True)
    log_prob = torch.tensor([-entropy - 1.0, -entropy + 1.0], requires_grad=True)
    loss = losses.temperature_loss(log_temperature, log_prob, 0.0)
    assert loss.item() == pytest.approx(-sign * 2.0)
    (gradient,) = torch.autograd.grad(loss, log_temperature)
    assert gradient.item() == pytest.approx(sign * 1.0)
