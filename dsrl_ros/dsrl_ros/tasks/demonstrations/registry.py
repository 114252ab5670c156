"""The demonstrator of each task, by the name of the task."""

from __future__ import annotations

from dsrl_ros.tasks.demonstrations.pick_place import PICK_PLACE_DEMONSTRATOR
from dsrl_ros.tasks.demonstrations.widowx import WIDOWX_DEMONSTRATORS

DEMONSTRATORS = {one.task.name: one for one in (PICK_PLACE_DEMONSTRATOR, *WIDOWX_DEMONSTRATORS)}
