"""Which tasks there are. A new one is a file beside this one and a line here."""

from __future__ import annotations

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.tasks.pick_place import PICK_PLACE
from dsrl_ros.tasks.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (PICK_PLACE,)}


def find_task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        ConfigError: there is none.
    """
    if name not in TASKS:
        raise ConfigError(f'task: got {name!r}, expected one of {", ".join(TASKS)}.')
    return TASKS[name]
