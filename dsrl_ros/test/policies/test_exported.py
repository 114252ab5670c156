"""Programs as frozen policies: the three kinds of file agree; what runs code is refused."""

from __future__ import annotations

import dataclasses
import io as bytes_io
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dsrl_ros.core.errors import PolicyLoadError, PolicyOutputError, ShapeMismatchError
from dsrl_ros.policies import exported, io
from dsrl_ros.policies.archives import ArchiveError, check_exported

STATE_DIM, HORIZON, ACTION_DIM = 3, 4, 2
SPEC = exported.plain_spec('program', STATE_DIM, [-1.0, -2.0], [1.0, 2.0], HORIZON, 2)


class Sampler(nn.Module):
    """A few Euler steps of a small velocity field."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(STATE_DIM + HORIZON * ACTION_DIM, HORIZON * ACTION_DIM)

    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        chunk = noise.flatten(1)
        for _ in range(3):
            chunk = chunk - self.layer(torch.cat([state, chunk], dim=1)) / 3
        return torch.tanh(chunk.reshape(noise.shape))


class Random(Sampler):
    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return noise + torch.randn_like(noise)


class Centred(Sampler):
    """Depends on the others of its batch, as BatchNorm in training does."""

    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return torch.tanh(noise - noise.mean(dim=0, keepdim=True))


class Deaf(Sampler):
    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return torch.tanh(state.sum(dim=1)[:, None, None].expand(noise.shape)).contiguous()


class Short(Sampler):
    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return noise[:, :2]


class Huge(Sampler):
    def forward(self, state: Tensor, noise: Tensor) -> Tensor:
        return noise * 1e27


def arguments(batch: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(batch)
    return (
        torch.randn(batch, STATE_DIM, generator=generator),
        torch.randn(batch, HORIZON, ACTION_DIM, generator=generator),
    )


def write(module: nn.Module, path: Path, dynamic: bool = True) -> Path:
    """Write a program and its card."""
    if path.suffix == '.pt2':
        shapes = ({0: torch.export.Dim('B')},) * 2 if dynamic else None
        torch.export.save(torch.export.export(module, arguments(2), dynamic_shapes=shapes), path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', DeprecationWarning)
            torch.jit.script(module).save(str(path))
    exported.write_card(path, SPEC, {'script': 'a test'})
    return path


@pytest.fixture(scope='module')
def programs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp('programs')
    return [write(Sampler(), folder / f'{kind}.{kind}') for kind in ('pt', 'ts', 'pt2')]


def test_every_kind_gives_what_the_module_gives_for_any_batch(programs):
    for path in programs:
        policy = io.load(path)
        assert policy.spec == dataclasses.replace(SPEC, sha256=policy.spec.sha256)
        for batch in (1, 2, 7, 300):
            state, noise = arguments(batch)
            with torch.no_grad():
                want = Sampler()(state, noise).numpy()
            for _ in range(4):  # TorchScript rewrites a program after its first calls
                got = policy(state.numpy(), noise.numpy())
                np.testing.assert_allclose(got, want, atol=1e-6)
            assert got.dtype == np.float32


def test_the_hash_is_that_of_the_file_and_a_changed_file_is_refused(programs, tmp_path):
    assert len({io.load(path).spec.sha256 for path in programs}) == 3
    path = write(Sampler(), tmp_path / 'a.pt')
    write(Short(), tmp_path / 'b.pt')
    path.write_bytes((tmp_path / 'b.pt').read_bytes())
    with pytest.raises(PolicyLoadError, match='sha256'):
        io.load(path)


def test_a_spec_may_be_given_instead_of_a_card(programs, tmp_path):
    for path in programs:
        (tmp_path / path.name).write_bytes(path.read_bytes())
        policy = exported.load(tmp_path / path.name, SPEC)
        assert len(policy.spec.sha256) == 64
        with pytest.raises(PolicyLoadError, match='no such file, expected it beside'):
            io.load(tmp_path / path.name)


@pytest.mark.parametrize('kind', ['pt', 'pt2'])
@pytest.mark.parametrize(
    ('module', 'error', 'says'),
    [
        (Random, PolicyLoadError, 'same state and noise.*eta 0'),
        (Centred, PolicyLoadError, 'alone.*evaluation mode'),
        (Deaf, PolicyLoadError, 'another noise'),
        (Short, ShapeMismatchError, r'\(3, 2, 2\), expected \(3, 4, 2\)'),
    ],
)
def test_programs_that_cannot_be_steered_are_refused(module, error, says, kind, tmp_path):
    with pytest.raises(error, match=says):
        io.load(write(module().eval(), tmp_path / f'program.{kind}'))


def test_a_program_for_one_batch_size_says_how_to_export_it_for_all(tmp_path):
    with pytest.raises(ShapeMismatchError, match=r'any batch size.*dynamic_shapes'):
        io.load(write(Sampler(), tmp_path / 'fixed.pt2', dynamic=False))


def test_a_card_of_other_sizes_is_refused(programs, tmp_path):
    wrong = exported.plain_spec('program', STATE_DIM + 1, [-1.0], [1.0], HORIZON, 2)
    for path in programs:
        with pytest.raises(ShapeMismatchError, match='mend the sizes'):
            exported.load(path, wrong)


def test_absurd_answers_are_errors_of_a_call_not_of_loading(tmp_path):
    policy = io.load(write(Huge(), tmp_path / 'huge.pt'))
    state, noise = arguments(2)
    with pytest.raises(PolicyOutputError, match='expected -1 to 1'):
        policy(state.numpy(), noise.numpy())


def test_sizes_that_are_arithmetic_on_symbols_pass(tmp_path):
    """A program whose graph holds products and sums of sizes, and a guard on them."""

    class Doubled(Sampler):
        def forward(self, state: Tensor, noise: Tensor) -> Tensor:
            twice = torch.cat([noise, noise.flip(0)], dim=0)
            return torch.tanh(twice.reshape(2, -1, HORIZON, ACTION_DIM)[0])

    io.load(write(Doubled(), tmp_path / 'doubled.pt2'))


def test_a_pickle_is_not_opened(tmp_path):
    path = tmp_path / 'pickle.pt'
    torch.save({'weights': torch.zeros(2)}, path)
    exported.write_card(path, SPEC)
    with pytest.raises(PolicyLoadError, match=r'torch.save is a pickle.*torch.jit.save'):
        io.load(path)


@pytest.mark.parametrize('data', [b'', b'PK', b'nothing of the kind', bytes(200)])
@pytest.mark.parametrize('suffix', exported.SUFFIXES)
def test_damaged_files_are_named(data, suffix, tmp_path):
    path = tmp_path / f'damaged{suffix}'
    path.write_bytes(data)
    exported.write_card(path, SPEC)
    with pytest.raises(PolicyLoadError, match='no readable archive'):
        io.load(path)


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def edited(path: Path, changes: dict[str, Any]) -> bytes:
    """Return the archive at `path` with files changed: bytes, or a function of their JSON."""
    out = bytes_io.BytesIO()
    with zipfile.ZipFile(path) as archive, zipfile.ZipFile(out, 'w') as made:
        root = archive.namelist()[0].partition('/')[0]
        files = {name.partition('/')[2]: archive.read(name) for name in archive.namelist()}
        for name, change in changes.items():
            if callable(change):
                document = json.loads(files[name])
                change(document)
                files[name] = json.dumps(document).encode()
            else:
                files[name] = change
        for name, data in files.items():
            made.writestr(f'{root}/{name}', data)
    return out.getvalue()


def first_target(text: str):
    def change(document):
        node = document['graph_module']['graph']['nodes'][0]
        node['target'] = text
        node['inputs'] = [{'name': '', 'arg': {'as_string': 'true'}, 'kind': 1}]

    return change


def first_size(text: str):
    def change(document):
        for tensor in document['graph_module']['graph']['tensor_values'].values():
            for size in tensor['sizes']:
                if 'as_expr' in size:
                    size['as_expr']['expr_str'] = text

    return change


def pickled(name: str):
    def change(document):
        next(iter(document['config'].values())).update(name)

    return change


def test_an_archive_that_would_run_code_is_refused_before_torch_sees_it(programs, tmp_path):
    path, mark = programs[2], tmp_path / 'mark'
    payload = pickle.dumps(Touch(mark), protocol=2)
    model = 'models/model.json'
    weights = 'data/weights/model_weights_config.json'
    bad: list[tuple[dict[str, Any], str]] = [
        ({'data/sample_inputs/model.pt': payload}, 'sample inputs'),
        ({weights: pickled({'use_pickle': True}), 'data/weights/weight_0': payload}, 'pickled'),
        ({weights: pickled({'path_name': 'opaque_obj_0'})}, 'pickled'),
        ({'data/weights/model.pt': payload}, r'data/weights/model\.pt'),
        ({'data/aotinductor/model/m.so': b''}, 'aotinductor'),
        ({'Models/model.json': b'{}'}, 'two parts of one name'),
        ({model: first_target('torch.os.system')}, 'operator'),
        ({model: first_target('_operator.methodcaller')}, 'operator'),
        ({model: first_target('torch.ops.aten.__class__')}, 'operator'),
        ({model: first_size(f"__import__('os').mkdir({str(mark)!r})")}, 'size'),
        ({model: first_size('().__class__.__bases__')}, 'size'),
        ({model: first_size('(lambda: 1)()')}, 'size'),
        ({model: first_size("Symbol('s0', positive=open('/dev/null'))")}, 'size'),
    ]
    for changes, says in bad:
        data = edited(path, changes)
        with pytest.raises(ArchiveError, match=says):
            check_exported(data)
        (tmp_path / 'bad.pt2').write_bytes(data)
        with pytest.raises(PolicyLoadError, match='expected a program'):
            exported.load(tmp_path / 'bad.pt2', SPEC)
    assert not mark.exists()
    check_exported(edited(path, {}))
