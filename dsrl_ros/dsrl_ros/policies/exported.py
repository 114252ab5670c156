"""Frozen policies that are programs: TorchScript (`.pt`, `.ts`) or torch.export (`.pt2`).

A program takes state (B, O) and noise (B, H, A) and returns actions (B, H, A), all float32, in
robot units. Behind these it takes the RGB images of its cameras, if it has any, one tensor
(B, height, width, 3) uint8 for each of `image_names`. Nothing is resized or normalised for it:
that is part of the program. NAME.json beside it is its card. `archives.py` says what a file may
hold.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dsrl_ros.core.errors import PolicyLoadError, ShapeMismatchError
from dsrl_ros.core.types import Array, ControlMode, ImageArray, PolicySpec
from dsrl_ros.policies import cards
from dsrl_ros.policies.archives import ArchiveError, check_exported, check_torchscript
from dsrl_ros.policies.base import check_input, limit_output
from dsrl_ros.policies.probing import check_answers

FORMAT = 'dsrl-exported-policy/1'
SUFFIXES = ('.pt', '.ts', '.pt2')
_SUGGESTION = 'Write it with policies.exported.write_card.'

Program = Callable[..., Tensor]  # of state, noise and images


class ExportedPolicy:
    """A program as a `SeeingPolicy`.

    Args:
        spec: what it takes and gives; an attribute as well.
        program: see the module; takes tensors on the CPU, and may return them from elsewhere.
    """

    def __init__(self, spec: PolicySpec, program: Program) -> None:
        self.spec = spec
        self._program = program

    def __call__(self, state: Array, noise: Array) -> Array:
        """Turn noise into actions; see `FrozenPolicy`."""
        return self.see(state, noise, ())

    def see(self, state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        """Turn noise into actions; see `SeeingPolicy`."""
        check_input(self.spec, state, noise, images)
        return limit_output(self.spec, self._answer(state, noise, images))

    def check(self) -> None:
        """Ask the program a few times whether it is what steering needs.

        Raises:
            ShapeMismatchError: it cannot take the shapes of its spec, or gives others.
            PolicyLoadError: its answers are random, depend on the rest of the batch, or do not
                depend on the noise.
        """
        check_answers(self.spec, self._answer)

    def _answer(self, state: Array, noise: Array, images: Sequence[ImageArray]) -> Array:
        """Return the program's actions as they are.

        Raises:
            ShapeMismatchError: it cannot take the shapes of the spec, or gives others.
        """
        # A view of a caller's array may be read-only or reversed: torch takes neither.
        given = [torch.from_numpy(np.array(x, dtype=np.float32)) for x in (state, noise)]
        given += [torch.from_numpy(np.array(image)) for image in images]
        try:
            with torch.inference_mode():
                actions = self._program(*given)
        except Exception as error:
            line = (str(error).strip().splitlines() or [''])[-1]
            seen = f' and images {", ".join(str(x.shape) for x in images)}' if images else ''
            shapes = ', '.join(["{0: 'B'}"] * len(given))
            raise ShapeMismatchError(
                f'policy {self.spec.name}: got {type(error).__name__} for state {state.shape} '
                f'and noise {noise.shape}{seen}: {line}. Expected actions for any batch size: '
                f'script a program rather than trace it, or export it with dynamic_shapes='
                f'({shapes}); or mend the sizes in its card.'
            ) from error
        if not isinstance(actions, Tensor) or actions.shape != noise.shape:
            got = tuple(actions.shape) if isinstance(actions, Tensor) else type(actions).__name__
            raise ShapeMismatchError(
                f'policy {self.spec.name}: got actions of shape {got}, expected {noise.shape}, '
                '(B, H, A). Return the whole chunk as one tensor, or mend the card.'
            )
        return np.asarray(actions.to('cpu', torch.float32).numpy())


def plain_spec(
    name: str,
    state_dim: int,
    action_low: Sequence[float],
    action_high: Sequence[float],
    horizon: int,
    num_execute: int,
    **fields: Any,
) -> PolicySpec:
    """Return the spec of a program about which little is known beyond its sizes.

    Args:
        name: for people.
        state_dim: O.
        action_low, action_high: limits of each action, (A,), in the environment's units.
        horizon: steps in a chunk, H.
        num_execute: steps of a chunk that are executed before the next decision.
        fields: of `PolicySpec`, to say more, e.g. `state_mean` and `state_std`, which bring the
            state to the size that the learner's networks like, or `image_names`,
            `image_heights` and `image_widths`, which say that it looks through cameras.
    """
    known: dict[str, Any] = {
        'name': name,
        'state_names': tuple(f's{i}' for i in range(state_dim)),
        'action_names': tuple(f'a{i}' for i in range(len(action_low))),
        'horizon': horizon,
        'num_execute': num_execute,
        'step_period_s': 1.0,
        'control_mode': ControlMode.UNSET,
        'noise_bound': 10.0,
        'action_low': tuple(float(x) for x in action_low),
        'action_high': tuple(float(x) for x in action_high),
        'state_mean': (0.0,) * state_dim,
        'state_std': (1.0,) * state_dim,
        'sampler': 'exported',
        'denoising_steps': 1,
        'sha256': '',
    }
    return PolicySpec(**{**known, **fields})


def write_card(path: Path, spec: PolicySpec, notes: Mapping[str, Any] | None = None) -> PolicySpec:
    """Write the card of the program at `path`.

    Args:
        path: of the program, which is there already; the card goes beside it.
        spec: what it takes and gives; its hash is filled in here.
        notes: for people; plain values.

    Returns:
        `spec` with the hash of the file.
    """
    return cards.write_card(path, FORMAT, spec, {'notes': dict(notes or {})})


def load(path: Path, spec: PolicySpec | None = None) -> ExportedPolicy:
    """Load a program and check it.

    Args:
        path: ending in one of `SUFFIXES`.
        spec: what it takes and gives; None reads the card beside it. Its hash, unless empty, must
            be that of the file.

    Raises:
        PolicyLoadError: file or card missing, corrupt, of another kind or hash, holding more than
            tensors and operators, or with answers that cannot be steered.
        ShapeMismatchError: a program of other sizes, or for one batch size alone.
    """
    if path.suffix not in SUFFIXES:
        raise PolicyLoadError(
            f'policy {path}: got {path.suffix!r}, expected one of {", ".join(SUFFIXES)}.'
        )
    if spec is None:
        spec = cards.spec_of(cards.read_card(path, FORMAT, _SUGGESTION), path, _SUGGESTION)
    data, spec = cards.read_checked(path, spec, _SUGGESTION)
    try:
        program = _exported(data, path) if path.suffix == '.pt2' else _torchscript(data)
    except ArchiveError as error:
        raise PolicyLoadError(
            f'policy {path}: got {error}, expected a program written by torch.jit.save (.pt, .ts) '
            'or torch.export.save (.pt2). Export it again.'
        ) from error
    policy = ExportedPolicy(spec, program)
    policy.check()
    return policy


def _torchscript(data: bytes) -> Program:
    check_torchscript(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)  # torch.export is the newer way
            load_program: Callable[..., Program] = torch.jit.load
            return load_program(io.BytesIO(data), map_location='cpu')
    except RuntimeError as error:
        raise ArchiveError(f'no readable TorchScript ({_first_line(error)})') from error


def _exported(data: bytes, path: Path) -> Program:
    check_exported(data)
    try:
        archive = torch.export.load(io.BytesIO(data))
        # The guards of an archive are Python code; the checks at loading stand in for them.
        program: Program = archive.module(check_guards=False)
    except Exception as error:
        raise ArchiveError(f'no readable program ({_first_line(error)})') from error
    _check_image_types(archive, path)
    return program


def _check_image_types(archive: torch.export.ExportedProgram, path: Path) -> None:
    """Raise unless the program takes its images as they are.

    One that was exported for numbers in [0, 1] would take bytes too, and answer wrongly.

    Raises:
        PolicyLoadError: an image input that is not uint8.
    """
    for node in archive.graph.find_nodes(op='placeholder'):
        given = node.meta.get('val')
        if node.name not in archive.graph_signature.user_inputs[2:]:
            continue
        if isinstance(given, Tensor) and given.dtype != torch.uint8:
            raise PolicyLoadError(
                f'policy {path}: got an image input {node.name} of {given.dtype}, expected '
                'torch.uint8, (B, height, width, 3) from 0 to 255. Export it with such images, '
                'and scale and order them inside the program.'
            )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
