"""The values that options of several nodes may take."""

from __future__ import annotations

ROBOT_MODES = ('sim', 'mock', 'real')
# The names in `robots/model/registry.py` and `tasks/scenes/registry.py`, which `core` may not
# import; tests compare them.
ROBOT_MODELS = ('fr3', 'wx250s')
TASK_NAMES = (
    'pick_place',
    'widowx_pick_place',
    'widowx_drawer_closing',
    'widowx_block_stacking',
)
