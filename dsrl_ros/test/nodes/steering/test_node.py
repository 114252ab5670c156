"""Steering leads a run through its episodes, joins by key, and says what is wrong by name."""

from __future__ import annotations

import dataclasses
import hashlib
from collections import Counter

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.action import ActionServer
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import Image
from std_srvs.srv import Trigger
from toy import SPEC

from dsrl_msgs import msg
from dsrl_msgs.action import InferChunk, ResetEpisode
from dsrl_ros.core.errors import (
    ConfigError,
    PolicyOutputError,
    ShapeMismatchError,
    StaleDataError,
)
from dsrl_ros.core.journal import read_journal
from dsrl_ros.core.types import NoiseLayout, PolicySpec
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.choosers import ActorChooser
from dsrl_ros.learning.steering.images import small, stacked
from dsrl_ros.nodes.steering.node import SteeringNode
from dsrl_ros.nodes.trainer.transitions import transition_from_msg
from dsrl_ros.ros import messages, names, qos, stamps
from dsrl_ros.ros.images import image_from_msg, image_to_msg

SMALL = LearnerConfig(hidden_size=8, num_layers=1, batch_size=4)
STEP_NS = 200_000_000
CAMERAS = {'front': (24, 32), 'wrist': (48, 36)}  # height and width
NUM_FEATURES = 5


def picture(camera: str, stamp_ns: int) -> np.ndarray:
    """Return what a camera sees at a time: noise, never the same twice."""
    rng = np.random.default_rng(stamp_ns)
    return rng.integers(0, 256, (*CAMERAS[camera], 3), dtype=np.uint8)


def features(stamp_ns: int) -> np.ndarray:
    """Return what an encoder makes of a time."""
    return np.random.default_rng(stamp_ns).standard_normal(NUM_FEATURES, dtype=np.float32)


class ForgetfulServer(ActionServer):
    """Says of some goals, when their answer is asked for, that it knows no such goal, or nothing.

    That is what a server says whose result has expired, or what comes of it when the middleware
    has given up one of the two for a while; rclpy offers no way to make it so.
    """

    forget = lose = lose_goals = 0

    async def _execute_goal_request(self, request_header_and_message):
        if self.lose_goals:
            self.lose_goals -= 1
        else:
            await super()._execute_goal_request(request_header_and_message)

    async def _execute_get_result_request(self, request_header_and_message):
        if self.lose:
            self.lose -= 1
            return
        if not self.forget:
            await super()._execute_get_result_request(request_header_and_message)
            return
        self.forget -= 1
        kind = self.action_type.Impl.GetResultService
        unknown = kind.Response(status=GoalStatus.STATUS_UNKNOWN)
        self._handle.send_result_response(request_header_and_message[0], unknown)


