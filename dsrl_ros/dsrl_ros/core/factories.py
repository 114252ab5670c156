"""Environments and policies that a user brings in Python, named as module:factory."""

from __future__ import annotations

import importlib
import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dsrl_ros.core.errors import ConfigError

# The name of a registered environment may hold a colon too, but ends in -v0.
_NAME = re.compile(r'[A-Za-z_][\w.]*:[A-Za-z_]\w*')


def is_factory(text: str) -> bool:
    """Return whether a text has the form module:factory."""
    return _NAME.fullmatch(text) is not None


def search_here() -> None:
    """Let Python find modules in the current folder, now and later."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)


def make(what: str, text: str) -> Any:
    """Call a function without arguments and return what it returns.

    Args:
        what: of the object, for the error.
        text: module:factory; the module may lie in the current folder, see `search_here`.

    Raises:
        ConfigError: no such module or function, or one that takes arguments. Errors of the
            module and the function themselves go through unchanged.
    """
    module, _, factory = text.partition(':')
    search_here()
    expected = (
        'expected module:factory, a function without arguments in a module that Python finds, '
        'installed or in the current folder.'
    )
    try:
        loaded = importlib.import_module(module)
    except ImportError as error:
        if not f'{module}.'.startswith(f'{error.name}.'):
            raise  # the module is there, and lacks another
        raise ConfigError(f'{what}: got {text!r}: {error}; {expected}') from error
    found: Callable[[], Any] | None = getattr(loaded, factory, None)
    if found is None:
        raise ConfigError(f'{what}: got {text!r}: {module} has no {factory}; {expected}')
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError) as error:
        raise ConfigError(f'{what}: got {text!r}: {error}; {expected}') from error
    return found()
