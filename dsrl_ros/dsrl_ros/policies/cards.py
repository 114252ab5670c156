"""Policy cards: the JSON beside a policy's file that says what the policy takes and gives."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dsrl_ros.core.errors import DsrlError, PolicyLoadError
from dsrl_ros.core.types import ControlMode, PolicySpec


def sha256_of(data: bytes) -> str:
    """Return the hash by which a policy is known, 64 hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def card_path(path: Path) -> Path:
    """Return where the card of the policy at `path` lies."""
    return path.with_suffix('.json')


def card_error(path: Path, problem: str, suggestion: str) -> PolicyLoadError:
    """Return the error for the card of the policy at `path`.

    Args:
        path: of the policy file.
        problem: what is there and what was expected.
        suggestion: what to do, a sentence.
    """
    return PolicyLoadError(f'policy card {card_path(path)}: {problem}. {suggestion}')


def file_error(path: Path | str, problem: str, suggestion: str) -> PolicyLoadError:
    """Return the error for the policy at `path` itself; arguments as in `card_error`."""
    return PolicyLoadError(f'policy {path}: {problem}. {suggestion}')


def write_card(
    path: Path, card_format: str, spec: PolicySpec, sections: Mapping[str, Any]
) -> PolicySpec:
    """Write the card of the policy file at `path`, which is there already.

    Args:
        path: of the policy file; the card goes beside it.
        card_format: its format string.
        spec: what the policy takes and gives; its hash is filled in here.
        sections: what else the card says; plain values.

    Returns:
        `spec` with the hash of the file.
    """
    spec = dataclasses.replace(spec, sha256=sha256_of(path.read_bytes()))
    described = dataclasses.asdict(spec)
    described['control_mode'] = spec.control_mode.name
    card = {'format': card_format, 'spec': described, **sections}
    card_path(path).write_text(json.dumps(card, indent=2) + '\n')
    return spec


def read_card(path: Path, card_format: str, suggestion: str) -> dict[str, Any]:
    """Read the card that lies beside the policy file at `path`.

    Args:
        path: of the policy file.
        card_format: the format string expected.
        suggestion: what to do about a bad card, a sentence.

    Raises:
        PolicyLoadError: a card that is missing, not JSON, or of another format.
    """
    try:
        card = json.loads(card_path(path).read_text())
    except FileNotFoundError:
        raise card_error(path, 'no such file, expected it beside the policy', suggestion) from None
    except (OSError, ValueError) as error:
        raise card_error(path, f'{error}, expected readable JSON', suggestion) from error
    got = card.get('format') if isinstance(card, dict) else type(card).__name__
    if got != card_format:
        raise card_error(path, f'got format {got!r}, expected {card_format!r}', suggestion)
    return dict(card)


def spec_of(card: Mapping[str, Any], path: Path, suggestion: str) -> PolicySpec:
    """Return what a card says that its policy takes and gives.

    Raises:
        PolicyLoadError: fields that are missing, unknown or out of range.
    """
    try:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in card['spec'].items()
        }
        values['control_mode'] = ControlMode[values['control_mode']]
        return PolicySpec(**values)
    except (KeyError, TypeError, AttributeError, DsrlError) as error:
        problem = f'{error!s} in its section spec, expected the fields of PolicySpec'
        raise card_error(path, problem, suggestion) from error


def read_checked(path: Path, spec: PolicySpec, suggestion: str) -> tuple[bytes, PolicySpec]:
    """Return the bytes of the policy file at `path`, and `spec` with their hash.

    Args:
        path: of the policy file.
        spec: holds the hash expected; an empty one expects nothing.
        suggestion: what to do about a bad file, a sentence.

    Raises:
        PolicyLoadError: it cannot be read, or has another hash.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        problem = f'{error.strerror}, expected a readable file'
        raise file_error(path, problem, suggestion) from error
    got = sha256_of(data)
    if spec.sha256 and got != spec.sha256:
        problem = f'got sha256 {got}, expected {spec.sha256} as its card says. The file is damaged'
        raise file_error(path, f'{problem} or not the one the card was written for', suggestion)
    return data, dataclasses.replace(spec, sha256=got)
