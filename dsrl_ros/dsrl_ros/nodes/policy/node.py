"""The frozen policy as an action server: observation and noise in, action chunk out.

Owns which goal is answered.
"""

from __future__ import annotations

import time
import traceback
from pathlib import Path
from typing import Any

import torch
from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from dsrl_msgs.action import InferChunk
from dsrl_msgs.msg import PolicySpec
from dsrl_msgs.srv import InferBatch
from dsrl_ros.core.config.policy import PolicyConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.policy.inference import Inference, RefusedError, Result
from dsrl_ros.policies import io
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.messages import chunk_to_msg, floats_to_msg, spec_to_msg
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.waiting import turn

# Between two denoising steps the node checks for a newer goal or a cancel, but not more often than
# this: a policy that is done sooner answers without the check, which costs about 0.3 ms.
_CHECK_PERIOD_S = 0.005
# How long a finished goal is kept for a client that asks late. Every status message lists all that
# are kept: at 30 goals a second, 5 s instead of 1 s made a decision 1.5 ms slower.
_RESULT_TIMEOUT_S = 1


class PolicyNode(Node):
    """Serves one policy; the latest goal wins.

    Inference runs in the executor's thread: for a policy of a millisecond a worker thread costs
    more than it frees.
    """

    def __init__(self, policy: FrozenPolicy | None = None, **node_options: Any) -> None:
        super().__init__('policy', **node_options)
        config = declare_config(self, PolicyConfig)
        torch.set_num_threads(1)  # eight processes share the cores
        if policy is None:
            if not config.policy:
                raise ConfigError(
                    'policy: got no policy, expected the path of its file (.safetensors, .pt, '
                    '.ts, .pt2) or module:factory. Set the parameter `policy`.'
                )
            policy = io.load(Path(config.policy))
        self._inference = Inference(policy)
        self._spec = policy.spec

        self._latest: ServerGoalHandle | None = None
        self._answered = self._refused = 0
        self._refusal = ''  # of the last goal; empty when it was answered
        self._inference_s = 0.0  # of the last answer
        self._turned = time.perf_counter()
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

    def _on_accepted(self, goal: ServerGoalHandle) -> None:
        self._latest = goal
        goal.execute()

    async def _on_goal(self, goal: ServerGoalHandle) -> Result:
        try:
            result = await self._answer(goal)
        except RefusedError as refused:
            result = Result(error_code=refused.code, error_message=str(refused))
        except Exception:
            result = Result(error_code=Result.INTERNAL, error_message=traceback.format_exc())
            self.get_logger().error(result.error_message)
        self._turned = time.perf_counter()
        if result.error_code == Result.NONE:
            goal.succeed()
            self._answered += 1
            self._refusal, self._inference_s = '', result.inference_time
            return result
        if goal.is_cancel_requested:
            goal.canceled()
        else:
            goal.abort()
        if result.error_code != Result.PREEMPTED:
            self._refused += 1
            self._refusal = result.error_message
        return result

    async def _answer(self, goal: ServerGoalHandle) -> Result:
        """Return the answer to a goal.

        Raises:
            RefusedError: it cannot be answered, or need not be any more.
        """
        request = goal.request
        # Goals may have queued up behind a slow one, but not behind a quick one.
        if time.perf_counter() - self._turned < _CHECK_PERIOD_S:
            await self._check_newest(goal)
        steps = self._inference.steps(self._inference.inputs(request))
        started = checked = time.perf_counter()
        waited = 0.0
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                chunk = end.value
                break
            if request.want_feedback:
                goal.publish_feedback(
                    InferChunk.Feedback(step=step, num_steps=self._spec.denoising_steps)
                )
            if time.perf_counter() - checked > _CHECK_PERIOD_S:
                left = time.perf_counter()
                await self._check_newest(goal)
                checked = time.perf_counter()
                waited += checked - left
        inference_time = time.perf_counter() - started - waited
        observation = request.observation
        message = chunk_to_msg(chunk, self._spec, observation.id, observation.header.stamp)
        message.inference_time = inference_time
        return Result(chunk=message, inference_time=inference_time)

    async def _check_newest(self, goal: ServerGoalHandle) -> None:
        """Let the executor take what has come, and check that the goal is still wanted.

        Raises:
            RefusedError: a newer goal or a cancel has come.
        """
        await turn(self)
        if goal.is_cancel_requested:
            raise RefusedError(Result.PREEMPTED, 'goal: canceled by its client.')
        if goal is not self._latest:
            raise RefusedError(Result.PREEMPTED, 'goal: a newer one took its place.')

    def _on_batch(
        self, request: InferBatch.Request, response: InferBatch.Response
    ) -> InferBatch.Response:
        try:
            actions = self._inference.batch(request)
        except RefusedError as refused:
            response.error_code, response.error_message = refused.code, str(refused)
            return response
        response.actions = floats_to_msg(actions)
        response.horizon, response.action_dim = self._spec.horizon, self._spec.action_dim
        return response

    def _health(self) -> Health:
        values = {
            'answered': self._answered,
            'refused': self._refused,
            'last forward pass [ms]': round(1e3 * self._inference_s, 2),
        }
        if self._refusal:
            return Health(Level.WARN, f'the last goal was refused: {self._refusal}', values)
        return Health(Level.OK, f'serves {self._spec.name}', values)


def main() -> None:
    """Run the policy node."""
    run_node(PolicyNode)
