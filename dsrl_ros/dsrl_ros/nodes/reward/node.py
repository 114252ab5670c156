"""Reward and resets: judges every executed chunk, ends episodes, brings the next one to its start.

Owns no rule of the task: `tasks.reward.rewards` decides, `nodes.reward.judging` carries what is
said of it.
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
from dsrl_ros.nodes.reward.judging import Judging
from dsrl_ros.nodes.reward.reset.resetter import Resetter
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
        self._judging = Judging(self, config)
        robot = find_robot(config.robot_model)
        self._resetter = Resetter(self, reset_config, robot, self._judging.say_reset)
        self._reset_server = ActionServer(
            self, ResetEpisode, names.RESET_EPISODE, self._on_reset_goal
        )
        self._under_way: dict[DecisionKey, Future] = {}  # resets
        self._failed = ''  # what ended the last reset; empty when it was well
        Diagnostics(self, 'reset', self._health, only=names.REWARD)

    async def _on_reset_goal(self, goal: ServerGoalHandle) -> ResetEpisode.Result:
        """Bring robot and scene to the start of an episode, and only then say that it is ready."""
        key = _first_of(goal.request)
        under_way = self._under_way.get(key)
        if under_way is None:
            under_way = self._under_way[key] = Future(executor=self.executor)
            try:
                under_way.set_result(await self._reset(goal))
            finally:
                del self._under_way[key]
        # One that was sent again has the answer of the first: a robot is brought home once.
        result = await under_way
        if result.error_code == ResetEpisode.Result.NONE:
            goal.succeed()
        else:
            goal.abort()
        return result

    async def _reset(self, goal: ServerGoalHandle) -> ResetEpisode.Result:
        def say(step: str) -> None:
            goal.publish_feedback(ResetEpisode.Feedback(step=step))

        try:
            report = await self._resetter.reset(goal.request.seed, say)
        except Exception:
            self._failed = traceback.format_exc()
            self.get_logger().error(self._failed)
            code = ResetEpisode.Result.INTERNAL
            return ResetEpisode.Result(error_code=code, error_message=self._failed)
        self._failed = str(report.failure or '')
        if report.failure is not None and report.failure.failure is not None:
            code = _CODES[report.failure.failure]
            return ResetEpisode.Result(error_code=code, error_message=self._failed)
        self._judging.start(_first_of(goal.request), report.stamp_ns)
        return ResetEpisode.Result(stamp=stamp_from_ns(report.stamp_ns))

    def _health(self) -> Health:
        if self._resetter.trouble:
            return Health(Level.WARN, f'waits for a person: {self._resetter.trouble}')
        if self._failed:
            return Health(Level.ERROR, f'the last reset failed: {self._failed}')
        return Health(Level.OK, 'nothing to do')


def _first_of(goal: ResetEpisode.Goal) -> DecisionKey:
    """Return the key of the first decision of the episode that a reset is for."""
    return DecisionKey(goal.robot, run_from_bytes(goal.run), goal.episode, 0)


def main() -> None:
    """Run the reward node."""
    run_node(RewardNode)
