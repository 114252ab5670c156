"""Policies that look through cameras answer to the right images, and else say what they need."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from toy import SPEC, ToyPolicy
from toy_seeing import CAMERAS, SEEING, SeeingToy, views

from dsrl_ros.core.errors import ConfigError, PolicyLoadError, ShapeMismatchError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.policies import exported, io
from dsrl_ros.policies.base import SeeingPolicy, ask, check_input

ALL_BATCHES = ({0: torch.export.Dim('B')},) * 4


class Looking(nn.Module):
    """`SeeingToy`, to be exported."""

    def forward(self, state: Tensor, noise: Tensor, wrist: Tensor, front: Tensor) -> Tensor:
        side = 0.1 * self.bright(wrist) + 0.2 * self.bright(front)
        return 0.5 * torch.tanh(noise) - 0.08 * state[:, None, 1:] + side[:, None, None]

    def bright(self, image: Tensor) -> Tensor:
        return image.to(torch.float32).mean(dim=(1, 2, 3)) / 255.0


class Random(Looking):
    def bright(self, image: Tensor) -> Tensor:
        return torch.rand(image.shape[0])


class Centred(Looking):
    """Depends on the other images of its batch."""

    def bright(self, image: Tensor) -> Tensor:
        pixels = image.to(torch.float32)
        return (pixels - pixels.mean(dim=0, keepdim=True)).amax(dim=(1, 2, 3)) / 255.0


class Deaf(Looking):
    def forward(self, state: Tensor, noise: Tensor, wrist: Tensor, front: Tensor) -> Tensor:
        return self.bright(wrist)[:, None, None] + torch.zeros_like(noise)


def inputs(batch: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(batch)
    return rng.standard_normal((batch, 2), np.float32), rng.standard_normal(
        (batch, SPEC.horizon, 1), np.float32
    )


def write(
    module: nn.Module, path: Path, dynamic: bool = True, kind: torch.dtype = torch.uint8
) -> Path:
    """Write a program and its card."""
    if path.suffix == '.pt2':
        images = [torch.from_numpy(image).to(kind) for image in views(2)]
        example = (*(torch.from_numpy(x) for x in inputs(2)), *images)
        shapes = ALL_BATCHES if dynamic else None
        torch.export.save(torch.export.export(module, example, dynamic_shapes=shapes), path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            torch.jit.save(torch.jit.script(module), str(path))
    exported.write_card(path, SEEING)
    return path


@pytest.mark.parametrize('kind', ['pt', 'pt2'])
def test_a_program_sees_the_images_of_each_row_in_the_order_of_its_cameras(kind, tmp_path):
    policy = io.load(write(Looking(), tmp_path / f'looking.{kind}'))
    assert isinstance(policy, SeeingPolicy)
    for batch in (1, 3, 20):
        state, noise = inputs(batch)
        want = SeeingToy().see(state, noise, views(batch))
        got = policy.see(state, noise, views(batch))
        np.testing.assert_allclose(got, want, atol=1e-6)
        assert got.dtype == np.float32
        darker = [np.zeros_like(image) for image in views(batch)]
        assert (policy.see(state, noise, darker) < got).all()


def test_images_may_be_views_of_any_kind(tmp_path):
    """Of a message's bytes, which are read-only, or of a drawing, which is upside down."""
    policy = io.load(write(Looking(), tmp_path / 'looking.pt2'))
    state, noise = inputs(2)
    images = [image[:, ::-1] for image in views(2)]
    for image in images:
        image.setflags(write=False)
    want = policy.see(state, noise, [image.copy() for image in images])
    np.testing.assert_array_equal(policy.see(state, noise, images), want)


