"""The simulation twin as a process: takes and gives what the hardware would, and owns the clock.

In lockstep time moves only inside the service `advance`; in real time it follows the wall clock.
"""

from __future__ import annotations

from typing import Any

from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.srv import Advance, SetScene
from dsrl_ros.core.checks import require_finite
from dsrl_ros.core.config.twin import TwinConfig
from dsrl_ros.core.errors import ConfigError, DriverError, DsrlError
from dsrl_ros.nodes.twin.publisher import WorldPublisher
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.images import image_to_msg
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.robot_messages import positions_from_msg, trajectory_from_msg
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.stamps import stamp_from_ns, stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK, within
from dsrl_ros.tasks.scenes.registry import find_task
from dsrl_ros.tasks.world import TaskWorld

# No stamp is ever zero: zero means "unset" to many.
_LOCKSTEP_START_NS = 1_000_000_000
# Further behind than this (a suspended process) real time is not caught up with.
_MOST_BEHIND_NS = 1_000_000_000


class TwinNode(Node):
    """Serves the world of one task to the rest of the graph."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('twin', **node_options)
        self._config = declare_config(self, TwinConfig)
        self._wall = Clock(clock_type=ClockType.SYSTEM_TIME)
        self._task = find_task(self._config.task)
        self._world = TaskWorld(self._task, self._wall_ns() or _LOCKSTEP_START_NS)
        self._state_period_ns = round(self._config.state_period_s * 1e9)
        if self._state_period_ns % self._world.step_ns:
            raise ConfigError(
                f'state_period_s: got {self._config.state_period_s:g}, expected a whole multiple '
                f'of the physics step, {self._world.step_ns * 1e-9:g} s.'
            )
        self._trajectories = 0
        self._grips = 0
        self._refused = ''
        self._command_came = Future()
        self._idle = False
        self._image_ns = 0
        self._image: Image | None = None
        # A second robot under these names would drive the same graph: listen before speaking.
        self._listener = self.create_subscription(
            JointState, names.JOINT_STATES, self._on_rival, qos.SENSOR
        )
        self._opening = self.create_timer(self._config.listen_s, self._open, clock=STEADY_CLOCK)

    def _on_rival(self, _: JointState) -> None:
        raise DriverError(
            f'twin: got joint states on {self.resolve_topic_name(names.JOINT_STATES)} from '
            'somebody else, expected none. The graph, or a robot, is running in this namespace '
            'already: end it, or start this one under another namespace.'
        )

    def _open(self) -> None:
        """Start to serve: nobody else does."""
        self.destroy_timer(self._opening)
        self.destroy_subscription(self._listener)
        self._publisher = WorldPublisher(self, self._task.robot, self._task.object_names)
        self._camera_pub = self.create_publisher(Image, names.CAMERA, qos.SENSOR)
        self.create_subscription(
            JointTrajectory, names.TRAJECTORY, self._on_trajectory, qos.COMMAND
        )
        self.create_subscription(JointState, names.GRIPPER_COMMAND, self._on_gripper, qos.COMMAND)
        self.create_service(SetScene, names.SET_SCENE, self._on_set_scene)
        if self._config.real_time:
            period_s = 1.0 / self._config.state_hz
            self.create_timer(period_s, self._keep_up, clock=STEADY_CLOCK)
        else:
            # It awaits commands, whose callbacks a group of its own lets run meanwhile.
            group = ReentrantCallbackGroup()
            self.create_service(Advance, names.ADVANCE, self._on_advance, callback_group=group)
            self.create_timer(self._config.idle_period_s, self._repeat, clock=STEADY_CLOCK)
        self._show()
        pace = 'real time' if self._config.real_time else 'lockstep'
        self.get_logger().info(f'{self._task.name} with {self._task.robot.name}, {pace}')

    def _on_trajectory(self, message: JointTrajectory) -> None:
        self._trajectories += 1
        try:
            trajectory, start_ns = trajectory_from_msg(message, self._task.robot.joint_names)
            start_ns = start_ns or self._world.now_ns  # unset means now
            if not self._config.real_time and start_ns < self._world.now_ns:
                raise DriverError(
                    f'trajectory: got a start at {start_ns} ns, expected {self._world.now_ns} or '
                    'later: in lockstep nothing can be late.'
                )
            self._world.follow(trajectory, start_ns)
        except DsrlError as error:
            self._refuse(error)
        self._tell_came()

    def _on_gripper(self, message: JointState) -> None:
        self._grips += 1
        try:
            finger = positions_from_msg(message, self._task.robot.finger_names[:1])
            require_finite('gripper command', finger)
            self._world.grip(2 * float(finger[0]))
        except DsrlError as error:
            self._refuse(error)
        self._tell_came()

    def _refuse(self, error: DsrlError) -> None:
        self._refused = str(error)
        self.get_logger().error(f'command refused: {error}')

    def _tell_came(self) -> None:
        if not self._command_came.done():
            self._command_came.set_result(None)

    async def _on_advance(
        self, request: Advance.Request, response: Advance.Response
    ) -> Advance.Response:
        """Let time run once everything that was sent has come."""
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
                await within(self, self._command_came, self._config.command_timeout_s, what)
            if self._refused:
                raise DriverError(f'advance: a command was refused: {self._refused}')
            self._advance(max(stamp_to_ns(request.until), self._world.now_ns))
            response.success = True
        except (DsrlError, TimeoutError) as error:
            response.message = str(error)
        self._refused = ''
        response.now = stamp_from_ns(self._world.now_ns)
        return response

    def _advance(self, until_ns: int) -> None:
        """Run to `until_ns` and show the world there, and every state period on the way."""
        while True:
            self._world.advance(min(self._world.now_ns + self._state_period_ns, until_ns))
            self._show()
            if self._world.now_ns >= until_ns:
                return

    def _keep_up(self) -> None:
        """Run to the wall clock."""
        step_ns, now_ns = self._world.step_ns, self._world.now_ns
        behind_ns = self._wall_ns() - now_ns
        if behind_ns > _MOST_BEHIND_NS:
            self.get_logger().warning(f'{behind_ns * 1e-9:.1f} s behind; that time is skipped')
            self._world.skip(behind_ns)
        elif behind_ns >= step_ns:
            self._world.advance(now_ns + behind_ns // step_ns * step_ns)
        self._show()

    def _repeat(self) -> None:
        """Show the last state again when nothing happens, for who came late or missed it."""
        if self._idle:
            self._show(again=True)
        self._idle = True

    def _show(self, again: bool = False) -> None:
        self._idle = False
        state = self._world.state()
        self._publisher.publish(state)
        if self._camera_pub.get_subscription_count():
            self._show_image(state.stamp_ns, again)

    def _show_image(self, stamp_ns: int, again: bool) -> None:
        """Publish an image if it is time for one, or if time stands still and none shows now."""
        if again and stamp_ns == self._image_ns and self._image is not None:
            self._camera_pub.publish(self._image)  # best effort: the first may be lost
            return
        if not again and stamp_ns - self._image_ns < 1e9 / self._config.camera_hz:
            return
        self._image_ns, self._image = stamp_ns, None
        config = self._config
        try:
            image = self._world.render(config.camera, config.camera_width, config.camera_height)
        except DsrlError as error:
            self.get_logger().error(str(error), once=True)
            return
        self._image = image_to_msg(stamp_ns, config.camera, image)
        self._camera_pub.publish(self._image)

    def _on_set_scene(
        self, request: SetScene.Request, response: SetScene.Response
    ) -> SetScene.Response:
        """Arrange the scene; its stamp is later than that of anything shown before."""
        at_ns = self._wall_ns() or self._world.now_ns + self._state_period_ns
        self._world.reset(request.seed, at_ns)
        self._show()
        state = self._world.state()
        response.success = True
        response.stamp = stamp_from_ns(state.stamp_ns)
        response.reset_count = state.reset_count
        return response

    def _wall_ns(self) -> int:
        """Return the wall clock in real time; 0 in lockstep."""
        return self._wall.now().nanoseconds if self._config.real_time else 0


def main() -> None:
    """Run the twin."""
    run_node(TwinNode)
