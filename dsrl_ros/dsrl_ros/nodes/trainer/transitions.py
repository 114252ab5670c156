"""Transitions as the learner takes them, from their messages."""

from __future__ import annotations

from dsrl_msgs import msg
from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Observation, RewardSource, Transition
from dsrl_ros.learning.steering.images import stacked
from dsrl_ros.ros.images import image_from_msg
from dsrl_ros.ros.messages import (
    executed_from_msg,
    floats_from_msg,
    key_from_msg,
    noise_from_msg,
    state_from_msg,
)


def transition_from_msg(message: msg.Transition) -> Transition:
    """Return one decision as the learner sees it.

    Raises:
        ShapeMismatchError: sizes that contradict the data, parts of different decisions, a
            reward of an unknown source, or images that cannot be read.
    """
    key = key_from_msg(message.id)
    for name in ('observation', 'noise', 'result', 'reward', 'next_observation'):
        want = key.next() if name == 'next_observation' else key
        got = key_from_msg(getattr(message, name).id)
        if got != want:
            raise ShapeMismatchError(
                f'transition.{name}: got key {got}, expected {want}. Check its sender.'
            )
    try:
        source = RewardSource(message.reward.source)
    except ValueError as error:
        raise ShapeMismatchError(f'transition.reward: {error}. Check its sender.') from None
    return Transition(
        key=key,
        sequence=message.sequence,
        observation=observation_from_msg(message.observation),
        noise=noise_from_msg(message.noise),
        action=executed_from_msg(message.result),
        reward=message.reward.value,
        discount=message.discount,
        terminated=message.reward.terminated,
        truncated=message.reward.truncated,
        next_observation=observation_from_msg(message.next_observation),
        phase=message.phase,
        reward_source=source,
        success=message.reward.success,
    )


def observation_from_msg(message: msg.Observation) -> Observation:
    """Return an observation of a transition as the learner reads it.

    Raises:
        ShapeMismatchError: images of several sizes, or one that cannot be read.
    """
    features = floats_from_msg('observation.features', message.features, (len(message.features),))
    image = stacked([image_from_msg(image) for image in message.images])
    return Observation(state_from_msg(message), image, features if features.size else None)
