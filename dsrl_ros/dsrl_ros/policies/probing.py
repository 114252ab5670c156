"""Whether the answers of a policy are what steering needs, found by asking it a few times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from dsrl_ros.core.errors import PolicyLoadError, PolicyOutputError
from dsrl_ros.core.types import Array, ImageArray, PolicySpec
from dsrl_ros.policies.base import FrozenPolicy, ask

Answer: TypeAlias = Callable[[Array, Array, Sequence[ImageArray]], Array]

_TOLERANCE = 1e-3  # of the range of an action
_PROBES = 3  # samples; one alone would hide what depends on the others of its batch


def check_policy(policy: FrozenPolicy) -> None:
    """Raise unless a policy can be steered; errors as in `check_answers`."""

    def answer(state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        try:
            return np.asarray(ask(policy, state, noise, images))
        except PolicyOutputError:
            return np.full(noise.shape, np.nan, dtype=np.float32)  # far from where it was trained

    check_answers(policy.spec, answer)


def check_answers(spec: PolicySpec, answer: Answer) -> None:
    """Raise unless answers follow from state, images and noise alone, and do from the noise.

    Args:
        spec: says what is asked.
        answer: (B, H, A) actions, as they are, to state, noise and images.

    Raises:
        PolicyLoadError: they are random, depend on the rest of the batch, or do not depend on the
            noise.
    """
    rng = np.random.default_rng(0)
    mean, std = np.asarray(spec.state_mean), np.asarray(spec.state_std)
    state = np.asarray(mean + std * rng.standard_normal((_PROBES, spec.state_dim)), np.float32)
    shape = (_PROBES, spec.horizon, spec.action_dim)
    noise = rng.standard_normal(shape).astype(np.float32)
    images = [rng.integers(0, 256, (_PROBES, *size), dtype=np.uint8) for size in spec.image_shapes]
    answers = [answer(state, noise, images) for _ in range(3)]
    if answers[0].shape != shape:
        raise PolicyLoadError(
            f'policy {spec.name}: got actions of shape {answers[0].shape}, expected {shape}, '
            '(B, H, A). Return the whole chunk, or mend its spec.'
        )
    if any(not np.array_equal(again, answers[0], equal_nan=True) for again in answers):
        raise PolicyLoadError(
            f'policy {spec.name}: got other actions for the same state and noise, expected the '
            'same. Take random numbers out of it: dropout off, a deterministic sampler such as '
            'DDIM with eta 0.'
        )
    alone = np.concatenate(
        [
            answer(state[one], noise[one], [image[one] for image in images])
            for one in (slice(i, i + 1) for i in range(_PROBES))
        ]
    )
    reach = np.asarray(spec.action_high) - np.asarray(spec.action_low)
    apart = (np.abs(alone - answers[0]) / reach)[np.isfinite(answers[0])]
    if not (apart <= _TOLERANCE).all():
        raise PolicyLoadError(
            f'policy {spec.name}: got other actions for a sample alone than for the same one in a '
            f'batch, by {apart.max():.2g} of their range, expected at most {_TOLERANCE:g}. Put it '
            'into evaluation mode (BatchNorm), or compute in a finer number format.'
        )
    other = answer(state, noise[::-1], images)
    if np.array_equal(other, answers[0], equal_nan=True):
        raise PolicyLoadError(
            f'policy {spec.name}: got the same actions for another noise, expected the noise to '
            'decide. Let it begin its sampling from the noise that it is given.'
        )
