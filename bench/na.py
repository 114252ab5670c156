"""Rounds per second of DSRL-NA against a plain eager version of the same update.

The plain one is written with torch's own modules and optimisers, and denoises batch by batch,
every time anew.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.rows import Row
from dsrl_ros.core.noise import expand
from dsrl_ros.core.types import NO_RUN, DecisionKey, Noise, NoiseSource, Observation, Transition
from dsrl_ros.learning.algorithms.dsrl_na import DsrlNa
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.policies import io
from dsrl_ros.policies.flow import FlowPolicy, VelocityField

_POLICY = Path(__file__).parents[1] / 'dsrl_bringup/policies/franka_pick_place.safetensors'
# Of how many data: some 60 episodes of the demo, and ten times as many.
_TRANSITIONS = (1_000, 10_000)
_CONFIG = LearnerConfig(
    algorithm='na', hidden_size=256, batch_size=256, utd=20, noise_critic_steps=10
)
_REPEATS = 5


def _learner(policy: FlowPolicy, transitions: int) -> DsrlNa:
    learner = DsrlNa(policy, _CONFIG, seed=0)
    spec, rng = policy.spec, np.random.default_rng(0)
    mean, std = np.array(spec.state_mean), np.array(spec.state_std)

    def state() -> np.ndarray:
        drawn: np.ndarray = (mean + std * rng.standard_normal(spec.state_dim)).astype(np.float32)
        return drawn

    for number in range(transitions):
        observation = state()
        rows = rng.standard_normal((spec.horizon, spec.action_dim), dtype=np.float32)
        learner.add(
            Transition(
                key=DecisionKey('bench', NO_RUN, 0, number),
                sequence=number,
                observation=Observation(observation),
                noise=Noise(rows, _CONFIG.layout, NoiseSource.PRIOR),
                action=policy(observation[None], rows[None])[0, : spec.num_execute],
                reward=float(number % 20 == 0),
                discount=0.97,
                terminated=number % 20 == 0,
                truncated=False,
                next_observation=Observation(state()),
            )
        )
    return learner


def _mlp(num_inputs: int, num_outputs: int) -> nn.Sequential:
    width = _CONFIG.hidden_size
    layers: list[nn.Module] = []
    for size in (num_inputs, *[width] * (_CONFIG.num_layers - 1)):
        layers += [nn.Linear(size, width), nn.LayerNorm(width), nn.Tanh()]
    return nn.Sequential(*layers, nn.Linear(width, num_outputs))


class PlainCritics(nn.Module):
    """Two of them, one after the other."""

    def __init__(self, num_inputs: int) -> None:
        super().__init__()
        self.members = nn.ModuleList(_mlp(num_inputs, 1) for _ in range(_CONFIG.num_critics))

    def forward(self, state: Tensor, action: Tensor) -> Tensor:
        """Return values (E, B)."""
        return torch.stack(
            [member(torch.cat([state, action], dim=-1)).squeeze(-1) for member in self.members]
        )


class PlainActor(nn.Module):
    """Squashed Gaussian."""

    def __init__(self, num_inputs: int, noise_dim: int) -> None:
        super().__init__()
        self.body = _mlp(num_inputs, 2 * noise_dim)

    def sample(self, state: Tensor) -> tuple[Tensor, Tensor]:
        """Return u (B, D) and log pi (B,)."""
        mean, log_std = self.body(state).chunk(2, dim=-1)
        gaussian = torch.distributions.Normal(mean, log_std.clamp(-5.0, 2.0).exp())
        x = gaussian.rsample()
        noise = torch.tanh(x)
        log_prob = gaussian.log_prob(x) - (1.0 - noise.square() + 1e-6).log()
        return noise, log_prob.sum(dim=-1)


class PlainNa:
    """The same update, as one writes it first: same sizes, losses and order of steps."""

    def __init__(self, learner: DsrlNa, policy: FlowPolicy) -> None:
        self._policy = policy
        self._frozen, self._replay = learner._frozen, learner.replay
        self._normalise, self._noise_dim = learner._normalise, learner._noise_dim
        self._generator = torch.Generator().manual_seed(0)
        state_dim = policy.spec.state_dim
        self.actor = PlainActor(state_dim, self._noise_dim)
        self.critics = PlainCritics(state_dim + self._frozen.size)
        self.targets = copy.deepcopy(self.critics)
        self.noise_critics = PlainCritics(state_dim + self._noise_dim)
        self.log_temperature = torch.tensor(-2.3, requires_grad=True)
        self._actor_adam = torch.optim.Adam(self.actor.parameters(), 3e-4)
        self._critic_adam = torch.optim.Adam(self.critics.parameters(), 3e-4)
        self._noise_adam = torch.optim.Adam(self.noise_critics.parameters(), 3e-4)
        self._temperature_adam = torch.optim.Adam([self.log_temperature], 3e-4)

    def round(self) -> None:
        """Take 20 action-critic, 10 noise-critic and 20 actor steps."""
        for _ in range(_CONFIG.utd):
            self._action_critic_step()
        for _ in range(_CONFIG.noise_critic_steps):
            self._noise_critic_step()
        for _ in range(_CONFIG.utd):
            self._actor_step()

    def _action_critic_step(self) -> None:
        batch = self._replay.sample(_CONFIG.batch_size, self._generator)
        state, next_state = (
            self._normalise(one.state) for one in (batch.observation, batch.next_observation)
        )
        with torch.no_grad():
            noise, _ = self.actor.sample(next_state)
            action = self._answer(batch.next_observation.state, noise * _CONFIG.noise_magnitude)
            value = self.targets(next_state, action).amin(dim=0).clamp(0.0, 1.0)
            target = batch.reward + batch.discount * (1.0 - batch.terminated) * value
        values = self.critics(state, self._frozen.scale(batch.action))
        loss = 0.5 * sum((value - target).square().mean() for value in values)
        self._critic_adam.zero_grad()
        loss.backward()
        self._critic_adam.step()
        with torch.no_grad():
            for own, given in zip(
                self.targets.parameters(), self.critics.parameters(), strict=True
            ):
                own.mul_(1.0 - _CONFIG.polyak).add_(_CONFIG.polyak * given)

    def _noise_critic_step(self) -> None:
        batch = self._replay.sample(_CONFIG.batch_size, self._generator)
        state, half = self._normalise(batch.observation.state), _CONFIG.batch_size // 2
        with torch.no_grad():
            prior = torch.randn(half, self._noise_dim, generator=self._generator)
            chosen, _ = self.actor.sample(state[half:])
            noise = torch.cat([prior, chosen * _CONFIG.noise_magnitude])
            target = self.critics(state, self._answer(batch.observation.state, noise))
        values = self.noise_critics(state, noise / _CONFIG.noise_magnitude)
        loss = 0.5 * sum(
            (value - goal).square().mean() for value, goal in zip(values, target, strict=True)
        )
        self._noise_adam.zero_grad()
        loss.backward()
        self._noise_adam.step()

    def _actor_step(self) -> None:
        batch = self._replay.sample(_CONFIG.batch_size, self._generator)
        state = self._normalise(batch.observation.state)
        noise, log_prob = self.actor.sample(state)
        value = self.noise_critics(state, noise).amin(dim=0)
        temperature = self.log_temperature.detach().exp()
        loss = (temperature * log_prob - value).mean()
        self._actor_adam.zero_grad()
        loss.backward()
        self._actor_adam.step()
        temperature_loss = -self.log_temperature * log_prob.detach().mean()
        self._temperature_adam.zero_grad()
        temperature_loss.backward()
        self._temperature_adam.step()

    def _answer(self, state: Tensor, noise: Tensor) -> Tensor:
        spec = self._policy.spec
        rows = expand(
            noise.numpy().reshape(len(noise), -1, spec.action_dim), _CONFIG.layout, spec.horizon
        )
        chunks = self._policy(state.numpy(), rows)[:, : spec.num_execute]
        return self._frozen.scale(torch.from_numpy(chunks).flatten(1))


def _wider(policy: FlowPolicy) -> FlowPolicy:
    """Return an untrained policy of the size of the paper's (3 x 512, Robomimic Lift and Can)."""
    torch.manual_seed(0)
    shape = dataclasses.replace(policy.field.shape, width=512, depth=3)
    field = VelocityField(shape)
    for name, values in policy.field.named_buffers():
        field.get_buffer(name).copy_(values)  # so that its answers lie within the limits
    return FlowPolicy(policy.spec, field)


