"""The reward node: a reward for every executed chunk, and resets between episodes.

The rules of the task are `tasks.reward.rewards`; the steps of a reset are `nodes.reward.reset`.
"""

from __future__ import annotations

import traceback
from typing import Any

from rclpy.action import ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from dsrl_msgs.action import ResetEpisode
from dsrl_ros.core.config.reward import ResetConfig, RewardConfig
from dsrl_ros.core.types import DecisionKey
from dsrl_ros.nodes.reward.reset.resetter import Resetter
from dsrl_ros.nodes.reward.reward_publisher import RewardPublisher
from dsrl_ros.robots.model.registry import find_robot
from dsrl_ros.ros import names
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.messages import run_from_bytes
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.stamps import stamp_from_ns
from dsrl_ros.tasks.reset_plan import Failure

_CODES = {
    Failure.TIMEOUT: ResetEpisode.Result.TIMEOUT,
    Failure.ROBOT: ResetEpisode.Result.ROBOT,
    Failure.SCENE: ResetEpisode.Result.SCENE,
}


class RewardNode(Node):
    """Serves `reset_episode` and answers every `chunk_result` with a `reward`."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('reward', **node_options)
        reset_config = declare_config(self, ResetConfig, 'reset')
        config = declare_config(self, RewardConfig)
        self._rewards = RewardPublisher(self, config)
        robot = find_robot(config.robot_model)
        self._resetter = Resetter(self, reset_config, robot, self._rewards.show_reset_request)
        self._reset_server = ActionServer(
            self, ResetEpisode, names.RESET_EPISODE, self._on_reset_goal
        )
        self._running: dict[DecisionKey, Future] = {}  # resets, by first decision
        self._failure = ''  # of the last reset; empty when it succeeded
        Diagnostics(self, 'reset', self._health, only=names.REWARD)

    async def _on_reset_goal(self, goal: ServerGoalHandle) -> ResetEpisode.Result:
        """Carry out a reset; a goal sent twice shares the result of the first."""
        request = goal.request
        first = DecisionKey(request.robot, run_from_bytes(request.run), request.episode, 0)
        running = self._running.get(first)
        if running is None:
            running = self._running[first] = Future(executor=self.executor)
            try:
                running.set_result(await self._reset(goal, first))
            finally:
                del self._running[first]
        result = await running
        if result.error_code == ResetEpisode.Result.NONE:
            goal.succeed()
        else:
            goal.abort()
        return result

    async def _reset(self, goal: ServerGoalHandle, first: DecisionKey) -> ResetEpisode.Result:
        def show(step: str) -> None:
            goal.publish_feedback(ResetEpisode.Feedback(step=step))

        try:
            report = await self._resetter.reset(goal.request.seed, show)
        except Exception:
            self._failure = traceback.format_exc()
            self.get_logger().error(self._failure)
            code = ResetEpisode.Result.INTERNAL
            return ResetEpisode.Result(error_code=code, error_message=self._failure)
        self._failure = report.message
        if report.failure is not None:
            code = _CODES[report.failure]
            return ResetEpisode.Result(error_code=code, error_message=report.message)
        self._rewards.start(first, report.stamp_ns)
        return ResetEpisode.Result(stamp=stamp_from_ns(report.stamp_ns))

    def _health(self) -> Health:
        if self._resetter.request:
            return Health(Level.WARN, f'waits for a person: {self._resetter.request}')
        if self._failure:
            return Health(Level.ERROR, f'the last reset failed: {self._failure}')
        return Health(Level.OK, 'nothing to do')


def main() -> None:
    """Run the reward node."""
    run_node(RewardNode)
