"""Everything that ends a motion, and what lets the robot move again. Moves nothing itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from dsrl_msgs.msg import Heartbeat
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import ChunkOutcome
from dsrl_ros.nodes.driver.robot_interface import RobotSide, Trouble
from dsrl_ros.robots.safety.latch import Latch
from dsrl_ros.robots.safety.rules import Rule
from dsrl_ros.robots.safety.watchdogs import SilenceWatch
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.waiting import STEADY_CLOCK

_WATCH_PERIOD_S = 0.01


@dataclass(frozen=True)
class StopCalls:
    """What the stops ask of the driver.

    Attributes:
        active: whether the driver may command.
        busy: whether a chunk is on its way.
        brake: brings the robot to rest; the chunk on its way ends so.
        changed: the latch has closed or opened.
        cleared: somebody has said that the robot may go on.
    """

    active: Callable[[], bool]
    busy: Callable[[], bool]
    brake: Callable[[ChunkOutcome, str], None]
    changed: Callable[[], None]
    cleared: Callable[[], None]


class DriverStops:
    """Emergency stop, heartbeat, faults; and clear and recover, the ways out.

    Attributes:
        latch: closed by a fault or an emergency stop, opened by clear alone.
        longest_silence_s: longest gap between two heartbeats while executing [s].
    """

    def __init__(
        self, node: Node, robot_name: str, timeout_s: float, latch: Latch, calls: StopCalls
    ) -> None:
        """Serve and listen.

        Args:
            node: the driver.
            robot_name: whose heartbeats count.
            timeout_s: silence that stops a chunk [s].
            latch: open.
            calls: the driver's.
        """
        self._node = node
        self._robot_name = robot_name
        self._calls = calls
        self._side: RobotSide | None = None
        self._recovering = False
        self._silence = SilenceWatch(timeout_s)
        self.latch = latch
        node.create_subscription(Heartbeat, names.HEARTBEAT, self._on_heartbeat, qos.HEARTBEAT)
        node.create_subscription(Bool, names.ESTOP_SIGNAL, self._on_estop_signal, qos.DECISION)
        node.create_service(Trigger, names.ESTOP, self._on_estop)
        node.create_service(Trigger, names.CLEAR, self._on_clear)
        node.create_service(Trigger, names.CLEAR_FAULT, self._on_clear_fault)
        # It awaits the robot's answers, which a group of its own lets in meanwhile.
        node.create_service(
            Trigger, names.RECOVER, self._on_recover, callback_group=ReentrantCallbackGroup()
        )
        self._watch = node.create_timer(_WATCH_PERIOD_S, self._look, clock=STEADY_CLOCK)
        self._watch.cancel()

    @property
    def longest_silence_s(self) -> float:
        """Longest gap between two heartbeats while executing [s]."""
        return self._silence.longest_s

    def attach(self, side: RobotSide) -> None:
        """Take the robot that is to be recovered."""
        self._side = side

    def hear(self) -> None:
        """Take note of a sign of life from above."""
        self._silence.hear(self._calls.busy())

    def watch(self) -> None:
        """Watch the heartbeat from now until the robot rests."""
        self._watch.reset()

    def look_at_robot(self) -> None:
        """Latch if the robot cannot take a command now."""
        if self._side is None or self.latch.stopped_by is not None:
            return
        if trouble := self._side.trouble():
            self.on_trouble(trouble)
        elif rivals := self._side.rivals():
            self.fault(f'somebody else commands {", ".join(rivals)}')

    def on_trouble(self, trouble: Trouble) -> None:
        """Latch and brake: the robot says that it must stop."""
        if self._calls.active():
            self.fault(trouble.message, trouble.outcome)

    def fault(self, cause: str, outcome: ChunkOutcome = ChunkOutcome.FAULT) -> None:
        """Latch and brake: nothing moves until somebody has looked."""
        self._node.get_logger().error(cause)
        self.latch.latch(cause)
        self._calls.brake(outcome, cause)
        self._calls.changed()

    def _look(self) -> None:
        """Stop a chunk whose sender has fallen silent."""
        if not self._calls.busy():
            self._watch.cancel()
        elif complaint := self._silence.complaint():
            self._calls.brake(ChunkOutcome.FAULT, complaint)

    def _estop(self, cause: str) -> None:
        self._node.get_logger().error(cause)
        self.latch.estop(cause)
        self._calls.brake(ChunkOutcome.ESTOP, cause)
        self._calls.changed()

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if message.robot == self._robot_name:
            self.hear()

    def _on_estop(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._estop('emergency stop by service')
        response.success = True
        return response

    def _on_estop_signal(self, message: Bool) -> None:
        if message.data:
            self._estop('emergency stop by topic')

    def _on_clear(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = self._why_not_clear()
        response.success = not response.message
        if response.success:
            self._calls.cleared()
        return response

    def _on_clear_fault(
        self, request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        if self.latch.stopped_by is Rule.ESTOP:
            response.message = 'clear_fault: got an emergency stop, which a person clears.'
            return response
        return self._on_clear(request, response)

    def _why_not_clear(self) -> str:
        """Open the latch; return why that cannot be done yet, empty when done."""
        assert self._side is not None
        if self._calls.busy():
            return 'clear: got a call while the arm comes to rest, call again then.'
        self._side.reset()
        if trouble := self._side.trouble():
            return f'clear: the cause is still there: {trouble.message}'
        return self.latch.clear()

    async def _on_recover(
        self, _: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        assert self._side is not None
        if self._recovering or self._calls.busy():
            response.message = 'recover: got a call while one is under way or the arm moves.'
            return response
        self._recovering = True
        try:
            response.message = await self._side.recover()
            response.success = True
        except DriverError as error:
            response.message = str(error)
        finally:
            self._recovering = False
        self._node.get_logger().info(response.message)
        return response
