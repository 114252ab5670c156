"""Weights of an actor with something else in them than what was exported."""

from __future__ import annotations

import json
from typing import Any

from safetensors.numpy import load, save

from dsrl_ros.core.types import Array

GONE = 'gone'


def rewritten(data: bytes, header: dict[str, Any], **tensors: Array | None) -> bytes:
    """Return weights with other header fields and tensors; GONE and None remove one."""
    length = int.from_bytes(data[:8], 'little')
    fields = json.loads(json.loads(data[8 : 8 + length])['__metadata__']['actor'])
    fields = {name: v for name, v in {**fields, **header}.items() if v != GONE}
    kept = {name: t for name, t in {**load(data), **tensors}.items() if t is not None}
    return save(kept, metadata={'actor': json.dumps(fields)})
