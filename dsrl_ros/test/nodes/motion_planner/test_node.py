"""The motion planner's node: what it plans keeps the limits, and what it cannot plan it says."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMsg
from vendor_urdfs import franka_urdf

from dsrl_msgs.srv import PlanMotion
from dsrl_ros.core.config.driver import BRAKE_S
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.nodes.motion_planner.node import MotionPlannerNode
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.extremes import extremes
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import trajectory_from_msg, trajectory_to_msg

HOME = np.array(FR3.home)
AWAY = HOME + np.array([0.3, -0.2, 0.1, 0.4, -0.3, 0.2, 0.5])
SPEED, ACCELERATION = np.array(FR3.velocity_limit), np.array(FR3.acceleration_limit)
FASTEST = BRAKE_S * ACCELERATION[0]  # from which every joint can brake in time


@pytest.fixture
def plan(ros):
    """Start the node and return what asks it."""

    def start(**parameters):
        ros.add(MotionPlannerNode, **parameters)
        asker = ros.add(lambda **options: Node('asker', **options))
        client = asker.create_client(PlanMotion, names.PLAN_MOTION)
        ros.spin_until(client.service_is_ready)

        def ask(**fields) -> PlanMotion.Response:
            request = PlanMotion.Request(kind=PlanMotion.Request.KIND_JOINTS, speed=0.5)
            request.start, request.goal = AWAY.tolist(), HOME.tolist()
            for name, value in fields.items():
                setattr(request, name, value)
            answer = client.call_async(request)
            ros.spin_until(answer.done)
            return answer.result()

        return ask

    return start


def test_the_plain_planner_brings_the_arm_home_within_its_share_of_the_limits(plan):
    answer = plan(planner='plain')()
    assert answer.success and answer.planner == 'plain' and not answer.message
    trajectory, _ = trajectory_from_msg(answer.trajectory, FR3.joint_names)
    np.testing.assert_array_equal(trajectory.positions[0], AWAY)
    np.testing.assert_allclose(trajectory.positions[-1], HOME, atol=1e-9)
    assert not trajectory.velocities[[0, -1]].any()
    reached = extremes(trajectory)
    assert (reached.speed <= 0.5 * SPEED + 1e-9).all()
    assert (reached.acceleration <= 0.5 * ACCELERATION + 1e-9).all()


def test_whatever_the_speed_the_arm_can_brake_from_it(plan):
    """Stopped at its fastest, it would else break the limit that the driver's gate keeps."""
    answer = plan(planner='plain')(speed=1.0)
    trajectory, _ = trajectory_from_msg(answer.trajectory, FR3.joint_names)
    assert (extremes(trajectory).speed <= BRAKE_S * ACCELERATION + 1e-9).all()


def test_a_retreat_lifts_the_tool_straight_up_and_does_not_turn_it(plan):
    kinematics = Kinematics(FR3)
    start = kinematics.solve_down(np.array([0.5, 0.1, 0.03]), HOME)
    answer = plan(planner='plain')(
        kind=PlanMotion.Request.KIND_RETREAT, start=start.tolist(), height=0.15
    )
    trajectory, _ = trajectory_from_msg(answer.trajectory, FR3.joint_names)
    before = kinematics.tool_pose(start)
    positions, _ = trajectory.sample(np.linspace(0, trajectory.duration_ns, 50).astype(np.int64))
    poses = np.array([kinematics.tool_pose(joints) for joints in positions])
    np.testing.assert_allclose(poses[:, :2, 3], np.broadcast_to(before[:2, 3], (50, 2)), atol=1e-3)
    np.testing.assert_allclose(
        poses[:, :3, :3], np.broadcast_to(before[:3, :3], (50, 3, 3)), atol=5e-3
    )
    assert (np.diff(poses[:, 2, 3]) >= -1e-6).all()
    assert poses[-1, 2, 3] - before[2, 3] == pytest.approx(0.15, abs=1e-3)


def test_a_retreat_beyond_the_arms_reach_goes_as_far_as_it_can(plan):
    kinematics = Kinematics(FR3)
    start = kinematics.solve_down(np.array([0.6, 0.0, 0.3]), HOME)
    answer = plan(planner='plain')(
        kind=PlanMotion.Request.KIND_RETREAT, start=start.tolist(), height=1.0
    )
    assert answer.success
    last = np.array(answer.trajectory.points[-1].positions)
    assert 0.35 < kinematics.tool_position(last)[2] < 1.2
    assert (np.array(FR3.position_low) <= last).all() and (last <= FR3.position_high).all()


SLOW = franka_urdf().replace('velocity="2.62"', 'velocity="0.1"')


@pytest.mark.parametrize(
    ('description', 'limit'),
    [(SLOW, 0.1), (SLOW.replace('fr3_hand_tcp', 'tcp'), BRAKE_S * ACCELERATION[0])],
)
@pytest.mark.parametrize('kind', [PlanMotion.Request.KIND_JOINTS, PlanMotion.Request.KIND_RETREAT])
def test_the_limits_that_the_robot_states_are_kept_if_it_is_this_one(
    plan, ros, kind: int, description: str, limit: float
):
    ask = plan(planner='plain')
    robot = ros.add(lambda **options: Node('robot_state_publisher', **options))
    publisher = robot.create_publisher(String, names.ROBOT_DESCRIPTION, qos.LATCHED)
    publisher.publish(String(data=description))
    ros.spin_until(lambda: not ros._nodes[0].described.missing())
    start = Kinematics(FR3).solve_down(np.array([0.5, 0.1, 0.03]), HOME)
    answer = ask(kind=kind, start=start.tolist(), height=0.3)
    reached = extremes(trajectory_from_msg(answer.trajectory, FR3.joint_names)[0])
    fastest = reached.speed[:4].max()
    assert 0.3 * limit < fastest <= 0.5 * limit + 1e-9


