"""Images and given features: the encoder, its crops, its numpy twin, and learning from pixels."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tampering import GONE, rewritten
from torch.nn.functional import pad
from toy import LEARNING, SPEC, ToyEnv, ToyPolicy, transition

from dsrl_ros.core.errors import ConfigError, NonFiniteError, ShapeMismatchError, WeightsError
from dsrl_ros.core.types import Array, ChunkStep, NoiseLayout, Observation, PolicySpec, Transition
from dsrl_ros.learning.algorithms.best_of_n import BestOfN
from dsrl_ros.learning.algorithms.dsrl_na import DsrlNa
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.networks.augmentation import random_crop
from dsrl_ros.learning.networks.encoder import Encoder, ObservationBatch
from dsrl_ros.learning.run.rollout import ExtraObservations, evaluate, run_steering
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.choosers import ActorChooser, PriorChooser
from dsrl_ros.learning.steering.observation import ObservationSpec

torch.set_num_threads(1)

STATE = np.array([0.3, -1.2], dtype=np.float32)
SMALL: dict[str, Any] = {
    'hidden_size': 16,
    'num_layers': 2,
    'batch_size': 8,
    'utd': 2,
    'noise_critic_steps': 2,
    'encoder_channels': 4,
    'encoder_size': 8,
    'image_channels': 2,
    'image_height': 12,
    'image_width': 10,
    'num_features': 5,
}


def seen(number: int, config: LearnerConfig) -> Observation:
    """Return an observation with the parts that a learner reads, the same for the same number."""
    rng = np.random.default_rng(number)
    spec = config.observation_spec(SPEC)
    image, features = None, None
    if spec.image_shape is not None:
        image = rng.integers(0, 256, spec.image_shape, dtype=np.uint8)
    if spec.num_features:
        features = rng.standard_normal(spec.num_features, dtype=np.float32)
    return Observation(STATE, image, features)


def seeing(number: int, config: LearnerConfig, **changes: Any) -> Transition:
    given = transition(number)
    both = {
        'observation': dataclasses.replace(
            seen(2 * number, config), state=given.observation.state
        ),
        'next_observation': dataclasses.replace(
            seen(2 * number + 1, config), state=given.next_observation.state
        ),
    }
    return dataclasses.replace(given, **{**both, **changes})


def learner(
    seed: int = 0, transitions: int = 20, spec: PolicySpec = SPEC, **changes: Any
) -> DsrlSac:
    made = DsrlSac(spec, LearnerConfig(**{**SMALL, **changes}), seed)
    for number in range(transitions):
        made.add(seeing(number, made.config))
    return made


# --- the encoder


@pytest.mark.parametrize(
    ('size', 'strides'), [(64, (2, 1, 1, 1)), (128, (3, 2, 2, 2)), (16, (1, 1, 1, 1))]
)
def test_strides_are_those_published_and_finer_for_small_images(
    size: int, strides: tuple[int, ...]
) -> None:
    assert ObservationSpec(2, image_shape=(3, size, size)).strides == strides


@settings(max_examples=25)
@given(height=st.integers(1, 140), width=st.integers(1, 140))
def test_any_image_of_nine_pixels_and_more_is_encoded(height: int, width: int) -> None:
    if min(height, width) < 9:
        with pytest.raises(ConfigError, match='at least 9 x 9'):
            ObservationSpec(2, image_shape=(1, height, width))
        return
    encoder = Encoder(ObservationSpec(2, 0, (1, height, width)), 2, 5, torch.Generator())
    images = torch.zeros(1, 1, height, width, dtype=torch.uint8)
    assert encoder(ObservationBatch(torch.zeros(1, 2), images)).shape == (1, 7)


def test_the_paper_s_encoder_has_its_sizes() -> None:
    """Four convolutions of 32 channels, then 50 numbers, at 64 x 64: 25 x 25 pixels remain."""
    encoder = Encoder(ObservationSpec(8, 0, (3, 64, 64)), 32, 50, torch.Generator())
    shapes = [tuple(parameter.shape) for parameter in encoder.parameters() if parameter.ndim > 1]
    assert shapes == [(32, 3, 3, 3), *[(32, 32, 3, 3)] * 3, (50, 32 * 25 * 25)]
    assert encoder.num_outputs == 58


def test_what_is_encoded_without_gradient_in_passes_is_the_same() -> None:
    encoder = Encoder(ObservationSpec(2, 3, (1, 9, 9)), 2, 4, torch.Generator().manual_seed(0))
    observed = ObservationBatch(
        torch.randn(600, 2), torch.randint(256, (600, 1, 9, 9)).byte(), torch.randn(600, 3)
    )
    with torch.no_grad():
        apart = encoder(observed)
    torch.testing.assert_close(apart, encoder(observed))
    torch.testing.assert_close(apart[7:9], encoder(observed[7:9]))


# --- random crops


def test_a_crop_is_the_image_padded_by_its_edge_and_cut_anywhere() -> None:
    images = torch.randint(256, (300, 3, 6, 5), dtype=torch.uint8)
    cropped = random_crop(images, 2, torch.Generator().manual_seed(0))
    assert cropped.dtype == torch.uint8
    padded = pad(images.float(), (2, 2, 2, 2), mode='replicate').byte()
    found = set()
    for image, crop in zip(padded, cropped, strict=True):
        fits = [
            (row, column)
            for row in range(5)
            for column in range(5)
            if torch.equal(image[:, row : row + 6, column : column + 5], crop)
        ]
        assert len(fits) == 1
        found.update(fits)
    assert len(found) == 25


def test_crops_repeat_from_their_generator_and_none_is_none() -> None:
    images = torch.randint(256, (4, 1, 9, 9), dtype=torch.uint8)
    first, again = (random_crop(images, 4, torch.Generator().manual_seed(1)) for _ in range(2))
    assert torch.equal(first, again)
    assert random_crop(images, 0, torch.Generator()) is images


def test_observation_and_next_observation_are_cropped_each_by_itself() -> None:
    made = learner(transitions=0)
    same = seen(0, made.config)
    made.add(seeing(0, made.config, observation=same, next_observation=same))
    batch = made.replay.gather(torch.zeros(50, dtype=torch.int64))
    cropped = made._prepare_batch(batch)
    image, next_image = cropped.observation.image, cropped.next_observation.image
    kept = batch.observation.image
    assert kept is not None and image is not None and next_image is not None
    assert not torch.equal(image, next_image)
    assert not torch.equal(image[0], image[1])
    assert torch.equal(kept[0], kept[1])  # the data stays as it is


def test_each_observation_is_cropped_from_its_own_image() -> None:
    made = learner(transitions=0)
    made.add(seeing(0, made.config, observation=plain(10), next_observation=plain(20)))
    cropped = made._prepare_batch(made.replay.gather(torch.zeros(1, dtype=torch.int64)))
    image, next_image = cropped.observation.image, cropped.next_observation.image
    assert image is not None and next_image is not None
    assert (image == 10).all() and (next_image == 20).all()


def plain(value: int) -> Observation:
    features = np.zeros(SMALL['num_features'], dtype=np.float32)
    return Observation(STATE, np.full((2, 12, 10), value, dtype=np.uint8), features)


# --- learners


def test_actor_and_critics_have_an_encoder_each_and_the_target_follows() -> None:
    made = learner(critic_learning_rate=0.0, polyak=0.25)
    for module in (made.actor, made.critics, made.target_critics):
        assert any(name.startswith('encoder.') for name, _ in module.named_parameters())
    encoder, target = made.critics.encoder, made.target_critics.encoder
    assert encoder is not None and target is not None
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.add_(1.0)
    before = [parameter.clone() for parameter in encoder.parameters()]
    old = [parameter.clone() for parameter in target.parameters()]
    made.update(1)
    assert all(map(torch.equal, encoder.parameters(), before))  # an actor step leaves it alone
    for parameter, was in zip(target.parameters(), old, strict=True):
        torch.testing.assert_close(parameter, was + 0.25)


def test_every_part_of_an_encoder_learns() -> None:
    made = learner()
    before = {name: tensor.clone() for name, tensor in made._networks().items()}
    made.update(2)
    still = [n for n, tensor in made._networks().items() if torch.equal(tensor, before[n])]
    assert not still


@pytest.mark.parametrize('algorithm', ['sac', 'na'])
def test_continues_bit_equal_from_its_state(algorithm: str) -> None:
    def make(seed: int) -> DsrlSac | DsrlNa:
        config = LearnerConfig(**{**SMALL, 'algorithm': algorithm})
        return (
            DsrlNa(ToyPolicy(), config, seed) if algorithm == 'na' else DsrlSac(SPEC, config, seed)
        )

    def work(made: DsrlSac | DsrlNa, first: int, last: int) -> None:
        for number in range(first, last):
            made.add(seeing(number, made.config))
            made.update(2)

    whole, interrupted, resumed = make(0), make(0), make(9)
    work(whole, 0, 8)
    work(interrupted, 0, 4)
    resumed.load_state_groups(interrupted.state_groups())
    work(resumed, 4, 8)
    expected, got = whole.state_groups(), resumed.state_groups()
    for group, tensors in expected.items():
        for name, tensor in tensors.items():
            assert torch.equal(tensor, got[group][name]), f'{group}/{name}'


GOOD = seen(0, LearnerConfig(**SMALL))


@pytest.mark.parametrize(
    ('bad', 'error', 'told'),
    [
        (Observation(STATE), ShapeMismatchError, 'features: got none, expected 5'),
        (
            Observation(STATE, features=GOOD.features),
            ShapeMismatchError,
            r'image: got none, expected \(2, 12',
        ),
        (Observation(STATE, GOOD.image), ShapeMismatchError, 'num_features'),
        (
            Observation(STATE, np.zeros((2, 12, 11), np.uint8), GOOD.features),
            ShapeMismatchError,
            '11',
        ),
        (
            Observation(STATE, np.zeros((2, 12, 10), np.int8), GOOD.features),
            ShapeMismatchError,
            'int8',
        ),
        (Observation(STATE, GOOD.image, np.zeros(4, np.float32)), ShapeMismatchError, '4'),
        (
            Observation(STATE, GOOD.image, np.full(5, np.nan, np.float32)),
            NonFiniteError,
            'features',
        ),
    ],
)
def test_what_is_not_as_configured_is_refused_to_learn_from_and_to_act_on(
    bad: Observation, error: type[Exception], told: str
) -> None:
    made = learner(transitions=0)
    for changes in ({'observation': bad}, {'next_observation': bad}):
        with pytest.raises(error, match=told):
            made.add(seeing(0, made.config, **changes))
    assert made.num_transitions == 0
    with pytest.raises(error, match=told):
        made.export_actor(1, 0).act(bad)


def test_a_learner_of_states_refuses_what_it_would_not_look_at() -> None:
    made = DsrlSac(SPEC, LearnerConfig(hidden_size=8), 0)
    with pytest.raises(ShapeMismatchError, match='expected none'):
        made.add(transition(0, observation=GOOD))


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'image_height': 0}, 'all 0 for no image'),
        ({'image_height': 8}, 'at least 9 x 9'),
        ({'num_features': -1}, 'num_features'),
    ],
)
def test_options_that_make_no_observation_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        learner(transitions=0, **changes)


def test_best_of_n_says_that_it_has_no_eyes() -> None:
    with pytest.raises(ConfigError, match='best_of_n'):
        BestOfN(ToyPolicy(), LearnerConfig(**SMALL), 0)


# --- acting


@pytest.mark.parametrize(
    'changes',
    [
        {},
        {'num_features': 0},
        {'image_channels': 0, 'image_height': 0, 'image_width': 0},
        {'image_channels': 3, 'image_height': 64, 'image_width': 64, 'encoder_channels': 32},
        {'image_channels': 9, 'image_height': 128, 'image_width': 100},
    ],
)
def test_the_numpy_actor_is_the_torch_actor(changes: dict[str, Any]) -> None:
    spec = dataclasses.replace(SPEC, state_mean=(1.0, -1.0), state_std=(0.5, 2.0))
    made = learner(spec=spec, **changes)
    made.update(2)  # away from the norms' initial ones and zeros
    actor = SteeringActor.from_bytes(made.export_actor(1, 0).to_bytes(), spec)
    normalised = (STATE - np.float32([1.0, -1.0])) / np.float32([0.5, 2.0])
    assert actor.header == made.export_actor(1, 0).header
    for number in range(3):
        given = seen(number, made.config)
        observed = ObservationBatch(
            torch.from_numpy(normalised)[None],
            None if given.image is None else torch.from_numpy(given.image)[None],
            None if given.features is None else torch.from_numpy(given.features)[None],
        )
        with torch.no_grad():
            mean, log_std = made.actor(observed)
        got_mean, got_log_std = actor.distribution(given)
        np.testing.assert_allclose(got_mean, mean[0].numpy(), atol=1e-5)
        np.testing.assert_allclose(got_log_std, log_std[0].numpy(), atol=1e-5)
        np.testing.assert_array_equal(actor.act(given), actor.act(given))


def test_weights_of_before_there_were_images_are_read() -> None:
    made = DsrlSac(SPEC, LearnerConfig(hidden_size=8), 0).export_actor(1, 0)
    old = rewritten(made.to_bytes(), {'num_features': GONE, 'image_shape': GONE})
    observation = Observation(STATE)
    read = SteeringActor.from_bytes(old, SPEC)
    np.testing.assert_array_equal(read.act(observation), made.act(observation))


@pytest.mark.parametrize(
    ('header', 'tensors'),
    [
        ({'image_shape': [2, 12, 11]}, {}),
        ({'image_shape': [3, 12, 10]}, {}),
        ({'image_shape': [2, 8, 10]}, {}),
        ({'image_shape': [2, 12]}, {}),
        ({'image_shape': GONE}, {}),
        ({'num_features': 6}, {}),
        ({'num_features': 0}, {}),
        ({}, {'encoder.convs.2.bias': None}),
        ({}, {'encoder.convs.2.weight': np.zeros((4, 4, 3, 2), dtype=np.float32)}),
        ({}, {'encoder.convs.0.bias': np.zeros((), dtype=np.float32)}),
        ({}, {'encoder.image_head.norm.bias': np.zeros(7, dtype=np.float32)}),
        ({}, {'encoder.feature_head.linear.weight': None}),
        ({}, {'encoder.convs.0.weight': np.full((4, 2, 3, 3), np.nan, dtype=np.float32)}),
    ],
)
def test_tampered_encoders_are_refused(
    header: dict[str, Any], tensors: dict[str, Array | None]
) -> None:
    data = learner(transitions=0).export_actor(1, 0).to_bytes()
    with pytest.raises(WeightsError):
        SteeringActor.from_bytes(rewritten(data, header, **tensors), SPEC)


def test_acting_on_an_image_takes_less_than_twenty_milliseconds() -> None:
    """The paper's encoder at 64 x 64; the best of some, so that a busy machine does not fail."""
    made = learner(
        transitions=0, image_channels=3, image_height=64, image_width=64, num_features=0,
        encoder_channels=32, encoder_size=50,
    )  # fmt: skip
    actor, given = made.export_actor(1, 0), seen(0, made.config)
    best = float('inf')
    for _ in range(10):
        begin = time.perf_counter()
        actor.act(given)
        best = min(best, time.perf_counter() - begin)
    assert best < 20e-3


