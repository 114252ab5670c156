"""The peers of the reward node: driver, twin, detector and steering. Needs ROS."""

from __future__ import annotations

from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import Trigger

from dsrl_msgs.action import ResetEpisode
from dsrl_msgs.msg import ChunkResult, DecisionId, DriverStatus, Reward, RewardStatus, TaskStatus
from dsrl_msgs.srv import SetScene
from dsrl_ros.nodes.reward.reward_publisher import MARKS
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.stamps import header, stamp_from_ns


class Peers(Node):
    """Plays every node around the reward node."""

    def __init__(self, refusals: int = 0, **node_options) -> None:
        super().__init__('peers', **node_options)
        self.refusals = refusals
        self.seeds: list[int] = []
        self.rewards: list[Reward] = []
        self.results = self.create_publisher(ChunkResult, names.CHUNK_RESULT, qos.DECISION)
        self.statuses = self.create_publisher(TaskStatus, names.TASK_STATUS, qos.DECISION)
        self.states: list[RewardStatus] = []
        self.create_subscription(Reward, names.REWARD, self.rewards.append, qos.DECISION)
        self.create_subscription(RewardStatus, names.REWARD_STATUS, self.states.append, qos.STATUS)
        self.marks = {mark: self.create_client(Trigger, name) for name, mark in MARKS.items()}
        self.create_service(SetScene, names.SET_SCENE, self._on_set_scene)
        driver = self.create_publisher(DriverStatus, names.DRIVER_STATUS, qos.STATUS)
        driver.publish(DriverStatus(state=DriverStatus.STATE_HOLDING))
        self.resets = ActionClient(self, ResetEpisode, names.RESET_EPISODE)

    def _on_set_scene(self, request, response):
        self.seeds.append(request.seed)
        response.success = len(self.seeds) > self.refusals
        response.message = '' if response.success else 'busy'
        response.stamp, response.reset_count = stamp_from_ns(77), len(self.seeds)
        self.statuses.publish(TaskStatus(header=header(77), reset_count=len(self.seeds)))
        return response

    def connected(self) -> bool:
        return (
            self.results.get_subscription_count() == 1
            and self.statuses.get_subscription_count() == self.count_subscribers(names.TASK_STATUS)
            and self.count_publishers(names.REWARD) == 1
            and self.resets.server_is_ready()
            and bool(self.states)
        )

    def send(self, decision: int, end_ns: int, num_executed: int = 4, episode: int = 0) -> None:
        key = DecisionId(robot='fr3', episode=episode, decision=decision)
        self.results.publish(ChunkResult(header=header(end_ns), id=key, num_executed=num_executed))

    def tell(self, stamp_ns: int, success: bool) -> None:
        self.statuses.publish(TaskStatus(header=header(stamp_ns), success=success))

    def state(self) -> int:
        """Return the newest state of the reward node."""
        return self.states[-1].state


def done(ros, future):
    ros.spin_until(future.done)
    return future.result()


def reset(ros, peers: Peers, seed: int, episode: int = 0):
    goal = done(
        ros,
        peers.resets.send_goal_async(ResetEpisode.Goal(robot='fr3', episode=episode, seed=seed)),
    )
    return done(ros, goal.get_result_async()).result


def detector(ros, peers: Peers, kind: type):
    """Return the publisher of a detector that the reward node hears."""
    publisher = peers.create_publisher(kind, names.SUCCESS, qos.DETECTOR)
    ros.spin_until(publisher.get_subscription_count)
    return publisher


def mark(ros, peers: Peers, what) -> Trigger.Response:
    """Mark as a person and return the response."""
    client = peers.marks[what]
    ros.spin_until(client.service_is_ready)
    return done(ros, client.call_async(Trigger.Request()))
