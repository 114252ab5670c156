"""Promises of the policy node: it answers what fits its spec, refuses the rest by number, and the
latest goal wins.
"""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

import numpy as np
import pytest
import torch

pytest.importorskip('rclpy', reason='needs ROS')

from action_msgs.msg import GoalStatus
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from toy import SPEC, ToyPolicy
from toy_seeing import SEEING, SeeingToy, views

from dsrl_msgs import msg
from dsrl_msgs.action import InferChunk
from dsrl_msgs.srv import InferBatch
from dsrl_ros.core.errors import ConfigError, PolicyLoadError, PolicyOutputError
from dsrl_ros.core.types import DecisionKey, Noise, NoiseLayout, NoiseSource
from dsrl_ros.nodes.policy.node import PolicyNode
from dsrl_ros.policies import exported, io
from dsrl_ros.ros import messages, names, qos, stamps
from dsrl_ros.ros.images import image_to_msg

Result = InferChunk.Result
KEY = DecisionKey('arm', 'ab' * 16, 1, 2)
STATE = np.array([0.25, 1.0], np.float32)
ROWS = np.array([[0.5], [-0.5]], np.float32)


class SlowPolicy(ToyPolicy):
    """Takes 50 steps of 4 ms."""

    spec = dataclasses.replace(SPEC, denoising_steps=50)

    def denoise(self, state, noise):
        for step in range(self.spec.denoising_steps):
            until = time.perf_counter() + 0.004
            while time.perf_counter() < until:
                pass
            yield step + 1
        return self(state, noise)


class BadPolicy(ToyPolicy):
    """Fails in the way the noise says; a zero noise, as at the start, is answered."""

    def __call__(self, state, noise):
        if noise.flat[0] > 0.4:
            raise PolicyOutputError('toy: far out of its depth')
        return super().__call__(state, noise) * (np.nan if noise.flat[0] > 0.2 else 1.0)


class BrokenPolicy(ToyPolicy):
    def __call__(self, state, noise):
        if noise.any():
            raise KeyError('defect')
        return super().__call__(state, noise)


class Client(Node):
    def __init__(self, **node_options) -> None:
        super().__init__('client', **node_options)
        self.infer = ActionClient(self, InferChunk, names.INFER)
        self.batch = self.create_client(InferBatch, names.INFER_BATCH)
        self.feedback: list[int] = []

    def ready(self) -> bool:
        return self.infer.server_is_ready() and self.batch.service_is_ready()

    def send(self, goal):
        return self.infer.send_goal_async(
            goal, feedback_callback=lambda message: self.feedback.append(message.feedback.step)
        )


def goal(rows=ROWS, layout=NoiseLayout.FULL, state=STATE, state_names=SPEC.state_names, **fields):
    noise = Noise(np.asarray(rows, np.float32), layout, NoiseSource.PRIOR)
    request = InferChunk.Goal(
        observation=messages.observation_to_msg(KEY, 123, state_names, np.asarray(state)),
        noise=messages.noise_to_msg(noise, KEY, 123, SPEC.sha256),
    )
    for name, value in fields.items():
        setattr(request, name, value)
    return request


@pytest.fixture
def serve(ros):
    """Start a policy node and return (client, function that answers a goal)."""

    def start(policy=None, **parameters):
        ros.add(PolicyNode, policy, **parameters)
        client = ros.add(Client)
        ros.spin_until(client.ready)

        def answer(request):
            accepted = client.send(request)
            ros.spin_until(accepted.done)
            result = accepted.result().get_result_async()
            ros.spin_until(result.done)
            return result.result()

        return client, answer

    return start


def test_a_goal_is_answered_with_the_chunk_of_the_policy(serve):
    _, answer = serve(ToyPolicy())
    reply = answer(goal())
    assert reply.status == GoalStatus.STATUS_SUCCEEDED
    assert (reply.result.error_code, reply.result.error_message) == (Result.NONE, '')
    chunk = reply.result.chunk
    want = ToyPolicy()(STATE[None], ROWS[None])[0]
    np.testing.assert_array_equal(messages.chunk_from_msg(chunk), want)
    assert messages.key_from_msg(chunk.id) == KEY
    assert stamps.stamp_to_ns(chunk.header.stamp) == 123
    assert (chunk.num_execute, chunk.control_mode) == (SPEC.num_execute, SPEC.control_mode)
    assert 0 < chunk.inference_time == reply.result.inference_time < 1


def test_a_repeated_row_is_expanded(serve):
    _, answer = serve(ToyPolicy())
    chunk = answer(goal(rows=[[0.5]], layout=NoiseLayout.REPEATED)).result.chunk
    assert chunk.data[0] == chunk.data[1]


def with_noise(**fields):
    request = goal()
    for name, value in fields.items():
        setattr(request.noise, name, value)
    return request


