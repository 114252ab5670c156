"""Reward and resets: judges every executed chunk, ends episodes, brings the next one to its start.

Owns no rule of the task: `tasks.judge` decides, the simulation (or a detector) says what is so.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from rclpy.action import ActionServer
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node

from dsrl_msgs.action import ResetEpisode
from dsrl_msgs.msg import ChunkResult, Reward, TaskStatus
from dsrl_msgs.srv import SetScene
from dsrl_ros.bridge import names, qos
from dsrl_ros.bridge.convert import key_from_msg, stamp_to_ns
from dsrl_ros.bridge.params import declare_config
from dsrl_ros.bridge.run_node import run_node
from dsrl_ros.bridge.waiting import STEADY_CLOCK, within
from dsrl_ros.core.config import RewardConfig
from dsrl_ros.core.types import DecisionKey
from dsrl_ros.tasks.judge import EpisodeJudge


class RewardNode(Node):
    """Serves `reset_episode` and answers every `chunk_result` with a `reward`."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('reward', **node_options)
        self._config = declare_config(self, RewardConfig)
        self._judge = EpisodeJudge(self._config.max_steps, self._config.max_rejects)
        # Results wait here until the task is known at or after their end.
        self._pending: deque[ChunkResult] = deque()
        self._taken: DecisionKey | None = None  # newest decision taken in; none is judged twice
        self._overdue_warned = False
        self._status: TaskStatus | None = None

        self._reward_pub = self.create_publisher(Reward, names.REWARD, qos.DECISION)
        self.create_subscription(ChunkResult, names.CHUNK_RESULT, self._on_result, qos.DECISION)
        self.create_subscription(TaskStatus, names.TASK_STATUS, self._on_status, qos.DECISION)
        self._set_scene = self.create_client(SetScene, names.SET_SCENE)
        self._reset_server = ActionServer(
            self, ResetEpisode, names.RESET_EPISODE, self._on_reset_goal
        )
        self._overdue_timer = self.create_timer(
            self._config.status_timeout_s, self._warn_of_overdue, clock=STEADY_CLOCK
        )

    def _on_result(self, result: ChunkResult) -> None:
        key = key_from_msg(result.id)
        if self._taken is not None and key.run == self._taken.run and key <= self._taken:
            return  # the driver says a result again when it is asked again
        self._taken = key
        self._pending.append(result)
        self._judge_pending()

    def _on_status(self, status: TaskStatus) -> None:
        self._status = status
        self._judge_pending()

    def _judge_pending(self) -> None:
        while self._pending and self._status is not None:
            result = self._pending[0]
            if stamp_to_ns(self._status.header.stamp) < stamp_to_ns(result.header.stamp):
                return
            self._pending.popleft()
            self._overdue_warned = False
            self._reward_pub.publish(self._reward_for(result, self._status))

    def _reward_for(self, result: ChunkResult, status: TaskStatus) -> Reward:
        verdict = self._judge.judge(result.num_executed, status.success)
        reward = Reward(header=status.header, id=result.id)
        reward.value = verdict.reward
        reward.terminated = verdict.terminated
        reward.truncated = verdict.truncated
        reward.success = verdict.success
        reward.source = Reward.SOURCE_TIMEOUT if verdict.truncated else Reward.SOURCE_SIMULATOR
        return reward

    def _warn_of_overdue(self) -> None:
        """Say once per result that the task status is late; the decision waits for it."""
        if not self._pending or self._overdue_warned:
            return
        self._overdue_warned = True
        self.get_logger().warning(
            f'reward: got no task status as new as the end of chunk '
            f'{self._pending[0].id.episode}/{self._pending[0].id.decision}, expected one on '
            f'{self.resolve_topic_name(names.TASK_STATUS)}. Check that its publisher lives.'
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
            self._judge.start()
            self._pending.clear()
            result.error_code = ResetEpisode.Result.NONE
            result.error_message = ''
            result.stamp = stamp
            goal.succeed()
            return result
        goal.abort()
        return result

    async def _arrange_scene(self, seed: int) -> object:
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


def main() -> None:
    """Run the reward node."""
    run_node(RewardNode)
