"""Options of the reward node: sources of success, limits of an episode, and resets."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import ROBOT_MODELS
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class RewardConfig:
    """Options of the rewards."""

    robot_model: str = option(
        'fr3', 'model of the robot that a reset brings home', choices=ROBOT_MODELS
    )
    sources: tuple[str, ...] = option(
        ('simulator',),
        'sources of success; a reward names the first one that agrees; a limit of steps ends an '
        'episode in any case',
        choices=('simulator', 'topic', 'person', 'classifier'),
    )
    success_when: str = option(
        'any', 'how many of the sources must say success', choices=('any', 'all')
    )
    detector: str = option(
        'bool',
        "message of a detector on 'success': bool (std_msgs/Bool, counts from its arrival) or "
        'status (dsrl_msgs/TaskStatus, counts from its stamp)',
        choices=('bool', 'status'),
    )
    person_timeout_s: float = option(
        0.0,
        'wait for a person, if one is among the sources, at a limit [s]; 0: no wait',
        low=0.0,
        high=3600.0,
    )
    classifier: str = option(
        '', 'success classifier, a .safetensors file of `dsrl train-classifier`'
    )
    classifier_threshold: float = option(
        0.5, 'least probability of success at which an image counts as success', low=0.0, high=1.0
    )
    classifier_hold_s: float = option(
        0.0,
        'time for which every image must count as success, by the stamps [s]',
        low=0.0,
        high=60.0,
    )
    max_steps: int = option(40, 'control steps after which an episode is truncated', low=1)
    max_rejects: int = option(
        3, 'consecutive chunks refused by the driver after which an episode is truncated', low=1
    )
    status_timeout_s: float = option(
        2.0,
        'time after which a warning names the source whose evidence for a chunk is missing [s]',
        low=0.01,
        high=60.0,
    )

    def __post_init__(self) -> None:
        check(self)
        if not self.sources or len(set(self.sources)) < len(self.sources):
            raise ConfigError(
                f'sources: got {list(self.sources)}, expected one or more, each once.'
            )
        if 'classifier' in self.sources and not self.classifier:
            raise ConfigError(
                'classifier: got none, expected a file, as `classifier` is among the sources. '
                'Make one with `dsrl train-classifier`.'
            )


@dataclass(frozen=True)
class ResetConfig:
    """Options of a reset: its steps, who arranges the scene, and time limits."""

    steps: tuple[str, ...] = option(
        (),
        'steps of a reset, done in this order: recover, open_gripper, retreat, home, arrange, '
        'verify; empty takes recover, arrange, verify where the simulation arranges scene and '
        'arm, and all of them elsewhere',
        choices=('recover', 'open_gripper', 'retreat', 'home', 'arrange', 'verify'),
    )
    arrange: str = option(
        'simulator',
        'who arranges the scene; nobody: the task does it by itself',
        choices=('simulator', 'person', 'nobody'),
    )
    attempts: int = option(3, 'tries of each step before the reset fails', low=1, high=20)
    step_timeout_s: float = option(
        10.0,
        'wait for an answer, and for a motion that makes no progress [s]',
        low=0.1,
        high=600.0,
    )
    recover_timeout_s: float = option(
        60.0,
        'wait for the driver to recover the robot, on top of step_timeout_s [s]; at least five '
        "times the driver's hardware.recover_timeout_s, once for each answer it waits for",
        low=0.1,
        high=3600.0,
    )
    person_timeout_s: float = option(600.0, 'wait for a person [s]', low=0.1, high=86_400.0)
    recover_by_itself: bool = option(
        False,
        'recover the robot from a fault and clear the driver without a person; a pressed '
        'emergency stop is never cleared',
    )
    home: tuple[float, ...] = option(
        (), "joints in which an episode begins [rad]; empty takes the robot's own"
    )
    home_tolerance_rad: float = option(
        0.02, 'largest distance of a joint from home [rad]', low=1e-4, high=1.0
    )
    retreat_height_m: float = option(
        0.1, 'how far the tool is lifted before it goes home [m]', low=0.01, high=1.0
    )
    speed: float = option(
        0.3, "share of the robot's velocity and acceleration limits to use", low=0.01, high=1.0
    )

    def __post_init__(self) -> None:
        check(self)
