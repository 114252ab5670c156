"""The networks of every learner: squashed Gaussian actor and critic ensemble, small and seeded."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dsrl_ros.learning.networks.encoder import Encoder, ObservationBatch, encode
from dsrl_ros.learning.networks.mlp import Mlp

# Bounds of the logarithm of the actor's standard deviation before squashing. Approached smoothly:
# a hard clamp has no gradient beyond its bounds, so what strays there never comes back.
LOG_STD_LOW, LOG_STD_HIGH = -5.0, 2.0
# Added before the sigmoid, so that an output of zero means a standard deviation of one: with
# b_W = 1.5 the untrained actor then spreads its noise about as wide as the prior does.
LOG_STD_OFFSET = math.log(-LOG_STD_LOW / LOG_STD_HIGH)


class Actor(nn.Module):
    """Squashed Gaussian over the normalised noise u = tanh(x), x ~ N(mean(s), std(s)^2)."""

    def __init__(self, body: Mlp, encoder: Encoder | None = None) -> None:
        super().__init__()
        self.body = body
        self.encoder = encoder

    def forward(self, observation: ObservationBatch) -> tuple[Tensor, Tensor]:
        """Return mean and logarithm of the standard deviation before squashing.

        Args:
            observation: its states (B, O) normalised.

        Returns:
            Two tensors (B, D).
        """
        mean, raw = self.body(encode(self.encoder, observation)).chunk(2, dim=-1)
        span = LOG_STD_HIGH - LOG_STD_LOW
        return mean, LOG_STD_LOW + span * torch.sigmoid(raw + LOG_STD_OFFSET)

    def sample(
        self, observation: ObservationBatch, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Draw a noise with its log-probability, differentiable in the weights.

        Returns:
            u (B, D) within [-1, 1], and log pi(u | s) (B,) [nats].
        """
        mean, log_std = self(observation)
        eps = torch.empty_like(mean).normal_(generator=generator)
        return squashed_sample(mean, log_std, eps)


def squashed_sample(mean: Tensor, log_std: Tensor, eps: Tensor) -> tuple[Tensor, Tensor]:
    """Return u = tanh(mean + std * eps) and its log-density.

    The Jacobian term uses log(1 - tanh(x)^2) = 2 (ln 2 - x - softplus(-2 x)), which neither
    overflows nor loses its gradient where tanh saturates.

    Args:
        mean, log_std, eps: (B, D).

    Returns:
        u (B, D) and log-density (B,) [nats].
    """
    x = mean + log_std.exp() * eps
    log_gaussian = -0.5 * eps.square() - log_std - 0.5 * math.log(2.0 * math.pi)
    log_jacobian = 2.0 * (math.log(2.0) - x - nn.functional.softplus(-2.0 * x))
    return torch.tanh(x), (log_gaussian - log_jacobian).sum(dim=-1)


class Critics(nn.Module):
    """E independent critics Q_j(s, a); a may be a noise.

    Looped, not batched: at widths of 128 to 1024 on one CPU thread two critics take the same time
    either way, and of ten the loop takes 0.66 to 0.86 of it.
    """

    def __init__(self, members: list[Mlp], encoder: Encoder | None = None) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.encoder = encoder  # of all members

    def forward(self, observation: ObservationBatch, action: Tensor) -> Tensor:
        """Return the values (E, B) of prepared observations and actions (B, D)."""
        x = torch.cat((encode(self.encoder, observation), action), dim=-1)
        return torch.stack([member(x).squeeze(-1) for member in self.members])


@contextmanager
def frozen(module: nn.Module) -> Iterator[None]:
    """Compute no gradient for the weights of `module` inside: an actor step needs none."""
    parameters = [p for p in module.parameters() if p.requires_grad]
    for parameter in parameters:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(True)


def reduce_critics(values: Tensor, reduction: str, std_weight: float) -> Tensor:
    """Turn the values (E, B) of an ensemble into one value (B,).

    Args:
        values: (E, B).
        reduction: 'min', 'mean' or 'mean_minus_std'.
        std_weight: standard deviations taken off by 'mean_minus_std'.
    """
    if reduction == 'min':
        return values.amin(dim=0)
    mean = values.mean(dim=0)
    if reduction == 'mean':
        return mean
    # The small addend keeps the gradient finite where all critics agree.
    variance = (values - mean).square().mean(dim=0)
    return mean - std_weight * (variance + 1e-12).sqrt()
