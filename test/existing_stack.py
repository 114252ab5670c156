"""A robot's stack that runs already, under names of its own: played by the twin and stand-ins.

The twin, a process of its own, is the arm and the scene. What lies between it and DSRL, the
broadcasters and the controller, is passed on here, where a test can take it away.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from franka_standins import SlowHand, StandInStack
from geometry_msgs.msg import PoseStamped
from move_group_standin import StandInMoveGroup
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from ros_host import RosHost
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.srv import SetScene
from dsrl_ros.launch.launch_file import NodeCall
from dsrl_ros.launch.processes import command
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import joints_to_msg, positions_from_msg
from dsrl_ros.ros.stamps import stamp_to_ns

GUIDE = Path(__file__).parents[1] / 'docs/existing_stack.md'
_SIM = '/sim'  # namespace of the twin, which DSRL does not know
_HAND = 'gripper'
_BRAKED_S = 3.0  # by then an arm has braked
_STILL_RAD = 5e-3


def guide_arguments() -> dict[str, str]:
    """Return the launch arguments that the guide gives."""
    (block,) = re.findall(r'```sh\n(ros2 launch .*?)```', GUIDE.read_text(), re.DOTALL)
    words = shlex.split(block.replace('\\\n', ' '))[4:]
    return dict(word.split(':=') for word in words)


def _rules(given: Mapping[str, str]) -> list[str]:
    """Return remappings from the vendor's names, which the stand-ins use, to the stack's own."""
    hand, manager = given['gripper'], given['controller_manager']
    rules = {
        names.JOINT_STATES: given['joint_states'],
        names.TRAJECTORY: given['trajectory'],
        names.TOOL_POSE: given['tool_pose'],
        names.ROBOT_STATE: given['robot_state'],
        names.ROBOT_DESCRIPTION: given['robot_description'],
        names.ERROR_RECOVERY: given['error_recovery'],
        names.SET_HARDWARE_STATE: f'{manager}/set_hardware_component_state',
        names.SWITCH_CONTROLLER: f'{manager}/switch_controller',
        names.MOVE_GROUP: given['move_action'],
        names.GRIPPER_STATES: f'{hand}/joint_states',
    }
    for name in (names.GRIPPER_MOVE, names.GRIPPER_GRASP, names.GRIPPER_STOP):
        rules[name.format(name=_HAND)] = name.format(name=hand)
    words = ['--ros-args']
    for old, new in rules.items():
        words += ['-r', f'{old}:={new}']
    return words


class TwinStack(StandInStack):
    """The twin's arm under ros2_control: what it measures goes out, what it is told goes in.

    Attributes:
        frozen: topics on which nothing is published any more.
        deaf: the controller takes no trajectories.
        speed: of the fastest joint [rad/s], whatever is published of it.
        joints: measured last [rad], (J,).
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__('existing_stack', **node_options)
        self.frozen: set[str] = set()
        self.deaf = False
        self.joints = np.array(FR3.home)
        self._seen: deque[tuple[int, np.ndarray]] = deque(maxlen=4)
        self._outs = {
            topic: self.create_publisher(kind, topic, qos.SENSOR)
            for topic, kind in ((names.JOINT_STATES, JointState), (names.TOOL_POSE, PoseStamped))
        }
        self._to_twin = self.create_publisher(JointTrajectory, f'{_SIM}/trajectory', qos.COMMAND)
        listen = self.create_subscription
        listen(JointState, f'{_SIM}/joint_states', self._on_joints, qos.SENSOR)
        listen(PoseStamped, f'{_SIM}/tool_pose', self._on_tool, qos.SENSOR)
        listen(JointTrajectory, names.TRAJECTORY, self._on_trajectory, qos.COMMAND)
        self.create_timer(0.1, self.show_state)

    @property
    def speed(self) -> float:
        """Of the fastest joint over the last states [rad/s]."""
        if len(self._seen) < 2:
            return 0.0
        (begin_ns, begin), (end_ns, end) = self._seen[0], self._seen[-1]
        return float(np.abs(end - begin).max()) / max((end_ns - begin_ns) * 1e-9, 1e-3)

    def _on_joints(self, message: JointState) -> None:
        self.joints = positions_from_msg(message, FR3.joint_names)
        self._seen.append((stamp_to_ns(message.header.stamp), self.joints))
        if 'joint_state_broadcaster' in self.active:
            self._pass_on(names.JOINT_STATES, message)

    def _on_tool(self, message: PoseStamped) -> None:
        self._pass_on(names.TOOL_POSE, message)

    def _pass_on(self, topic: str, message: Any) -> None:
        if topic not in self.frozen:
            self._outs[topic].publish(message)

    def _on_trajectory(self, message: JointTrajectory) -> None:
        if not self.deaf and 'fr3_arm_controller' in self.active:
            self._to_twin.publish(message)


