"""The frozen policy as an action server: observation and noise in, action chunk out.

Owns which goal is answered; what the policy computes belongs to `policies`.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from dsrl_msgs.action import InferChunk
from dsrl_msgs.msg import PolicySpec
from dsrl_msgs.srv import InferBatch
from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.config.policy import PolicyConfig
from dsrl_ros.core.errors import ConfigError, DsrlError, ShapeMismatchError
from dsrl_ros.core.noise import check_noise, expand
from dsrl_ros.core.types import Array, ImageArray
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy, SteppedPolicy, ask
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.images import image_from_msg
from dsrl_ros.ros.messages import (
    chunk_to_msg,
    floats_from_msg,
    floats_to_msg,
    key_from_msg,
    noise_from_msg,
    spec_to_msg,
    state_from_msg,
)
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node

Result: TypeAlias = InferChunk.Result

# Between two denoising steps the node looks for a newer goal or a cancel, but not more often than
# this: a policy that is done sooner answers without the look, which costs about 0.3 ms.
_LOOK_PERIOD_S = 0.005
# How long a finished goal is kept for a client that asks late. Every status message lists all that
# are kept: at 30 goals a second, 5 s instead of 1 s made a decision 1.5 ms slower.
_RESULT_TIMEOUT_S = 1


class _RefusedError(Exception):
    """A goal that is not answered; carries the code for the result."""

    def __init__(self, code: int, message: object) -> None:
        super().__init__(str(message))
        self.code = code


@contextmanager
def _refused_as(code: int) -> Iterator[None]:
    """Turn an error of the library into the refusal of a goal."""
    try:
        yield
    except DsrlError as error:
        raise _RefusedError(code, error) from error


class PolicyNode(Node):
    """Serves one policy; the latest goal wins.

    Inference runs in the executor's thread: for a policy of a millisecond a worker thread costs
    more than it frees.
    """

    def __init__(self, policy: FrozenPolicy | None = None, **node_options: Any) -> None:
        super().__init__('policy', **node_options)
        config = declare_config(self, PolicyConfig)
        torch.set_num_threads(1)  # eight processes share the cores
        self._policy = policy if policy is not None else io.load(_weights_path(config.policy))
        self._spec = self._policy.spec
        self._warm_up()

        self._latest: ServerGoalHandle | None = None
        self._answered = self._refused = 0
        self._refusal = ''  # of the last goal; empty when it was answered
        self._inference_s = 0.0  # of the last answer
        self._looked = time.perf_counter()
        self._server = ActionServer(
            self,
            InferChunk,
            names.INFER,
            self._on_goal,
            handle_accepted_callback=self._on_accepted,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            result_timeout=_RESULT_TIMEOUT_S,
        )
        self.create_service(InferBatch, names.INFER_BATCH, self._on_batch)
        Diagnostics(self, 'inference', self._health, only=names.POLICY_SPEC)
        self._spec_pub = self.create_publisher(PolicySpec, names.POLICY_SPEC, qos.LATCHED)
        self._spec_pub.publish(spec_to_msg(self._spec))
        self.get_logger().info(
            f'{self._spec.name}, {self._spec.sampler} in {self._spec.denoising_steps} steps, '
            f'sha256 {self._spec.sha256[:12]}'
        )

    def _warm_up(self) -> None:
        """Answer once before anybody waits: the first pass is slow, and may show a bad policy."""
        state = np.array([self._spec.state_mean], dtype=np.float32)
        noise = np.zeros((1, self._spec.horizon, self._spec.action_dim), dtype=np.float32)
        images = [np.zeros((1, *shape), dtype=np.uint8) for shape in self._spec.image_shapes]
        ask(self._policy, state, noise, images)

    def _on_accepted(self, goal: ServerGoalHandle) -> None:
        self._latest = goal
        goal.execute()

    async def _on_goal(self, goal: ServerGoalHandle) -> Result:
        try:
            result = await self._answer(goal)
        except _RefusedError as refused:
            result = Result(error_code=refused.code, error_message=str(refused))
        except Exception:
            result = Result(error_code=Result.INTERNAL, error_message=traceback.format_exc())
            self.get_logger().error(result.error_message)
        self._looked = time.perf_counter()
        if result.error_code == Result.NONE:
            goal.succeed()
        elif goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        self._note(result)
        return result

    def _note(self, result: Result) -> None:
        if result.error_code == Result.NONE:
            self._answered += 1
            self._refusal, self._inference_s = '', result.inference_time
        elif result.error_code != Result.PREEMPTED:
            self._refused += 1
            self._refusal = result.error_message

    def _health(self) -> Health:
        values = {
            'answered': self._answered,
            'refused': self._refused,
            'last forward pass [ms]': round(1e3 * self._inference_s, 2),
        }
        if self._refusal:
            return Health(Level.WARN, f'the last goal was refused: {self._refusal}', values)
        return Health(Level.OK, f'serves {self._spec.name}', values)

    async def _answer(self, goal: ServerGoalHandle) -> Result:
        """Return the answer to a goal.

        Raises:
            _RefusedError: it cannot be answered, or need not be any more.
        """
        request = goal.request
        # Goals may have piled up behind a slow one; behind a quick one there is nothing to see.
        if time.perf_counter() - self._looked < _LOOK_PERIOD_S:
            await self._look(goal)
        if request.frozen_prefix:
            raise _RefusedError(
                Result.UNSUPPORTED,
                f'goal: got a frozen prefix, but {self._spec.name} cannot keep one; send none.',
            )
        state = self._checked_state(request)
        images = self._checked_images(request)
        noise = self._checked_noise(request)
        started = looked = time.perf_counter()
        waited = 0.0
        denoising = _denoise(
            self._policy, state[None], noise[None], [image[None] for image in images]
        )
        while True:
            try:
                with _refused_as(Result.BAD_OUTPUT):
                    step = next(denoising)
            except StopIteration as end:
                chunk = end.value[0]
                break
            if request.want_feedback:
                goal.publish_feedback(
                    InferChunk.Feedback(step=step, num_steps=self._spec.denoising_steps)
                )
            if time.perf_counter() - looked > _LOOK_PERIOD_S:
                left = time.perf_counter()
                await self._look(goal)
                looked = time.perf_counter()
                waited += looked - left
        inference_time = time.perf_counter() - started - waited
        with _refused_as(Result.BAD_OUTPUT):
            require_shape('chunk', chunk, (self._spec.horizon, self._spec.action_dim))
            require_finite('chunk', chunk)
        observation = request.observation
        message = chunk_to_msg(chunk, self._spec, observation.id, observation.header.stamp)
        message.inference_time = inference_time
        return Result(chunk=message, inference_time=inference_time)

    async def _look(self, goal: ServerGoalHandle) -> None:
        """Let the executor take what has come meanwhile.

        Raises:
            _RefusedError: a newer goal or a cancel has come.
        """
        turn = Future(executor=self.executor)
        self.executor.create_task(turn.set_result, None)
        await turn
        if goal.is_cancel_requested:
            raise _RefusedError(Result.PREEMPTED, 'goal: canceled by its client.')
        if goal is not self._latest:
            raise _RefusedError(Result.PREEMPTED, 'goal: a newer one took its place.')

    def _checked_state(self, request: InferChunk.Goal) -> Array:
        """Return the (O,) state of a goal."""
        with _refused_as(Result.BAD_OBSERVATION):
            state = state_from_msg(request.observation, self._spec.state_names)
            self._spec.check_state(state)
            return state

    def _checked_images(self, request: InferChunk.Goal) -> list[ImageArray]:
        """Return the images of a goal, (I,) of (height, width, 3); none for a policy of states.

        That one leaves unread what an observation carries for the learner.
        """
        spec, observation = self._spec, request.observation
        if not spec.image_names:
            return []
        with _refused_as(Result.BAD_OBSERVATION):
            if tuple(observation.image_names) != spec.image_names:
                raise ShapeMismatchError(
                    f'observation: got images of {list(observation.image_names)}, expected '
                    f'{list(spec.image_names)}, through which {spec.name} looks. Check the '
                    'cameras of who builds the goal against the policy.'
                )
            images = [
                image_from_msg(message, name)
                for name, message in zip(spec.image_names, observation.images, strict=False)
            ]
            spec.check_images(images)
            return images

    def _checked_noise(self, request: InferChunk.Goal) -> Array:
        """Return the (H, A) noise of a goal."""
        spec, message = self._spec, request.noise
        with _refused_as(Result.BAD_NOISE):
            if message.policy_sha256 != spec.sha256:
                raise ConfigError(
                    f'noise: got one for policy {message.policy_sha256[:12]!r}, expected '
                    f'{spec.sha256[:12]!r}. Restart the nodes that follow another PolicySpec.'
                )
            noise_key, key = key_from_msg(message.id), key_from_msg(request.observation.id)
            if noise_key != key:
                raise ConfigError(
                    f'noise: got the one of decision {noise_key}, expected that of the '
                    f'observation, {key}. Check who builds the goal.'
                )
            noise = noise_from_msg(message)
            check_noise(noise, spec)
            return expand(noise.rows, noise.layout, spec.horizon)

    def _on_batch(
        self, request: InferBatch.Request, response: InferBatch.Response
    ) -> InferBatch.Response:
        spec, batch = self._spec, request.batch
        try:
            if spec.image_names:
                raise _RefusedError(
                    Result.UNSUPPORTED,
                    f'batch: got states alone, as this service carries no images, but {spec.name} '
                    f'looks through {", ".join(spec.image_names)}. Take a learner that asks the '
                    'policy nothing: algorithm:=sac.',
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
        except _RefusedError as refused:
            response.error_code, response.error_message = refused.code, str(refused)
            return response
        response.actions = floats_to_msg(actions)
        response.horizon, response.action_dim = spec.horizon, spec.action_dim
        return response


def _denoise(
    policy: FrozenPolicy, state: Array, noise: Array, images: Sequence[ImageArray]
) -> Generator[int, None, Array]:
    """Return the steps of a policy; one without steps takes its answer as the last of them."""
    if isinstance(policy, SteppedPolicy) and not images:
        return policy.denoise(state, noise)
    return _in_one_step(policy, state, noise, images)


def _in_one_step(
    policy: FrozenPolicy, state: Array, noise: Array, images: Sequence[ImageArray]
) -> Generator[int, None, Array]:
    chunk = ask(policy, state, noise, images)
    yield policy.spec.denoising_steps
    return chunk


def _weights_path(text: str) -> Path:
    if not text:
        raise ConfigError(
            'policy: got no policy, expected the path of its file (.safetensors, .pt, .ts, .pt2) '
            'or module:factory. Set the parameter `policy`.'
        )
    return Path(text)


def main() -> None:
    """Run the policy node."""
    run_node(PolicyNode)
