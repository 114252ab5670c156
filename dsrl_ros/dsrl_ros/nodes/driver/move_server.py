"""Serves `move_arm`: motions outside of an episode. Judges nothing and sends nothing itself."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from dsrl_msgs.action import MoveArm
from dsrl_ros.core.errors import DsrlError
from dsrl_ros.robots.execution.mover import Ended, MoveEnd
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import trajectory_from_msg
from dsrl_ros.ros.waiting import STEADY_CLOCK

_FEEDBACK_PERIOD_S = 0.2


@dataclass(frozen=True)
class MoveCalls:
    """What the server asks of the driver.

    Attributes:
        begin: carries a move out and tells what became of it, once.
        stop: brings the arm to rest; gets the cause.
        progress: of the move on its way, 0 to 1.
    """

    begin: Callable[[Move, Ended], None]
    stop: Callable[[str], None]
    progress: Callable[[], float]


class MoveServer:
    """One move after the other; none interrupts another.

    Args:
        node: the driver.
        robot: names its joints.
        calls: the driver's.
    """

    def __init__(self, node: Node, robot: RobotDescription, calls: MoveCalls) -> None:
        self._node, self._robot, self._calls = node, robot, calls
        self._server = ActionServer(
            node,
            MoveArm,
            names.MOVE_ARM,
            self._on_goal,
            cancel_callback=self._on_cancel,
        )

    def _on_cancel(self, _: ServerGoalHandle) -> CancelResponse:
        self._calls.stop('canceled by who asked for it')
        return CancelResponse.ACCEPT

    async def _on_goal(self, goal: ServerGoalHandle) -> MoveArm.Result:
        try:
            end = await self._carried_out(self._move(goal.request), goal)
        except DsrlError as error:
            end = MoveEnd(begun=False, cause=str(error))
        except Exception:
            # rclpy would answer with a result that says nothing went wrong.
            self._calls.stop('a defect of the driver')
            end = MoveEnd(begun=True, cause=traceback.format_exc())
        if not end.cause:
            goal.succeed()
            return MoveArm.Result()
        self._node.get_logger().warning(f'move: {end.cause}')
        if goal.is_cancel_requested:
            goal.canceled()
            return MoveArm.Result(error_code=MoveArm.Result.CANCELED, error_message=end.cause)
        goal.abort()
        code = MoveArm.Result.FAULT if end.begun else MoveArm.Result.REFUSED
        return MoveArm.Result(error_code=code, error_message=end.cause)

    async def _carried_out(self, move: Move, goal: ServerGoalHandle) -> MoveEnd:
        done = Future(executor=self._node.executor)
        self._calls.begin(move, done.set_result)

        def tell() -> None:
            goal.publish_feedback(MoveArm.Feedback(progress=self._calls.progress()))

        timer = self._node.create_timer(_FEEDBACK_PERIOD_S, tell, clock=STEADY_CLOCK)
        try:
            end: MoveEnd = await done
        finally:
            self._node.destroy_timer(timer)
        return end

    def _move(self, request: MoveArm.Goal) -> Move:
        """Return what is asked for.

        Raises:
            ShapeMismatchError, NonFiniteError: it is no trajectory of this robot.
        """
        trajectory = None
        if request.trajectory.points:
            trajectory, _ = trajectory_from_msg(request.trajectory, self._robot.joint_names)
        return Move(trajectory, request.width if request.move_gripper else None)
