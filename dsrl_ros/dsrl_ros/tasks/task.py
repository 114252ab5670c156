"""What a task is: a robot in a scene, how an episode starts, what is seen, what success is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Array, ControlMode, Float64, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.simulation.twin import ArmState, Twin


@dataclass(frozen=True)
class SceneStart:
    """Where an episode starts, everything at rest.

    Attributes:
        joints: arm [rad], (J,).
        width: gripper [m].
        bodies: pose of bodies that have a free joint, by name: position [m] and unit quaternion
            (w, x, y, z), (7,).
        sliders: position of joints of the scene, by name [m or rad]; the others are at zero.
    """

    joints: Float64
    width: float
    bodies: Mapping[str, Float64]
    sliders: Mapping[str, float] = field(default_factory=dict)


class Task(Protocol):
    """The facts of one task, and the few functions that are its own. Runs and keeps nothing.

    Environment, world, evaluation and the twin's process take any task; a new one is a file in
    this folder and a line in `registry.py`.
    """

    @property
    def name(self) -> str:
        """Of the task, in options and on command lines."""
        ...

    @property
    def title(self) -> str:
        """What is to be done, for people, in a few words."""
        ...

    @property
    def robot(self) -> RobotDescription:
        """Who does it."""
        ...

    @property
    def scene(self) -> Path:
        """MJCF of robot and surroundings."""
        ...

    @property
    def step_period_ns(self) -> int:
        """Time of one action [ns]."""
        ...

    @property
    def max_steps(self) -> int:
        """Time limit of an episode [steps]."""
        ...

    @property
    def control_mode(self) -> ControlMode:
        """What the columns of an action mean."""
        ...

    @property
    def state_names(self) -> tuple[str, ...]:
        """Name of each entry of an observation, (O,)."""
        ...

    @property
    def action_names(self) -> tuple[str, ...]:
        """Name of each column of an action, (A,)."""
        ...

    @property
    def action_low(self) -> tuple[float, ...]:
        """Least action, (A,)."""
        ...

    @property
    def action_high(self) -> tuple[float, ...]:
        """Greatest action, (A,)."""
        ...

    @property
    def object_names(self) -> tuple[str, ...]:
        """Bodies and sites of the scene whose poses can be seen."""
        ...

    def sample_reset(self, seed: int, kinematics: Kinematics) -> SceneStart:
        """Draw the start of an episode; the same seed gives the same start.

        Args:
            seed: 0 and up.
            kinematics: of the robot.
        """
        ...

    def observe(
        self, arm: ArmState, objects: Mapping[str, Float64], kinematics: Kinematics
    ) -> Array:
        """Build the observation.

        Args:
            arm: what the encoders say.
            objects: pose of each of `object_names` in the base frame: position [m] and unit
                quaternion (w, x, y, z), (7,).
            kinematics: of the robot.

        Returns:
            (O,) float32, entries as `state_names`.
        """
        ...

    def succeeded(self, twin: Twin) -> bool:
        """Return whether the task is done, by the scene alone, whatever the robot was told."""
        ...


def check_policy(task: Task, spec: PolicySpec) -> None:
    """Raise unless a policy is one for a task.

    Raises:
        ShapeMismatchError: it sees, says or times something else than the task does.
    """
    facts = {
        'state_names': (spec.state_names, task.state_names),
        'action_names': (spec.action_names, task.action_names),
        'control_mode': (spec.control_mode.name, task.control_mode.name),
        'step period [ns]': (round(spec.step_period_s * 1e9), task.step_period_ns),
    }
    for what, (got, expected) in facts.items():
        if got != expected:
            raise ShapeMismatchError(
                f'policy {spec.name}: got {what} {got}, expected {expected} for the task '
                f'{task.name}. Take a policy trained for it, or another task.'
            )


def poses(task: Task, twin: Twin) -> dict[str, Float64]:
    """Return the pose of each of the task's objects in the base frame, (7,)."""
    return {name: twin.object_pose(name) for name in task.object_names}
