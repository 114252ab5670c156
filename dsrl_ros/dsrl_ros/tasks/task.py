"""The definition of a task: robot and scene, start of an episode, observation, success."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.core.types import Array, ControlMode, Float64, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.simulation.twin import ArmState, Twin


@dataclass(frozen=True)
class SceneStart:
    """The start of an episode, everything at rest.

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


class Task(ABC):
    """The facts of one task, and the few functions that are its own. It keeps no state.

    A subclass sets the attributes and implements the three methods; environment, world,
    evaluation and twin take any task. To add one, write a file in `scenes/` and a line in its
    `registry.py`.

    Attributes:
        name: in options and on command lines.
        title: for people, in a few words.
        robot: that does it.
        scene: MJCF of robot and surroundings.
        step_period_ns: time of one action [ns].
        max_steps: time limit of an episode [steps].
        control_mode: meaning of the columns of an action.
        state_names: name of each entry of an observation, (O,).
        action_names: name of each column of an action, (A,).
        action_low, action_high: least and greatest action, (A,) each.
        object_names: bodies and sites of the scene whose poses are published.
    """

    name: str
    title: str
    robot: RobotDescription
    scene: Path
    step_period_ns: int
    max_steps: int
    control_mode: ControlMode
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    object_names: tuple[str, ...]

    @abstractmethod
    def sample_reset(self, seed: int, kinematics: Kinematics) -> SceneStart:
        """Draw the start of an episode; the same seed gives the same start.

        Args:
            seed: 0 and up.
            kinematics: of the robot.
        """

    @abstractmethod
    def observe(
        self, arm: ArmState, objects: Mapping[str, Float64], kinematics: Kinematics
    ) -> Array:
        """Build the observation.

        Args:
            arm: as the encoders measure it.
            objects: pose of each of `object_names` in the base frame: position [m] and unit
                quaternion (w, x, y, z), (7,).
            kinematics: of the robot.

        Returns:
            (O,) float32, entries as `state_names`.
        """

    @abstractmethod
    def succeeded(self, twin: Twin) -> bool:
        """Return whether the task is done, by the scene alone."""


def check_policy(task: Task, spec: PolicySpec) -> None:
    """Raise unless a policy fits a task.

    Raises:
        ShapeMismatchError: its states, actions or step period are not those of the task.
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