class World(Node):
    """Policy, driver, robot, reward and trainer as steering sees them, all in one."""

    def __init__(
        self,
        decisions: int = 3,
        spec: PolicySpec = SPEC,
        learner: LearnerConfig = SMALL,
        **node_options,
    ) -> None:
        super().__init__('world', **node_options)
        self.decisions = decisions  # of an episode
        self.spec = spec
        self.now_ns = STEP_NS
        self.seeds: list[int] = []
        self.noises: list[msg.Noise] = []
        self.chunks: list[msg.ActionChunk] = []
        self.transitions: list[msg.Transition] = []
        self.results: list[msg.EpisodeResult] = []
        self.run: msg.RunInfo | None = None
        self.acknowledge = True
        self.execute = True
        self.frozen = False  # the sensors
        self.failing_resets = self.broken_resets = 0
        self.held_reset: Future | None = None  # resets wait for it
        self.judge = True
        self.refused_decision: int | None = None  # of every episode
        self.bad_outputs = 0
        self.reward_first = False
        self.twice = False
        self.learner = DsrlSac(spec, learner, seed=0)
        self.goals: list[InferChunk.Goal] = []

        self.images = {
            name: self.create_publisher(Image, f'{name}/image', qos.SENSOR) for name in CAMERAS
        }
        self._features = self.create_publisher(msg.Features, 'encoder', qos.SENSOR)
        self._pose = self.create_publisher(PoseStamped, 'pose', qos.SENSOR)
        self._spec = self.create_publisher(msg.PolicySpec, names.POLICY_SPEC, qos.LATCHED)
        self._info = self.create_publisher(msg.LearnerInfo, names.LEARNER_INFO, qos.LATCHED)
        self._weights = self.create_publisher(msg.SteeringWeights, names.WEIGHTS, qos.LATCHED)
        self._driver = self.create_publisher(msg.DriverStatus, names.DRIVER_STATUS, qos.STATUS)
        self._result = self.create_publisher(msg.ChunkResult, names.CHUNK_RESULT, qos.DECISION)
        self._reward = self.create_publisher(msg.Reward, names.REWARD, qos.DECISION)
        self._ack = self.create_publisher(msg.TransitionAck, names.TRANSITION_ACK, qos.DECISION)
        for kind, topic, handler, profile in (
            (msg.RunInfo, names.RUN_INFO, self._on_run, qos.LATCHED),
            (msg.Noise, names.NOISE, self.noises.append, qos.DECISION),
            (msg.Observation, names.OBSERVATION, lambda _: None, qos.DECISION),
            (msg.ActionChunk, names.ACTION_CHUNK, self._on_chunk, qos.DECISION),
            (msg.Transition, names.TRANSITION, self._on_transition, qos.DECISION),
            (msg.EpisodeResult, names.EPISODE_RESULT, self.results.append, qos.DECISION),
        ):
            self.create_subscription(kind, topic, handler, profile)
        self.policy = ForgetfulServer(self, InferChunk, names.INFER, self._on_infer)
        self.reset = ForgetfulServer(self, ResetEpisode, names.RESET_EPISODE, self._on_reset)
        self.lost_results = self.lost_rewards = 0
        self.held_inference: Future | None = None  # inferences wait for it
        self.inferences = 0

    def introduce(self, policy_sha256: str = SPEC.sha256) -> None:
        """Say everything that steering waits for."""
        self._spec.publish(messages.spec_to_msg(self.spec))
        self._info.publish(
            msg.LearnerInfo(
                algorithm='sac',
                layout=int(NoiseLayout.FULL),
                rows=2,
                action_dim=1,
                prior_scale=1.0,
                discount=0.9,
                policy_sha256=policy_sha256,
            )
        )
        self.say_driver(msg.DriverStatus.STATE_HOLDING)

    def say_driver(self, state: int, message: str = '') -> None:
        self._driver.publish(msg.DriverStatus(state=state, message=message))

    def send_weights(self, trained_episodes: int, damage: bool = False) -> None:
        version = trained_episodes + 1
        data = self.learner.export_actor(version, trained_episodes).to_bytes()
        self._weights.publish(
            msg.SteeringWeights(
                run=self.run.run,
                version=version,
                trained_episodes=trained_episodes,
                sha256=hashlib.sha256(data).hexdigest(),
                size=len(data),
                data=data[:-4] + b'\0\0\0\0' if damage else data,
            )
        )

    def show(self) -> None:
        if self.frozen:
            return
        pose = PoseStamped(header=stamps.header(self.now_ns))
        pose.pose.position.x, pose.pose.position.y = self.now_ns * 1e-9, 1.0
        self._pose.publish(pose)
        for name, publisher in self.images.items():
            if publisher.get_subscription_count():
                publisher.publish(image_to_msg(self.now_ns, name, picture(name, self.now_ns)))
        values = messages.floats_to_msg(features(self.now_ns))
        self._features.publish(msg.Features(header=stamps.header(self.now_ns), values=values))

    def _on_run(self, run: msg.RunInfo) -> None:
        self.run = run
        self.send_weights(0)

    async def _on_infer(self, goal):
        self.inferences += 1
        self.goals.append(goal.request)
        if self.held_inference is not None:
            await self.held_inference
        goal.succeed()
        result = InferChunk.Result()
        if self.bad_outputs:
            self.bad_outputs -= 1
            result.error_code = InferChunk.Result.BAD_OUTPUT
            result.error_message = 'huge.'
            return result
        request = goal.request
        result.chunk = messages.chunk_to_msg(
            np.zeros((2, 1), np.float32),
            SPEC,
            request.observation.id,
            request.observation.header.stamp,
        )
        return result

    async def _on_reset(self, goal):
        self.seeds.append(goal.request.seed)
        if self.held_reset is not None:
            await self.held_reset
        if self.broken_resets:
            self.broken_resets -= 1
            goal.abort()
            return ResetEpisode.Result()
        if self.failing_resets:
            self.failing_resets -= 1
            goal.abort()
            return ResetEpisode.Result(
                error_code=ResetEpisode.Result.SCENE, error_message='the cube is gone'
            )
        goal.succeed()
        self.now_ns += STEP_NS
        self.show()
        return ResetEpisode.Result(stamp=stamps.stamp_from_ns(self.now_ns))

    def _on_chunk(self, chunk: msg.ActionChunk) -> None:
        self.chunks.append(chunk)
        if self.execute:
            self.execute_chunk(chunk)

    def execute_chunk(self, chunk: msg.ActionChunk) -> None:
        self.now_ns += STEP_NS
        end = stamps.header(self.now_ns)
        last = chunk.id.decision == self.decisions - 1
        result = msg.ChunkResult(
            header=end,
            id=chunk.id,
            outcome=msg.ChunkResult.OUTCOME_DONE,
            num_executed=2,
            action_dim=1,
            executed=[0.0, 0.0],
        )
        if chunk.id.decision == self.refused_decision:
            result.outcome = msg.ChunkResult.OUTCOME_REJECTED
            result.num_executed, result.executed = 0, []
        reward = msg.Reward(
            header=end, id=chunk.id, value=float(last), terminated=last, success=last
        )
        sends = [lambda: self._result.publish(result), lambda: self._reward.publish(reward)]
        if not self.judge or self.lost_rewards:
            self.lost_rewards = max(0, self.lost_rewards - 1)
            del sends[1]
        if self.lost_results:
            self.lost_results -= 1
            sends = []
        for send in (
            (reversed(sends) if self.reward_first else sends)
            if not self.twice
            else (sends + sends)
        ):
            send()
        self.show()

    def _on_transition(self, transition: msg.Transition) -> None:
        self.transitions.append(transition)
        if self.acknowledge:
            self.acknowledge_up_to(transition.sequence)
        if transition.reward.terminated:
            self.send_weights(transition.id.episode + 1)

    def acknowledge_up_to(self, sequence: int) -> None:
        self._ack.publish(msg.TransitionAck(run=self.run.run, sequence=sequence))


