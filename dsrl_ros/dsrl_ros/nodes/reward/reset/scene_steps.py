"""The scene's steps of a reset, carried out by the simulation or by a person."""

from __future__ import annotations

from functools import partial

from rclpy.node import Node
from std_srvs.srv import Trigger

from dsrl_msgs.msg import TaskStatus
from dsrl_msgs.srv import SetScene
from dsrl_ros.core.config.reward import ResetConfig
from dsrl_ros.nodes.reward.reset.waits import StepError, Waits
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.stamps import stamp_to_ns
from dsrl_ros.tasks.reset_plan import Failure


class SceneSteps:
    """Arrange and verify; each raises `TimeoutError` or `StepError` when it fails.

    Args:
        node: that owns clients, services and subscriptions.
        config: names who arranges the scene.
        waits: of the same reset.

    Attributes:
        stamp_ns: states from here on show the scene that the simulation arranged [ns]; 0 where
            a person or nobody arranges it.
    """

    def __init__(self, node: Node, config: ResetConfig, waits: Waits) -> None:
        self._node, self._config, self._waits = node, config, waits
        self.stamp_ns = 0
        self._status: TaskStatus | None = None
        self._reset_count: int | None = None
        self._answer: bool | None = None  # of a person: whether the scene is ready
        self._asking = False
        node.create_subscription(TaskStatus, names.TASK_STATUS, self._on_status, qos.DECISION)
        self._set_scene = node.create_client(SetScene, names.SET_SCENE)
        if config.arrange == 'person':
            for name, ready in ((names.SCENE_READY, True), (names.SCENE_NOT_READY, False)):
                node.create_service(Trigger, name, partial(self._on_answer, ready))

    async def arrange(self, seed: int) -> str:
        """Let the scene be arranged; return a note for people.

        Args:
            seed: of the random start, where the simulation arranges it.
        """
        if self._config.arrange == 'simulator':
            request = SetScene.Request(seed=seed)
            response = await self._waits.call(self._set_scene, request, Failure.SCENE)
            self.stamp_ns, self._reset_count = stamp_to_ns(response.stamp), response.reset_count
            return ''
        self._answer, self._asking = None, True
        ready = self._node.resolve_service_name(names.SCENE_READY)
        try:
            await self._waits.person(
                lambda: self._answer is not None,
                f'arrange the scene, then call {ready}, or press r in `dsrl judge`',
            )
        finally:
            self._asking = False
        if not self._answer:
            raise StepError(Failure.SCENE, 'a person reports that the scene cannot be arranged')
        return 'by a person'

    async def verify(self) -> None:
        """Check that the status is of the new scene, and that the task is not done in it."""
        if self._reset_count is not None:
            await self._waits.until(
                lambda: self._status is not None and self._status.reset_count == self._reset_count,
                f'waiting for a task status of reset {self._reset_count}',
            )
        if self._status is not None and self._status.success:
            raise StepError(Failure.SCENE, 'the task is done before the episode has begun')

    def _on_answer(
        self, ready: bool, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success = self._asking
        if self._asking:
            self._answer = ready
        else:
            response.message = 'ignored: no reset waits for the scene.'
        return response

    def _on_status(self, status: TaskStatus) -> None:
        self._status = status
