"""The twin takes and gives what hardware would, and its time is exact in lockstep."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node
from rclpy.serialization import deserialize_message, serialize_message
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg

from dsrl_msgs.msg import TaskStatus
from dsrl_msgs.srv import Advance, SetScene
from dsrl_ros.core.errors import ConfigError, DriverError
from dsrl_ros.nodes.twin import node
from dsrl_ros.nodes.twin.node import TwinNode
from dsrl_ros.robots.motion.trajectory import JointTrajectory, hold
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import joints_to_msg, trajectory_from_msg, trajectory_to_msg
from dsrl_ros.ros.stamps import stamp_from_ns, stamp_to_ns
from dsrl_ros.tasks.env import TaskEnv
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE
from dsrl_ros.tasks.world import TaskWorld

MS = 1_000_000
ROBOT = PICK_PLACE.robot
STATE_TOPICS = {
    names.JOINT_STATES: (JointState, qos.SENSOR),
    names.GRIPPER_STATES: (JointState, qos.SENSOR),
    names.TOOL_POSE: (PoseStamped, qos.SENSOR),
    'cube_pose': (PoseStamped, qos.SENSOR),
    'bowl_pose': (PoseStamped, qos.SENSOR),
    names.TASK_STATUS: (TaskStatus, qos.DECISION),
}


class Driver(Node):
    """The driver, and everybody who listens, as the twin sees them."""

    def __init__(self, **node_options) -> None:
        super().__init__('driver', **node_options)
        self.clock: list[int] = []
        self.got: dict[str, list] = {topic: [] for topic in STATE_TOPICS}
        for topic, (kind, profile) in STATE_TOPICS.items():
            self.create_subscription(kind, topic, self.got[topic].append, profile)
        self.create_subscription(Clock, names.CLOCK, self._on_clock, qos.SENSOR)
        self.arm = self.create_publisher(JointTrajectoryMsg, names.TRAJECTORY, qos.COMMAND)
        self.gripper = self.create_publisher(JointState, names.GRIPPER_COMMAND, qos.COMMAND)
        self.advance = self.create_client(Advance, names.ADVANCE)
        self.set_scene = self.create_client(SetScene, names.SET_SCENE)
        self.sent = 0

    def _on_clock(self, message: Clock) -> None:
        self.clock.append(stamp_to_ns(message.clock))

    def newest(self, topic: str):
        return self.got[topic][-1]

    def send(self, trajectory: JointTrajectory, start_ns: int) -> None:
        self.arm.publish(trajectory_to_msg(trajectory, start_ns, ROBOT.joint_names))
        self.sent += 1

    def grip(self, width: float) -> None:
        self.gripper.publish(joints_to_msg(0, ROBOT.finger_names[:1], np.array([width / 2])))


class Bench:
    """A twin and its peer, connected; time in lockstep starts at 1 s."""

    now_ns = 1_000 * MS

    def __init__(self, ros, **twin_options) -> None:
        self.ros = ros
        self.twin = ros.add(TwinNode, **twin_options)
        self.peer = ros.add(Driver)
        lockstep = not twin_options.get('real_time')
        ros.spin_until(
            lambda: (
                all(self.peer.got.values())
                and self.peer.set_scene.service_is_ready()
                and (self.peer.advance.service_is_ready() or not lockstep)
                and self.peer.arm.get_subscription_count() == 1
                and self.peer.gripper.get_subscription_count() == 1
            )
        )

    def call(self, client, request):
        future = client.call_async(request)
        self.ros.spin_until(future.done)
        return future.result()

    def advance(self, until_ns: int, trajectories: int = 0, grips: int = 0):
        return self.call(
            self.peer.advance,
            Advance.Request(
                until=stamp_from_ns(until_ns), trajectory_count=trajectories, gripper_count=grips
            ),
        )

    def spin_until_seen(self, stamp_ns: int) -> None:
        def seen() -> bool:
            return all(
                stamp_to_ns(got[-1].header.stamp) >= stamp_ns for got in self.peer.got.values()
            )

        self.ros.spin_until(seen)

    def joints(self) -> np.ndarray:
        return np.array(self.peer.newest(names.JOINT_STATES).position)

    def reset(self, seed: int) -> int:
        answer = self.call(self.peer.set_scene, SetScene.Request(seed=seed))
        assert answer.success
        self.spin_until_seen(stamp_to_ns(answer.stamp))
        return stamp_to_ns(answer.stamp)


@pytest.fixture
def bench(ros) -> Bench:
    return Bench(ros)


def test_a_scene_is_the_environments_of_the_same_seed(bench: Bench) -> None:
    before_ns = bench.now_ns
    stamp_ns = bench.reset(5)
    assert stamp_ns > before_ns
    env = TaskEnv(PICK_PLACE)
    env.reset(seed=5)
    np.testing.assert_array_equal(bench.joints(), env.arm.state().position)
    tool = bench.peer.newest(names.TOOL_POSE).pose
    expected = env.arm.kinematics.tool_position(env.arm.state().position)
    np.testing.assert_array_equal([tool.position.x, tool.position.y, tool.position.z], expected)
    # Pointing down: half a turn about x.
    assert abs(tool.orientation.x) == pytest.approx(1.0, abs=1e-3)
    cube = bench.peer.newest('cube_pose').pose.position
    np.testing.assert_array_equal([cube.x, cube.y, cube.z], env.arm.twin.object_pose('cube')[:3])
    fingers = bench.peer.newest(names.GRIPPER_STATES)
    assert list(fingers.name) == list(ROBOT.finger_names)
    assert sum(fingers.position) == env.arm.state().gripper_width
    assert bench.peer.newest(names.TASK_STATUS).reset_count == 1


def test_fingers_that_a_stack_shows_with_the_joints_come_in_one_message(ros) -> None:
    rule = ['--ros-args', '-r', f'{names.GRIPPER_STATES}:={names.JOINT_STATES}']
    ros.add(lambda **options: TwinNode(cli_args=rule, **options))
    states: list[JointState] = []
    peer = ros.add(lambda **options: Node('peer', **options))
    peer.create_subscription(JointState, names.JOINT_STATES, states.append, qos.SENSOR)
    ros.spin_until(lambda: states)
    message = states[-1]
    assert tuple(message.name) == (*ROBOT.joint_names, *ROBOT.finger_names)
    assert len(message.position) == len(message.velocity) == len(message.name)
    assert sum(message.position[-2:]) == pytest.approx(ROBOT.gripper_high)
    assert not peer.count_publishers(names.GRIPPER_STATES)


def test_time_moves_when_asked_and_shows_every_state_on_the_way(bench: Bench) -> None:
    bench.peer.got[names.TASK_STATUS].clear()
    answer = bench.advance(bench.now_ns + 350 * MS)
    assert answer.success, answer.message
    assert stamp_to_ns(answer.now) == bench.now_ns + 350 * MS
    bench.spin_until_seen(bench.now_ns + 350 * MS)
    stamps = {stamp_to_ns(m.header.stamp) for m in bench.peer.got[names.TASK_STATUS]}
    expected = {bench.now_ns + ms * MS for ms in (100, 200, 300, 350)}
    assert stamps - {bench.now_ns} == expected
    assert bench.peer.clock == sorted(bench.peer.clock)


def test_the_last_state_is_shown_again_while_nothing_happens(ros, monkeypatch) -> None:
    monkeypatch.setattr(node, 'IDLE_PERIOD_S', 0.05)
    bench = Bench(ros)
    bench.peer.got[names.JOINT_STATES].clear()
    ros.spin_until(lambda: len(bench.peer.got[names.JOINT_STATES]) >= 3)
    first, *others = bench.peer.got[names.JOINT_STATES]
    assert all(other == first for other in others)


def test_time_waits_for_a_trajectory_that_comes_after_the_call(bench: Bench) -> None:
    goal = bench.joints() + 0.02
    future = bench.peer.advance.call_async(
        Advance.Request(until=stamp_from_ns(bench.now_ns + 300 * MS), trajectory_count=1)
    )
    bench.ros.spin_for(0.3)
    assert not future.done()
    bench.peer.send(hold(goal), bench.now_ns)
    bench.ros.spin_until(future.done)
    assert future.result().success
    bench.spin_until_seen(bench.now_ns + 300 * MS)
    np.testing.assert_allclose(bench.joints(), goal, atol=5e-3)


def test_a_command_that_does_not_come_is_an_error_with_the_counts(ros, monkeypatch) -> None:
    monkeypatch.setattr(node, 'COMMAND_TIMEOUT_S', 0.2)
    bench = Bench(ros)
    answer = bench.advance(bench.now_ns + 100 * MS, trajectories=2)
    assert not answer.success
    assert '0 of 2 trajectories' in answer.message
    assert stamp_to_ns(answer.now) == bench.now_ns
    assert bench.advance(bench.now_ns + 100 * MS).success  # and the next call is served


def test_counting_starts_with_a_driver_that_has_sent_nothing(bench: Bench) -> None:
    """A driver that is started again must not be served on the strength of another's commands."""
    bench.peer.send(hold(bench.joints()), bench.now_ns)
    assert bench.advance(bench.now_ns, trajectories=1).success
    assert bench.advance(bench.now_ns).success
    future = bench.peer.advance.call_async(
        Advance.Request(until=stamp_from_ns(bench.now_ns), trajectory_count=1)
    )
    bench.ros.spin_for(0.2)
    assert not future.done()
    bench.peer.send(hold(bench.joints()), bench.now_ns)
    bench.ros.spin_until(future.done)
    assert future.result().success


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_command_that_is_not_finite_is_refused(bench: Bench, value: float) -> None:
    start = bench.joints()
    message = trajectory_to_msg(hold(start), bench.now_ns, ROBOT.joint_names)
    message.points[0].positions[3] = value
    bench.peer.arm.publish(message)
    answer = bench.advance(bench.now_ns + 100 * MS, trajectories=1)
    assert not answer.success
    assert 'non-finite' in answer.message
    assert bench.advance(bench.now_ns + 100 * MS, trajectories=1).success
    bench.spin_until_seen(bench.now_ns + 100 * MS)
    np.testing.assert_allclose(bench.joints(), start, atol=1e-3)


