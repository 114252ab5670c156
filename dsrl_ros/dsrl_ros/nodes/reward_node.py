"""Reward and resets: judges every executed chunk, ends episodes, brings the next one to its start.

Owns no rule of the task: `tasks.rewards` decides, `bridge.judging` carries what is said of it.
"""

from __future__ import annotations

from typing import Any

from builtin_interfaces.msg import Time
from rclpy.action import ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from dsrl_msgs.action import ResetEpisode
from dsrl_msgs.srv import SetScene
from dsrl_ros.bridge import names
from dsrl_ros.bridge.convert import run_from_bytes, stamp_to_ns
from dsrl_ros.bridge.judging import Judging
from dsrl_ros.bridge.params import declare_config
from dsrl_ros.bridge.run_node import run_node
from dsrl_ros.bridge.waiting import within
from dsrl_ros.core.config import RewardConfig
from dsrl_ros.core.types import DecisionKey


class RewardNode(Node):
    """Serves `reset_episode` and answers every `chunk_result` with a `reward`."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('reward', **node_options)
        self._config = declare_config(self, RewardConfig)
        self._judging = Judging(self, self._config)
        self._set_scene = self.create_client(SetScene, names.SET_SCENE)
        self._reset_server = ActionServer(
            self, ResetEpisode, names.RESET_EPISODE, self._on_reset_goal
        )

    async def _on_reset_goal(self, goal: ServerGoalHandle) -> ResetEpisode.Result:
        """Arrange the scene, verify that it shows, and only then say that it is ready."""
        result = ResetEpisode.Result()
        for attempt in range(1, self._config.reset_attempts + 1):
            try:
                goal.publish_feedback(ResetEpisode.Feedback(step=f'scene, attempt {attempt}'))
                stamp = await self._arrange_scene(goal.request.seed)
            except (TimeoutError, RuntimeError) as error:
                result.error_code = (
                    ResetEpisode.Result.TIMEOUT
                    if isinstance(error, TimeoutError)
                    else ResetEpisode.Result.SCENE
                )
                result.error_message = f'{error} (attempt {attempt})'
                self.get_logger().warning(f'reset: {result.error_message}')
                continue
            self._judging.start(_first_of(goal.request), stamp_to_ns(stamp))
            result.error_code = ResetEpisode.Result.NONE
            result.error_message = ''
            result.stamp = stamp
            goal.succeed()
            return result
        goal.abort()
        return result

    async def _arrange_scene(self, seed: int) -> Time:
        """Return the stamp from which on states show the start that `seed` draws.

        Raises:
            TimeoutError: the simulation did not answer.
            RuntimeError: it refused.
        """
        request = SetScene.Request(seed=seed)
        deadline = self._config.reset_timeout_s
        answer: SetScene.Response = await within(
            self, self._set_scene.call_async(request), deadline, 'set_scene'
        )
        if not answer.success:
            raise RuntimeError(f'set_scene: {answer.message}')
        return answer.stamp


def _first_of(goal: ResetEpisode.Goal) -> DecisionKey:
    """Return the key of the first decision of the episode that a reset is for."""
    return DecisionKey(goal.robot, run_from_bytes(goal.run), goal.episode, 0)


def main() -> None:
    """Run the reward node."""
    run_node(RewardNode)
