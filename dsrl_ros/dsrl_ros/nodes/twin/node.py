"""The simulation twin: takes the commands and publishes the states of a robot, and owns the clock.

In lockstep time moves only inside the service `advance`; in real time it follows the wall clock.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.srv import Advance, SetScene
from dsrl_ros.core.checks import require_finite
from dsrl_ros.core.config.twin import TwinConfig
from dsrl_ros.core.errors import ConfigError, DriverError, DsrlError
from dsrl_ros.nodes.twin.publisher import WorldPublisher
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.robot_messages import positions_from_msg, trajectory_from_msg
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.stamps import stamp_from_ns, stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK, within
from dsrl_ros.tasks.scenes.registry import find_task
from dsrl_ros.tasks.world import TaskWorld

LISTEN_S = 1.0  # for another robot under the same names, before the twin starts
COMMAND_TIMEOUT_S = 2.0  # for commands that `advance` announced
IDLE_PERIOD_S = 0.2  # wall time after which the last state is repeated in lockstep


class TwinNode(Node):
    """Serves the world of one task to the rest of the graph."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('twin', **node_options)
        self._config = declare_config(self, TwinConfig)
        self._wall = Clock(clock_type=ClockType.SYSTEM_TIME)
        self._task = find_task(self._config.task)
        self._world = TaskWorld(self._task, self._wall_ns() if self._config.real_time else None)
        self._state_period_ns = round(self._config.state_period_s * 1e9)
        if self._state_period_ns % self._world.step_ns:
            raise ConfigError(
                f'state_period_s: got {self._config.state_period_s:g}, expected a whole multiple '
                f'of the physics step, {self._world.step_ns * 1e-9:g} s.'
            )
        self._trajectories = 0  # received, as the grips
        self._grips = 0
        self._refused = ''  # why the last refused command was
        self._command_came = Future()
        self._idle = False
        self._listener = self.create_subscription(
            JointState, names.JOINT_STATES, self._on_other_robot, qos.SENSOR
        )
        self._start_timer = self.create_timer(LISTEN_S, self._start, clock=STEADY_CLOCK)

    def _on_other_robot(self, _: JointState) -> None:
        raise DriverError(
            f'twin: got joint states on {self.resolve_topic_name(names.JOINT_STATES)} from '
            'another node, expected none. The graph, or a robot, is running in this namespace '
            'already: end it, or start this one under another namespace.'
        )

    def _start(self) -> None:
        """Begin to serve: no other robot has these names."""
        self.destroy_timer(self._start_timer)
        self.destroy_subscription(self._listener)
        self._publisher = WorldPublisher(self, self._world, self._config)
        self.create_subscription(
            JointTrajectory, names.TRAJECTORY, self._on_trajectory, qos.COMMAND
        )
        self.create_subscription(JointState, names.GRIPPER_COMMAND, self._on_gripper, qos.COMMAND)
        self.create_service(SetScene, names.SET_SCENE, self._on_set_scene)
        if self._config.real_time:
            period_s = 1.0 / self._config.state_hz
            self.create_timer(period_s, self._catch_up, clock=STEADY_CLOCK)
        else:
            # Its own group lets the callbacks of commands run while it awaits them.
            group = ReentrantCallbackGroup()
            self.create_service(Advance, names.ADVANCE, self._on_advance, callback_group=group)
            self.create_timer(IDLE_PERIOD_S, self._repeat, clock=STEADY_CLOCK)
        self._publish()
        pace = 'real time' if self._config.real_time else 'lockstep'
        self.get_logger().info(f'{self._task.name} with {self._task.robot.name}, {pace}')

    def _on_trajectory(self, message: JointTrajectory) -> None:
        self._trajectories += 1
        self._carry_out(
            lambda: self._world.follow(*trajectory_from_msg(message, self._task.robot.joint_names))
        )

    def _on_gripper(self, message: JointState) -> None:
        def grip() -> None:
            finger = positions_from_msg(message, self._task.robot.finger_names[:1])
            require_finite('gripper command', finger)
            self._world.grip(2 * float(finger[0]))

        self._grips += 1
        self._carry_out(grip)

    def _carry_out(self, command: Callable[[], None]) -> None:
        """Carry out a command or refuse it, and wake an `advance` that waits for it."""
        try:
            command()
        except DsrlError as error:
            self._refused = str(error)
            self.get_logger().error(f'command refused: {error}')
        if not self._command_came.done():
            self._command_came.set_result(None)

    async def _on_advance(
        self, request: Advance.Request, response: Advance.Response
    ) -> Advance.Response:
        """Run to a time after the announced commands have arrived."""
        if request.trajectory_count == 0 and request.gripper_count == 0:
            # A driver that has sent nothing yet: counting starts with it.
            self._trajectories = self._grips = 0
        try:
            while (
                self._trajectories < request.trajectory_count
                or self._grips < request.gripper_count
            ):
                what = (
                    f'advance: {self._trajectories} of {request.trajectory_count} trajectories '
                    f'and {self._grips} of {request.gripper_count} gripper commands'
                )
                self._command_came = Future()
                await within(self, self._command_came, COMMAND_TIMEOUT_S, what)
            if self._refused:
                raise DriverError(f'advance: a command was refused: {self._refused}')
            for state in self._world.run(stamp_to_ns(request.until), self._state_period_ns):
                self._idle = False
                self._publisher.publish(state)
            response.success = True
        except (DsrlError, TimeoutError) as error:
            response.message = str(error)
        self._refused = ''
        response.now = stamp_from_ns(self._world.now_ns)
        return response

    def _catch_up(self) -> None:
        """Run to the wall clock."""
        skipped_ns = self._world.catch_up(self._wall_ns())
        if skipped_ns:
            self.get_logger().warning(f'{skipped_ns * 1e-9:.1f} s behind; that time is skipped')
        self._publish()

    def _repeat(self) -> None:
        """Publish the last state again when nothing happens, for late and lossy subscribers."""
        if self._idle:
            self._publisher.publish(self._world.state(), repeated=True)
        self._idle = True

    def _publish(self) -> None:
        self._idle = False
        self._publisher.publish(self._world.state())

    def _on_set_scene(
        self, request: SetScene.Request, response: SetScene.Response
    ) -> SetScene.Response:
        """Arrange the scene; its stamp is later than that of every state published before."""
        now_ns = self._world.now_ns + self._state_period_ns
        self._world.reset(request.seed, self._wall_ns() if self._config.real_time else now_ns)
        self._publish()
        state = self._world.state()
        response.success = True
        response.stamp = stamp_from_ns(state.stamp_ns)
        response.reset_count = state.reset_count
        return response

    def _wall_ns(self) -> int:
        return int(self._wall.now().nanoseconds)


def main() -> None:
    """Run the twin."""
    run_node(TwinNode)
