"""Policies as files: NAME.safetensors holds the weights, NAME.json beside it is the card.

The card says what the policy takes and gives, how it was made, and the hash of the weights.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from dsrl_ros.core.errors import DsrlError, PolicyLoadError
from dsrl_ros.core.types import ControlMode, PolicySpec
from dsrl_ros.policies.flow import FlowPolicy, FlowShape, VelocityField

FORMAT = 'dsrl-flow-policy/1'
_SUGGESTION = 'Get the file again, or make it anew with `make base-policy`.'


def sha256_of(data: bytes) -> str:
    """Return the hash by which a policy is known, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


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
    spec = dataclasses.replace(spec, sha256=sha256_of(data))
    described = dataclasses.asdict(spec)
    described['control_mode'] = spec.control_mode.name
    card = {
        'format': FORMAT,
        'spec': described,
        'shape': dataclasses.asdict(field.shape),
        'notes': dict(notes),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.with_suffix('.json').write_text(json.dumps(card, indent=2) + '\n')
    return spec


def read_card(path: Path) -> dict[str, Any]:
    """Read the card that lies beside the weights at `path`.

    Raises:
        PolicyLoadError: a card that is missing, not JSON, or of another format.
    """
    card_path = path.with_suffix('.json')
    try:
        card = json.loads(card_path.read_text())
    except FileNotFoundError:
        raise PolicyLoadError(
            f'policy card {card_path}: no such file, expected it beside the weights. {_SUGGESTION}'
        ) from None
    except (OSError, ValueError) as error:
        raise PolicyLoadError(
            f'policy card {card_path}: {error}, expected readable JSON. {_SUGGESTION}'
        ) from error
    got = card.get('format') if isinstance(card, dict) else type(card).__name__
    if got != FORMAT:
        raise PolicyLoadError(
            f'policy card {card_path}: got format {got!r}, expected {FORMAT!r}. {_SUGGESTION}'
        )
    return dict(card)


def load(path: Path) -> FlowPolicy:
    """Load a policy.

    Args:
        path: of the weights, ending in `.safetensors`.

    Raises:
        PolicyLoadError: weights or card that are missing, corrupt, of another shape, or of
            another hash.
    """
    if path.suffix != '.safetensors':
        raise PolicyLoadError(f'policy {path}: got {path.suffix!r}, expected a .safetensors file.')
    card = read_card(path)
    spec, shape = _spec(card, path), _shape(card, path)
    sizes = (spec.state_dim, spec.horizon, spec.action_dim)
    if (shape.state_dim, shape.horizon, shape.action_dim) != sizes:
        raise PolicyLoadError(
            f'policy card {path.with_suffix(".json")}: got {shape} with O, H, A = {sizes} in its '
            f'section spec, expected the same sizes in both. {_SUGGESTION}'
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PolicyLoadError(
            f'policy {path}: {error.strerror}, expected a readable safetensors file. {_SUGGESTION}'
        ) from error
    got = sha256_of(data)
    if got != spec.sha256:
        raise PolicyLoadError(
            f'policy {path}: got sha256 {got}, expected {spec.sha256} as its card says. The file '
            f'is damaged or not the one the card was written for. {_SUGGESTION}'
        )
    try:
        tensors = safetensors.torch.load(data)
    except SafetensorError as error:
        raise PolicyLoadError(
            f'policy {path}: {error}, expected safetensors. {_SUGGESTION}'
        ) from error
    field = VelocityField(shape)
    want = {name: tuple(tensor.shape) for name, tensor in field.state_dict().items()}
    have = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    wrong = sorted(name for name in want.keys() | have.keys() if want.get(name) != have.get(name))
    if wrong:
        raise PolicyLoadError(
            f'policy {path}: got '
            + ', '.join(f'{name} of shape {have.get(name, "none")}' for name in wrong)
            + ', expected '
            + ', '.join(f'{want.get(name, "none")}' for name in wrong)
            + f' as its card says. {_SUGGESTION}'
        )
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise PolicyLoadError(
                f'policy {path}: got non-finite entries in {name}, expected finite weights. '
                f'{_SUGGESTION}'
            )
    field.load_state_dict(tensors)
    return FlowPolicy(spec, field)


def _spec(card: Mapping[str, Any], path: Path) -> PolicySpec:
    try:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in card['spec'].items()
        }
        values['control_mode'] = ControlMode[values['control_mode']]
        return PolicySpec(**values)
    except (KeyError, TypeError, AttributeError, DsrlError) as error:
        raise PolicyLoadError(
            f'policy card {path.with_suffix(".json")}: {error!s} in its section spec, expected '
            f'the fields of PolicySpec. {_SUGGESTION}'
        ) from error


def _shape(card: Mapping[str, Any], path: Path) -> FlowShape:
    try:
        return FlowShape(**card['shape'])
    except (KeyError, TypeError, DsrlError) as error:
        raise PolicyLoadError(
            f'policy card {path.with_suffix(".json")}: {error!s} in its section shape, expected '
            f'the fields of FlowShape. {_SUGGESTION}'
        ) from error