@pytest.mark.parametrize(
    ('request_', 'code', 'words'),
    [
        (goal(state=[np.nan, 1]), Result.BAD_OBSERVATION, 'non-finite'),
        (goal(state=[1, 2, 3], state_names='abc'), Result.BAD_OBSERVATION, 'names'),
        (goal(state_names=('goal', 'position')), Result.BAD_OBSERVATION, 'names'),
        (goal(state=[1, 2, 3]), Result.BAD_OBSERVATION, 'entries'),
        (goal(rows=[[np.inf], [0]]), Result.BAD_NOISE, 'non-finite'),
        (goal(rows=[[11], [0]]), Result.BAD_NOISE, 'noise_bound'),
        (goal(rows=[[0], [0], [0]]), Result.BAD_NOISE, 'rows'),
        (goal(rows=[[0, 0], [0, 0]]), Result.BAD_NOISE, 'shape'),
        (goal(layout=NoiseLayout.REPEATED), Result.BAD_NOISE, 'REPEATED'),
        (with_noise(layout=0), Result.BAD_NOISE, 'layout'),
        (with_noise(layout=9), Result.BAD_NOISE, '9'),
        (with_noise(rows=7), Result.BAD_NOISE, 'entries'),
        (with_noise(policy_sha256='b' * 64), Result.BAD_NOISE, 'bbbb'),
        (with_noise(id=msg.DecisionId(robot='arm')), Result.BAD_NOISE, 'decision'),
        (goal(frozen_prefix=[0.0]), Result.UNSUPPORTED, 'prefix'),
    ],
)
def test_a_goal_that_does_not_fit_is_refused_by_number_with_a_reason(serve, request_, code, words):
    _, answer = serve(ToyPolicy())
    reply = answer(request_)
    assert reply.status == GoalStatus.STATUS_ABORTED
    assert reply.result.error_code == code
    assert words in reply.result.error_message
    assert not reply.result.chunk.data
    assert answer(goal()).result.error_code == Result.NONE


@pytest.mark.parametrize(
    ('policy', 'first', 'code', 'words'),
    [
        (BadPolicy(), 0.5, Result.BAD_OUTPUT, 'depth'),
        (BadPolicy(), 0.3, Result.BAD_OUTPUT, 'non-finite'),
        (BrokenPolicy(), 0.1, Result.INTERNAL, 'KeyError'),
    ],
)
def test_an_answer_that_is_none_never_leaves_the_node(serve, ros, policy, first, code, words):
    _, answer = serve(policy)
    health = ros.health()
    reply = answer(goal(rows=[[first], [0.0]]))
    assert reply.status == GoalStatus.STATUS_ABORTED
    assert reply.result.error_code == code
    assert words in reply.result.error_message
    assert ros.spin_until(lambda: health(words)).level == DiagnosticStatus.WARN


def test_the_latest_goal_wins_and_the_older_ends_preempted(serve, ros):
    client, _ = serve(SlowPolicy())
    results = []
    for _ in range(3):
        accepted = client.send(goal())
        ros.spin_until(accepted.done)
        results.append(accepted.result().get_result_async())
    ros.spin_until(lambda: all(result.done() for result in results))
    replies = [result.result() for result in results]
    assert [reply.result.error_code for reply in replies] == [
        Result.PREEMPTED,
        Result.PREEMPTED,
        Result.NONE,
    ]
    assert [reply.status for reply in replies] == [
        GoalStatus.STATUS_ABORTED,
        GoalStatus.STATUS_ABORTED,
        GoalStatus.STATUS_SUCCEEDED,
    ]


def test_a_goal_can_be_canceled(serve, ros):
    client, _ = serve(SlowPolicy())
    accepted = client.send(goal())
    ros.spin_until(accepted.done)
    result = accepted.result().get_result_async()
    accepted.result().cancel_goal_async()
    ros.spin_until(result.done)
    assert result.result().status == GoalStatus.STATUS_CANCELED


def test_feedback_comes_per_step_when_asked_for(serve, ros):
    client, answer = serve(SlowPolicy())
    answer(goal())
    assert client.feedback == []
    answer(goal(want_feedback=True))
    assert len(client.feedback) > 10  # the client may have missed some in the one thread of both
    assert client.feedback == sorted(set(client.feedback))


def test_the_spec_is_latched_for_who_comes_later(serve, ros):
    client, _ = serve(ToyPolicy())
    got = []
    client.create_subscription(msg.PolicySpec, names.POLICY_SPEC, got.append, qos.LATCHED)
    ros.spin_until(lambda: got)
    assert messages.spec_from_msg(got[0]) == SPEC


def test_a_batch_is_answered_as_single_goals_are(serve, ros):
    client, _ = serve(ToyPolicy())
    rng = np.random.default_rng(0)
    states = rng.standard_normal((5, 2), np.float32)
    noises = rng.standard_normal((5, 2, 1), np.float32)

    def ask(**changes):
        request = InferBatch.Request(
            batch=5,
            state_dim=2,
            states=messages.floats_to_msg(states),
            noises=messages.floats_to_msg(noises),
        )
        for name, value in changes.items():
            setattr(request, name, value)
        future = client.batch.call_async(request)
        ros.spin_until(future.done)
        return future.result()

    reply = ask()
    got = messages.floats_from_msg('actions', reply.actions, (5, reply.horizon, reply.action_dim))
    np.testing.assert_array_equal(got, ToyPolicy()(states, noises))
    assert ask(state_dim=1).error_code == Result.BAD_OBSERVATION
    assert ask(states=[float('nan')] * 10).error_code == Result.BAD_OBSERVATION
    assert ask(batch=4, states=[0.0] * 8).error_code == Result.BAD_NOISE
    assert ask(noises=[float('nan')] * 10).error_code == Result.BAD_NOISE