class TwinHand(SlowHand):
    """The vendor's actions before the twin's gripper.

    Attributes:
        silent: no goal is ever answered.
    """

    def __init__(self, **node_options: Any) -> None:
        super().__init__(_HAND, **node_options)
        self.silent = False
        self._to_twin = self.create_publisher(JointState, f'{_SIM}/gripper_command', qos.COMMAND)

    def _show(self) -> None:
        # The twin shows the fingers; a hand that is well is done by the next look.
        self.stops = not self.silent
        if not self.silent:
            self.answer()

    async def _execute(self, action: Any, what: str, handle: Any) -> Any:
        finger = np.array([handle.request.width / 2])
        now_ns = self.get_clock().now().nanoseconds
        self._to_twin.publish(joints_to_msg(now_ns, FR3.finger_names[:1], finger))
        return await super()._execute(action, what, handle)


class SceneKeeper(Node):
    """Puts cube, bowl and arm where an episode begins, and tells the driver that it did.

    Attributes:
        found: joints in which the arm came to rest each time, before [rad], (J,).
    """

    def __init__(self, stack: TwinStack, **node_options: Any) -> None:
        super().__init__('scene_keeper', **node_options)
        self._stack = stack
        self.found: list[np.ndarray] = []
        self._twin = self.create_client(SetScene, f'{_SIM}/set_scene')
        self._clear = self.create_client(Trigger, names.CLEAR)
        group = ReentrantCallbackGroup()  # the answers come in meanwhile
        self.create_service(SetScene, names.SET_SCENE, self._on_set_scene, callback_group=group)

    async def _on_set_scene(self, request: Any, _: Any) -> Any:
        await self._rest()
        self.found.append(self._stack.joints)
        answer = await self._twin.call_async(request)
        # The arm was moved by other means than commands: who does that calls clear, and again
        # while the last chunk's braking is being run out. What latches later is not its business.
        until = time.monotonic() + _BRAKED_S
        while not (await self._clear.call_async(Trigger.Request())).success:
            if time.monotonic() > until:
                break
        return answer

    async def _rest(self) -> None:
        """Wait until the arm rests: the driver knows nothing of time that the twin had to skip."""
        resting = Future(executor=self.executor)

        def look() -> None:
            if self._stack.speed < 0.01 and not resting.done():
                resting.set_result(None)

        timer = self.create_timer(0.02, look)
        await resting
        self.destroy_timer(timer)


def _twin_command(given: Mapping[str, str]) -> list[str]:
    graph = '/' + given['namespace']
    remappings = {
        names.JOINT_STATES: f'{_SIM}/joint_states',
        names.TRAJECTORY: f'{_SIM}/trajectory',
        names.TOOL_POSE: f'{_SIM}/tool_pose',
        names.GRIPPER_STATES: f'{given["gripper"]}/joint_states',
        # What a detector of objects, and a judge of the task, would say.
        names.TASK_STATUS: f'{graph}/{names.TASK_STATUS}',
        **{
            names.OBJECT_POSE.format(name=name): f'{graph}/{names.OBJECT_POSE.format(name=name)}'
            for name in ('cube', 'bowl')
        },
    }
    return command(
        NodeCall(
            package='dsrl_ros',
            executable='twin_node',
            name='twin',
            namespace=_SIM,
            ends_run=False,
            on_screen=False,
            parameters={'real_time': True, 'state_hz': 50.0},
            remappings=remappings,
        )
    )


class Cell:
    """A robot's cell: the stack that runs in it, and who stands beside it.

    Attributes:
        host: of the nodes that run here; its namespace is the graph's.
        stack, hand: the robot.
        move_group: plans its motions.
        keeper: of the scene.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        self.host = RosHost()
        self.host.namespace = '/' + given['namespace']
        rules = _rules(given)
        self.stack: TwinStack = self._add_to_stack(TwinStack, rules)
        self.hand: TwinHand = self._add_to_stack(TwinHand, rules)
        self.move_group: StandInMoveGroup = self._add_to_stack(StandInMoveGroup, rules)
        self.keeper: SceneKeeper = self.host.add(
            lambda **options: SceneKeeper(self.stack, **options)
        )
        self.host.spin_until(lambda: self.stack._seen, 30.0)

    def _add_to_stack(self, kind: Any, rules: list[str]) -> Any:
        return self.host.add(lambda **options: kind(cli_args=rules, **options))

    def wait(self, condition: Any, timeout_s: float = 30.0) -> Any:
        """Run the stack until a condition holds; return what it returned."""
        return self.host.spin_until(condition, timeout_s)

    def moves(self) -> None:
        """Wait until the arm is on its way."""
        self.wait(lambda: self.stack.speed > 0.05)

    def holds(self, seconds: float = 0.5) -> None:
        """Wait until the arm has stayed where it is for so long."""
        place, since = self.stack.joints, time.monotonic()

        def stayed() -> bool:
            nonlocal place, since
            # Late on a busy machine, a last window may still be on its way.
            if np.abs(self.stack.joints - place).max() > _STILL_RAD:
                place, since = self.stack.joints, time.monotonic()
            return time.monotonic() - since > seconds

        self.wait(stayed, _BRAKED_S)


@contextmanager
def existing_stack(given: Mapping[str, str]) -> Iterator[Cell]:
    """Run a stack under the names that these launch arguments of DSRL say."""
    twin = subprocess.Popen(_twin_command(given))
    cell = None
    try:
        cell = Cell(given)
        yield cell
    finally:
        if cell is not None:
            cell.host.close()
        twin.terminate()
        twin.wait(timeout=10)
