"""The optimiser takes the steps of torch's own, and what it changes can be put back."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.learning.networks.optimiser import Adam, Snapshot, load_tensors, polyak, step

torch.set_num_threads(1)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))


def loss(net: nn.Module, number: int) -> Tensor:
    x = torch.randn(16, 3, generator=torch.Generator().manual_seed(number))
    out: Tensor = net(x)
    return (out - x.sum(1, keepdim=True)).square().mean()


def test_steps_are_those_of_torch() -> None:
    own, reference = network(), network()
    optimiser = Adam(own.parameters(), 0.01)
    expected = torch.optim.Adam(reference.parameters(), lr=0.01)
    for number in range(20):
        step(optimiser, loss(own, number))
        expected.zero_grad()
        loss(reference, number).backward()
        expected.step()
    for a, b in zip(own.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_step_returns_the_norm_of_the_whole_gradient() -> None:
    net = network()
    gradients = torch.autograd.grad(loss(net, 0), list(net.parameters()))
    expected = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    torch.testing.assert_close(step(Adam(net.parameters(), 0.01), loss(net, 0)), expected)


def test_moments_put_into_another_optimiser_continue_bit_by_bit() -> None:
    first, second = network(), network()
    one, other = Adam(first.parameters(), 0.01), Adam(second.parameters(), 0.01)
    for number in range(3):
        step(one, loss(first, number))
    load_tensors(other.tensors(), one.tensors())
    load_tensors(dict(second.named_parameters()), dict(first.named_parameters()))
    for optimiser, net in ((one, first), (other, second)):
        step(optimiser, loss(net, 9))
    assert all(map(torch.equal, first.parameters(), second.parameters()))


def test_tensors_that_do_not_fit_are_refused_and_nothing_is_copied() -> None:
    own = {'a': torch.zeros(2), 'b': torch.zeros(3)}
    for given in (
        {'a': torch.ones(2)},
        {'a': torch.ones(2), 'b': torch.ones(4)},
        {'a': torch.ones(2), 'c': torch.ones(3)},
    ):
        with pytest.raises(CheckpointError, match='names or sizes'):
            load_tensors(own, given)
    assert all(not tensor.any() for tensor in own.values())


def test_a_snapshot_restores_what_was_taken_last() -> None:
    net = network()
    optimiser = Adam(net.parameters(), 0.01)
    tensors = [p.detach() for p in net.parameters()] + list(optimiser.tensors().values())
    snapshot = Snapshot(tensors)
    snapshot.take()
    step(optimiser, loss(net, 0))
    snapshot.take()
    expected = [tensor.clone() for tensor in tensors]
    step(optimiser, loss(net, 1))
    assert not all(map(torch.equal, tensors, expected))
    snapshot.restore()
    assert all(map(torch.equal, tensors, expected))


def test_polyak_moves_by_a_share_of_the_difference() -> None:
    target, online = nn.Linear(2, 1), nn.Linear(2, 1)
    before = target.weight.clone()
    polyak(target, online, 0.25)
    torch.testing.assert_close(target.weight, 0.75 * before + 0.25 * online.weight)