def test_a_policy_that_cannot_be_loaded_ends_the_node_at_once(ros, tmp_path):
    with pytest.raises(ConfigError, match='`policy`'):
        ros.add(PolicyNode)
    with pytest.raises(PolicyLoadError, match='no such file'):
        ros.add(PolicyNode, policy=str(Path(tmp_path, 'none.safetensors')))


class Program(torch.nn.Module):
    """`ToyPolicy`, to be exported."""

    def forward(self, state: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        return 0.5 * torch.tanh(noise) - 0.08 * state[:, None, 1:]


def test_an_exported_program_is_served(serve, tmp_path):
    path = tmp_path / 'policy.pt2'
    shapes = ({0: torch.export.Dim('B')},) * 2
    arguments = (torch.zeros(2, 2), torch.zeros(2, 2, 1))
    torch.export.save(torch.export.export(Program(), arguments, dynamic_shapes=shapes), path)
    spec = exported.write_card(path, SPEC)
    _, answer = serve(io.load(path))
    request = goal()
    request.noise.policy_sha256 = spec.sha256
    result = answer(request).result
    assert result.error_code == Result.NONE, result.error_message
    chunk = messages.chunk_from_msg(result.chunk)
    np.testing.assert_allclose(chunk, ToyPolicy()(STATE[None], ROWS[None])[0], atol=1e-6)


def seeing(names=SEEING.image_names, images=None, **fields):
    """Return a goal whose observation holds images, (height, width, 3) each."""
    request = goal(**fields)
    given = [view[0] for view in views(1)] if images is None else images
    request.observation.image_names = list(names)
    request.observation.images = [
        image_to_msg(123, name, image) for name, image in zip(names, given, strict=False)
    ]
    return request


def test_a_policy_with_cameras_is_shown_the_images_of_the_observation(serve):
    _, answer = serve(SeeingToy())
    result = answer(seeing()).result
    assert result.error_code == Result.NONE, result.error_message
    want = SeeingToy().see(STATE[None], ROWS[None], views(1))[0]
    np.testing.assert_array_equal(messages.chunk_from_msg(result.chunk), want)


def test_a_policy_that_denoises_in_steps_is_shown_the_images_too(serve):
    class Stepped(SeeingToy):
        denoise = SlowPolicy.denoise

    _, answer = serve(Stepped())
    assert answer(seeing()).result.error_code == Result.NONE


def test_images_that_do_not_fit_are_refused_with_a_reason(serve):
    _, answer = serve(SeeingToy())
    wrist, front = (view[0] for view in views(1))
    refused = [
        (goal(), "got images of [], expected ['wrist', 'front']"),
        (seeing(names=('front', 'wrist')), "got images of ['front', 'wrist']"),
        (seeing(names=('wrist', 'front', 'side')), "got images of ['wrist', 'front', 'side']"),
        (seeing(images=[wrist]), 'got (4, 5, 3), expected (4, 5, 3), (6, 3, 3)'),
        (seeing(images=[wrist, front[:, :2]]), 'got (4, 5, 3), (6, 2, 3), expected'),
        (seeing(images=[wrist, front[:0]]), 'Check the camera driver'),
    ]
    broken = seeing()
    broken.observation.images[0].encoding = '32FC1'
    for request, words in [*refused, (broken, '32FC1')]:
        reply = answer(request)
        assert reply.status == GoalStatus.STATUS_ABORTED
        assert reply.result.error_code == Result.BAD_OBSERVATION, words
        assert words in reply.result.error_message
    assert answer(seeing()).result.error_code == Result.NONE


def test_a_policy_of_states_leaves_images_unread(serve):
    """They are there for the learner."""
    _, answer = serve(ToyPolicy())
    request = seeing()
    request.observation.images[0].encoding = 'nonsense'
    assert answer(request).result.error_code == Result.NONE


def test_a_policy_that_needs_images_and_cannot_take_them_ends_the_node_at_once(ros):
    class Blind(SlowPolicy):
        spec = SEEING

    with pytest.raises(ConfigError, match='Blind, which takes no images'):
        ros.add(PolicyNode, Blind())


def test_the_batch_service_says_that_it_carries_no_images(serve, ros):
    client, _ = serve(SeeingToy())
    request = InferBatch.Request(batch=1, state_dim=2, states=[0.0] * 2, noises=[0.0] * 2)
    future = client.batch.call_async(request)
    ros.spin_until(future.done)
    reply = future.result()
    assert reply.error_code == Result.UNSUPPORTED
    assert 'carries no images' in reply.error_message
    assert 'wrist, front' in reply.error_message and 'algorithm:=sac' in reply.error_message
