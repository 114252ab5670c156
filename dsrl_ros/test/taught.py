"""The batches that a learner's critics are taught, with their targets."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor

from dsrl_ros.learning.algorithms import losses
from dsrl_ros.learning.data.replay import Batch


def taught_batches(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Batch, Tensor]]:
    """Return a list that every batch with its TD target is appended to from now on."""
    taught: list[tuple[Batch, Tensor]] = []
    td_target = losses.td_target

    def recorded(batch: Batch, *given: Any, **options: Any) -> Tensor:
        target = td_target(batch, *given, **options)
        taught.append((batch, target))
        return target

    monkeypatch.setattr(losses, 'td_target', recorded)
    return taught
