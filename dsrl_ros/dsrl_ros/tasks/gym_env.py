"""Any Gymnasium environment with flat observations and actions, a chunk at a time."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, NonFiniteError, ShapeMismatchError
from dsrl_ros.core.types import Array, ChunkStep, PolicySpec

_SUCCESS_KEYS = ('success', 'is_success')
# Limits that agree to this share of their range count as equal: cards are written by hand.
_TOLERANCE = 1e-3
# No robot's episode is longer: 100,000 steps at 10 Hz are almost three hours.
_ENDLESS = 100_000


class GymChunkEnv:
    """Executes chunks of a policy step by step; a `ChunkEnv` that judges its episodes itself.

    An episode succeeds when any of its steps has `info['success']` or `info['is_success']`; where
    an environment gives neither, when it terminates with a positive reward; or, with
    `success_return`, when the undiscounted sum of its rewards reaches that.

    Args:
        env: observations are a `Box` of one axis, or a `Dict` with such a box named 'state', or
            anything else without images that `FlattenObservation` makes flat (keys in the order
            of the space). Actions are a `Box` of one axis.
        spec: of the policy that acts in it.
        step_discount: factor per step on the rewards within a chunk; 1 for their plain sum.
        max_steps: limit of an episode [steps]; None leaves it to the environment.
        end_on_success: terminate at the first success, where the environment would go on.
        success_return: see above.

    Raises:
        ConfigError: a space that a state policy cannot live in, or limits that do not hold
            the policy's.
        ShapeMismatchError: spaces of other sizes than the policy's.
    """

    def __init__(
        self,
        env: gymnasium.Env[Any, Any],
        spec: PolicySpec,
        *,
        step_discount: float = 1.0,
        max_steps: int | None = None,
        end_on_success: bool = False,
        success_return: float | None = None,
    ) -> None:
        self._env = _flat(env)
        self._low, self._high = _action_limits(self._env.action_space, spec)
        _check_observations(self._env.observation_space, spec)
        self._step_discount = step_discount
        self._max_steps = max_steps
        self._end_on_success = end_on_success
        self._success_return = success_return
        self._start()

    @property
    def success(self) -> bool:
        """Whether the episode so far has succeeded."""
        if self._success_return is not None:
            return self.episode_return >= self._success_return
        return self._success

    def reset(self, *, seed: int) -> tuple[Array, dict[str, Any]]:
        """Start an episode; the seed alone decides how.

        Returns:
            Observation (O,) float32, and the environment's info.

        Raises:
            NonFiniteError: an observation with a NaN or an infinity.
        """
        observation, info = self._env.reset(seed=seed)
        self._start()
        return self._state(observation), info

    def execute(self, chunk: Array) -> ChunkStep:
        """Execute a chunk, (n, A); stops inside it when the episode ends.

        Raises:
            NonFiniteError: an observation or a reward that is not finite.
        """
        reward, factor, count = 0.0, 1.0, 0
        observation: Any = None
        terminated = truncated = False
        actions = np.clip(chunk, self._low, self._high).astype(self._low.dtype)
        for action in actions:
            observation, given, terminated, truncated, info = self._env.step(action.copy())
            one = float(given)
            if not math.isfinite(one):
                raise NonFiniteError(
                    f'environment {_name(self._env)}: got reward {one} in step {self._steps}, '
                    'expected a finite number. Check its physics and its reward.'
                )
            count += 1
            self._steps += 1
            reward += factor * one
            factor *= self._step_discount
            self.episode_return += one
            self._success |= _succeeded(info, terminated, one)
            terminated = terminated or (self._end_on_success and self.success)
            truncated = truncated or self._steps == self._max_steps
            if terminated or truncated:
                break
        if self._steps > _ENDLESS and not terminated and not truncated:
            raise ConfigError(
                f'environment {_name(self._env)}: got {self._steps} steps without an end, '
                'expected episodes that end. Wrap it in gymnasium.wrappers.TimeLimit, or give '
                'max_steps.'
            )
        return ChunkStep(
            self._state(observation),
            reward,
            bool(terminated),
            bool(truncated and not terminated),
            actions[:count].astype(np.float32),
        )

    def close(self) -> None:
        """Free what the environment has taken."""
        self._env.close()

    def _start(self) -> None:
        self._steps = 0
        self._success = False
        self.episode_return = 0.0

    def _state(self, observation: Any) -> Array:
        state = np.asarray(observation, dtype=np.float32)
        require_shape('observation', state, self._env.observation_space.shape or ())
        require_finite('observation', state)
        return state


def _succeeded(info: dict[str, Any], terminated: bool, reward: float) -> bool:
    """Return whether a step succeeded by what the environment says about it."""
    said = [bool(info[key]) for key in _SUCCESS_KEYS if key in info]
    return any(said) if said else bool(terminated and reward > 0)


def _flat(env: gymnasium.Env[Any, Any]) -> gymnasium.Env[Any, Any]:
    """Return `env` with observations that are a flat box.

    Raises:
        ConfigError: images among them, or a space that cannot be flattened.
    """
    space = env.observation_space
    if isinstance(space, spaces.Box) and len(space.shape) == 1:
        return env
    if isinstance(space, spaces.Dict) and 'state' in space.spaces:
        state = space.spaces['state']
        if isinstance(state, spaces.Box) and len(state.shape) == 1:
            return gymnasium.wrappers.TransformObservation(
                env, lambda observation: observation['state'], state
            )
    images = [name for name, part in _parts(space) if _is_image(part)]
    if images:
        raise ConfigError(
            f'environment {_name(env)}: got images in its observations ({", ".join(images)}), '
            'expected numbers of one axis: the policy takes a state. Give it an observation with '
            "a box named 'state', or wrap it in gymnasium.wrappers.FilterObservation."
        )
    if not space.is_np_flattenable:
        raise ConfigError(
            f'environment {_name(env)}: got observations in {space}, expected a box of one axis '
            'or what can be made one. Wrap it in gymnasium.wrappers.TransformObservation.'
        )
    return gymnasium.wrappers.FlattenObservation(env)


def _parts(space: spaces.Space[Any], name: str = 'observation') -> list[tuple[str, Any]]:
    """Return the leaves of a space by name."""
    if isinstance(space, spaces.Dict):
        return [leaf for key, part in space.items() for leaf in _parts(part, key)]
    if isinstance(space, spaces.Tuple):
        return [leaf for i, part in enumerate(space) for leaf in _parts(part, f'{name}[{i}]')]
    return [(name, space)]


def _is_image(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and (
        len(space.shape) > 2 or (len(space.shape) == 2 and space.dtype == np.uint8)
    )


def _check_observations(space: spaces.Space[Any], spec: PolicySpec) -> None:
    """Raise unless a policy of `spec` can take observations of the flat box `space`."""
    if spec.image_names:
        raise ConfigError(
            f'policy {spec.name}: got cameras {", ".join(spec.image_names)} in its card, expected '
            'none: a Gymnasium environment gives it a state alone. Export a policy on states, or '
            'write an environment that executes chunks itself, with a method camera_images().'
        )
    _check_size('observation', space, 'state', 'state_names', spec)


def _action_limits(
    space: spaces.Space[Any], spec: PolicySpec
) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
    """Return the limits of the environment's actions, (A,) each, in its dtype.

    Raises:
        ConfigError: no box of numbers, limits that are no numbers or do not hold the policy's.
        ShapeMismatchError: of another size than the policy's actions.
    """
    if not isinstance(space, spaces.Box) or not np.issubdtype(space.dtype, np.floating):
        raise ConfigError(
            f'action space: got {space}, expected a Box of floating-point numbers: a diffusion or '
            'flow policy gives continuous actions. Choose the continuous variant of the '
            'environment, or wrap it in gymnasium.wrappers.TransformAction.'
        )
    _check_size('action', space, 'actions', 'action_names', spec)
    if not (space.low <= space.high).all():
        raise ConfigError(
            f'action space: got limits {space.low} to {space.high}, expected numbers with low <= '
            'high. Mend the space of the environment.'
        )
    slack = _TOLERANCE * np.subtract(spec.action_high, spec.action_low)
    outside = (spec.action_low < space.low - slack) | (spec.action_high > space.high + slack)
    if outside.any():
        i = int(np.argmax(outside))
        raise ConfigError(
            f'action space: got {space.low[i]:g} to {space.high[i]:g} for {spec.action_names[i]}, '
            f'expected it to hold the {spec.action_low[i]:g} to {spec.action_high[i]:g} of policy '
            f'{spec.name}. Give both the same units (gymnasium.wrappers.RescaleAction), or mend '
            'action_low and action_high in the policy card.'
        )
    return space.low, space.high


def _check_size(
    kind: str, space: spaces.Space[Any], what: str, field: str, spec: PolicySpec
) -> None:
    """Raise unless a space has one entry for each name in a field of the policy's card."""
    names = getattr(spec, field)
    if space.shape != (len(names),):
        shown = ', '.join(names[:6]) + (', ...' if len(names) > 6 else '')
        raise ShapeMismatchError(
            f'{kind} space: got shape {space.shape}, expected ({len(names)},), the {what} of '
            f'policy {spec.name} ({shown}). Take the environment that the policy was trained in, '
            f'or mend {field} in the policy card.'
        )


def _name(env: gymnasium.Env[Any, Any]) -> str:
    return env.spec.id if env.spec is not None else type(env.unwrapped).__name__
