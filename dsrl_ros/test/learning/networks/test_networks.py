"""Log-probabilities are right and safe, and critics are reduced as asked."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from dsrl_ros.learning.networks.actor_critic_networks import (
    Actor,
    Mlp,
    reduce_critics,
    squashed_sample,
)
from dsrl_ros.learning.networks.encoder import ObservationBatch

torch.set_num_threads(1)


def reference_log_prob(mean: Tensor, log_std: Tensor, eps: Tensor) -> Tensor:
    """Return log p(u), u = tanh(x), in double precision, with 1 - tanh^2 = cosh^-2."""
    std = log_std.double().exp()
    x = mean.double() + std * eps.double()
    gaussian = -0.5 * eps.double().square() - std.log() - 0.5 * math.log(2.0 * math.pi)
    return (gaussian + 2.0 * x.cosh().log()).sum(-1)


def test_log_prob_agrees_with_double_precision() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, log_std, eps = torch.randn(3, 200, 6, generator=generator)
    _, log_prob = squashed_sample(mean, log_std, eps)
    torch.testing.assert_close(
        log_prob.double(), reference_log_prob(mean, log_std, eps), rtol=1e-4, atol=1e-4
    )


def test_log_prob_is_the_derivative_of_the_distribution_function() -> None:
    """Finite differences of P(u <= v) in one dimension, against the density."""
    mean, log_std = torch.tensor([[0.3]]).double(), torch.tensor([[-0.5]]).double()
    eps = torch.linspace(-2, 2, 9).double()[:, None]
    u, log_prob = squashed_sample(mean, log_std, eps)
    h = 1e-6

    def cdf(v: Tensor) -> Tensor:
        out: Tensor = torch.special.ndtr((torch.atanh(v) - mean) / log_std.exp())
        return out

    density = (cdf(u + h) - cdf(u - h))[:, 0] / (2 * h)
    torch.testing.assert_close(log_prob.exp(), density, rtol=1e-5, atol=1e-8)


def test_gradient_of_log_prob_agrees_with_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)
    mean, log_std, eps = torch.randn(3, 4, 3, generator=generator).double()
    assert torch.autograd.gradcheck(
        lambda m, s: squashed_sample(m, s, eps), (mean.requires_grad_(), log_std.requires_grad_())
    )


@pytest.mark.parametrize('mean', [-1e4, -30.0, 30.0, 1e4])
@pytest.mark.parametrize('log_std', [-5.0, 2.0])
def test_saturated_tanh_gives_finite_log_prob_and_gradient(mean: float, log_std: float) -> None:
    m = torch.full((1, 1), mean, requires_grad=True)
    s = torch.full((1, 1), log_std, requires_grad=True)
    u, log_prob = squashed_sample(m, s, torch.ones(1, 1))
    gradients = torch.autograd.grad((log_prob + u.sum()).sum(), (m, s))
    assert torch.isfinite(log_prob).all()
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_untrained_actor_spreads_as_widely_as_a_unit_gaussian() -> None:
    """An output of zero means mean 0 and standard deviation 1 before squashing."""
    generator = torch.Generator().manual_seed(0)
    body = Mlp(3, 4, 8, 1, 'relu', True, generator)
    with torch.no_grad():
        body.linears[-1].weight.zero_()  # type: ignore[operator]
        body.linears[-1].bias.zero_()  # type: ignore[operator]
    mean, log_std = Actor(body)(ObservationBatch(torch.randn(5, 3, generator=generator)))
    assert mean.abs().max() == 0
    assert log_std.abs().max() < 1e-6


def test_same_generator_gives_same_weights_whatever_the_global_one_does() -> None:
    first = Mlp(3, 4, 8, 2, 'tanh', True, torch.Generator().manual_seed(5))
    torch.rand(7)
    second = Mlp(3, 4, 8, 2, 'tanh', True, torch.Generator().manual_seed(5))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


def test_critics_are_reduced_as_asked() -> None:
    values = torch.tensor([[1.0, 4.0], [3.0, 4.0]])
    assert reduce_critics(values, 'min', 9.0).tolist() == [1.0, 4.0]
    assert reduce_critics(values, 'mean', 9.0).tolist() == [2.0, 4.0]
    assert reduce_critics(values, 'mean_minus_std', 0.5).tolist() == pytest.approx([1.5, 4.0])


def test_mean_minus_std_has_a_finite_gradient_where_critics_agree() -> None:
    values = torch.full((3, 2), 0.7, requires_grad=True)
    (gradient,) = torch.autograd.grad(reduce_critics(values, 'mean_minus_std', 1.0).sum(), values)
    assert torch.isfinite(gradient).all()


def test_entropy_of_the_widest_actor_stays_below_that_of_the_uniform() -> None:
    """Normalised units: no distribution on [-1, 1] has more than ln 2 nats per dimension."""
    eps = torch.randn(20000, 1, generator=torch.Generator().manual_seed(0))
    for log_std in (-1.0, 0.0, 1.0):
        _, log_prob = squashed_sample(torch.zeros(1), torch.full((1,), log_std), eps)
        assert -log_prob.mean().item() < math.log(2.0)