def test_a_command_for_other_joints_is_refused(bench: Bench) -> None:
    names_of_another = [f'panda_joint{i}' for i in range(1, 8)]
    bench.peer.arm.publish(trajectory_to_msg(hold(bench.joints()), bench.now_ns, names_of_another))
    answer = bench.advance(bench.now_ns + 100 * MS, trajectories=1)
    assert "got joints ['panda_joint1'" in answer.message


def test_a_trajectory_from_before_the_reset_is_refused(bench: Bench) -> None:
    bench.reset(1)
    bench.peer.send(hold(bench.joints()), bench.now_ns - 50 * MS)
    answer = bench.advance(bench.now_ns + 500 * MS, trajectories=1)
    assert not answer.success
    assert 'nothing can be late' in answer.message


def test_the_gripper_moves_at_its_speed_and_stops_where_told(bench: Bench) -> None:
    bench.peer.grip(0.05)  # 30 mm at 100 mm/s
    assert bench.advance(bench.now_ns + 200 * MS, grips=1).success
    bench.spin_until_seen(bench.now_ns + 200 * MS)
    width = sum(bench.peer.newest(names.GRIPPER_STATES).position)
    assert width == pytest.approx(0.06, abs=3e-3)
    assert bench.advance(bench.now_ns + 600 * MS, grips=1).success
    bench.spin_until_seen(bench.now_ns + 600 * MS)
    width = sum(bench.peer.newest(names.GRIPPER_STATES).position)
    assert width == pytest.approx(0.05, abs=1e-3)


