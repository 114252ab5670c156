"""The frozen policy behind the policy node's batch service, for a learner that cannot load it."""

from __future__ import annotations

import threading

import numpy as np
from rclpy.client import Client
from rclpy.node import Node

from dsrl_msgs.action import InferChunk
from dsrl_msgs.srv import InferBatch
from dsrl_ros.core.errors import PolicyOutputError, PolicyUnavailableError
from dsrl_ros.core.types import Array, PolicySpec
from dsrl_ros.policies.base import check_input
from dsrl_ros.ros import names
from dsrl_ros.ros.messages import floats_from_msg, floats_to_msg

# Samples per request: a policy node that works one off still answers its goals in between.
_LARGEST_REQUEST = 256


class RemotePolicy:
    """A `FrozenPolicy` for a thread that is not the executor's: a call blocks until the answer.

    Args:
        node: whose executor runs meanwhile.
        spec: what the policy takes and gives.
        timeout_s: longest wait for one request [s].
    """

    def __init__(self, node: Node, spec: PolicySpec, timeout_s: float) -> None:
        self.spec = spec
        self._timeout_s = timeout_s
        self._wake = threading.Event()
        self._closed = False
        self._client: Client = node.create_client(InferBatch, names.INFER_BATCH)

    def __call__(self, state: Array, noise: Array) -> Array:
        """Turn noise into actions; see `FrozenPolicy`.

        Raises:
            PolicyOutputError: an answer that is not finite, or absurdly large.
            PolicyUnavailableError: no answer in time, or a refusal.
        """
        check_input(self.spec, state, noise)
        cuts = range(_LARGEST_REQUEST, len(state), _LARGEST_REQUEST)
        parts = zip(np.split(state, cuts), np.split(noise, cuts), strict=True)
        return np.concatenate([self._request(*part) for part in parts])

    def close(self) -> None:
        """Let the call under way, and any later one, fail at once."""
        self._closed = True
        self._wake.set()

    def _request(self, state: Array, noise: Array) -> Array:
        request = InferBatch.Request(
            batch=len(state),
            state_dim=self.spec.state_dim,
            states=floats_to_msg(state),
            noises=floats_to_msg(noise),
        )
        self._wake.clear()
        future = self._client.call_async(request)
        future.add_done_callback(lambda _: self._wake.set())
        # One event for the answer and for the end: whichever comes first wakes.
        if self._closed or not self._wake.wait(self._timeout_s) or not future.done():
            self._client.remove_pending_request(future)
            raise PolicyUnavailableError(
                f'{names.INFER_BATCH}: got no answer within {self._timeout_s:g} s to a batch of '
                f'{len(state)}. Check that the policy node runs, or give the trainer the '
                'policy file.'
            )
        response = future.result()
        if response.error_code == InferChunk.Result.BAD_OUTPUT:
            raise PolicyOutputError(response.error_message)
        if response.error_code != InferChunk.Result.NONE:
            raise PolicyUnavailableError(f'{names.INFER_BATCH}: {response.error_message}')
        shape = (len(state), self.spec.horizon, self.spec.action_dim)
        return floats_from_msg('actions', response.actions, shape)
