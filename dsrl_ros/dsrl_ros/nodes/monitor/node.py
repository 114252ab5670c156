"""The monitor node shows a run and writes its summary. The run ends when this node exits.

It only listens: neither the decision loop nor the learner waits for it.
"""

from __future__ import annotations

from typing import Any

from rclpy.node import Node

from dsrl_msgs.msg import EpisodeResult, RunInfo, TrainerStatus
from dsrl_ros.console.panel import LearnerState
from dsrl_ros.core.config.monitor import MonitorConfig
from dsrl_ros.learning.run.report import EpisodeRecord
from dsrl_ros.nodes.monitor.run_view import RunView
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.waiting import STEADY_CLOCK


class MonitorNode(Node):
    """Hands the messages of one run to its view.

    Attributes:
        view: of the run; None until one is announced.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__('monitor', **node_options)
        self._config = declare_config(self, MonitorConfig)
        self.view: RunView | None = None
        self._learner = LearnerState()
        self.create_subscription(RunInfo, names.RUN_INFO, self._on_run, qos.LATCHED)
        self.create_subscription(
            EpisodeResult, names.EPISODE_RESULT, self._on_episode, qos.DECISION
        )
        self.create_subscription(TrainerStatus, names.TRAINER_STATUS, self._on_trainer, qos.STATUS)
        self._timer = self.create_timer(0.5, self._refresh, clock=STEADY_CLOCK)

    def destroy_node(self) -> None:
        """Restore the terminal and write the summary of what is known."""
        if self.view is not None:
            self.view.close()
        super().destroy_node()

    def _on_run(self, run: RunInfo) -> None:
        if self.view is None:
            self.view = RunView(run, self._config, self.get_logger())
            self.view.panel.learner = self._learner

    def _on_episode(self, result: EpisodeResult) -> None:
        if self.view is None or bytes(result.run) != bytes(self.view.run.run):
            return
        # The fields have the names of the message's, but for one unit.
        fields = EpisodeRecord.__dataclass_fields__
        values = {name: getattr(result, name.removesuffix('_s')) for name in fields}
        self.view.add(EpisodeRecord(**values))

    def _on_trainer(self, status: TrainerStatus) -> None:
        if status.message and status.message != self._learner.message:
            self.get_logger().error(f'trainer: {status.message}')
        self._learner = LearnerState(
            status.gradient_steps,
            status.gradient_steps_per_second or self._learner.gradient_steps_per_second,
            status.weights_version,
            status.message,
        )
        if self.view is not None:
            self.view.panel.learner = self._learner

    def _refresh(self) -> None:
        if self.view is not None and self.view.refresh():
            raise SystemExit(0)


def main() -> None:
    """Run the monitor node."""
    run_node(MonitorNode, niceness=10)
