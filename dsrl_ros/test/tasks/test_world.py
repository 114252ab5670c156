"""The world keeps its own clock: exact in lockstep, and never far behind the wall clock."""

from __future__ import annotations

import pytest

from dsrl_ros.core.errors import DriverError
from dsrl_ros.robots.motion.trajectory import hold
from dsrl_ros.tasks.scenes.pick_place import PICK_PLACE
from dsrl_ros.tasks.world import TaskWorld

MS = 1_000_000


def test_a_run_yields_every_period_and_its_end() -> None:
    world = TaskWorld(PICK_PLACE)
    start_ns = world.now_ns
    stamps = [state.stamp_ns for state in world.run(start_ns + 50 * MS, 20 * MS)]
    assert [stamp - start_ns for stamp in stamps] == [20 * MS, 40 * MS, 50 * MS]
    assert [state.stamp_ns for state in world.run(start_ns, 20 * MS)] == [start_ns + 50 * MS]


def test_it_follows_the_wall_clock_by_whole_steps_and_skips_what_it_cannot_make_up() -> None:
    world = TaskWorld(PICK_PLACE, 500 * MS)
    assert world.catch_up(520 * MS + 1) == 0 and world.now_ns == 520 * MS
    assert world.catch_up(1_521 * MS) == 1_001 * MS and world.now_ns == 1_521 * MS
    assert world.state().arm.stamp_ns == 20 * MS  # nothing has happened meanwhile


def test_only_in_real_time_a_trajectory_may_start_late() -> None:
    joints = TaskWorld(PICK_PLACE).state().arm.position
    for start_ns, refused in ((None, True), (1_000 * MS, False)):
        world = TaskWorld(PICK_PLACE, start_ns)
        list(world.run(world.now_ns + 10 * MS, 10 * MS))
        if refused:
            with pytest.raises(DriverError, match='nothing can be late'):
                world.follow(hold(joints), world.now_ns - 2 * MS)
        else:
            world.follow(hold(joints), world.now_ns - 2 * MS)
