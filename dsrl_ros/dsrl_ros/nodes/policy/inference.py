"""A frozen policy behind messages: reads and checks what it is given, and checks what it gives.

Knows no node: each refusal is an error with the code for the reply.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

from dsrl_msgs.action import InferChunk
from dsrl_msgs.srv import InferBatch
from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, DsrlError, ShapeMismatchError
from dsrl_ros.core.noise import check_noise, expand
from dsrl_ros.core.types import Array, ImageArray
from dsrl_ros.policies.base import FrozenPolicy, SteppedPolicy, ask
from dsrl_ros.ros.images import image_from_msg
from dsrl_ros.ros.messages import floats_from_msg, key_from_msg, noise_from_msg, state_from_msg

Result: TypeAlias = InferChunk.Result
# State, noise and images, as a policy takes them.
Inputs: TypeAlias = tuple[Array, Array, list[ImageArray]]


class RefusedError(Exception):
    """A request that is not answered.

    Attributes:
        code: for the reply, one of `InferChunk.Result`.
    """

    def __init__(self, code: int, message: object) -> None:
        super().__init__(str(message))
        self.code = code


@contextmanager
def _refused_as(code: int) -> Iterator[None]:
    """Turn an error of the library into a refusal."""
    try:
        yield
    except DsrlError as error:
        raise RefusedError(code, error) from error


class Inference:
    """Answers goals and batches with one policy.

    Args:
        policy: is called once at once: the first pass is slow, and may show a bad policy.
    """

    def __init__(self, policy: FrozenPolicy) -> None:
        self._policy = policy
        self.spec = spec = policy.spec
        state = np.array([spec.state_mean], dtype=np.float32)
        noise = np.zeros((1, spec.horizon, spec.action_dim), dtype=np.float32)
        images = [np.zeros((1, *shape), dtype=np.uint8) for shape in spec.image_shapes]
        ask(policy, state, noise, images)

    def inputs(self, goal: InferChunk.Goal) -> Inputs:
        """Return what a goal holds: (1, O) state, (1, H, A) noise, and the images.

        There are (I,) images of (1, height, width, 3); none for a policy of states.

        Raises:
            RefusedError: it does not fit the policy.
        """
        if goal.frozen_prefix:
            raise RefusedError(
                Result.UNSUPPORTED,
                f'goal: got a frozen prefix, but {self.spec.name} cannot keep one; send none.',
            )
        with _refused_as(Result.BAD_OBSERVATION):
            state = state_from_msg(goal.observation, self.spec.state_names)
            self.spec.check_state(state)
            images = self._images(goal)
        with _refused_as(Result.BAD_NOISE):
            noise = self._noise(goal)
        return state[None], noise[None], [image[None] for image in images]

    def steps(self, inputs: Inputs) -> Generator[int, None, Array]:
        """Yield the number of each denoising step; return the (H, A) chunk.

        A policy without steps yields once.

        Raises:
            RefusedError: the policy fails, or its chunk is misshapen or not finite.
        """
        state, noise, images = inputs
        with _refused_as(Result.BAD_OUTPUT):
            if isinstance(self._policy, SteppedPolicy) and not images:
                chunks = yield from self._policy.denoise(state, noise)
            else:
                chunks = ask(self._policy, state, noise, images)
                yield self.spec.denoising_steps
            chunk: Array = chunks[0]
            require_shape('chunk', chunk, (self.spec.horizon, self.spec.action_dim))
            require_finite('chunk', chunk)
        return chunk

    def batch(self, request: InferBatch.Request) -> Array:
        """Return the (B, H, A) actions for a batch of states.

        Raises:
            RefusedError: the batch does not fit the policy, or the policy fails.
        """
        spec, batch = self.spec, request.batch
        if spec.image_names:
            raise RefusedError(
                Result.UNSUPPORTED,
                f'batch: got states alone, as this service carries no images, but {spec.name} '
                f'looks through {", ".join(spec.image_names)}. Use a learner that does not query '
                'the policy: algorithm:=sac.',
            )
        with _refused_as(Result.BAD_OBSERVATION):
            states = floats_from_msg('states', request.states, (batch, request.state_dim))
            require_shape('states', states, (None, spec.state_dim))
            require_finite('states', states)
        with _refused_as(Result.BAD_NOISE):
            shape = (batch, spec.horizon, spec.action_dim)
            noises = floats_from_msg('noises', request.noises, shape)
            require_finite('noises', noises)
        with _refused_as(Result.BAD_OUTPUT):
            actions = self._policy(states, noises)
            require_finite('actions', actions)
        return actions

    def _images(self, goal: InferChunk.Goal) -> list[ImageArray]:
        """Return the images of a goal, (I,) of (height, width, 3).

        A policy of states ignores those that an observation carries for the learner.
        """
        spec, observation = self.spec, goal.observation
        if not spec.image_names:
            return []
        if tuple(observation.image_names) != spec.image_names:
            raise ShapeMismatchError(
                f'observation: got images of {list(observation.image_names)}, expected '
                f'{list(spec.image_names)}, the cameras of {spec.name}. Check the cameras of the '
                'node that sends the goal against the policy.'
            )
        images = [
            image_from_msg(message, name)
            for name, message in zip(spec.image_names, observation.images, strict=False)
        ]
        spec.check_images(images)
        return images

    def _noise(self, goal: InferChunk.Goal) -> Array:
        """Return the (H, A) noise of a goal."""
        spec, message = self.spec, goal.noise
        if message.policy_sha256 != spec.sha256:
            raise ConfigError(
                f'noise: got one for policy {message.policy_sha256[:12]!r}, expected '
                f'{spec.sha256[:12]!r}. Restart the nodes that follow another PolicySpec.'
            )
        noise_key, key = key_from_msg(message.id), key_from_msg(goal.observation.id)
        if noise_key != key:
            raise ConfigError(
                f'noise: got the one of decision {noise_key}, expected that of the observation, '
                f'{key}. Check the node that sends the goal.'
            )
        noise = noise_from_msg(message)
        check_noise(noise, spec)
        return expand(noise.rows, noise.layout, spec.horizon)
