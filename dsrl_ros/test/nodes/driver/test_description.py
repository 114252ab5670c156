"""The driver keeps the limits and the kinematics that the robot itself states."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('franka_msgs', reason='`make test` builds test/vendor_ws')

from franka_standins import START
from franka_standins import FrankaBench as Bench
from geometry_msgs.msg import PoseStamped
from hardware_bench import FORWARD, NUM_EXECUTE, STILL
from rclpy.action import ActionClient
from vendor_urdfs import franka_urdf

from dsrl_msgs.action import MoveArm
from dsrl_msgs.msg import ChunkResult
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.mock_gripper.node import MockGripperNode
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import executed_from_msg
from dsrl_ros.ros.robot_messages import trajectory_to_msg

SLOW = franka_urdf().replace('velocity="2.62"', 'velocity="0.02"')
CRISP = {'hardware.arm': 'crisp', 'hardware.controllers': ['pose_controller']}
# 20 mm above the table, where by the shipped hand it is 250 mm.
LONG = franka_urdf().replace('0.1034', '0.3334')


@pytest.mark.parametrize('source', ['topic', 'shipped'])
def test_a_chunk_and_a_move_beyond_the_robots_own_limits_are_refused(
    ros, source: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which the shipped ones allow; what is tighter is said once."""
    bench = Bench(ros, description=SLOW, **{'hardware.description': source}).up()
    client = ActionClient(bench.peer, MoveArm, names.MOVE_ARM)
    ros.spin_until(client.server_is_ready)
    here = bench.arm.measured
    limits = np.array(FR3.velocity_limit), np.array(FR3.acceleration_limit)
    way = timed(np.stack([here, here + 0.05]), *(0.2 * np.stack(limits)))
    sent = client.send_goal_async(
        MoveArm.Goal(trajectory=trajectory_to_msg(way, 0, FR3.joint_names))
    )
    ros.spin_until(sent.done)
    moved = sent.result().get_result_async()
    ros.spin_until(moved.done)
    result = bench.run(FORWARD)
    said = capfd.readouterr().err
    what = 'fr3_joint1 -2.7437 to 2.7437 rad at 0.02 rad/s instead of -2.7437 to 2.7437 rad at '
    if source == 'shipped':
        assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
        assert moved.result().result.error_code == MoveArm.Result.NONE
        assert what not in said
    else:
        assert result.outcome == ChunkResult.OUTCOME_REJECTED
        assert result.message.startswith('velocity: ')
        assert 'velocity: ' in moved.result().result.error_message
        assert said.count(what) == 1


def test_chunks_keep_the_tool_in_the_workspace_that_the_robot_itself_has(ros) -> None:
    bench = Bench(ros, description=LONG).up()
    down = np.tile(np.float32([0.0, 0.0, -0.004, 0.0]), (4, 1))
    result = bench.run(down)
    assert result.outcome == ChunkResult.OUTCOME_DONE, result.message
    lowered = executed_from_msg(result)[:, 2].sum()
    assert lowered == pytest.approx(FR3.workspace_low[2] - 0.02, abs=2e-3)
    assert lowered > NUM_EXECUTE * -0.004 + 1e-3
    result = bench.run(np.tile(np.float32([0.0, 0.0, 0.004, 0.0]), (4, 1)))
    assert result.outcome == ChunkResult.OUTCOME_DONE, result.message


def test_targets_of_a_cartesian_controller_are_of_the_tool_that_the_robot_has(ros) -> None:
    bench = Bench(ros, description=LONG, **CRISP)
    targets: list[PoseStamped] = []
    bench.peer.create_subscription(PoseStamped, names.TARGET_POSE, targets.append, qos.DECISION)
    assert bench.up().run(STILL).outcome == ChunkResult.OUTCOME_DONE
    ros.spin_until(lambda: targets)
    assert targets[-1].pose.position.z == pytest.approx(0.02, abs=1e-3)


def test_the_robots_description_is_waited_for_by_name(ros) -> None:
    bench = Bench(ros, description='')
    topic = f'{ros.namespace}/robot_description'
    ros.spin_until(lambda: bench.driver.startup.missing() == [topic])
    bench.arm.describe(franka_urdf())
    assert bench.up().run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_mock_hardware_is_not_asked_what_it_is(ros) -> None:
    """The vendor's bring-up describes it without the hand, which others stand in for."""
    mode = {'robot_mode': 'mock'}
    handless = franka_urdf().replace('fr3_hand_tcp', 'elsewhere')
    bench = Bench(ros, MockGripperNode, handless, **mode).up()
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_a_description_of_another_robot_ends_the_driver_in_one_line(ros) -> None:
    Bench(ros, description=franka_urdf().replace('fr3_joint3', 'panda_joint3'))
    with pytest.raises(ConfigError, match='robot_description: got no joint fr3_joint3') as error:
        ros.spin_for(10.0)
    assert '\n' not in str(error.value)


@pytest.mark.parametrize(
    ('another', 'how'),
    [
        (SLOW, 'at 0.02 rad/s instead of'),
        (LONG, 'fr3_hand_tcp 230'),
        ('?', 'no XML'),
    ],
)
def test_a_robot_that_describes_itself_otherwise_under_way_latches(
    ros, another: str, how: str
) -> None:
    bench = Bench(ros).up()
    bench.arm.describe(franka_urdf().replace('</robot>', '<!-- the same --></robot>'))
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE
    bench.arm.describe(another)
    assert how in bench.latched()
    assert not bench.call(bench.peer.clear).success
    bench.arm.describe(franka_urdf())
    side = bench.driver.robot
    ros.spin_until(lambda: side.fault() is None and not bench.driver.driver.busy)
    assert bench.call(bench.peer.clear).success
    bench.holding()
    assert bench.run(FORWARD).outcome == ChunkResult.OUTCOME_DONE


def test_a_driver_that_is_configured_anew_takes_what_the_robot_says_then(ros) -> None:
    bench = Bench(ros).up()
    bench.arm.describe(SLOW)
    bench.latched()
    for trigger in ('deactivate', 'cleanup', 'configure', 'activate'):
        getattr(bench.driver, f'trigger_{trigger}')()
    assert bench.call(bench.peer.clear).success
    bench.holding()
    assert bench.run(FORWARD).message.startswith('velocity: ')
    assert np.abs(bench.arm.measured - START).max() < 1e-3