def test_an_image_is_drawn_while_somebody_looks_and_not_otherwise(
    bench: Bench, monkeypatch
) -> None:
    drawn: list[str] = []
    render = TaskWorld.render

    def count(world: TaskWorld, camera: str, width: int, height: int) -> np.ndarray:
        drawn.append(camera)
        return render(world, camera, width, height)

    monkeypatch.setattr(TaskWorld, 'render', count)
    bench.advance(bench.now_ns + 100 * MS)
    assert not drawn
    images: list[Image] = []
    bench.peer.create_subscription(Image, names.CAMERA, images.append, qos.SENSOR)
    bench.ros.spin_until(lambda: bench.peer.count_publishers(names.CAMERA) == 1)
    until_ns = bench.now_ns + 100 * MS
    while not images and until_ns < bench.now_ns + 5_000 * MS:
        until_ns += 100 * MS
        assert bench.advance(until_ns).success
        bench.ros.spin_for(0.05)
    assert (images[0].width, images[0].height, images[0].encoding) == (320, 240, 'rgb8')
    assert np.std(np.frombuffer(images[0].data, dtype=np.uint8)) > 10
    assert set(drawn) == {'front'}


def test_an_image_of_now_is_published_and_repeated_while_time_does_not_move(ros) -> None:
    """Who judges by an image waits for one as new as the end of the chunk; one may be lost."""
    bench = Bench(ros, camera_hz=1.0)
    stamps: list[int] = []
    bench.peer.create_subscription(
        Image, names.CAMERA, lambda i: stamps.append(stamp_to_ns(i.header.stamp)), qos.SENSOR
    )
    ros.spin_until(lambda: bench.twin.count_subscribers(names.CAMERA))
    bench.advance(bench.now_ns + 100 * MS)
    ros.spin_until(lambda: stamps)
    end_ns = bench.now_ns + 200 * MS
    bench.advance(end_ns)
    ros.spin_until(lambda: stamps.count(end_ns) >= 2)


