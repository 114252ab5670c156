"""Where tests find what the repository ships."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).parent
REPO = TESTS.parents[1]
SHIPPED = REPO / 'dsrl_bringup' / 'policies' / 'franka_pick_place.safetensors'
