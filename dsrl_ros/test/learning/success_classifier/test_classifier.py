"""A classifier learns what success looks like, says how well, and loads only what it saved."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from labelled import SIZE, picture, write_classifier, write_images
from PIL import Image
from safetensors.numpy import load

from dsrl_ros.cli import train_classifier as command
from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.errors import ClassifierError, ConfigError
from dsrl_ros.learning.success_classifier.classifier import SuccessClassifier, card_path, fit
from dsrl_ros.learning.success_classifier.images import LabelledImages, hold_out, read_images
from dsrl_ros.learning.success_classifier.training import (
    ClassifierOptions,
    SuccessNet,
    augmented,
    train_classifier,
)


@pytest.fixture(scope='module')
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classifier(tmp_path_factory.mktemp('images'))


@pytest.mark.parametrize('number', range(1000, 1005))
def test_it_tells_images_apart_that_it_has_not_seen(made: Path, number: int) -> None:
    classifier = SuccessClassifier.load(made)
    assert classifier.probability(picture(True, number)) > 0.8
    assert classifier.probability(picture(False, number, height=60, width=80)) < 0.2


def test_numpy_and_torch_agree(made: Path) -> None:
    net = SuccessNet(SIZE, torch.Generator())
    net.load_state_dict({n: torch.from_numpy(t) for n, t in load(made.read_bytes()).items()})
    classifier = SuccessClassifier.load(made)
    for number in range(4):
        image = picture(number % 2 == 0, number)
        with torch.no_grad():
            expected = torch.sigmoid(net(torch.from_numpy(fit(image, SIZE))[None])).item()
        assert classifier.probability(image) == pytest.approx(expected, abs=1e-5)


def test_training_repeats_from_its_seed(tmp_path: Path) -> None:
    data = read_images(write_images(tmp_path, count=4), SIZE)
    one, same, other = (
        train_classifier(data, ClassifierOptions(size=SIZE, epochs=2, seed=seed)).tensors()
        for seed in (0, 0, 1)
    )
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one['output.weight'], other['output.weight'])


def test_classes_of_unequal_number_weigh_the_same() -> None:
    """With nothing to see the probability is one half, whatever the shares."""
    images = np.full((20, 3, SIZE, SIZE), 100, dtype=np.uint8)
    data = LabelledImages(images, np.arange(20) < 2, tuple(map(str, range(20))))
    net = train_classifier(data, ClassifierOptions(size=SIZE, epochs=30))
    classifier = SuccessClassifier(net.tensors(), SIZE)
    assert classifier.probability(images[0].transpose(1, 2, 0)) == pytest.approx(0.5, abs=0.15)


def test_augmentation_shifts_and_lights_each_image_differently() -> None:
    image = torch.from_numpy(fit(picture(True, 0), 32))[None].expand(8, -1, -1, -1)
    seen = augmented(image, torch.Generator().manual_seed(0))
    assert seen.shape == image.shape and seen.min() >= 0.0 and seen.max() <= 255.0
    brightness = seen.mean((1, 2, 3)) / image.float().mean((1, 2, 3))
    assert brightness.min() < 0.95 and brightness.max() > 1.05
    assert all((0.65 < b < 1.35) for b in brightness.tolist())
    darker = (seen / seen.amax((1, 2, 3), keepdim=True)).round(decimals=2)
    assert len({tuple(d.flatten().tolist()) for d in darker}) > 4  # shifted, not only lit


@pytest.mark.parametrize('share', [0.2, 0.5])
def test_episodes_are_held_out_whole_and_both_classes_on_both_sides(
    tmp_path: Path, share: float
) -> None:
    data = read_images(write_images(tmp_path, count=12, frames=3), SIZE)
    held = hold_out(data, share, seed=1)
    groups = np.array(data.groups)
    assert not set(groups[held]) & set(groups[~held])
    assert len(set(groups)) == 8
    for is_success in (True, False):
        assert (held & (data.success == is_success)).sum() == 3 * max(1, round(share * 4))
    assert np.array_equal(held, hold_out(data, share, seed=1))


def test_one_episode_of_a_class_is_not_split() -> None:
    images = np.zeros((6, 3, SIZE, SIZE), dtype=np.uint8)
    data = LabelledImages(images, np.arange(6) < 2, ('a_e0', 'a_e0', 'b', 'c', 'd', 'e'))
    with pytest.raises(ClassifierError, match='got no success held out'):
        hold_out(data, 0.5, seed=0)
    assert not hold_out(data, 0.0, seed=0).any()


def test_the_command_says_how_well_it_does_and_writes_what_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_images(tmp_path / 'images')
    out = tmp_path / 'weights' / 'mine: 1.safetensors'
    words = ['--size', str(SIZE), '--epochs', '40', '--held-out', '0.3', '--out', str(out)]
    assert command.main([str(folder), *words]) == 0
    said = capsys.readouterr().out
    assert 'held out: right on 100 % (8/8, 95 %: 68 to 100 %)' in said
    assert '8 success and 8 failure to learn from, 4 success and 4 failure held out' in said
    assert SuccessClassifier.load(out).size == SIZE
    parameters = yaml.safe_load(said.splitlines()[-1])['/**/reward']['ros__parameters']
    assert parameters == {'sources': ['classifier'], 'classifier': str(out)}
    RewardConfig(sources=tuple(parameters['sources']), classifier=parameters['classifier'])
    notes = json.loads(card_path(out).read_text())['notes']
    assert notes['held_out']['failure'] == {'successes': 4, 'trials': 4}


def test_folders_that_cannot_teach_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ClassifierError, match=r'success: got 0 images.*export-images'):
        command.main([str(tmp_path)])
    folder = write_images(tmp_path / 'images', count=2)
    for path in (folder / 'failure').iterdir():
        path.unlink()
    with pytest.raises(ClassifierError, match='failure: got 0 images'):
        command.main([str(folder)])
    for name in ('one.png', 'two.JPG'):
        (folder / 'failure' / name).write_bytes(b'no image')
    with pytest.raises(ClassifierError, match=r'one\.png: cannot identify'):
        command.main([str(folder)])
    with pytest.raises(ConfigError, match='epochs: got 0'):
        command.main([str(folder), '--epochs', '0'])
    with pytest.raises(ClassifierError, match=r'ending in \.safetensors'):
        command.main([str(folder), '--out', 'weights.pt'])


def test_any_png_and_jpeg_is_read_as_rgb(tmp_path: Path) -> None:
    folder = write_images(tmp_path, count=2)
    Image.fromarray(picture(True, 0)).convert('L').save(folder / 'success' / 'grey.jpeg')
    Image.fromarray(picture(True, 0)).convert('RGBA').save(folder / 'success' / 'alpha.png')
    assert read_images(folder, SIZE).images.shape == (6, 3, SIZE, SIZE)


def test_files_that_do_not_belong_together_are_refused(made: Path, tmp_path: Path) -> None:
    path = tmp_path / 'c.safetensors'
    with pytest.raises(ClassifierError, match='No such file'):
        SuccessClassifier.load(path)
    data, card = made.read_bytes(), json.loads(card_path(made).read_text())

    def load_with(changed: bytes, **fields: object) -> None:
        path.write_bytes(changed)
        card_path(path).write_text(json.dumps({**card, **fields}))
        SuccessClassifier.load(path)

    load_with(data)
    with pytest.raises(ClassifierError, match='got sha256'):
        load_with(data[:-1] + b'x')
    with pytest.raises(ClassifierError, match="format 'other'"):
        load_with(data, format='other')
    with pytest.raises(ClassifierError, match='got shape'):
        load_with(data, size=32)
    card_path(path).write_text('[]')
    with pytest.raises(ClassifierError, match='classifier card'):
        SuccessClassifier.load(path)


def test_weights_that_are_not_finite_or_not_whole_are_refused(made: Path) -> None:
    tensors = load(made.read_bytes())
    broken = {**tensors, 'output.bias': np.full(1, np.nan, dtype=np.float32)}
    with pytest.raises(ClassifierError, match=r'output\.bias: .*finite'):
        SuccessClassifier(broken, SIZE)
    for name in ('output.weight', 'encoder.convs.0.bias'):
        with pytest.raises(ClassifierError, match='expected one'):
            SuccessClassifier({n: t for n, t in tensors.items() if n != name}, SIZE)
    with pytest.raises(ClassifierError, match='output: got shapes'):
        SuccessClassifier({**tensors, 'output.bias': np.zeros(2, np.float32)}, SIZE)
