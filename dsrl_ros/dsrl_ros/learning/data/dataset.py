"""Offline data as a file: transitions in safetensors columns, what they are for in its header.

Owns the format; which data a learner can use is its own matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from dsrl_ros.core.errors import DatasetError
from dsrl_ros.core.types import (
    DecisionKey,
    Noise,
    NoiseLayout,
    NoiseSource,
    Observation,
    PolicySpec,
    RewardSource,
    Transition,
)
from dsrl_ros.learning.config import LearnerConfig

FORMAT = 'dsrl-transitions-1'
_ROBOT = 'offline'
_PHASE = 'offline'
_AGREE = ('state_names', 'action_names', 'horizon')

# Parts of an observation that may be missing: their type, their dimensions and one for N.
_OPTIONAL: dict[str, tuple[type[np.generic], int]] = {
    'image': (np.uint8, 4),
    'features': (np.float32, 2),
}

Columns = dict[str, NDArray[Any]]


def save_transitions(path: Path, transitions: Sequence[Transition], spec: PolicySpec) -> None:
    """Write transitions, in the order given.

    Columns: `state`, `next_state` (N, O); `action` (N, H, A), of which the first `executed` (N,)
    rows count; `reward`, `discount`, `terminated`, `truncated`, `episode`, `decision`,
    `reward_source` (N,); with noise `noise` (N, R, A), `noise_source` and `weights_version` (N,),
    the source being 0 where there is none; with images `image` and `next_image` (N, C, H, W), with
    given features `features` and `next_features` (N, F). Files of before lack `reward_source`.

    Args:
        path: of the file, ending in `.safetensors`.
        transitions: at least one; all noise in one layout; images and features in all or in none.
        spec: the policy they were collected with, or for demonstrations are meant for.

    Raises:
        DatasetError: nothing to write, or transitions that do not fit into one file.
        ShapeMismatchError, NonFiniteError: an observation does not fit the policy.
    """
    if not transitions:
        raise DatasetError(f'{path}: got 0 transitions to write, expected at least 1.')
    for transition in transitions:
        spec.check_state(transition.observation.state)
        spec.check_state(transition.next_observation.state)
    noises = [transition.noise for transition in transitions if transition.noise is not None]
    columns = {
        **_plain_columns(path, transitions, spec),
        **(_noise_columns(path, transitions, noises[0]) if noises else {}),
        **_optional_columns(path, transitions),
    }
    about = {
        'format': FORMAT,
        **{name: getattr(spec, name) for name in _AGREE},
        # Without noise the data is nobody's: any policy of these states and actions may use it.
        'policy_sha256': spec.sha256 if noises else None,
        'noise_layout': noises[0].layout.name if noises else None,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(save(columns, metadata={'transitions': json.dumps(about, sort_keys=True)}))


def load_transitions(
    path: Path, spec: PolicySpec, config: LearnerConfig | None = None
) -> list[Transition]:
    """Read transitions; their phase is 'offline', and the run of their keys the file's hash.

    Args:
        path: of the file.
        spec: the policy that is steered.
        config: of the learner; its discount, by the steps executed, then takes the place of the
            one in the file.

    Raises:
        DatasetError: a file that is missing, corrupt, non-finite, or was made for another policy,
            other states, actions or horizon.
    """
    try:
        data = path.read_bytes()
        columns = load(data)
        about = _read_about(data)
    except OSError as error:
        raise DatasetError(
            f'{path}: {error.strerror}, expected a readable file of transitions. Check the path.'
        ) from error
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(
            f'{path}: cannot be read as {FORMAT} ({error}). Write it with save_transitions.'
        ) from error
    _check_about(path, about, spec)
    _check_columns(path, columns, spec)
    layout = NoiseLayout[about['noise_layout'] or 'UNSET']
    run = hashlib.sha256(data).hexdigest()[:32]
    return [_transition(columns, i, run, layout, config) for i in range(len(columns['reward']))]


def _plain_columns(path: Path, transitions: Sequence[Transition], spec: PolicySpec) -> Columns:
    action = np.zeros((len(transitions), spec.horizon, spec.action_dim), dtype=np.float32)
    for row, transition in zip(action, transitions, strict=True):
        steps = transition.action
        if steps.ndim != 2 or len(steps) > spec.horizon or steps.shape[1] != spec.action_dim:
            raise DatasetError(
                f'{path}: got an action {steps.shape} in transition {transition.key}, expected '
                f'at most {spec.horizon} steps of {spec.action_dim}. Write it with the policy '
                'that it was collected with.'
            )
        row[: len(steps)] = steps
    return {
        'state': np.stack([t.observation.state for t in transitions]).astype(np.float32),
        'next_state': np.stack([t.next_observation.state for t in transitions]).astype(np.float32),
        'action': action,
        'executed': np.array([len(t.action) for t in transitions], dtype=np.int64),
        'reward': np.array([t.reward for t in transitions], dtype=np.float64),
        'discount': np.array([t.discount for t in transitions], dtype=np.float64),
        'terminated': np.array([t.terminated for t in transitions], dtype=np.bool_),
        'truncated': np.array([t.truncated for t in transitions], dtype=np.bool_),
        'episode': np.array([t.key.episode for t in transitions], dtype=np.int64),
        'decision': np.array([t.key.decision for t in transitions], dtype=np.int64),
        'reward_source': np.array([t.reward_source for t in transitions], dtype=np.uint8),
    }


def _noise_columns(path: Path, transitions: Sequence[Transition], first: Noise) -> Columns:
    rows = np.zeros((len(transitions), *first.rows.shape), dtype=np.float32)
    source = np.zeros(len(transitions), dtype=np.uint8)
    version = np.zeros(len(transitions), dtype=np.int64)
    for i, transition in enumerate(transitions):
        if (noise := transition.noise) is None:
            continue
        if noise.layout != first.layout or noise.rows.shape != first.rows.shape:
            raise DatasetError(
                f'{path}: got noise {noise.rows.shape} in layout {noise.layout.name} in '
                f'transition {transition.key}, expected {first.rows.shape} in '
                f'{first.layout.name} as before. Write one file per layout.'
            )
        rows[i], source[i], version[i] = noise.rows, noise.source, noise.weights_version
    return {'noise': rows, 'noise_source': source, 'weights_version': version}


def _optional_columns(path: Path, transitions: Sequence[Transition]) -> Columns:
    columns: Columns = {}
    seen = [side for t in transitions for side in (t.observation, t.next_observation)]
    for name, (dtype, ndim) in _OPTIONAL.items():
        parts = [part for one in seen if (part := getattr(one, name)) is not None]
        if not parts:
            continue
        kinds = {(part.shape, part.dtype.name) for part in parts}
        if len(parts) < len(seen) or len(kinds) > 1 or (parts[0].ndim, parts[0].dtype) != (
            ndim - 1, dtype
        ):  # fmt: skip
            raise DatasetError(
                f'{path}: got {name} of {sorted(kinds)} in {len(parts)} of {len(seen)} '
                f'observations, expected {dtype.__name__} of one shape in all or in none.'
            )
        columns[name], columns[f'next_{name}'] = np.stack(parts[::2]), np.stack(parts[1::2])
    return columns


def _observation(columns: Columns, i: int, prefix: str) -> Observation:
    names = ('state', *_OPTIONAL)
    return Observation(**{n: columns[prefix + n][i] for n in names if n in columns})


def _read_about(data: bytes) -> dict[str, Any]:
    """Read the metadata, which `safetensors.numpy.load` does not return."""
    length = int.from_bytes(data[:8], 'little')
    about = json.loads(json.loads(data[8 : 8 + length])['__metadata__']['transitions'])
    if not isinstance(about, dict) or about.get('format') != FORMAT:
        raise ValueError('another format')
    return about


def _check_about(path: Path, about: dict[str, Any], spec: PolicySpec) -> None:
    """Raise unless the file was made for states, actions and policy of `spec`."""
    for name in _AGREE:
        want = getattr(spec, name)
        want = list(want) if isinstance(want, tuple) else want
        if about.get(name) != want:
            raise DatasetError(
                f'{path}: got {name} {about.get(name)!r}, expected {want!r} as the policy has '
                'them. Use the policy that the data was made for.'
            )
    layout = about.get('noise_layout')
    if layout is not None and layout not in NoiseLayout.__members__:
        raise DatasetError(
            f'{path}: got noise layout {layout!r}, expected one of '
            f'{", ".join(NoiseLayout.__members__)}.'
        )
    sha256 = about.get('policy_sha256')
    if sha256 is not None and sha256 != spec.sha256:
        raise DatasetError(
            f'{path}: holds noise of policy {str(sha256)[:12]}, expected {spec.sha256[:12]}: a '
            'noise means something to its own policy only. Use that policy, or write the data '
            'without noise.'
        )


def _check_columns(path: Path, columns: Columns, spec: PolicySpec) -> None:
    """Raise unless every column has its shape, type and range."""
    count = len(columns['reward']) if columns.get('reward', np.zeros(())).ndim else 0
    expected: dict[str, tuple[tuple[int, ...], type[np.generic]]] = {
        'state': ((count, spec.state_dim), np.float32),
        'next_state': ((count, spec.state_dim), np.float32),
        'action': ((count, spec.horizon, spec.action_dim), np.float32),
        'reward': ((count,), np.float64),
        'discount': ((count,), np.float64),
        'executed': ((count,), np.int64),
        'terminated': ((count,), np.bool_),
        'truncated': ((count,), np.bool_),
        'episode': ((count,), np.int64),
        'decision': ((count,), np.int64),
    }
    if 'reward_source' in columns:
        expected['reward_source'] = ((count,), np.uint8)
    if 'noise' in columns:
        rows = columns['noise'].shape[1] if columns['noise'].ndim == 3 else 0
        expected['noise'] = ((count, rows, spec.action_dim), np.float32)
        expected['noise_source'] = ((count,), np.uint8)
        expected['weights_version'] = ((count,), np.int64)
    for name, (dtype, ndim) in _OPTIONAL.items():
        if name in columns:
            shape = (count, *columns[name].shape[1:ndim])
            expected[name] = expected[f'next_{name}'] = (shape, dtype)
    if set(columns) != set(expected) or not count:
        raise DatasetError(
            f'{path}: got {count} transitions with columns {sorted(columns)}, expected at least '
            f'1 with {sorted(expected)}. Write the file with save_transitions.'
        )
    for name, (shape, dtype) in expected.items():
        got = columns[name]
        if got.shape != shape or got.dtype != dtype:
            raise DatasetError(
                f'{path}: got {name} {got.shape} {got.dtype}, expected {shape} {dtype.__name__}. '
                'Write the file with save_transitions.'
            )
        if got.dtype.kind == 'f' and not np.isfinite(got).all():
            raise DatasetError(
                f'{path}: got non-finite entries in {name}, expected finite numbers. '
                'Leave out what a sensor or a policy has spoiled.'
            )
    ranges = {
        'executed': (0, spec.horizon),
        'discount': (0, 1),
        'noise_source': (0, max(NoiseSource)),
        'reward_source': (0, max(RewardSource)),
    }
    for name, (low, high) in ranges.items():
        if name not in columns:
            continue
        got = columns[name]
        if not ((got >= low) & (got <= high)).all():
            raise DatasetError(
                f'{path}: got {name} from {got.min()} to {got.max()}, expected {low} to {high}. '
                'Write the file with save_transitions.'
            )


def _transition(
    columns: Columns, i: int, run: str, layout: NoiseLayout, config: LearnerConfig | None
) -> Transition:
    executed = int(columns['executed'][i])
    discount = float(columns['discount'][i])
    source = int(columns['noise_source'][i]) if 'noise' in columns else 0
    judge = int(columns['reward_source'][i]) if 'reward_source' in columns else 0
    return Transition(
        key=DecisionKey(_ROBOT, run, int(columns['episode'][i]), int(columns['decision'][i])),
        sequence=i,
        observation=_observation(columns, i, ''),
        noise=Noise(
            columns['noise'][i], layout, NoiseSource(source), int(columns['weights_version'][i])
        )
        if source
        else None,
        action=columns['action'][i, :executed],
        reward=float(columns['reward'][i]),
        discount=discount if config is None else config.transition_discount(executed),
        terminated=bool(columns['terminated'][i]),
        truncated=bool(columns['truncated'][i]),
        next_observation=_observation(columns, i, 'next_'),
        phase=_PHASE,
        reward_source=RewardSource(judge),
    )
