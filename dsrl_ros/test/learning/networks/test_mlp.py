"""The networks' gradients are those of autograd, in every variant, and only those asked for."""

from __future__ import annotations

import copy
import itertools
import shutil

import pytest
import torch
from torch import Tensor, nn

from dsrl_ros.learning.networks.actor_critic_networks import frozen
from dsrl_ros.learning.networks.mlp import ACTIVATIONS, Mlp

torch.set_num_threads(1)

MODULES = {'tanh': nn.Tanh, 'relu': nn.ReLU, 'gelu': nn.GELU}
VARIANTS = list(itertools.product(ACTIVATIONS, (True, False)))


def mlp(activation: str = 'tanh', layer_norm: bool = True, low_precision: bool = False) -> Mlp:
    generator = torch.Generator().manual_seed(0)
    return Mlp(5, 3, 16, 2, activation, layer_norm, generator, low_precision)


def with_torch_modules(net: Mlp, activation: str) -> nn.Sequential:
    """Return the same network put together from torch's own layers."""
    layers: list[nn.Module] = []
    for i, linear in enumerate(net.linears):
        layers.append(linear)
        if i < len(net.linears) - 1:
            layers += [net.norms[i]] if len(net.norms) else []
            layers.append(MODULES[activation]())
    return nn.Sequential(*layers)


def states(size: int = 7) -> Tensor:
    return torch.randn(size, 5, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(('activation', 'layer_norm'), VARIANTS)
def test_output_and_gradients_are_those_of_torch_modules(
    activation: str, layer_norm: bool
) -> None:
    net = mlp(activation, layer_norm)
    results = []
    for forward in (net, with_torch_modules(net, activation)):
        x = states().requires_grad_()
        out = forward(x)
        gradients = torch.autograd.grad(out.square().sum(), [x, *net.parameters()])
        results.append([out, *gradients])
    torch.testing.assert_close(*results, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(('activation', 'layer_norm'), VARIANTS)
def test_gradients_agree_with_finite_differences(activation: str, layer_norm: bool) -> None:
    net = mlp(activation, layer_norm).double()
    weights = list(net.parameters())

    def output(x: Tensor, *_: Tensor) -> Tensor:
        out: Tensor = net(x)
        return out

    assert torch.autograd.gradcheck(output, (states().double().requires_grad_(), *weights))


def test_without_gradients_the_output_has_the_same_bits() -> None:
    net = mlp()
    with torch.no_grad():
        silent = net(states())
    assert torch.equal(silent, net(states()))


def test_weights_that_are_frozen_let_the_gradient_through_and_learn_again_afterwards() -> None:
    net = mlp()
    x = states().requires_grad_()
    (expected,) = torch.autograd.grad(net(x).sum(), x)
    with frozen(net):
        out = net(x)
    assert torch.equal(torch.autograd.grad(out.sum(), x)[0], expected)
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_frozen_weights_get_no_gradient() -> None:
    net = mlp()
    with frozen(net):
        out = net(states().requires_grad_())
    with pytest.raises(RuntimeError, match='not have been used'):
        torch.autograd.grad(out.sum(), list(net.parameters()))


def test_a_weight_changed_between_output_and_gradient_is_noticed() -> None:
    net = mlp()
    out = net(states())
    with torch.no_grad():
        net.linears[1].weight.add_(1.0)  # type: ignore[operator, union-attr]
    with pytest.raises(RuntimeError, match='modified by an inplace operation'):
        torch.autograd.grad(out.sum(), list(net.parameters()))


def test_tanh_is_tanh_to_the_last_bits_of_one_and_saturates() -> None:
    x = torch.linspace(-20.0, 20.0, 100_001)
    y = ACTIVATIONS['tanh'].apply(x.clone())
    assert (y.double() - x.double().tanh()).abs().max() < 2e-7
    assert ACTIVATIONS['tanh'].apply(torch.tensor([1e30, -1e30, 0.0])).tolist() == [1, -1, 0]
    assert ACTIVATIONS['tanh'].apply(torch.tensor(torch.nan)).isnan()


@pytest.mark.parametrize(('activation', 'layer_norm'), VARIANTS)
def test_products_in_bfloat16_leave_float32_results_within_its_precision(
    activation: str, layer_norm: bool
) -> None:
    """Factors keep 8 bits, so a percent of what is typical; more where a ReLU flips near zero."""
    tolerance = 0.2 if activation == 'relu' else 0.03
    results = []
    for low_precision in (False, True):
        net = mlp(activation, layer_norm, low_precision)
        x = states(64).requires_grad_()
        out = net(x)
        results.append([out, *torch.autograd.grad(out.square().mean(), [x, *net.parameters()])])
    for full, low in zip(*results, strict=True):
        assert low.dtype == torch.float32
        assert not torch.equal(low, full)
        assert (low - full).norm() < tolerance * full.norm()


@pytest.mark.filterwarnings('ignore::DeprecationWarning')  # of torch, about itself
@pytest.mark.skipif(shutil.which('g++') is None, reason='torch.compile needs a C++ compiler')
def test_compiled_gives_the_numbers_of_eager() -> None:
    results = []
    for compiled in (False, True):
        net = Mlp(5, 3, 16, 2, 'tanh', True, torch.Generator().manual_seed(0), compiled=compiled)
        x = states().requires_grad_()
        out = net(x)
        results.append([out, *torch.autograd.grad(out.square().sum(), [x, *net.parameters()])])
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)


def test_a_copy_of_a_network_has_weights_of_its_own() -> None:
    net = mlp()
    copied = copy.deepcopy(net)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert net(states()).abs().max() == 0.0
    assert copied(states()).abs().min() > 0.0
