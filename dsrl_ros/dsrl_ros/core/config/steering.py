"""Options of the steering node."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import ROBOT_MODES
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option


@dataclass(frozen=True)
class SteeringConfig:
    """Options of the steering node: the run, and its view of the robot."""

    robot: str = option('fr3', 'name of the robot in every decision key, unique in the ROS domain')
    robot_mode: str = option(
        'sim', 'kind of robot, for the record of the run', choices=ROBOT_MODES
    )
    run_dir: str = option('', 'folder of the run; empty makes runs/<date_time> here')
    seed: int = option(-1, 'seed of every random choice; -1 draws one', low=-1, high=2**31 - 1)
    warmup_episodes: int = option(10, 'episodes with noise from the prior', low=0, high=10_000)
    online_episodes: int = option(50, 'episodes steered while learning', low=0, high=100_000)
    eval_episodes: int = option(
        50, 'episodes on fresh resets for the base, and again for the steered policy', low=0
    )
    real_time: bool = option(False, 'never wait for learning; false: lockstep, simulation only')
    record: bool = option(True, 'wait for the recorder before the first episode')
    sensors: tuple[str, ...] = option(
        (
            'tool pose tool_pose',
            'gripper gripper gripper/joint_states',
            'cube pose cube_pose',
        ),
        "what is observed, 'NAME KIND TOPIC' each, or 'NAME KIND TOPIC AGE' for the sample of AGE "
        'seconds before; kinds: pose, joints, gripper, image, features',
    )
    state_sources: tuple[str, ...] = option(
        (
            'tool_x=tool.x',
            'tool_y=tool.y',
            'tool_z=tool.z',
            'gripper_width=gripper.width',
            'cube_from_tool_x=cube.x-tool.x',
            'cube_from_tool_y=cube.y-tool.y',
            'cube_from_tool_z=cube.z-tool.z',
        ),
        "where each state entry comes from, 'ENTRY=NAME.FIELD', 'ENTRY=NAME.FIELD-NAME.FIELD' or "
        "'ENTRY=NUMBER'",
    )
    learner_cameras: tuple[str, ...] = option(
        (),
        'sensors of kind image that the learner sees, one after the other along its '
        'image_channels, made smaller to its image_height and image_width',
    )
    sensor_slop_s: float = option(
        0.02, 'largest distance of two stamps in one observation [s]', low=0.0, high=1.0
    )
    startup_timeout_s: float = option(60.0, 'wait for the other nodes [s]', low=1.0, high=3600.0)
    stage_timeout_s: float = option(
        10.0,
        'time after which an answer within a decision is overdue and requested again [s]',
        low=0.5,
        high=600.0,
    )
    reset_timeout_s: float = option(
        60.0,
        'time after which a reset is overdue and its result requested again [s]',
        low=1.0,
        high=3600.0,
    )

    def __post_init__(self) -> None:
        check(self)
        if len(set(self.learner_cameras)) < len(self.learner_cameras):
            raise ConfigError(
                f'learner_cameras: got {", ".join(self.learner_cameras)}, expected each once.'
            )
