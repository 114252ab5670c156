"""The action server of `move_arm`: motions outside of an episode."""

from __future__ import annotations

import traceback

from rclpy.action import ActionServer, CancelResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from dsrl_msgs.action import MoveArm
from dsrl_ros.core.errors import DsrlError
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.mover import MoveEnd
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.ros import names
from dsrl_ros.ros.robot_messages import trajectory_from_msg
from dsrl_ros.ros.waiting import STEADY_CLOCK

_FEEDBACK_PERIOD_S = 0.2


class MoveServer:
    """One move after the other; none interrupts another.

    Args:
        node: the driver.
        robot: names its joints.
        driver: carries the moves out.
    """

    def __init__(self, node: Node, robot: RobotDescription, driver: ArmDriver) -> None:
        self._node, self._robot, self._driver = node, robot, driver
        self._server = ActionServer(
            node,
            MoveArm,
            names.MOVE_ARM,
            self._on_goal,
            cancel_callback=self._on_cancel,
        )

    def _on_cancel(self, _: ServerGoalHandle) -> CancelResponse:
        self._driver.stop_move('canceled by who asked for it')
        return CancelResponse.ACCEPT

    async def _on_goal(self, goal: ServerGoalHandle) -> MoveArm.Result:
        try:
            end = await self._carried_out(self._move(goal.request), goal)
        except DsrlError as error:
            end = MoveEnd(begun=False, cause=str(error))
        except Exception:
            # rclpy would answer with a result without an error.
            self._driver.stop_move('a defect of the driver')
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
        self._driver.begin_move(move, done.set_result)

        def publish_progress() -> None:
            goal.publish_feedback(MoveArm.Feedback(progress=self._driver.progress))

        timer = self._node.create_timer(_FEEDBACK_PERIOD_S, publish_progress, clock=STEADY_CLOCK)
        try:
            end: MoveEnd = await done
        finally:
            self._node.destroy_timer(timer)
        return end

    def _move(self, request: MoveArm.Goal) -> Move:
        """Return the move that is asked for.

        Raises:
            ShapeMismatchError, NonFiniteError: it is not a trajectory of this robot.
        """
        trajectory = None
        if request.trajectory.points:
            trajectory, _ = trajectory_from_msg(request.trajectory, self._robot.joint_names)
        return Move(trajectory, request.width if request.move_gripper else None)
