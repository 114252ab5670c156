"""What a user brings in Python, named as module:factory: an environment, a policy."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

from dsrl_ros.core.errors import ConfigError

# The name of a registered environment may hold a colon too, but ends in -v0.
_NAME = re.compile(r'[A-Za-z_][\w.]*:[A-Za-z_]\w*')


def is_factory(text: str) -> bool:
    """Return whether a text has the form module:factory."""
    return _NAME.fullmatch(text) is not None


def make(what: str, text: str) -> Any:
    """Call a function without arguments and return what it returns.

    Args:
        what: it makes, for the error.
        text: module:factory; the module may lie in the current folder.

    Raises:
        ConfigError: no such module or function, or one that takes arguments.
    """
    module, _, factory = text.partition(':')
    sys.path.insert(0, str(Path.cwd()))
    try:
        return getattr(importlib.import_module(module), factory)()
    except (ImportError, AttributeError, TypeError) as error:
        raise ConfigError(
            f'{what}: got {text!r}: {error}; expected module:factory, a function without '
            'arguments in a module that Python finds, installed or in the current folder.'
        ) from error
    finally:
        sys.path.pop(0)