def trigger(ros, client) -> Trigger.Response:
    ros.spin_until(client.service_is_ready)
    answer = client.call_async(Trigger.Request())
    ros.spin_until(answer.done)
    return answer.result()


@pytest.fixture
def make_world(ros, tmp_path):
    def make(world: dict | None = None, **parameters) -> World:
        options = {
            'run_dir': str(tmp_path),
            'seed': 5,
            'warmup_episodes': 1,
            'online_episodes': 2,
            'eval_episodes': 2,
            'record': False,
            'sensors': ['p pose pose'],
            'state_sources': ['position=p.x', 'goal=p.y-p.z'],
        }
        made = ros.add(lambda **node: World(**(world or {}), **node))
        made.steering = ros.add(SteeringNode, **{**options, **parameters})
        ros.spin_until(lambda: made.count_subscribers(names.POLICY_SPEC) == 1)
        return made

    return make


def test_a_run_goes_through_its_phases_and_evaluates_on_the_same_fresh_resets(ros, make_world):
    world = make_world()
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 7)
    phases = Counter(result.phase for result in world.results)
    assert phases == {'warmup': 1, 'online': 2, 'eval_base': 2, 'eval_steered': 2}
    assert world.seeds[3:5] == world.seeds[5:7]
    assert len(set(world.seeds)) == 5
    assert [result.num_decisions for result in world.results] == [3] * 7
    assert world.results[0].weights_version == 0
    assert world.results[-1].weights_version == 4  # all three learned episodes are in them
    sources = [noise.source for noise in world.noises]
    assert sources == [1] * 3 + [2] * 6 + [1] * 6 + [2] * 6


