"""Checkpoints: all that a bit-equal continuation needs, hashed, complete or not there at all."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes

from dsrl_ros.core.errors import CheckpointError
from dsrl_ros.core.options import to_mapping
from dsrl_ros.learning.algorithms.actor_critic import TEMPERATURE_LEARNING_RATE
from dsrl_ros.learning.algorithms.dsrl_na import FRESH
from dsrl_ros.learning.learner import Learner, StateGroups

FORMAT = 'dsrl-checkpoint-2'
_MANIFEST = 'manifest.json'
_TEMPORARY = '.incomplete-'


@dataclass(frozen=True)
class Counters:
    """Where a run stood when the checkpoint was written.

    Attributes:
        trained_episodes: episodes learned from in full.
        next_sequence: sequence number of the next transition.
        weights_version: of the newest weights sent out.
    """

    trained_episodes: int
    next_sequence: int
    weights_version: int


class CheckpointStore:
    """The checkpoints of one run, one folder each, named by trained episodes.

    Args:
        root: folder that holds them; made when it is missing.
        keep: newest ones that stay.
    """

    def __init__(self, root: Path, keep: int = 2) -> None:
        self._root = root
        self._keep = keep

    def save(self, learner: Learner, counters: Counters) -> Path:
        """Write a checkpoint.

        Everything goes to a temporary folder, is synced to the disk and renamed: a crash at any
        moment leaves the checkpoint whole or not there.

        Returns:
            Its folder.
        """
        self._root.mkdir(parents=True, exist_ok=True)
        name = f'{counters.trained_episodes:06d}'
        temporary = self._root / f'{_TEMPORARY}{name}'
        final = self._root / name
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        hashes = {}
        for group, tensors in learner.state_groups().items():
            data = tensor_bytes(tensors)
            hashes[group] = hashlib.sha256(data).hexdigest()
            _write(temporary / f'{group}.safetensors', data)
        manifest = {
            'format': FORMAT,
            'policy_sha256': learner.spec.sha256,
            'config': to_mapping(learner.config),
            'counters': counters.__dict__,
            'sha256': hashes,
        }
        _write(temporary / _MANIFEST, json.dumps(manifest, indent=2, sort_keys=True).encode())
        _sync_folder(temporary)
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        _sync_folder(self._root)
        for old in self.complete()[: -self._keep]:
            shutil.rmtree(old, ignore_errors=True)
        return final

    def latest_complete(self) -> Path | None:
        """Return the newest complete checkpoint, or None."""
        complete = self.complete()
        return complete[-1] if complete else None

    def complete(self) -> list[Path]:
        """Return every complete checkpoint, oldest first."""
        if not self._root.is_dir():
            return []
        folders = [path for path in self._root.iterdir() if path.name.isdigit()]
        return sorted(folders, key=lambda path: int(path.name))


def load_checkpoint(path: Path, learner: Learner) -> Counters:
    """Put `learner` where it stood when the checkpoint was written.

    Args:
        path: folder of the checkpoint.
        learner: built for the same policy and configuration; as before when this raises.

    Returns:
        The counters of the run.

    Raises:
        CheckpointError: incomplete, corrupt, of another policy or configuration.
    """
    manifest = _read_manifest(path)
    if manifest['policy_sha256'] != learner.spec.sha256:
        raise CheckpointError(
            f'{path}: made with policy {manifest["policy_sha256"][:12]}, expected '
            f'{learner.spec.sha256[:12]}. Resume with the policy of the run.'
        )
    own, given = to_mapping(learner.config), manifest['config']
    # Options of older checkpoints that are gone: another value would be lost in silence.
    gone = {
        'temperature_learning_rate': TEMPERATURE_LEARNING_RATE,
        'noise_critic_learning_rate': own['critic_learning_rate'],
        'distill_fresh': FRESH,
    }
    own |= {key: value for key, value in gone.items() if key in given}
    different = [
        f'{key}: {given.get(key)!r} there, {own.get(key)!r} here'
        for key in sorted({*own, *given})
        if own.get(key) != given.get(key)
    ]
    if different:
        raise CheckpointError(
            f'{path}: made with another configuration ({"; ".join(different)}). '
            'Resume with the configuration of the checkpoint.'
        )
    groups, before = _read_groups(path, manifest['sha256']), learner.state_groups()
    try:
        learner.load_state_groups(groups)
    except Exception:
        # Groups are taken over one after the other: the first ones fit, and stand already.
        learner.load_state_groups(before)
        raise
    return Counters(**manifest['counters'])


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((path / _MANIFEST).read_bytes())
        found = manifest['format']
        complete = {'policy_sha256', 'config', 'counters', 'sha256'} <= set(manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CheckpointError(
            f'{path}: no readable {_MANIFEST} ({error}). Use an older checkpoint.'
        ) from error
    if found != FORMAT or not complete:
        raise CheckpointError(
            f'{path}: got format {found!r}, expected a complete {FORMAT}. '
            'Use the version of the suite that wrote it.'
        )
    return manifest


def _read_groups(path: Path, hashes: Mapping[str, str]) -> StateGroups:
    groups: StateGroups = {}
    for group, expected in hashes.items():
        file = path / f'{group}.safetensors'
        try:
            data = file.read_bytes()
        except OSError as error:
            raise CheckpointError(f'{file}: cannot be read ({error}).') from error
        found = hashlib.sha256(data).hexdigest()
        if found != expected:
            raise CheckpointError(
                f'{file}: got sha256 {found[:12]}, expected {expected[:12]}: the file is '
                'corrupt. Use an older checkpoint.'
            )
        try:
            groups[group] = read_tensors(data)
        except SafetensorError as error:
            raise CheckpointError(f'{file}: not safetensors ({error}).') from error
    return groups


def _write(path: Path, data: bytes) -> None:
    with path.open('wb') as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
