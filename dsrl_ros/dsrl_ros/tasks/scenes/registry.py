"""The tasks of the suite. A new one is a file in this folder and a line here."""

from __future__ import annotations

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE
from dsrl_ros.tasks.scenes.widowx_block_stacking import WIDOWX_BLOCK_STACKING
from dsrl_ros.tasks.scenes.widowx_drawer_closing import WIDOWX_DRAWER_CLOSING
from dsrl_ros.tasks.scenes.widowx_pick_place import WIDOWX_PICK_PLACE
from dsrl_ros.tasks.task import Task

# One policy serves them all.
WIDOWX_TASKS = (WIDOWX_PICK_PLACE, WIDOWX_DRAWER_CLOSING, WIDOWX_BLOCK_STACKING)
TASKS: dict[str, Task] = {task.name: task for task in (PICK_PLACE, *WIDOWX_TASKS)}


def find_task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TASKS:
        raise ConfigError(f'task: got {name!r}, expected one of {", ".join(TASKS)}.')
    return TASKS[name]