SIGHTED = dataclasses.replace(
    SPEC, image_names=('front',), image_heights=(24,), image_widths=(32,)
)
LOOKING = dataclasses.replace(SMALL, image_channels=6, image_height=12, image_width=12)
TOLD = dataclasses.replace(SMALL, num_features=NUM_FEATURES)
SENSORS = ['front image front/image', 'p pose pose', 'wrist image wrist/image']
BOTH = ['wrist', 'front']
ENCODER = 'dino features encoder'


@pytest.mark.parametrize(
    'learner',
    [SMALL, LOOKING, TOLD, dataclasses.replace(LOOKING, num_features=NUM_FEATURES)],
    ids=['states', 'images', 'features', 'images_and_features'],
)
@pytest.mark.parametrize('spec', [SPEC, SIGHTED], ids=['blind', 'sighted'])
def test_policy_and_learner_see_each_what_it_needs(ros, make_world, spec, learner):
    """The policy the image as received, the learner both made smaller, of the same moment."""
    cameras = BOTH if learner.image_channels else []
    encoder = [ENCODER] if learner.num_features else []
    world = make_world(
        {'spec': spec, 'learner': learner}, sensors=[*SENSORS, *encoder], learner_cameras=cameras
    )
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 7)
    for goal in world.goals:
        seen = {
            name: image_from_msg(image)
            for name, image in zip(
                goal.observation.image_names, goal.observation.images, strict=True
            )
        }
        assert tuple(seen) == spec.image_names
        stamp_ns = stamps.stamp_to_ns(goal.observation.header.stamp)
        for name, image in seen.items():
            np.testing.assert_array_equal(image, picture(name, stamp_ns))
    assert [goal.noise.source for goal in world.goals] == [1] * 3 + [2] * 6 + [1] * 6 + [2] * 6
    actors = {version: actor_of(world.learner, version) for version in (1, 2)}
    assert len(world.transitions) == 9
    matched = 0
    for transition in world.transitions:
        read = transition_from_msg(transition)
        for part, kept in (
            (transition.observation, read.observation),
            (transition.next_observation, read.next_observation),
        ):
            assert list(part.image_names) == cameras
            stamp_ns = stamps.stamp_to_ns(part.header.stamp)
            smaller = [small(picture(name, stamp_ns), 12, 12) for name in cameras]
            expected = stacked(smaller), features(stamp_ns) if encoder else None
            np.testing.assert_equal((kept.image, kept.features), expected)
        world.learner.add(read)  # raises when it does not fit
        if read.noise.weights_version in actors:
            # The untrained actor again: what it saw is what the transition holds.
            chooser = ActorChooser(actors[read.noise.weights_version], seed=5)
            key = read.key
            chosen = chooser.choose(read.observation, key.episode, key.decision)
            np.testing.assert_array_equal(chosen.rows, read.noise.rows)
            matched += 1
    assert matched == 6


def actor_of(learner: DsrlSac, version: int) -> SteeringActor:
    return learner.export_actor(version, version - 1)


def test_cameras_that_do_not_fit_the_learner_end_the_run_at_its_start(ros, make_world):
    world = make_world({'learner': LOOKING}, sensors=SENSORS, learner_cameras=['front'])
    world.introduce()
    with pytest.raises(ConfigError, match='got front, which have 3 channels, expected 6'):
        ros.spin_until(lambda: world.results)


@pytest.mark.parametrize(
    ('num_features', 'sensors', 'error', 'what'),
    [
        (NUM_FEATURES, SENSORS, ConfigError, 'got none of kind features.* learner is 5'),
        (0, [*SENSORS, ENCODER], ConfigError, 'got dino of kind features.* learner is 0'),
        (4, [*SENSORS, ENCODER], ShapeMismatchError, r'features: got .*5.*expected .*4'),
    ],
    ids=['no encoder', 'not learned from', 'others'],
)
def test_features_that_do_not_fit_the_learner_end_the_run_at_its_start(
    ros, make_world, num_features, sensors, error, what
):
    learner = dataclasses.replace(SMALL, num_features=num_features)
    world = make_world({'learner': learner}, sensors=sensors)
    world.introduce()
    with pytest.raises(error, match=what):
        ros.spin_until(lambda: world.results)


