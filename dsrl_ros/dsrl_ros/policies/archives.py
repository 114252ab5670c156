"""What an exported program may hold: raw tensors and a graph of known operators, no code.

`torch.export.load` unpickles parts of an archive without restriction, evaluates its symbolic
sizes as Python and calls whatever function of `torch` a node names. So an archive is read here
first, and anything beyond the list below is refused before torch sees it. `torch.jit.load` needs
no such care: its unpickler is C++, knows the classes of TorchScript alone and imports no Python.
"""

from __future__ import annotations

import ast
import io
import json
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import torch

# Files of a `.pt2` by their name within it; no compiled libraries, no older formats.
_FILES = re.compile(
    r'models/model\.json|archive_format|archive_version|byteorder|\.data/\w+|'
    r'data/weights/(weight_\d+|model_weights_config\.json)|'
    r'data/constants/(tensor_\d+|model_constants_config\.json)|'
    r'data/sample_inputs/model\.pt'
)
_PAYLOADS = (
    'data/weights/model_weights_config.json',
    'data/constants/model_constants_config.json',
)
_PAYLOAD = re.compile(r'(weight|tensor)_\d+')
_OPERATORS = re.compile(
    r'torch\.ops\.(aten|prims|higher_order)\.(?!__)\w+(\.(?!__)\w+)?|torch\.sym_\w+|math\.[a-z]+|'
    r'_operator\.(add|sub|mul|floordiv|truediv|mod|pow|neg|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_)'
)
# What sizes are made of, as sympy writes them.
_SIZE_WORDS = {
    *('Symbol', 'Integer', 'Float', 'Rational', 'Add', 'Mul', 'Pow', 'Max', 'Min', 'Mod'),
    *('Eq', 'Ne', 'Lt', 'Le', 'Gt', 'Ge', 'true', 'false', 'FloorDiv', 'CeilDiv', 'CleanDiv'),
    *('PythonMod', 'ModularIndexing', 'IntTrueDiv', 'PowByNatural', 'Identity'),
    *('StrictLessThan', 'LessThan', 'StrictGreaterThan', 'GreaterThan', 'Equality'),
}
_SIZE_NODES = (
    *(ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.Compare),
    *(ast.UnaryOp, ast.BinOp, ast.unaryop, ast.operator, ast.cmpop),
)


class ArchiveError(Exception):
    """What an archive holds beyond the list, in words that follow 'got'."""


def check_torchscript(data: bytes) -> None:
    """Raise unless `data` is an archive of TorchScript, and not say a pickle of `torch.save`.

    Raises:
        ArchiveError: it is not.
    """
    names = set(_files(data))
    if 'constants.pkl' not in names or not any(name.startswith('code/') for name in names):
        raise ArchiveError('no TorchScript (a file of torch.save is a pickle, and is not opened)')


def check_exported(data: bytes) -> None:
    """Raise unless `torch.export.load` can read `data` without running what it brings along.

    Raises:
        ArchiveError: names the part that is more than tensors and known operators.
    """
    files = _files(data)
    for name in files:
        if not _FILES.fullmatch(name):
            raise ArchiveError(f'the part {name!r}, more than tensors and a graph')
    if 'models/model.json' not in files:
        raise ArchiveError('no program of torch.export.save of torch 2.9 or newer')
    for name in _PAYLOADS:
        for payload in dict(_json(files, name).get('config', {})).values():
            if payload.get('use_pickle') or not _PAYLOAD.fullmatch(str(payload.get('path_name'))):
                raise ArchiveError(f'a pickled tensor or object in {name}')
    for key, value in _strings(_json(files, 'models/model.json')):
        if key == 'expr_str' and not _is_size(value):
            raise ArchiveError(f'the size {value[:80]!r}, more than arithmetic on symbols')
        if key == 'target' and not _OPERATORS.fullmatch(value):
            raise ArchiveError(f'the operator {value[:80]!r}, none of aten')
        if '__enum__' in value:
            raise ArchiveError('an argument that is a Python enum')
    if inputs := files.get('data/sample_inputs/model.pt'):
        try:
            # As plain tensors: others torch unpickles without restriction.
            torch.load(io.BytesIO(inputs), weights_only=True)
        except Exception as error:
            raise ArchiveError('sample inputs that are more than tensors') from error


def _files(data: bytes) -> dict[str, bytes]:
    """Return the files of an archive by name, less the folder that holds them all.

    Names must differ by more than case: torch's reader takes the first that fits in any case.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len({name.lower() for name in names}) < len(names):
                raise ArchiveError('two parts of one name')
            return {name.partition('/')[2]: archive.read(name) for name in names}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError, EOFError) as error:
        raise ArchiveError(f'no readable archive ({error})') from error


def _json(files: dict[str, bytes], name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(files[name]))
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise ArchiveError(f'no readable {name} ({error!r:.80})') from error


def _strings(node: Any, key: str = '') -> Iterator[tuple[str, str]]:
    """Yield every string of a JSON value with the key it stands under; keys as well."""
    if isinstance(node, str):
        yield key, node
    elif isinstance(node, dict):
        for name, value in node.items():
            yield '', name
            yield from _strings(value, name)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value, key)


def _is_size(text: str) -> bool:
    """Return whether an expression is arithmetic on symbols and numbers, nothing else."""
    try:
        nodes = list(ast.walk(ast.parse(text, mode='eval')))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    for node in nodes:
        if not isinstance(node, _SIZE_NODES):
            return False
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            return False
        if isinstance(node, ast.Name) and not (
            node.id in _SIZE_WORDS or re.fullmatch(r'[su]\d+', node.id)
        ):
            return False
        text_in = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text_in, str) and not re.fullmatch(r'[a-z]+\d+', text_in):
            return False
    return True
