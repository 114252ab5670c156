"""A policy file is either loaded exactly as saved, or refused with a reason."""

from __future__ import annotations

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from toy_flow import SPEC, arguments

from dsrl_ros.core.errors import PolicyLoadError
from dsrl_ros.policies import cards, io
from dsrl_ros.policies.flow import FlowPolicy, FlowShape, VelocityField


def make_field(width=32):
    torch.manual_seed(0)
    return VelocityField(FlowShape(state_dim=3, horizon=4, action_dim=2, width=width, depth=2))


@pytest.fixture
def path(tmp_path):
    path = tmp_path / 'small.safetensors'
    io.save(make_field(), SPEC, path, {'script': 'a test'})
    return path


def edit_card(path, change):
    card_path = path.with_suffix('.json')
    card = json.loads(card_path.read_text())
    change(card)
    card_path.write_text(json.dumps(card))


def test_a_loaded_policy_answers_as_the_saved_one(path):
    """What is deployed is what was trained, to the bit."""
    np.testing.assert_array_equal(
        io.load(path)(*arguments()), FlowPolicy(SPEC, make_field())(*arguments())
    )


def test_the_card_names_the_hash_of_the_weights(path, tmp_path):
    """Equal weights have equal hashes, and the spec carries it to every node."""
    spec = io.load(path).spec
    assert len(spec.sha256) == 64
    again = io.save(make_field(), SPEC, tmp_path / 'again.safetensors', {})
    assert again == spec
    assert io.read_card(path)['notes'] == {'script': 'a test'}


def test_a_missing_file_is_named(path, tmp_path):
    with pytest.raises(PolicyLoadError, match=r'nowhere\.json: no such file, expected it beside'):
        io.load(tmp_path / 'nowhere.safetensors')
    path.unlink()
    with pytest.raises(PolicyLoadError, match=r'small\.safetensors: No such file'):
        io.load(path)


@pytest.mark.parametrize('damage', [b'', b'not tensors', None], ids=['empty', 'text', 'one byte'])
def test_damaged_weights_are_refused_by_their_hash(path, damage):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data) if damage is None else damage)
    with pytest.raises(PolicyLoadError, match=r'got sha256 [0-9a-f]{64}, expected [0-9a-f]{64}'):
        io.load(path)


def rehash(path, data):
    path.write_bytes(data)
    edit_card(path, lambda card: card['spec'].update(sha256=cards.sha256_of(data)))


def test_a_file_that_is_no_safetensors_is_refused_even_with_its_hash(path):
    rehash(path, b'\x80\x04 a pickle, say')
    with pytest.raises(PolicyLoadError, match='expected safetensors'):
        io.load(path)


def test_weights_of_another_shape_are_refused(path):
    rehash(path, safetensors.torch.save(make_field(width=16).state_dict()))
    with pytest.raises(
        PolicyLoadError, match=r'got layers\.0\.bias of shape \(16,\).*expected \(32,\)'
    ):
        io.load(path)


def test_weights_that_are_not_finite_are_refused(path):
    tensors = make_field().state_dict()
    tensors['layers.0.bias'][3] = torch.nan
    rehash(path, safetensors.torch.save(tensors))
    with pytest.raises(PolicyLoadError, match=r'non-finite entries in layers\.0\.bias'):
        io.load(path)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda card: card.update(format='other/9'), "got format 'other/9', expected 'dsrl-flow-"),
        (lambda card: card['spec'].pop('horizon'), 'horizon.* in its section spec'),
        (lambda card: card['spec'].update(colour='red'), 'colour.* in its section spec'),
        (lambda card: card['spec'].update(control_mode='FLY'), 'FLY.* in its section spec'),
        (lambda card: card['spec'].update(horizon='4'), 'in its section spec'),
        (lambda card: card['spec'].update(action_low=[0.0]), 'action_low: got 1 entries'),
        (lambda card: card.pop('shape'), 'in its section shape'),
        (lambda card: card['shape'].update(width='wide'), 'width.* in its section shape'),
        (lambda card: card['shape'].update(horizon=5), 'expected the same sizes in both'),
        (
            lambda card: card['spec'].update(
                image_names=['wrist'], image_heights=[48], image_widths=[64]
            ),
            'got cameras wrist, expected none: these weights take a state alone',
        ),
    ],
)
def test_a_card_that_does_not_fit_is_refused(path, change, message):
    edit_card(path, change)
    with pytest.raises(PolicyLoadError, match=message):
        io.load(path)


@pytest.mark.parametrize('text', ['', '{', '[]', '\x00\xff'])
def test_a_card_that_is_no_card_is_refused(path, text):
    path.with_suffix('.json').write_text(text)
    with pytest.raises(PolicyLoadError, match=r'small\.json'):
        io.load(path)


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(PolicyLoadError, match=r"got '\.onnx', expected one of \.safe"):
        io.load(tmp_path / 'model.onnx')
