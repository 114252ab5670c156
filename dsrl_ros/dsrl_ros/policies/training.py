"""Train a flow-matching policy from demonstrations. Knows no robot and no task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dsrl_ros.core.types import Array
from dsrl_ros.policies.flow import FlowShape, VelocityField


@dataclass(frozen=True)
class TrainingConfig:
    """How a base policy is trained.

    Attributes:
        horizon: steps of a chunk, H.
        width: neurons of each hidden layer.
        depth: hidden layers.
        steps: gradient steps.
        batch_size: windows per gradient step.
        learning_rate: of Adam, falling to zero along a cosine.
        seed: of initial weights, batches, noise and flow times.
    """

    horizon: int = 2
    width: int = 256
    depth: int = 3
    steps: int = 450
    batch_size: int = 256
    learning_rate: float = 1e-3
    seed: int = 0


def windows(states: Array, actions: Array, horizon: int) -> tuple[Array, Array]:
    """Cut one demonstration into a chunk for each of its states.

    Past the end the hand rests and the gripper keeps its last command.

    Args:
        states: (T, O).
        actions: (T, A), last column the gripper.
        horizon: H.

    Returns:
        States (T, O) and chunks (T, H, A).
    """
    rest = np.zeros_like(actions[-1:])
    rest[:, -1] = actions[-1, -1]
    padded = np.concatenate([actions, np.repeat(rest, horizon - 1, axis=0)])
    rows = np.arange(len(actions))[:, None] + np.arange(horizon)
    return states, padded[rows]


def train(
    demonstrations: Sequence[tuple[Array, Array]],
    config: TrainingConfig,
    on_step: Callable[[int, float], None] | None = None,
) -> VelocityField:
    """Fit a velocity field by conditional flow matching along straight paths.

    Sets torch to one thread.

    Args:
        demonstrations: states (T, O) and actions (T, A) of each.
        config: how.
        on_step: called with the step and its loss, for progress.
    """
    cut = [windows(states, actions, config.horizon) for states, actions in demonstrations]
    states = torch.from_numpy(np.concatenate([s for s, _ in cut]))  # (N, O)
    chunks = torch.from_numpy(np.concatenate([c for _, c in cut]))  # (N, H, A)

    torch.set_num_threads(1)  # sums in one order: the same seed gives the same policy
    torch.manual_seed(config.seed)
    field = VelocityField(
        FlowShape(states.shape[1], config.horizon, chunks.shape[2], config.width, config.depth)
    )
    _set_statistics(field.state_mean, field.state_std, states)
    _set_statistics(field.action_mean, field.action_std, chunks.flatten(0, 1))
    normal_states = (states - field.state_mean) / field.state_std
    normal_chunks = ((chunks - field.action_mean) / field.action_std).flatten(1)  # (N, H * A)

    optimizer = torch.optim.Adam(field.parameters(), lr=config.learning_rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for step in range(config.steps):
        rows = torch.randint(len(states), (config.batch_size,))
        action = normal_chunks[rows]
        noise = torch.randn_like(action)
        time = torch.rand(config.batch_size, 1)
        velocity = field((1 - time) * noise + time * action, time, normal_states[rows])
        loss = (velocity - (action - noise)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if on_step is not None:
            on_step(step, loss.item())
    return field


def _set_statistics(mean: Tensor, std: Tensor, values: Tensor) -> None:
    """Fill `mean` and `std` (D,) from (N, D) values; a constant column keeps its scale."""
    mean.copy_(values.mean(0))
    spread = values.std(0)
    std.copy_(torch.where(spread > 1e-6, spread, torch.ones_like(spread)))