@pytest.mark.parametrize(
    ('wrong', 'words'),
    [
        ({'kind': 7}, 'kind'),
        ({'speed': 0.0}, 'speed'),
        ({'start': [0.0] * 6}, 'start'),
        ({'goal': [float('nan')] * 7}, 'goal'),
        ({'kind': PlanMotion.Request.KIND_RETREAT, 'height': -0.1}, 'height'),
    ],
)
def test_what_cannot_be_asked_for_is_said_and_no_trajectory_comes(plan, ros, wrong, words):
    health = ros.health()
    answer = plan(planner='plain')(**wrong)
    assert not answer.success and words in answer.message
    assert not answer.trajectory.points
    assert ros.spin_until(lambda: health(words)).level == DiagnosticStatus.WARN


def test_a_planner_that_is_not_installed_is_refused_by_name(ros, monkeypatch):
    monkeypatch.setitem(sys.modules, 'moveit', None)
    with pytest.raises(ConfigError, match='moveit is not installed'):
        ros.add(MotionPlannerNode, planner='moveit_py')


class FakeMoveIt:
    """As `moveit_py` on Jazzy behaves: names of arguments, falsy failure, its own messages.

    Attributes:
        log: what was asked of it.
        blocked: whether it finds no way.
    """

    def __init__(self) -> None:
        self.log: list[tuple[dict[str, float], dict[str, float], float]] = []
        self.blocked = False

    def modules(self) -> dict[str, ModuleType]:
        fake = self

        class RobotState:
            def __init__(self, model: object) -> None:
                assert model == 'model'
                self.joint_positions: dict[str, float] = {}
                self.updated = False

            def update(self, force: bool = False, category: str = 'all') -> None:
                self.updated = True

        class Plan:
            def __init__(self, points: JointTrajectoryMsg | None) -> None:
                self.error_code = SimpleNamespace(val=1 if points else -1)
                robot = SimpleNamespace(joint_trajectory=points)
                self.trajectory = SimpleNamespace(get_robot_trajectory_msg=lambda: robot)
                self._found = points is not None

            def __bool__(self) -> bool:
                return self._found

        class Component:
            def set_start_state(self, *, robot_state: RobotState) -> bool:
                assert robot_state.updated
                self.start = robot_state.joint_positions
                return True

            def set_goal_state(self, *, robot_state: RobotState) -> bool:
                assert robot_state.updated
                self.goal = robot_state.joint_positions
                return True

            def plan(self, *, single_plan_parameters: object) -> Plan:
                scaling = single_plan_parameters.max_velocity_scaling_factor
                fake.log.append((self.start, self.goal, scaling))
                if fake.blocked:
                    return Plan(None)
                path = np.array([list(self.start.values()), list(self.goal.values())])
                found = timed(path, scaling * SPEED, scaling * ACCELERATION)
                message = trajectory_to_msg(found, 0, list(self.start))
                # As TOTG leaves it: the sum of many small steps, and not quite zero.
                message.points[-1].velocities = [1e-9] * len(self.start)
                return Plan(message)

        class MoveItPy:
            def __init__(self, *, node_name: str, launch_params_filepaths: list[str]) -> None:
                assert launch_params_filepaths == ['moveit.yaml']

            def get_planning_component(self, planning_component_name: str) -> Component:
                assert planning_component_name == 'fr3_arm'
                return Component()

            def get_robot_model(self) -> str:
                return 'model'

        class PlanRequestParameters:
            def __init__(self, moveit: MoveItPy, namespace: str) -> None:
                self.max_velocity_scaling_factor = self.max_acceleration_scaling_factor = 1.0

        modules = {name: ModuleType(name) for name in ('moveit', 'moveit.core')}
        modules['moveit'].__spec__ = SimpleNamespace()
        planning = modules['moveit.planning'] = ModuleType('moveit.planning')
        state = modules['moveit.core.robot_state'] = ModuleType('moveit.core.robot_state')
        planning.MoveItPy, planning.PlanRequestParameters = MoveItPy, PlanRequestParameters
        state.RobotState = RobotState
        return modules


@pytest.fixture
def moveit(monkeypatch):
    fake = FakeMoveIt()
    for name, module in fake.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    return fake


def test_moveit_py_plans_where_it_is_installed_and_configured(plan, moveit):
    answer = plan(moveit_files=['moveit.yaml'])()
    assert answer.success and answer.planner == 'moveit_py'
    start, goal, speed = moveit.log[0]
    assert (list(start.values()), list(goal.values())) == (AWAY.tolist(), HOME.tolist())
    assert list(start) == list(FR3.joint_names)
    assert speed == pytest.approx(
        0.5 * FASTEST / SPEED.max()
    )  # of limits that MoveIt takes from the URDF
    np.testing.assert_allclose(answer.trajectory.points[-1].positions, HOME, atol=1e-9)


def test_a_way_that_moveit_does_not_find_is_said(plan, moveit):
    moveit.blocked = True
    answer = plan(planner='moveit_py', moveit_files=['moveit.yaml'])()
    assert not answer.success and 'error code -1' in answer.message
