"""Adam steps as the learners take them, and a copy of what they change. Chooses no loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from dsrl_ros.core.errors import CheckpointError

_BETA_MEAN, _BETA_SQUARE, _EPS = 0.9, 0.999, 1e-8


class Adam:
    """Adam (Kingma and Ba 2015) over all weights of a network in one call.

    The kernel is that of `torch.optim.Adam(fused=True)`, which keeps a step count per weight and
    spends more time on those, on one core, than on the weights of a network of 3 x 128.

    Args:
        parameters: weights, all on one device.
        learning_rate: step size.

    Attributes:
        parameters: the weights.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], learning_rate: float) -> None:
        self.parameters: list[Tensor] = list(parameters)
        self._learning_rate = learning_rate
        self._means = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self._squares = [torch.zeros_like(p, requires_grad=False) for p in self.parameters]
        self._steps = torch.zeros((), device=self.parameters[0].device)

    def step(self, gradients: list[Tensor]) -> None:
        """Take one step down the gradients, one for each of `parameters`."""
        self._steps += 1.0
        with torch.no_grad():
            torch._fused_adam_(
                self.parameters,
                gradients,
                self._means,
                self._squares,
                [],  # maxima, of the variant AMSGrad
                [self._steps] * len(self.parameters),
                lr=self._learning_rate,
                beta1=_BETA_MEAN,
                beta2=_BETA_SQUARE,
                weight_decay=0.0,
                eps=_EPS,
                amsgrad=False,
                maximize=False,
            )

    def tensors(self) -> dict[str, Tensor]:
        """Return moments by index of the weight, and the count of steps; the tensors in use."""
        means = {f'{i}.mean': mean for i, mean in enumerate(self._means)}
        squares = {f'{i}.square': square for i, square in enumerate(self._squares)}
        return {'steps': self._steps, **means, **squares}


def step(optimiser: Adam, loss: Tensor) -> Tensor:
    """Take one step down `loss` and return the norm of its gradient."""
    gradients = list(torch.autograd.grad(loss, optimiser.parameters))
    optimiser.step(gradients)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    return norm


def polyak(targets: nn.Module, online: nn.Module, share: float) -> None:
    """Move every weight of `targets` towards that of `online` by `share` of the difference."""
    with torch.no_grad():
        own: list[Tensor] = list(targets.parameters())
        given: list[Tensor] = list(online.parameters())
        torch._foreach_lerp_(own, given, share)


class Snapshot:
    """A copy of tensors that costs no allocation after its first time.

    Args:
        tensors: what to copy, always the same tensors.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._tensors = list(tensors)
        self._copies = [torch.empty_like(tensor) for tensor in self._tensors]

    def take(self) -> None:
        """Copy the tensors as they are now."""
        torch._foreach_copy_(self._copies, self._tensors)

    def restore(self) -> None:
        """Put the tensors back to where they were when the copy was taken."""
        torch._foreach_copy_(self._tensors, self._copies)


def load_tensors(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> None:
    """Copy every tensor of `given` into that of the same name.

    Raises:
        CheckpointError: other names or shapes; nothing is copied then.
    """
    if {n: t.shape for n, t in own.items()} != {n: t.shape for n, t in given.items()}:
        raise CheckpointError(
            'checkpoint: the tensors have other names or sizes than this configuration makes. '
            'Resume with the configuration of the checkpoint.'
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(given[name])


class MetricMeans:
    """Means of metrics over gradient steps, summed without waiting for the device."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], Tensor] = {}
        self._counts: dict[tuple[str, ...], int] = {}

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Add one step's values by name; which names come together is always the same."""
        names = tuple(values)
        new = torch.stack([value.detach() for value in values.values()])
        self._sums[names] = self._sums[names] + new if names in self._sums else new
        self._counts[names] = self._counts.get(names, 0) + 1

    def means(self) -> dict[str, float]:
        """Return each metric's mean; here the host waits for the device."""
        return {
            name: value / self._counts[names]
            for names, sums in self._sums.items()
            for name, value in zip(names, sums.tolist(), strict=True)
        }
