"""The losses of DSRL, each with its equation (paper Algorithm 1; appendix B for the actor).

s, s' are observations, a an action chunk, w a noise and u = w / b_W, d = 1 where the task ended.
B is the batch, E the number of critics, indexed by j.
"""

from __future__ import annotations

from torch import Tensor

from dsrl_ros.learning.data.replay import Batch


def td_target(
    batch: Batch,
    next_value: Tensor,
    entropy_bonus: Tensor | float = 0.0,
    bounds: tuple[float, float] | None = None,
) -> Tensor:
    """Return y = r + gamma (1 - d) (V(s') + bonus), (B,).

    A time-out is no end of the task: d = 0, and it bootstraps.

    Args:
        batch: gives r, gamma and d.
        next_value: V(s') of the target critics, (B,).
        entropy_bonus: -alpha log pi(u' | s') of the soft backup, (B,); 0 without.
        bounds: smallest and largest return of the task, which V(s') is clipped to. With few data
            and many steps per datum an overestimate would otherwise feed on itself.
    """
    if bounds is not None:
        next_value = next_value.clamp(*bounds)
    return batch.reward + batch.discount * (1.0 - batch.terminated) * (next_value + entropy_bonus)


def critic_loss(values: Tensor, target: Tensor) -> Tensor:
    """Return 1/2 sum_j mean_B (Q_j(s, a) - y)^2.

    Args:
        values: Q_j(s, a), (E, B).
        target: y, (B,).
    """
    return _half_squared_error(values, target)


def distillation_loss(noise_values: Tensor, action_values: Tensor) -> Tensor:
    """Return 1/2 sum_j mean_B (Q_W,j(s, u) - Q_A,j(s, pi_dp(s, w)))^2.

    Args:
        noise_values: Q_W,j(s, u), (E, B).
        action_values: Q_A,j of the action that w leads to, (E, B).
    """
    return _half_squared_error(noise_values, action_values)


def actor_loss(temperature: Tensor, log_prob: Tensor, value: Tensor) -> Tensor:
    """Return mean_B (alpha log pi(u | s) - Q(s, u)), u ~ pi(s).

    Args:
        temperature: alpha.
        log_prob: log pi(u | s), (B,).
        value: Q(s, u), of all critics together, (B,).
    """
    return (temperature * log_prob - value).mean()


def temperature_loss(log_temperature: Tensor, log_prob: Tensor, target_entropy: float) -> Tensor:
    """Return -log alpha (mean_B log pi(u | s) + H): alpha rises while the entropy is below H.

    Args:
        log_temperature: log alpha.
        log_prob: log pi(u | s), (B,).
        target_entropy: H [nats], of all noise dimensions together.
    """
    return -log_temperature * (log_prob.mean().detach() + target_entropy)


def _half_squared_error(values: Tensor, targets: Tensor) -> Tensor:
    return 0.5 * (values - targets).square().mean(dim=1).sum()