# --- learning from pixels


class PixelEnv:
    """The toy whose state does not say where the goal is; an `ObservingEnv`.

    One half of the image is bright, the one on the side of the goal.
    """

    def __init__(self) -> None:
        self._toy = ToyEnv()
        self._goal = 0.0

    def reset(self, *, seed: int) -> tuple[Array, dict[str, Any]]:
        state, about = self._toy.reset(seed=seed)
        self._goal = float(state[1])
        return self._blind(state), about

    def execute(self, chunk: Array) -> ChunkStep:
        # The drift that the policy cannot know of, as it does not see the goal either.
        step = self._toy.execute(chunk - np.float32(0.08 * self._goal))
        return step._replace(state=self._blind(step.state))

    def extra_observations(self) -> ExtraObservations:
        image = np.full((1, 9, 9), 20, dtype=np.uint8)
        bright = slice(5, None) if self._goal > 0 else slice(None, 4)
        image[:, :, bright] = 200
        return {'image': image}

    @staticmethod
    def _blind(state: Array) -> Array:
        return np.array([state[0], 0.0], dtype=np.float32)


def test_learns_to_steer_by_what_only_the_image_shows() -> None:
    config = dataclasses.replace(
        LEARNING,
        utd=3,
        image_channels=1,
        image_height=9,
        image_width=9,
        encoder_channels=16,
        encoder_size=8,
        crop_padding=1,
    )
    env, policy = PixelEnv(), ToyPolicy()
    prior = PriorChooser(0, NoiseLayout.FULL, (2, 1))
    assert np.mean(evaluate(env, policy, prior, config, seed=0, episodes=100)) < 0.4
    made = DsrlSac(SPEC, config, seed=0)
    run_steering(env, policy, made, seed=0, warmup_episodes=40, online_episodes=1)
    steered = ActorChooser(made.export_actor(1, 41), seed=None)
    assert np.mean(evaluate(env, policy, steered, config, seed=0, episodes=20)) >= 0.95