def test_a_policy_may_look_back_but_not_into_the_episode_before(ros, make_world):
    world = make_world(
        sensors=['now pose pose', 'before pose pose 0.2'],
        state_sources=['position=now.x', 'goal=before.x'],
    )
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 7)
    step_s = STEP_NS * 1e-9
    for transition in world.transitions:
        x, y = transition.observation.state
        assert x - y == pytest.approx(step_s if transition.id.decision else 0.0, abs=1e-5)
        x, y = transition.next_observation.state
        assert x - y == pytest.approx(step_s, abs=1e-5)


def test_a_camera_that_stops_is_named_and_the_run_waits_for_it(ros, make_world):
    health = ros.health()
    world = make_world(
        {'spec': SIGHTED}, sensors=['front image front/image', 'p pose pose'], stage_timeout_s=0.5
    )
    shown = world.images.pop('front')
    world.introduce()
    ros.spin_until(lambda: health('front (front/image) has sent nothing'))
    assert not world.results
    world.images['front'] = shown
    world.show()
    ros.spin_until(lambda: len(world.results) == 7)


def test_a_camera_that_no_sensor_is_ends_the_run_at_its_start(ros, make_world):
    world = make_world({'spec': SIGHTED})
    world.introduce()
    with pytest.raises(ConfigError, match=r"no camera front.*Add 'front image TOPIC'"):
        ros.spin_until(lambda: world.results)


def test_a_run_says_what_it_drives(ros, make_world):
    """The monitor measures the prior on the simulation, which is another world than a robot's."""
    world = make_world(robot_mode='real')
    world.introduce()
    ros.spin_until(lambda: world.run)
    assert world.run.robot_mode == 'real'


@pytest.mark.parametrize('quirk', ['reward_first', 'twice'])
def test_every_decision_becomes_one_transition_whatever_the_order(
    ros, make_world, tmp_path, quirk
):
    world = make_world()
    setattr(world, quirk, True)
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 7)
    keys = [(t.id.episode, t.id.decision) for t in world.transitions]
    assert keys == [(episode, decision) for episode in range(3) for decision in range(3)]
    assert [t.sequence for t in world.transitions] == list(range(9))
    assert len(list(read_journal(tmp_path / 'transitions.journal'))) == 9
    for transition in world.transitions:
        # Raises when the keys of its parts do not belong together.
        read = transition_from_msg(transition)
        assert read.next_observation.state[0] > read.observation.state[0]
        assert read.discount == pytest.approx(0.9)
    assert [t.phase for t in world.transitions] == ['warmup'] * 3 + ['online'] * 6


def test_damaged_weights_are_refused_and_the_run_waits_for_good_ones(ros, make_world):
    world = make_world()
    world.send_weights = lambda _: None
    world.introduce()
    ros.spin_until(lambda: world.run)
    World.send_weights(world, 0, damage=True)
    ros.spin_for(0.5)
    assert not world.seeds
    World.send_weights(world, 0)
    ros.spin_until(lambda: world.results)


def test_damaged_weights_of_a_later_episode_leave_the_old_ones_in_use(ros, make_world):
    world = make_world(warmup_episodes=0, online_episodes=4, eval_episodes=0)
    world.send_weights = lambda trained: World.send_weights(world, trained, damage=trained == 2)
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 4)
    # Episode e acts on what was learned from e-1 episodes; those of 2 episodes were refused.
    assert [result.weights_version for result in world.results] == [1, 1, 2, 2]


def test_waiting_for_a_reset_does_not_count_as_waiting_for_learning(ros, make_world):
    """Say because a person has to clear the driver first."""
    world = make_world(warmup_episodes=0, online_episodes=2, eval_episodes=0)
    world.held_reset = Future(executor=world.executor)
    world.introduce()
    ros.spin_until(lambda: world.seeds)
    ros.spin_for(0.5)
    assert not world.results
    world.held_reset.set_result(None)
    ros.spin_until(lambda: len(world.results) == 2)
    assert world.results[0].waited_for_learning < 0.2
    assert world.results[1].waited_for_learning < 0.2


