"""`dsrl pose`: bring the arm of a running graph to a named pose, as a reset brings it home.

The node `motion_planner` plans and the driver executes, by the same gate as everything else. The
driver refuses while a chunk is on its way.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from typing import Any

import rclpy
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from sensor_msgs.msg import JointState

from dsrl_msgs.action import MoveArm
from dsrl_msgs.srv import PlanMotion
from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.registry import POSES, ROBOTS
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.executor import LeanExecutor
from dsrl_ros.ros.latest_message import LatestMessage
from dsrl_ros.ros.robot_messages import positions_from_msg

_MOVE_S = 60.0


class PoseMover:
    """Asks planner and driver, and waits for both.

    Args:
        node: that owns clients and subscription.
        spin: lets the node work for a moment.
        joint_states: topic of the arm.
        wait_s: for each answer, without the time of the motion [s].
    """

    def __init__(
        self, node: Node, spin: Callable[[], None], joint_states: str, wait_s: float
    ) -> None:
        self._node = node
        self._spin = spin
        self._wait_s = wait_s
        self._joints = LatestMessage(node, JointState, joint_states, qos.SENSOR)
        self._plan = node.create_client(PlanMotion, names.PLAN_MOTION)
        self._move = ActionClient(node, MoveArm, names.MOVE_ARM)

    def go(self, pose: str, speed: float) -> None:
        """Go there.

        Args:
            pose: name of one of the robot's.
            speed: share of its velocity and acceleration limits.

        Raises:
            ConfigError: the robot has no pose of this name.
            DriverError: somebody is missing, refuses or fails; names who.
            KeyboardInterrupt: as it came; the arm has been stopped.
        """
        self._until(lambda: self._joints.stamp_ns is not None, self._joints.name)
        message = self._joints.message()
        robot = _robot_of(message)
        if pose not in POSES[robot.name]:
            known = ', '.join(POSES[robot.name])
            raise ConfigError(f'pose: got {pose!r} for {robot.name}, expected one of {known}.')
        request = PlanMotion.Request(
            kind=PlanMotion.Request.KIND_JOINTS,
            start=positions_from_msg(message, robot.joint_names).tolist(),
            goal=list(POSES[robot.name][pose]),
            speed=speed,
        )
        self._until(self._plan.service_is_ready, self._plan.srv_name)
        planned = self._answer(self._plan.call_async(request), self._plan.srv_name)
        if not planned.success:
            raise DriverError(f'{self._plan.srv_name}: {planned.message}')
        self._until(self._move.server_is_ready, names.MOVE_ARM)
        goal = MoveArm.Goal(trajectory=planned.trajectory)
        handle = self._answer(self._move.send_goal_async(goal), names.MOVE_ARM)
        if not handle.accepted:
            raise DriverError(f'{names.MOVE_ARM}: the driver refused the goal. Is it at rest?')
        takes_s = planned.trajectory.points[-1].time_from_start.sec
        try:
            done = self._answer(handle.get_result_async(), names.MOVE_ARM, _MOVE_S + takes_s)
        except (DriverError, KeyboardInterrupt):
            canceled = handle.cancel_goal_async()  # nobody waits for the arm any more
            self._until(canceled.done, names.MOVE_ARM)
            raise
        if done.status != GoalStatus.STATUS_SUCCEEDED:
            raise DriverError(f'{names.MOVE_ARM}: {done.result.error_message or "it failed"}')

    def _answer(self, future: Future, who: str, extra_s: float = 0.0) -> Any:
        self._until(future.done, who, extra_s)
        return future.result()

    def _until(self, condition: Callable[[], bool], who: str, extra_s: float = 0.0) -> None:
        deadline_s = time.monotonic() + self._wait_s + extra_s
        while not condition():
            if time.monotonic() > deadline_s:
                raise DriverError(
                    f'{who}: got nothing within {self._wait_s + extra_s:g} s. Check --namespace '
                    'and --domain, and that the graph drives hardware: the twin has no planner.'
                )
            self._spin()


def _robot_of(message: JointState) -> RobotDescription:
    for robot in ROBOTS.values():
        if set(robot.joint_names) <= set(message.name):
            return robot
    raise ConfigError(
        f'joint states: got {list(message.name)}, expected those of one of {", ".join(ROBOTS)}.'
    )


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        DsrlError: there is no such pose, or the arm did not get there.
    """
    parser = argparse.ArgumentParser(prog='dsrl pose', description=__doc__)
    parser.add_argument('pose', help='home, start (of an episode) or, of a WidowX, sleep')
    parser.add_argument('--namespace', default='', help='of the graph [none]')
    parser.add_argument(
        '--domain', type=int, help='ROS domain, as `dsrl launch` prints it [ROS_DOMAIN_ID]'
    )
    parser.add_argument(
        '--joint-states', default=names.JOINT_STATES, help='topic of the arm [joint_states]'
    )
    parser.add_argument(
        '--speed', type=float, default=0.2, help="share of the robot's limits [0.2]"
    )
    parser.add_argument('--wait', type=float, default=10.0, help='for each answer [10 s]')
    given = parser.parse_args(arguments)
    # This command takes Ctrl-C, to stop the arm; ROS would close the connection first.
    rclpy.init(domain_id=given.domain, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node = Node('pose', namespace=given.namespace)
        executor = LeanExecutor()
        executor.add_node(node)

        def spin() -> None:
            executor.spin_once(timeout_sec=0.05)

        PoseMover(node, spin, given.joint_states, given.wait).go(given.pose, given.speed)
    finally:
        rclpy.try_shutdown()
    print(f'{given.pose}: there')
    return 0
