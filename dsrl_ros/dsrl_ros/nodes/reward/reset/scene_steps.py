"""The steps of a reset that concern the scene: arranged by the simulation or a person."""

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
        config: says who arranges.
        waits: of the same reset.

    Attributes:
        stamp_ns: states from here on show the scene that the simulation arranged [ns]; 0 where
            it did not.
    """

    def __init__(self, node: Node, config: ResetConfig, waits: Waits) -> None:
        self._node, self._config, self._waits = node, config, waits
        self.stamp_ns = 0
        self._status: TaskStatus | None = None
        self._reset_count: int | None = None
        self._ready: bool | None = None  # what a person said last, while it was waited for
        self._awaited = False
        node.create_subscription(TaskStatus, names.TASK_STATUS, self._on_status, qos.DECISION)
        self._set_scene = node.create_client(SetScene, names.SET_SCENE)
        if config.arrange == 'person':
            for name, ready in ((names.SCENE_READY, True), (names.SCENE_NOT_READY, False)):
                node.create_service(Trigger, name, partial(self._on_word, ready))

    async def arrange(self, seed: int) -> str:
        """Let the scene be arranged; return a word for people.

        Args:
            seed: of the random start, where the simulation arranges it.
        """
        if self._config.arrange == 'simulator':
            return await self._by_simulator(seed)
        return await self._by_person()

    async def verify(self) -> None:
        """Look whether the scene is as it should be, as far as anybody can tell."""
        if self._reset_count is not None:
            await self._waits.seen(
                lambda: self._status is not None and self._status.reset_count == self._reset_count,
                f'waiting for a task status of reset {self._reset_count}',
            )
        if self._status is not None and self._status.success:
            raise StepError(Failure.SCENE, 'the task is done before the episode has begun')

    async def _by_simulator(self, seed: int) -> str:
        asked = self._set_scene.call_async(SetScene.Request(seed=seed))
        answer: SetScene.Response = await self._waits.answer(asked, names.SET_SCENE)
        if not answer.success:
            raise StepError(Failure.SCENE, f'{names.SET_SCENE}: {answer.message}')
        self.stamp_ns, self._reset_count = stamp_to_ns(answer.stamp), answer.reset_count
        return ''

    async def _by_person(self) -> str:
        self._ready, self._awaited = None, True
        ready = self._node.resolve_service_name(names.SCENE_READY)
        try:
            await self._waits.done_by_person(
                lambda: self._ready is not None,
                f'arrange the scene, then call {ready}, or press r in `dsrl judge`',
            )
        finally:
            self._awaited = False
        if not self._ready:
            raise StepError(Failure.SCENE, 'a person says that the scene cannot be arranged')
        return 'by a person'

    def _on_word(
        self, ready: bool, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        response.success = self._awaited
        if self._awaited:
            self._ready = ready
        else:
            response.message = 'got a word on the scene while nobody waits for one.'
        return response

    def _on_status(self, status: TaskStatus) -> None:
        self._status = status