@pytest.mark.parametrize('kind', ['pt', 'pt2'])
@pytest.mark.parametrize(
    ('module', 'error', 'says'),
    [
        (Random, PolicyLoadError, 'same state and noise'),
        (Centred, PolicyLoadError, 'alone'),
        (Deaf, PolicyLoadError, 'another noise'),
    ],
)
def test_programs_with_images_that_cannot_be_steered_are_refused(
    module, error, says, kind, tmp_path
):
    with pytest.raises(error, match=says):
        io.load(write(module(), tmp_path / f'program.{kind}'))


def test_a_card_of_other_images_than_the_program_takes_is_refused(tmp_path):
    path = write(Looking(), tmp_path / 'looking.pt2')
    larger = dataclasses.replace(SEEING, image_heights=(4, 7), sha256='')
    with pytest.raises(ShapeMismatchError, match=r'\(3, 7, 3, 3\).*mend the sizes in its card'):
        exported.load(path, larger)
    with pytest.raises(ShapeMismatchError, match='mend the sizes in its card'):
        exported.load(path, dataclasses.replace(SPEC, sha256=''))


def test_a_program_for_one_batch_size_says_how_to_export_its_images_too(tmp_path):
    path = write(Looking(), tmp_path / 'fixed.pt2', dynamic=False)
    with pytest.raises(ShapeMismatchError) as caught:
        io.load(path)
    assert "({0: 'B'}, {0: 'B'}, {0: 'B'}, {0: 'B'})" in str(caught.value)


def test_a_program_for_images_of_floats_is_refused_as_bytes_would_mislead_it(tmp_path):
    path = write(Looking(), tmp_path / 'floats.pt2', kind=torch.float32)
    with pytest.raises(PolicyLoadError, match=r'wrist of torch\.float32, expected torch\.uint8'):
        io.load(path)


def test_the_card_says_which_images_and_of_what_size(tmp_path):
    path = write(Looking(), tmp_path / 'looking.pt2')
    card = json.loads(path.with_suffix('.json').read_text())
    assert card['spec']['image_names'] == ['wrist', 'front']
    spec = io.load(path).spec
    assert spec == dataclasses.replace(SEEING, sha256=spec.sha256)
    plain = exported.plain_spec('plain', 2, [-1], [1], 2, 2, **CAMERAS)
    assert plain.image_shapes == ((4, 5, 3), (6, 3, 3))


def bad_images() -> list[tuple[list[np.ndarray], str]]:
    wrist, front = views(2)
    return [
        ([], 'policy toy: got no images, expected 2 \\(wrist, front\\).*`see`'),
        ([wrist], 'got 1 images, expected 2'),
        ([front, wrist], 'images of wrist: got shape \\(2, 6, 3, 3\\)'),
        ([wrist, front[:1]], 'images of front: got shape \\(1, 6, 3, 3\\)'),
        ([wrist[..., 0], front], 'images of wrist: got shape \\(2, 4, 5\\)'),
        ([wrist / np.float32(255), front], 'images of wrist: got float32, expected uint8'),
    ]


@pytest.mark.parametrize(('images', 'says'), bad_images())
def test_other_images_than_those_of_the_spec_are_refused(images, says):
    with pytest.raises(ShapeMismatchError, match=says):
        check_input(SEEING, *inputs(2), images)


def test_a_program_with_cameras_asked_without_images_says_so(tmp_path):
    policy = io.load(write(Looking(), tmp_path / 'looking.pt2'))
    with pytest.raises(ShapeMismatchError, match='got no images, expected 2'):
        policy(*inputs(2))


def test_a_policy_is_asked_by_what_it_takes():
    state, noise = inputs(3)
    np.testing.assert_array_equal(
        ask(SeeingToy(), state, noise, views(3)), SeeingToy().see(state, noise, views(3))
    )
    np.testing.assert_array_equal(
        ask(ToyPolicy(), state, noise, views(3)), ToyPolicy()(state, noise)
    )

    class Blind(ToyPolicy):
        spec: PolicySpec = SEEING

    with pytest.raises(ConfigError, match=r'got Blind, which takes no images.*wrist, front'):
        ask(Blind(), state, noise, views(3))
