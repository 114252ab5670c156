"""Adam steps as the learners take them, and their moments as plain tensors. Chooses no loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn


def adam(parameters: Iterable[nn.Parameter], learning_rate: float) -> torch.optim.Adam:
    """Return the optimiser of a network."""
    return torch.optim.Adam(parameters, lr=learning_rate, fused=True)


def _parameters(optimiser: torch.optim.Adam) -> Sequence[nn.Parameter]:
    parameters: Sequence[nn.Parameter] = optimiser.param_groups[0]['params']
    return parameters


def step(optimiser: torch.optim.Adam, loss: Tensor) -> Tensor:
    """Take one step down `loss` and return the norm of its gradient.

    `torch.autograd.grad` computes no gradient but those asked for: an actor step does not pay
    for the weights of the critics.
    """
    parameters = _parameters(optimiser)
    gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimiser.step()
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm


def adam_tensors(optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Return copies of the moments by parameter index; empty before the first step."""
    return {
        f'{i}.{key}': tensor.clone()
        for i, parameter in enumerate(_parameters(optimiser))
        for key, tensor in optimiser.state.get(parameter, {}).items()
    }


def load_adam(optimiser: torch.optim.Adam, tensors: Mapping[str, Tensor]) -> None:
    """Take over what `adam_tensors` returned."""
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        index, key = name.split('.')
        state.setdefault(int(index), {})[key] = tensor.clone()
    groups = optimiser.state_dict()['param_groups']
    optimiser.load_state_dict({'state': state, 'param_groups': groups})


def polyak(targets: nn.Module, online: nn.Module, share: float) -> None:
    """Move every weight of `targets` towards that of `online` by `share` of the difference."""
    with torch.no_grad():
        own: list[Tensor] = list(targets.parameters())
        given: list[Tensor] = list(online.parameters())
        torch._foreach_lerp_(own, given, share)
