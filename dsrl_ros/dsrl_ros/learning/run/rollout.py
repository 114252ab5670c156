"""Steering without ROS: the latent-action MDP on any environment that executes chunks.

Keeps the schedule of a lockstep run of the graph (same keys, same lag), so that its learning
curve predicts the graph's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypedDict, runtime_checkable

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.noise import expand
from dsrl_ros.core.types import (
    NO_RUN,
    Array,
    ChunkStep,
    DecisionKey,
    ImageArray,
    Observation,
    PolicySpec,
    RewardSource,
    Transition,
)
from dsrl_ros.learning.algorithms.build import acting_policy
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.learner import Learner
from dsrl_ros.learning.steering.choosers import NoiseChooser, PriorChooser
from dsrl_ros.learning.steering.pacing import GradientDebt, LockstepPacing, trained_episodes_for
from dsrl_ros.learning.steering.seeding import Stream, keyed_seed
from dsrl_ros.policies.base import FrozenPolicy, ask


class ChunkEnv(Protocol):
    """An environment whose step is a chunk."""

    def reset(self, *, seed: int) -> tuple[Array, dict[str, Any]]:
        """Start an episode; the seed alone decides how. Returns the state (O,) and info."""
        ...

    def execute(self, chunk: Array) -> ChunkStep:
        """Execute a chunk, (n, A)."""
        ...


class ExtraObservations(TypedDict, total=False):
    """What an observation has besides its state, see `core.types.Observation`."""

    image: ImageArray
    features: Array


@runtime_checkable
class ObservingEnv(Protocol):
    """A `ChunkEnv` whose observations have an image, features or both."""

    def extra_observations(self) -> ExtraObservations:
        """Return these as they are now: after a reset, and at the end of each chunk."""
        ...


@runtime_checkable
class CameraEnv(Protocol):
    """A `ChunkEnv` with cameras, for policies that look through them."""

    def camera_images(self, spec: PolicySpec) -> Sequence[ImageArray]:
        """Return what the cameras of a policy show now: after a reset, at the end of a chunk.

        Called for policies with cameras alone.

        Args:
            spec: of the policy; names the cameras and the size of each image.

        Returns:
            RGB of each of `spec.image_names`, in that order, (I,) of (height, width, 3) uint8.
        """
        ...


@runtime_checkable
class JudgingEnv(ChunkEnv, Protocol):
    """A `ChunkEnv` that judges its episodes itself, by more than reward and termination."""

    @property
    def success(self) -> bool:
        """Whether the episode so far has succeeded."""
        ...


@dataclass(frozen=True)
class EpisodeResult:
    """How one episode went.

    Attributes:
        phase: 'warmup' or 'online'.
        success: see `judged`.
        decisions: chunks asked for.
        steps: control steps executed.
        metrics: of the gradient steps taken after it; empty when none were owed.
        transitions: of the episode, in order.
    """

    phase: str
    success: bool
    decisions: int
    steps: int
    metrics: dict[str, float] = field(default_factory=dict)
    transitions: tuple[Transition, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Resumed:
    """Where a run goes on whose learner was loaded from a checkpoint.

    Attributes:
        episodes: learned from already.
        transitions: of these.
        lagged: what the learner chose one episode before.
    """

    episodes: int
    transitions: int
    lagged: NoiseChooser


def rollout(
    env: ChunkEnv,
    policy: FrozenPolicy,
    chooser: NoiseChooser,
    config: LearnerConfig,
    episode: int,
    reset_seed: int,
    phase: str = 'online',
    first_sequence: int = 0,
    fallback: NoiseChooser | None = None,
) -> list[Transition]:
    """Run one episode.

    Args:
        env: where; an `ObservingEnv` if the chooser needs more than the state, a `CameraEnv` if
            the policy does.
        policy: what is steered.
        chooser: who chooses its noise.
        config: gives the discount.
        episode: its number, part of the key of every random draw.
        reset_seed: start of the episode.
        phase: written into the transitions.
        first_sequence: sequence number of the first transition.
        fallback: chooses instead after a chunk of which nothing was executed: a deterministic
            chooser that sees the same again would ask for the same again. None leaves it to
            `chooser`.

    Returns:
        The transitions in order; the last one is terminated or truncated.

    Raises:
        ConfigError: see `check_env`.
        ShapeMismatchError: images that are not those of the policy.
    """
    spec = policy.spec
    check_env(env, spec)
    state, _ = env.reset(seed=reset_seed)
    observation = _observe(env, state)
    transitions: list[Transition] = []
    refused = False
    while True:
        decision = len(transitions)
        asked = fallback if refused and fallback is not None else chooser
        noise = asked.choose(observation, episode, decision)
        expanded = expand(noise.rows, noise.layout, spec.horizon)  # (H, A)
        chunk = ask(policy, observation.state[None], expanded[None], _camera_batch(env, spec))[0]
        step = env.execute(chunk[: spec.num_execute])
        next_observation = _observe(env, step.state)
        transitions.append(
            Transition(
                key=DecisionKey('steered', NO_RUN, episode, decision),
                sequence=first_sequence + decision,
                observation=observation,
                noise=noise,
                action=step.executed,
                reward=step.reward,
                discount=config.transition_discount(len(step.executed)),
                terminated=step.terminated,
                truncated=step.truncated,
                next_observation=next_observation,
                phase=phase,
                reward_source=(RewardSource.TIMEOUT if step.truncated else RewardSource.SIMULATOR),
            )
        )
        if step.terminated or step.truncated:
            success = judged(env, transitions)
            transitions[-1] = replace(transitions[-1], success=success)
            return transitions
        refused = not len(step.executed)
        observation = next_observation


def _observe(env: ChunkEnv, state: Array) -> Observation:
    """Return the whole observation that belongs to `state`, which is the newest."""
    extra = env.extra_observations() if isinstance(env, ObservingEnv) else {}
    return Observation(state, **extra)


def _camera_batch(env: ChunkEnv, spec: PolicySpec) -> list[ImageArray]:
    """Return a batch of one of each image that a policy needs, (I,) of (1, height, width, 3)."""
    if not spec.image_names:
        return []
    assert isinstance(env, CameraEnv)  # see check_env
    return [image[None] for image in env.camera_images(spec)]


def check_env(env: ChunkEnv, spec: PolicySpec) -> None:
    """Raise unless an environment has the methods that it needs for a policy.

    Raises:
        ConfigError: the policy looks through cameras and there are none, or a method has a name
            that is no longer called.
    """
    for old, new in (('film', 'camera_images'), ('look', 'extra_observations')):
        if hasattr(env, old) and not hasattr(env, new):
            raise ConfigError(
                f'environment {type(env).__name__}: got a method {old}(), expected {new}(), as '
                'it is called now. Rename the method.'
            )
    if spec.image_names and not isinstance(env, CameraEnv):
        raise ConfigError(
            f'policy {spec.name}: got an environment without cameras ({type(env).__name__}), '
            f'expected one that shows {", ".join(spec.image_names)}. Give it a method '
            'camera_images() as in `dsrl_ros.learning.run.rollout.CameraEnv`.'
        )


def succeeded(transitions: list[Transition]) -> bool:
    """Return whether an episode ended with the task done."""
    return transitions[-1].terminated and transitions[-1].reward > 0


def judged(env: ChunkEnv, transitions: list[Transition]) -> bool:
    """Return whether an episode succeeded: as the environment says, or else by its reward."""
    return env.success if isinstance(env, JudgingEnv) else succeeded(transitions)


def run_steering(
    env: ChunkEnv,
    policy: FrozenPolicy,
    learner: Learner,
    seed: int,
    warmup_episodes: int = 10,
    online_episodes: int = 40,
    on_episode: Callable[[int, EpisodeResult], None] | None = None,
    offline: Iterable[Transition] = (),
    resumed: Resumed | None = None,
    before_learning: Callable[[int], None] | None = None,
) -> list[EpisodeResult]:
    """Learn to steer.

    Warm-up episodes draw from the prior, online ones from what the learner chooses, exploring,
    with one episode of lag. The gradient steps that an episode owes are taken after it, those of
    the last one too.

    Args:
        env, policy: the latent-action MDP.
        learner: for this policy; see `build.build_learner`.
        seed: of resets and noise.
        warmup_episodes, online_episodes: how many.
        on_episode: called after the gradient steps of each episode.
        offline: transitions of phase 'offline', known before the first episode;
            `offline_steps` gradient steps are taken on them.
        resumed: where to go on; the learner holds the offline data already.
        before_learning: called with the number of an episode that has ended, before its
            transitions reach the learner.

    Returns:
        What happened, from where it went on.

    Raises:
        ConfigError: see `check_env`.
    """
    config = learner.config
    policy = acting_policy(policy, config)
    check_env(env, policy.spec)  # before the offline steps, which may take hours
    debt = GradientDebt(config.utd, config.start_transitions, config.update_every)
    first = 0 if resumed is None else resumed.episodes
    if resumed is None:
        learn_offline(learner, offline)
    else:
        debt.add(resumed.transitions)
        debt.pay(debt.owed)
    pacing = LockstepPacing(debt, first)
    prior, fallback = (
        PriorChooser(seed, config.layout, config.noise_shape(policy.spec), scale)
        for scale in (config.prior_scale, 1.0)
    )
    choosers: dict[int, NoiseChooser] = {first: learner.chooser(seed)}
    if resumed is not None:
        choosers[first - 1] = resumed.lagged
    episodes: list[EpisodeResult] = []
    for number in range(first, warmup_episodes + online_episodes):
        warming = number < warmup_episodes
        phase = 'warmup' if warming else 'online'
        transitions = rollout(
            env,
            policy,
            prior if warming else choosers[trained_episodes_for(number)],
            config,
            number,
            keyed_seed(seed, Stream.RESET, number),
            phase,
            learner.num_transitions,
            fallback,
        )
        if before_learning is not None:
            before_learning(number)
        for transition in transitions:
            pacing.add(transition)
        metrics = _learn(learner, pacing)
        choosers[number + 1] = learner.chooser(seed)
        choosers.pop(number - 1, None)
        steps = sum(len(transition.action) for transition in transitions)
        success = transitions[-1].success
        episodes.append(
            EpisodeResult(phase, success, len(transitions), steps, metrics, tuple(transitions))
        )
        if on_episode is not None:
            on_episode(number, episodes[-1])
    return episodes


def learn_offline(learner: Learner, transitions: Iterable[Transition]) -> dict[str, float]:
    """Add a dataset and take `offline_steps` gradient steps on it; return their metrics."""
    for transition in transitions:
        learner.add(transition)
    steps = learner.config.offline_steps
    return learner.update(steps) if steps and learner.num_transitions else {}


def evaluate(
    env: ChunkEnv,
    policy: FrozenPolicy,
    chooser: NoiseChooser,
    config: LearnerConfig,
    seed: int,
    episodes: int = 50,
    first_episode: int = 0,
    on_episode: Callable[[bool], None] | None = None,
) -> list[bool]:
    """Return the success of each of `episodes` fresh resets, never trained on.

    Args:
        env, policy, chooser, config: as in `rollout`.
        seed: of the run.
        episodes: how many.
        first_episode: number of the first one, part of the key of every random draw.
        on_episode: called with the success of each.
    """
    fallback = PriorChooser(seed, config.layout, config.noise_shape(policy.spec))
    successes: list[bool] = []
    for i in range(episodes):
        reset_seed = keyed_seed(seed, Stream.EVALUATION_RESET, i)
        transitions = rollout(
            env, policy, chooser, config, first_episode + i, reset_seed, fallback=fallback
        )
        successes.append(transitions[-1].success)
        if on_episode is not None:
            on_episode(successes[-1])
    return successes


def _learn(learner: Learner, pacing: LockstepPacing) -> dict[str, float]:
    """Do the work that is due and return the metrics of its gradient steps."""
    metrics: dict[str, float] = {}
    while (work := pacing.take()) is not None:
        for transition in work.transitions:
            learner.add(transition)
        if work.gradient_steps:
            metrics = learner.update(work.gradient_steps)
        pacing.finish(work)
    return metrics
