"""The nodes that a run needs before it can start, and what they have announced."""

from __future__ import annotations

import time

from rclpy.action import ActionClient
from rclpy.node import Node

from dsrl_msgs import msg
from dsrl_msgs.action import InferChunk, ResetEpisode
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.errors import ConfigError, StaleDataError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import spec_from_msg

_REPORT_S = 10.0  # between two reports of the same wait


class Peers:
    """Waits for policy, trainer, driver, reward, monitor and recorder.

    Args:
        node: that owns clients and subscriptions.
        config: of the node.

    Attributes:
        policy, reset: clients of the policy node and the reward node.
        spec: of the policy; None until it is announced.
        learner: what the learner expects; None until it is announced.
    """

    def __init__(self, node: Node, config: SteeringConfig) -> None:
        self._node = node
        self._config = config
        self._since_s = time.monotonic()
        self._driver_holds = False
        self.spec: PolicySpec | None = None
        self.learner: msg.LearnerInfo | None = None
        self.policy = ActionClient(node, InferChunk, names.INFER)
        self.reset = ActionClient(node, ResetEpisode, names.RESET_EPISODE)
        subscribe = node.create_subscription
        subscribe(msg.PolicySpec, names.POLICY_SPEC, self._on_spec, qos.LATCHED)
        subscribe(msg.LearnerInfo, names.LEARNER_INFO, self._on_learner, qos.LATCHED)
        subscribe(msg.DriverStatus, names.DRIVER_STATUS, self._on_driver, qos.STATUS)

    def ready(self) -> tuple[PolicySpec, msg.LearnerInfo] | None:
        """Return policy and learner once nothing is missing; report now and then what is.

        Raises:
            StaleDataError: something is still missing after `startup_timeout_s`.
            ConfigError: the trainer learns for another policy, or there is a second steering node.
        """
        missing = self._missing()
        waited_s = time.monotonic() - self._since_s
        if missing:
            if waited_s > self._config.startup_timeout_s:
                raise StaleDataError(
                    f'start: got nothing from {", ".join(missing)} within {waited_s:.0f} s. Check '
                    'that these nodes run in this namespace and domain; their logs say why not.'
                )
            if waited_s > _REPORT_S:
                self._node.get_logger().info(
                    f'waiting for {", ".join(missing)}', throttle_duration_sec=_REPORT_S
                )
            return None
        node = self._node
        if node.count_publishers(node.resolve_topic_name(names.RUN_INFO)) > 1:
            raise ConfigError(
                f'start: got a second steering node in namespace {node.get_namespace()}, expected '
                'one. End the other graph, or start this one under another namespace.'
            )
        assert self.spec is not None and self.learner is not None
        if self.learner.policy_sha256 != self.spec.sha256:
            raise ConfigError(
                f'start: the trainer learns for policy {self.learner.policy_sha256[:12]}, '
                f'expected {self.spec.sha256[:12]}. Restart the graph with one policy.'
            )
        return self.spec, self.learner

    def _missing(self) -> list[str]:
        present = {
            'policy (PolicySpec, infer)': self.spec is not None and self.policy.server_is_ready(),
            'trainer (LearnerInfo)': self.learner is not None,
            'driver (DriverStatus, ready)': self._driver_holds,
            'reward (reset_episode)': self.reset.server_is_ready(),
            'monitor (episode_result)': self._has_subscriber(names.EPISODE_RESULT),
        }
        if self._config.record:
            present['recorder (observation)'] = self._has_subscriber(names.OBSERVATION)
        return [name for name, there in present.items() if not there]

    def _has_subscriber(self, topic: str) -> bool:
        return bool(self._node.count_subscribers(self._node.resolve_topic_name(topic)))

    def _on_spec(self, message: msg.PolicySpec) -> None:
        spec = spec_from_msg(message)
        if self.spec is not None and self.spec != spec:
            differences = '; '.join(self.spec.differences(spec))
            raise ConfigError(
                f'policy: got another PolicySpec during the run ({differences}), expected one '
                'policy per run. Restart the graph.'
            )
        self.spec = spec

    def _on_learner(self, message: msg.LearnerInfo) -> None:
        self.learner = message

    def _on_driver(self, message: msg.DriverStatus) -> None:
        self._driver_holds = message.state == msg.DriverStatus.STATE_HOLDING