def test_every_state_survives_the_wire_to_the_last_byte(bench: Bench) -> None:
    """Readers of bags refuse messages whose serialised size does not fit their content."""
    for topic, got in bench.peer.got.items():
        data = serialize_message(got[-1])
        assert deserialize_message(data, type(got[-1])) == got[-1], topic
    state = bench.peer.newest(names.JOINT_STATES)
    assert len(state.position) == len(state.velocity) == len(state.effort) == 7


def test_a_trajectory_survives_the_wire_to_the_last_bit() -> None:
    rng = np.random.default_rng(0)
    trajectory = JointTrajectory(
        np.array([0, 100 * MS, 1_234_567_891]), rng.normal(size=(3, 7)), rng.normal(size=(3, 7))
    )
    message = trajectory_to_msg(trajectory, 7_000_000_123, ROBOT.joint_names)
    message = deserialize_message(serialize_message(message), JointTrajectoryMsg)
    back, start_ns = trajectory_from_msg(message, ROBOT.joint_names)
    assert start_ns == 7_000_000_123
    np.testing.assert_array_equal(back.times_ns, trajectory.times_ns)
    np.testing.assert_array_equal(back.positions, trajectory.positions)
    np.testing.assert_array_equal(back.velocities, trajectory.velocities)


def test_real_time_follows_the_wall_clock_and_takes_late_commands(ros) -> None:
    bench = Bench(ros, real_time=True, state_hz=50.0)
    ros.spin_for(0.1)
    goal = bench.joints() + 0.02
    stamp_ns = stamp_to_ns(bench.peer.newest(names.JOINT_STATES).header.stamp)
    bench.peer.send(hold(goal), stamp_ns - 10 * MS)
    ros.spin_for(0.5)
    later_ns = stamp_to_ns(bench.peer.newest(names.JOINT_STATES).header.stamp)
    assert 300 * MS < later_ns - stamp_ns < 1_000 * MS
    now_ns = ros.add(Node, 'clock').get_clock().now().nanoseconds
    assert abs(now_ns - later_ns) < 500 * MS
    np.testing.assert_allclose(bench.joints(), goal, atol=5e-3)


def test_a_second_twin_ends_with_a_clear_error(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr(node, 'LISTEN_S', 1.0)
    bench.ros.add(TwinNode)
    with pytest.raises(DriverError, match='under another namespace'):
        bench.ros.spin_for(3.0)


def test_a_state_period_between_two_physics_steps_is_refused(ros) -> None:
    with pytest.raises(ConfigError, match=r'state_period_s: got 0\.003'):
        ros.add(TwinNode, state_period_s=0.003)
