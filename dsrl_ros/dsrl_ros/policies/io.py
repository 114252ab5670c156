"""Policies as files: NAME.safetensors holds the weights, NAME.json beside it is the card.

The card says what the policy takes and gives, how it was made, and the hash of the weights.
Policies that are exported programs: `exported.py`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from dsrl_ros.core.errors import DsrlError, PolicyLoadError
from dsrl_ros.core.factories import is_factory, make
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.policies import cards, exported
from dsrl_ros.policies.base import FrozenPolicy
from dsrl_ros.policies.flow import FlowPolicy, FlowShape, VelocityField
from dsrl_ros.policies.probing import check_policy

FORMAT = 'dsrl-flow-policy/1'
_SHA256 = re.compile('[0-9a-f]{64}')
_SUGGESTION = 'Get the file again, or make it anew with `make base-policy`.'


def save(
    field: VelocityField, spec: PolicySpec, path: Path, notes: Mapping[str, Any]
) -> PolicySpec:
    """Write weights and card.

    Args:
        field: the trained velocity field.
        spec: what the policy takes and gives; its hash is filled in here.
        path: of the weights, ending in `.safetensors`; the card goes beside it.
        notes: how it was made and what it reaches, for people; plain values.

    Returns:
        `spec` with the hash of the weights as written.
    """
    data = safetensors.torch.save(
        {name: tensor.contiguous() for name, tensor in field.state_dict().items()}
    )
    sections = {'shape': dataclasses.asdict(field.shape), 'notes': dict(notes)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return cards.write_card(path, FORMAT, spec, sections)


def read_card(path: Path) -> dict[str, Any]:
    """Read the card that lies beside the weights at `path`.

    Raises:
        PolicyLoadError: a card that is missing, not JSON, or of another format.
    """
    return cards.read_card(path, FORMAT, _SUGGESTION)


def load(path: Path) -> FrozenPolicy:
    """Load a policy of any kind, told by its name.

    Args:
        path: weights ending in `.safetensors`, or a program ending in one of
            `exported.SUFFIXES`; the card lies beside it. Or module:factory, a function without
            arguments that returns a `FrozenPolicy`.

    Raises:
        PolicyLoadError: a file or a card that is missing, corrupt, of another kind, shape or hash;
            what a factory made is no policy, or has answers that cannot be steered.
        ConfigError: no such factory.
    """
    if is_factory(str(path)):
        return _made(str(path))
    if path.suffix in exported.SUFFIXES:
        return exported.load(path)
    if path.suffix == '.safetensors':
        return load_flow(path)
    raise PolicyLoadError(
        f'policy {path}: got {path.suffix!r}, expected one of .safetensors, '
        f'{", ".join(exported.SUFFIXES)}, or module:factory.'
    )


def _made(name: str) -> FrozenPolicy:
    """Return the policy that a function of the user's makes, checked as a file's is."""
    policy: FrozenPolicy = make('policy', name)
    spec = getattr(policy, 'spec', None)
    if not isinstance(spec, PolicySpec) or not callable(policy):
        raise PolicyLoadError(
            f'policy {name}: got {type(policy).__name__}, expected a FrozenPolicy: an object with '
            'a PolicySpec as spec, called with state and noise. Return '
            'policies.exported.ExportedPolicy(spec, program), or a class like it.'
        )
    if not _SHA256.fullmatch(spec.sha256):
        raise PolicyLoadError(
            f'policy {name}: got sha256 {spec.sha256!r}, expected 64 hexadecimal digits: what was '
            'learned belongs to one set of weights. Take hashlib.sha256 of their file.'
        )
    check_policy(policy)
    return policy


def load_flow(path: Path) -> FlowPolicy:
    """Load a flow-matching policy.

    Args:
        path: of the weights, ending in `.safetensors`.

    Raises:
        PolicyLoadError: weights or card that are missing, corrupt, of another shape, or of
            another hash.
    """
    card = read_card(path)
    spec, shape = cards.spec_of(card, path, _SUGGESTION), _shape(card, path)
    sizes = (spec.state_dim, spec.horizon, spec.action_dim)
    if (shape.state_dim, shape.horizon, shape.action_dim) != sizes:
        problem = f'got {shape} with O, H, A = {sizes} in its section spec'
        raise cards.card_error(path, f'{problem}, expected the same sizes in both', _SUGGESTION)
    if spec.image_names:
        raise cards.card_error(
            path,
            f'got cameras {", ".join(spec.image_names)}, expected none: these weights take a '
            'state alone',
            'Leave image_names out, or export the policy as a program.',
        )
    data, spec = cards.read_checked(path, spec, _SUGGESTION)
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise cards.file_error(path, f'{error}, expected safetensors', _SUGGESTION) from error
    field = VelocityField(shape)
    want = {name: tuple(tensor.shape) for name, tensor in field.state_dict().items()}
    have = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))
    if wrong:
        got = ', '.join(f'{name} of shape {have.get(name, "none")}' for name in wrong)
        expected = ', '.join(f'{want.get(name, "none")}' for name in wrong)
        problem = f'got {got}, expected {expected} as its card says'
        raise cards.file_error(path, problem, _SUGGESTION)
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            problem = f'got non-finite entries in {name}, expected finite weights'
            raise cards.file_error(path, problem, _SUGGESTION)
    field.load_state_dict(tensors)
    return FlowPolicy(spec, field)


def _shape(card: Mapping[str, Any], path: Path) -> FlowShape:
    try:
        return FlowShape(**card['shape'])
    except (KeyError, TypeError, DsrlError) as error:
        problem = f'{error!s} in its section shape, expected the fields of FlowShape'
        raise cards.card_error(path, problem, _SUGGESTION) from error
