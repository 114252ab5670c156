"""The matrix products of one DSRL-SAC update, and the time that they take by themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor


class Sizes(NamedTuple):
    """Of an update: batch, state, noise, width and number of hidden layers, critics."""

    batch: int
    state: int
    noise: int
    hidden: int
    layers: int
    critics: int


class Pass(NamedTuple):
    """Products of one network, one of each kind per layer.

    Attributes:
        network: 'actor', or the name of a critic.
        forward: x W^T.
        weights: dW = dz^T x.
        inputs: dx = dz W of all layers but the first, whose input is data.
        first_input: dx of the first layer as well: the noise of the actor goes in there.
    """

    network: str
    forward: bool = False
    weights: bool = False
    inputs: bool = False
    first_input: bool = False


def passes(num_critics: int) -> list[Pass]:
    """Return what an update cannot do without, in its order."""
    critics = range(num_critics)
    return [
        Pass('actor', forward=True),  # u' ~ pi(s')
        *(Pass(f'target {j}', forward=True) for j in critics),  # Q'_j(s', u')
        *(Pass(f'critic {j}', forward=True) for j in critics),  # Q_j(s, u)
        *(Pass(f'critic {j}', weights=True, inputs=True) for j in critics),
        Pass('actor', forward=True),  # u ~ pi(s)
        *(Pass(f'critic {j}', forward=True) for j in critics),  # Q_j(s, u)
        *(Pass(f'critic {j}', inputs=True, first_input=True) for j in critics),  # dQ_j / du
        Pass('actor', weights=True, inputs=True),
    ]


def layer_sizes(network: str, sizes: Sizes) -> list[int]:
    """Return the widths of a network from its input to its output."""
    hidden = [sizes.hidden] * sizes.layers
    if network == 'actor':
        return [sizes.state, *hidden, 2 * sizes.noise]  # mean and spread
    return [sizes.state + sizes.noise, *hidden, 1]


def product_shapes(sizes: Sizes) -> list[tuple[int, int, int]]:
    """Return (m, k, n) of every product (m, k) @ (k, n) of an update."""
    shapes = []
    for each in passes(sizes.critics):
        pairs = list(itertools.pairwise(layer_sizes(each.network, sizes)))
        for i, (n_in, n_out) in enumerate(pairs):
            if each.forward:
                shapes.append((sizes.batch, n_in, n_out))
            if each.weights:
                shapes.append((n_out, sizes.batch, n_in))
            if each.first_input or (each.inputs and i > 0):
                shapes.append((sizes.batch, n_out, n_in))
    return shapes


def flops(sizes: Sizes) -> int:
    """Return the multiplications and additions of the products of an update."""
    return sum(2 * m * k * n for m, k, n in product_shapes(sizes))


def all_products(sizes: Sizes, device: str) -> Callable[[], None]:
    """Return a function that takes the products of one update, by `torch.mm`, and nothing else.

    Each network has weights of its own, so that they come from the same level of the memory as in
    an update; factors lie in memory as there.
    """
    factors: list[tuple[Tensor, Tensor]] = []
    weights: dict[tuple[str, int], Tensor] = {}
    for each in passes(sizes.critics):
        pairs = list(itertools.pairwise(layer_sizes(each.network, sizes)))
        for i, (n_in, n_out) in enumerate(pairs):
            weight = weights.setdefault((each.network, i), torch.randn(n_out, n_in, device=device))
            x = torch.randn(sizes.batch, n_in, device=device)
            dz = torch.randn(sizes.batch, n_out, device=device)
            if each.forward:
                factors.append((x, weight.t()))
            if each.weights:
                factors.append((dz.t(), x))
            if each.first_input or (each.inputs and i > 0):
                factors.append((dz, weight))

    def take() -> None:
        for left, right in factors:
            torch.mm(left, right)

    return take
