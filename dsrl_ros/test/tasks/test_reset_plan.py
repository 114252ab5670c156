"""The order of a reset: forward, back after a failure, and an end in every case."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.tasks.reset_plan import Failure, ResetMachine, ResetStep

ALL = tuple(ResetStep)


def walk(machine: ResetMachine, *ends: Failure | None) -> list[ResetStep]:
    """Report these ends one after the other; return the steps they were of."""
    return [machine.report(end, '', 0.1).step for end in ends]


def test_goes_through_its_steps_in_order_whatever_the_order_they_are_named_in() -> None:
    machine = ResetMachine(tuple(reversed(ALL)), attempts=1)
    assert walk(machine, *[None] * len(ALL)) == list(ALL)
    assert machine.step is None and machine.failure is None


def test_a_step_that_times_out_is_tried_again() -> None:
    machine = ResetMachine(ALL, attempts=2)
    walk(machine, None, Failure.TIMEOUT)
    assert (machine.step, machine.attempt) == (ResetStep.OPEN_GRIPPER, 2)


def test_a_fault_of_the_robot_begins_with_its_recovery() -> None:
    machine = ResetMachine(ALL, attempts=2)
    walk(machine, None, None, None, Failure.ROBOT)
    assert machine.step is ResetStep.RECOVER


def test_a_scene_that_does_not_verify_is_arranged_again() -> None:
    machine = ResetMachine(ALL, attempts=2)
    walk(machine, *[None] * 5, Failure.SCENE)
    assert (machine.step, machine.attempt) == (ResetStep.ARRANGE, 2)


def test_ends_when_a_step_has_failed_as_often_as_it_may() -> None:
    machine = ResetMachine((ResetStep.ARRANGE, ResetStep.VERIFY), attempts=2)
    walk(machine, None, Failure.SCENE, None, Failure.SCENE)
    assert machine.step is None
    assert machine.failure is not None
    assert str(machine.failure) == 'verify, attempt 2: failed (scene), 0.1 s'
    with pytest.raises(ConfigError, match='over'):
        machine.report(None, '', 0.0)


@given(
    steps=st.sets(st.sampled_from(ALL), min_size=1),
    attempts=st.integers(1, 4),
    ends=st.lists(st.sampled_from([None, *Failure]), min_size=200, max_size=200),
)
def test_always_ends_ready_or_failed(
    steps: set[ResetStep], attempts: int, ends: list[Failure | None]
) -> None:
    """A failure costs at most one walk through all steps, so it is over after so many."""
    machine = ResetMachine(tuple(steps), attempts)
    most = (len(steps) * (attempts - 1) + 1) * len(steps)
    reported = 0
    for end in ends:
        if machine.step is None:
            break
        assert machine.attempt <= most
        machine.report(end, '', 0.0)
        reported += 1
    assert machine.step is None
    assert reported <= most
    last = machine.outcomes[-1]
    done = (last.step, last.failure) == (max(steps, key=ALL.index), None)
    assert done is (machine.failure is None)


def test_refuses_no_steps_and_steps_named_twice() -> None:
    for steps in ((), (ResetStep.HOME, ResetStep.HOME)):
        with pytest.raises(ConfigError, match='reset steps'):
            ResetMachine(steps, attempts=1)
