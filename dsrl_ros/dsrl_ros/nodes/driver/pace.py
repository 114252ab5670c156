"""How time passes for the robot: by `advance` in lockstep, by the clock in real time.

Both are a `Pace`; nothing else in the driver depends on which one it has.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.node import Node
from rclpy.task import Future

from dsrl_msgs.srv import Advance
from dsrl_ros.nodes.driver.arm_commands import TwinCommands
from dsrl_ros.ros import names
from dsrl_ros.ros.stamps import stamp_from_ns, stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK


class LockstepPace:
    """Simulated time, which only this advances."""

    lead_ns = 0

    def __init__(
        self,
        node: Node,
        commands: TwinCommands,
        timeout_s: float,
        failed: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            node: that owns the client.
            commands: what it has sent must have come before time goes on.
            timeout_s: wait for the simulation [s].
            failed: gets the reason when time does not go on.
        """
        self._commands = commands
        self._failed = failed
        self._timeout_s = timeout_s
        self._client = node.create_client(Advance, names.ADVANCE)
        self._answer: Future | None = None
        self._now_ns = 0
        self._deadline = node.create_timer(timeout_s, self._on_deadline, clock=STEADY_CLOCK)
        self._deadline.cancel()

    def ready(self) -> bool:
        """Return whether there is a simulation."""
        return bool(self._client.service_is_ready())

    def see(self, stamp_ns: int) -> None:
        """Take note of a stamp of the simulation; a new scene puts time forward [ns]."""
        self._now_ns = max(self._now_ns, stamp_ns)

    def now_ns(self) -> int:
        """Return the simulated time [ns]."""
        return self._now_ns

    def link(self, then: Callable[[], None]) -> None:
        """Agree with the simulation that nothing has been sent yet, then call `then`."""
        self._commands.restart_counts()
        self._now_ns = 0  # the answer brings it; a restarted simulation is behind what was seen
        self.wait_until(0, then)

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        """Let time run to `time_ns`, then call `then`; `failed` instead when it does not."""
        request = Advance.Request(
            until=stamp_from_ns(time_ns),
            trajectory_count=self._commands.sent,
            gripper_count=self._commands.grips,
        )
        answer = self._client.call_async(request)
        answer.add_done_callback(partial(self._on_answer, then))
        self._answer = answer
        self._deadline.reset()

    def interrupt(self) -> bool:
        """Return False: the simulation answers in a moment, and rests until then."""
        return False

    def _on_answer(self, then: Callable[[], None], answer: Future) -> None:
        given_up_on = answer is not self._answer
        if given_up_on:
            return
        self._answer = None
        self._deadline.cancel()
        response: Advance.Response = answer.result()
        self.see(stamp_to_ns(response.now))
        if response.success:
            then()
        else:
            self._failed(response.message)

    def _on_deadline(self) -> None:
        self._deadline.cancel()
        self._answer = None
        self._failed(
            f'advance: got no answer within {self._timeout_s:g} s, expected simulated time to go '
            'on. Check that the twin lives.'
        )


class RealTimePace:
    """The node's clock, which runs by itself."""

    def __init__(
        self,
        node: Node,
        lead_s: float,
        prepare: Callable[[Callable[[], None]], None] | None = None,
    ) -> None:
        """Prepare.

        Args:
            node: whose clock.
            lead_s: how long before its start a segment is sent [s].
            prepare: makes the robot ready for commands, then calls what it is given.
        """
        self._prepare = prepare
        self.lead_ns = round(lead_s * 1e9)
        self._clock = node.get_clock()
        self._until_ns = 0
        self._then: Callable[[], None] | None = None
        self._timer = node.create_timer(1.0, self._on_timer, clock=STEADY_CLOCK)
        self._timer.cancel()

    def ready(self) -> bool:
        """Return True: nothing is needed."""
        return True

    def link(self, then: Callable[[], None]) -> None:
        """Call `then` once the robot is ready: there is nothing else to agree on."""
        if self._prepare is None:
            then()
        else:
            self._prepare(then)

    def see(self, stamp_ns: int) -> None:
        """Need no stamps: the clock runs by itself."""

    def now_ns(self) -> int:
        """Return the time [ns]."""
        return int(self._clock.now().nanoseconds)

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        """Call `then` when the clock shows `time_ns`."""
        self._until_ns, self._then = time_ns, then
        self._arm()

    def interrupt(self) -> bool:
        """Give up waiting."""
        self._timer.cancel()
        self._then = None
        return True

    def _arm(self) -> None:
        # At least a millisecond: a simulated clock may not move meanwhile.
        self._timer.timer_period_ns = max(self._until_ns - self.now_ns(), 1_000_000)
        self._timer.reset()

    def _on_timer(self) -> None:
        self._timer.cancel()
        then = self._then
        if then is None:
            return
        if self.now_ns() < self._until_ns:
            self._arm()
            return
        self._then = None
        then()
