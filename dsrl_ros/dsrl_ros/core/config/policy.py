"""Options of the policy node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class PolicyConfig:
    """Options of the policy node."""

    policy: str = option(
        '',
        'the frozen policy, a .safetensors file or an exported program, with its .json beside it; '
        'or module:factory, a Python function that returns one',
    )

    def __post_init__(self) -> None:
        check(self)