def _rates(policy: FlowPolicy, transitions: int) -> tuple[float, float]:
    """Return our rounds per second, and how many of the plain one's they are; medians."""
    learner = _learner(policy, transitions)
    learner.update(_CONFIG.utd * 10)
    # As in a run, where every transition brought a round of its own, nearly all pairs are known.
    everywhere = torch.arange(transitions).repeat(4 * _CONFIG.distill_samples)
    learner._pairs.draw(everywhere, 0.0, learner._answer, torch.Generator().manual_seed(0))
    plain = PlainNa(learner, policy)
    plain.round()
    ours, theirs = [], []
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        learner.update(_CONFIG.utd)
        middle = time.perf_counter()
        plain.round()
        ours.append(middle - begin)
        theirs.append(time.perf_counter() - middle)
    return 1 / float(np.median(ours)), float(np.median(np.array(theirs) / np.array(ours)))


def measure_na() -> list[Row]:
    """Time whole rounds, plain and ours in turn, on one thread."""
    torch.set_num_threads(1)
    policy = io.load(_POLICY)
    rows = []
    for transitions in _TRANSITIONS:
        for name, frozen in (('3 x 256', policy), ('3 x 512', _wider(policy))):
            rate, ratio = _rates(frozen, transitions)
            what = f'DSRL-NA, policy of {name}, {transitions} transitions'
            note = 'UTD 20, 10 Q_W steps, 8-step sampler, learner 3 x 256, batch 256, one thread'
            rows.append(Row(f'{what}: rounds', rate, '1/s', note=note))
            rows.append(
                Row(
                    '  beside a plain eager update',
                    ratio,
                    'x',
                    budget=2.0,
                    more_is_better=True,
                    note=f'median of {_REPEATS} in turn',
                )
            )
    return rows