def test_an_answer_that_the_policy_node_forgot_is_asked_for_again(ros, make_world):
    world = make_world(warmup_episodes=0, online_episodes=1, eval_episodes=0)
    world.policy.forget = 1
    world.introduce()
    ros.spin_until(lambda: world.results)
    assert [chunk.id.decision for chunk in world.chunks] == [0, 1, 2]


@pytest.mark.parametrize('lost', ['inference', 'chunk', 'result', 'reward', 'reset goal', 'reset'])
def test_an_answer_that_got_lost_is_asked_for_again(ros, make_world, lost):
    """As when a process has stood still for longer than the middleware waits for it."""
    world = make_world(stage_timeout_s=0.5, reset_timeout_s=1.0)
    match lost:
        case 'inference':
            world.policy.lose_goals = 1
        case 'chunk':
            world.policy.lose = 1
        case 'result':
            world.lost_results = 1
        case 'reward':
            world.lost_rewards = 1
        case 'reset goal':
            world.reset.lose_goals = 1
        case 'reset':
            world.reset.lose = 1
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 7)
    again = {'result', 'reward'}
    assert len(world.chunks) == 21 + (lost in again)
    keys = [(t.id.episode, t.id.decision) for t in world.transitions]
    assert keys == [(episode, decision) for episode in range(3) for decision in range(3)]


def test_a_policy_that_is_slow_is_let_alone(ros, make_world):
    """Sent again, the goal would take its own place in the policy node, and never be answered."""
    world = make_world(stage_timeout_s=0.5)
    world.held_inference = Future(executor=world.executor)
    world.introduce()
    ros.spin_until(lambda: world.inferences == 1)
    ros.spin_for(2.5)  # asked again after 0.5 s, 1 s, 2 s
    world.held_inference.set_result(None)
    ros.spin_until(lambda: len(world.results) == 7)
    assert world.inferences == 21


def test_a_reset_that_the_reward_node_forgot_is_done_again(ros, make_world):
    world = make_world()
    world.reset.forget = 1
    world.introduce()
    ros.spin_until(lambda: len(world.results) == 7)
    assert len(world.seeds) == 8 and world.seeds[0] == world.seeds[1]


def test_who_is_slow_is_asked_ever_more_seldom(ros, make_world):
    world = make_world(stage_timeout_s=0.5)
    world.execute = False
    world.introduce()
    ros.spin_until(lambda: len(world.chunks) == 2)  # after 0.5 s
    ros.spin_for(0.8)  # 1 s is not over
    assert len(world.chunks) <= 3
    world.execute_chunk(world.chunks[0])
    world.execute = True
    ros.spin_until(lambda: len(world.results) == 7)


def test_a_noise_the_policy_chokes_on_is_replaced_by_one_from_the_prior(ros, make_world):
    world = make_world(warmup_episodes=0, online_episodes=1, eval_episodes=0)
    world.bad_outputs = 2
    world.introduce()
    ros.spin_until(lambda: world.results)
    assert [noise.source for noise in world.noises] == [1, 2, 2]
    used = [messages.noise_from_msg(t.noise).rows for t in world.transitions]
    assert np.array_equal(used[0], messages.noise_from_msg(world.noises[0]).rows)


def test_what_was_refused_is_not_asked_for_again(ros, make_world):
    """The decision after a refused chunk takes its noise from the prior, and only that one."""
    world = make_world(warmup_episodes=0, online_episodes=1)
    world.decisions, world.refused_decision = 4, 1
    world.introduce()
    ros.spin_until(lambda: world.results)
    assert [noise.source for noise in world.noises] == [2, 2, 1, 2]
    assert [t.noise.source for t in world.transitions] == [2, 2, 1, 2]
    assert world.results[0].num_rejected == 1


def test_a_policy_that_always_chokes_ends_the_run_with_its_own_words(ros, make_world):
    world = make_world()
    world.bad_outputs = 100
    world.introduce()
    with pytest.raises(PolicyOutputError, match='huge'):
        ros.spin_for(10.0)


def test_a_node_that_is_missing_is_named(ros, make_world):
    make_world(startup_timeout_s=1.0)
    with pytest.raises(StaleDataError, match=r'trainer.*driver'):
        ros.spin_for(5.0)


def test_a_driver_that_falls_silent_is_named_and_the_run_goes_on_when_it_answers(ros, make_world):
    health = ros.health()
    world = make_world(stage_timeout_s=0.5)
    world.execute = False
    world.introduce()
    said = ros.spin_until(lambda: health('driver'))
    assert said.level == DiagnosticStatus.ERROR
    world.execute = True
    world.execute_chunk(world.chunks[-1])
    ros.spin_until(lambda: len(world.results) == 7)
    assert len(world.transitions) == 9  # nothing was lost: three decisions each of three episodes


def test_sensors_that_freeze_are_named_and_the_run_goes_on_when_they_thaw(ros, make_world):
    health = ros.health()
    world = make_world(stage_timeout_s=0.5)
    world.frozen = True
    world.introduce()
    ros.spin_until(lambda: health('sensor samples'))
    assert not world.chunks  # the robot holds
    world.frozen = False
    world.show()
    ros.spin_until(lambda: len(world.results) == 7)


def test_a_reset_that_waits_for_a_person_is_not_called_overdue(ros, make_world):
    health = ros.health()
    world = make_world(reset_timeout_s=1.0)
    world.held_reset = Future(executor=world.executor)
    status = world.create_publisher(msg.RewardStatus, names.REWARD_STATUS, qos.STATUS)
    asked = msg.RewardStatus(state=msg.RewardStatus.STATE_RESET_WAITS, message='put the cube back')
    status.publish(asked)
    world.introduce()
    ros.spin_until(lambda: health('waits for a person: put the cube back'))
    ros.spin_for(1.2)
    assert health('got no answer from the reward node') is None
    status.publish(msg.RewardStatus())
    ros.spin_until(lambda: health('got no answer from the reward node'))


def test_a_result_that_nobody_filled_in_starts_no_episode(ros, make_world):
    """Rclpy answers so when the server of a goal raises."""
    world = make_world()
    world.broken_resets = 1
    world.introduce()
    health = ros.health()
    ros.spin_until(lambda: health('reset: error 0'))
    assert not world.chunks


def test_a_reset_that_failed_is_tried_again_when_somebody_says_so(ros, make_world):
    health = ros.health()
    world = make_world()
    world.failing_resets = 1
    world.introduce()
    ros.spin_until(lambda: health('the cube is gone'))
    resume = world.create_client(Trigger, names.RESUME)
    assert not world.results
    assert trigger(ros, resume).success
    ros.spin_until(lambda: len(world.results) == 7)
    assert len(world.seeds) == 8  # the failed one again, with the same start
    assert world.seeds[0] == world.seeds[1]
    assert 'no reset has failed' in trigger(ros, resume).message


def test_a_person_who_thinks_is_no_reward_node_that_is_silent(ros, make_world):
    health = ros.health()
    world = make_world(stage_timeout_s=0.5)
    world.judge = False
    status = world.create_publisher(msg.RewardStatus, names.REWARD_STATUS, qos.STATUS)
    world.introduce()
    ros.spin_until(lambda: world.chunks)

    def say(state: int) -> None:
        status.publish(msg.RewardStatus(state=state, id=world.chunks[0].id))

    for _ in range(20):
        say(msg.RewardStatus.STATE_AWAITING_PERSON)
        ros.spin_for(0.1)
    assert health('the reward, from the reward node') is None

    def late() -> bool:
        say(msg.RewardStatus.STATE_RUNNING)  # that an episode runs is no reason to wait
        return health('the reward, from the reward node') is not None

    ros.spin_until(late)


def test_a_trainer_of_another_policy_is_refused_with_both_hashes(ros, make_world):
    world = make_world()
    world.introduce(policy_sha256='b' * 64)
    with pytest.raises(ConfigError, match=r'bbbbbbbbbbbb.*aaaaaaaaaaaa'):
        ros.spin_for(5.0)


def test_a_state_the_sensors_cannot_give_is_named(ros, make_world):
    world = make_world(state_sources=['position=p.x'])
    world.introduce()
    with pytest.raises(ConfigError, match='got none for goal'):
        ros.spin_for(5.0)
