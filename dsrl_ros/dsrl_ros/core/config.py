"""The options of every node, one frozen dataclass each. The learner's own stand in
`learning/config.py`. YAML files and launch arguments set them; nothing else does.
"""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option

_MODES = ('sim', 'mock', 'real')
# Joints that may brake at 10 rad/s^2, a Franka's and a WidowX's, may so be as fast as 1.5 rad/s.
BRAKE_S = 0.15
# The names of `robots/registry.py` and `tasks/registry.py`, which this package may not ask: tests
# hold them together.
ROBOT_MODELS = ('fr3', 'wx250s')
TASK_NAMES = (
    'pick_place',
    'widowx_pick_place',
    'widowx_drawer_closing',
    'widowx_block_stacking',
)


@dataclass(frozen=True)
class PolicyConfig:
    """Options of the policy node."""

    policy: str = option('', 'the frozen policy, a .safetensors file with its .json beside it')

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class RewardConfig:
    """Options of the reward and reset node."""

    robot_model: str = option(
        'fr3', 'model of the robot that a reset brings home', choices=ROBOT_MODELS
    )
    sources: tuple[str, ...] = option(
        ('simulator',),
        'who judges success, the first one that agrees is named in the reward; a limit of steps '
        'ends an episode in any case',
        choices=('simulator', 'topic', 'person', 'classifier'),
    )
    success_when: str = option(
        'any', 'how many of the sources must say success', choices=('any', 'all')
    )
    detector: str = option(
        'bool',
        "what a detector publishes on 'success': bool (std_msgs/Bool, counts from when it comes) "
        'or status (dsrl_msgs/TaskStatus, counts from its stamp)',
        choices=('bool', 'status'),
    )
    person_timeout_s: float = option(
        0.0,
        'wait for a person, if one is among the sources, when a limit is reached [s]; 0: do not',
        low=0.0,
        high=3600.0,
    )
    classifier: str = option(
        '', 'the success classifier, a .safetensors file of `dsrl train-classifier`'
    )
    classifier_threshold: float = option(
        0.5, 'least probability of success at which an image counts as success', low=0.0, high=1.0
    )
    classifier_hold_s: float = option(
        0.0, 'how long every image must count as success, by their stamps [s]', low=0.0, high=60.0
    )
    max_steps: int = option(40, 'control steps after which an episode is truncated', low=1)
    max_rejects: int = option(
        3, 'consecutive chunks refused by the driver after which an episode is truncated', low=1
    )
    status_timeout_s: float = option(
        2.0,
        'time after which evidence as new as the end of a chunk is called late [s]',
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
    """Options of a reset: which steps, by whom, how patient."""

    steps: tuple[str, ...] = option(
        (),
        'what a reset consists of, done in this order: recover, open_gripper, retreat, home, '
        'arrange, verify; empty takes recover, arrange, verify where the simulation arranges the '
        'scene, as it puts the arm, too, where it starts, and all of them elsewhere',
        choices=('recover', 'open_gripper', 'retreat', 'home', 'arrange', 'verify'),
    )
    arrange: str = option(
        'simulator',
        'who arranges the scene; nobody where the task does it by itself',
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
        'wait for the driver to recover the robot, beside that for an answer; no less than five '
        'times its hardware.recover_timeout_s, once for each answer that it waits for itself [s]',
        low=0.1,
        high=3600.0,
    )
    person_timeout_s: float = option(600.0, 'wait for a person [s]', low=0.1, high=86_400.0)
    recover_by_itself: bool = option(
        False,
        'recover the robot from a fault and clear the driver without asking; a pressed emergency '
        'stop is never cleared',
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


@dataclass(frozen=True)
class TrainerConfig:
    """Options of the trainer node beside the learner's."""

    policy: str = option(
        '',
        'frozen policy file, which DSRL-NA asks for actions; empty asks the policy node for them',
    )
    offline: str = option(
        '', 'dataset to learn from before the first episode, as `dsrl train` writes it'
    )
    policy_timeout_s: float = option(
        10.0, 'longest wait for the policy node [s]', low=0.1, high=600.0
    )
    checkpoint_every: int = option(10, 'online episodes between two checkpoints', low=1)
    keep_checkpoints: int = option(2, 'newest checkpoints kept', low=1, high=100)
    resume_from: str = option('', 'folder of a run to go on from; empty starts afresh')
    niceness: int = option(5, 'added to the scheduling niceness of the process', low=0, high=19)
    status_period_s: float = option(0.5, 'time between two status messages [s]', low=0.05, high=60)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class MotionPlannerConfig:
    """Options of the node that plans motions outside of episodes."""

    robot_model: str = option(
        'fr3', 'model of the robot that is planned for', choices=ROBOT_MODELS
    )
    planner: str = option(
        'auto',
        'who plans: moveit_py in this process, the move_group of a stack that is running, or the '
        'straight way in joint space; auto takes the first of them that is there',
        choices=('auto', 'moveit_py', 'move_group', 'plain'),
    )
    group: str = option('fr3_arm', "MoveIt's planning group of the arm")
    moveit_files: tuple[str, ...] = option(
        (), 'ROS parameter files that configure moveit_py; without any, auto leaves it out'
    )
    planner_timeout_s: float = option(10.0, 'longest wait for a plan [s]', low=0.5, high=600.0)
    brake_s: float = option(
        BRAKE_S,
        'time in which the driver brakes, its brake_s: no plan is faster than that allows [s]',
        low=0.01,
        high=0.19,
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class MonitorConfig:
    """Options of the monitor node."""

    prior_scales: tuple[float, ...] = option(
        (0.0, 0.25, 0.5, 0.75, 1.0),
        'scales c of the prior N(0, c^2 I) measured beside the learning; empty measures none',
        low=0.0,
        high=10.0,
    )
    policy: str = option('', 'path of the policy (.safetensors), for measuring the scaled prior')
    task: str = option(
        TASK_NAMES[0], 'what is simulated, for measuring the scaled prior', choices=TASK_NAMES
    )
    panel: bool = option(True, 'a live panel where the output is a terminal, else lines')

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class GateConfig:
    """Options of the command gate; the robot's own limits stand in its description."""

    max_age_s: float = option(
        0.5, 'oldest observation whose chunk is executed [s]', low=0.01, high=10.0
    )
    max_lead_s: float = option(
        0.05, 'furthest that the stamp of a chunk may lie in the future [s]', low=0.0, high=1.0
    )
    jump_tolerance_rad: float = option(
        0.0,
        'largest distance of a joint from where it is commanded to be, and of a planned move from '
        "there; 0 takes the robot's own [rad]",
        low=0.0,
        high=1.0,
    )
    latch_after: int = option(10, 'consecutive refusals that latch the gate', low=1, high=1000)
    clear_cooldown_s: float = option(
        1.0, 'time after a stop before it can be cleared [s]', low=0.0, high=60.0
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class RecorderConfig:
    """Options of the recorder node."""

    objects: tuple[str, ...] = option(
        ('cube', 'bowl'), 'objects whose poses, on NAME_pose, are recorded'
    )
    camera: bool = option(False, 'record the camera too; in simulation this makes it render')

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class DriverConfig:
    """Options of the driver node beside the gate's."""

    robot: str = option('fr3', 'name of the robot in every decision key, unique in the domain')
    robot_model: str = option('fr3', 'model of the robot that is driven', choices=ROBOT_MODELS)
    robot_mode: str = option(
        'sim', 'what is driven: the twin, mock hardware, a robot', choices=_MODES
    )
    real_time: bool = option(False, 'the clock runs by itself; false: only while a chunk runs')
    autostart: bool = option(True, 'configure and activate without being asked to')
    window_s: float = option(
        0.2, 'longest stretch sent to a controller, braking included [s]', low=0.11, high=0.2
    )
    brake_s: float = option(
        BRAKE_S,
        'time in which the arm brakes to rest when nothing follows; no joint may be faster than '
        'its acceleration limit can stop in it [s]',
        low=0.01,
        high=0.19,
    )
    ramp_s: float = option(
        0.0,
        'time from engagement to full speed, in real time only; 0 starts at full speed [s]',
        low=0.0,
        high=60.0,
    )
    ramp_start: float = option(0.25, 'share of full speed at engagement', low=0.05, high=1.0)
    lead_s: float = option(
        0.02, 'how long before its start a command is sent in real time [s]', low=0.0, high=0.1
    )
    heartbeat_timeout_s: float = option(
        0.15, 'silence of the steering node that stops a chunk [s]', low=0.06, high=10.0
    )
    state_timeout_s: float = option(
        1.0, 'wait for states as new as the observation of a chunk [s]', low=0.05, high=10.0
    )
    advance_timeout_s: float = option(
        5.0, 'wait for the simulation to advance by one window [s]', low=0.5, high=60.0
    )
    listen_s: float = option(
        1.0, 'time in which a driver that is there already is looked for [s]', low=0.0, high=30.0
    )
    status_period_s: float = option(0.5, 'time between two status messages [s]', low=0.05, high=5)

    def __post_init__(self) -> None:
        check(self)
        if self.brake_s >= self.window_s:
            raise ConfigError(
                f'brake_s: got {self.brake_s:g}, expected less than window_s, {self.window_s:g}.'
            )
        if self.ramp_s and not self.real_time:
            raise ConfigError(
                f'ramp_s: got {self.ramp_s:g} in lockstep, expected 0: a stretched step does not '
                'end on a physics step. Set real_time, or leave ramp_s out.'
            )
        if self.robot_mode != 'sim' and not self.real_time:
            raise ConfigError(
                f'real_time: got false with robot_mode {self.robot_mode}, expected true: only '
                'simulated time can wait.'
            )


_TRAJECTORY_CONTROLLER = 'fr3_arm_controller'


@dataclass(frozen=True)
class HardwareConfig:
    """Options of the driver for hardware; those of arm, gripper and recovery are a Franka's."""

    arm: str = option(
        'trajectory',
        'what takes the arm: the joint trajectory controller, or a CRISP controller',
        choices=('trajectory', 'crisp'),
    )
    description: str = option(
        'auto',
        "where limits and kinematics come from: the robot's own robot_description, or what is "
        'shipped; auto asks the robot, but not mock hardware, which is described without its hand',
        choices=('auto', 'topic', 'shipped'),
    )
    tool_pose: str = option(
        'auto',
        "who publishes the tool's pose: the driver, by forward kinematics of the joints, or "
        "the robot's stack; auto takes the driver where the vendor's stack does not tell it",
        choices=('auto', 'driver', 'robot'),
    )
    target_hz: float = option(
        50.0, 'targets per second for an arm that takes such [1/s]', low=10.0, high=1000.0
    )
    target_ttl_s: float = option(
        0.1, 'gap between two such targets after which the arm stops [s]', low=0.02, high=0.2
    )
    gripper: str = option(
        'franka',
        "what takes the gripper: the vendor's actions, control_msgs/GripperCommand, or no gripper",
        choices=('franka', 'gripper_command', 'none'),
    )
    gripper_names: tuple[str, ...] = option(
        ('gripper', 'fr3_gripper'), 'names that the gripper may have; the first found is it'
    )
    gripper_close_below_m: float = option(
        0.03, 'commanded width that closes the gripper [m]', low=0.0, high=0.08
    )
    gripper_open_above_m: float = option(
        0.05, 'commanded width that opens the gripper [m]', low=0.0, high=0.08
    )
    gripper_open_m: float = option(
        0.078, 'width of the open gripper [m]; the hand refuses more than it has', low=0, high=0.08
    )
    gripper_speed: float = option(0.1, 'speed of the gripper [m/s]', low=0.01, high=0.1)
    gripper_force: float = option(30.0, 'force of a grasp [N]', low=1.0, high=70.0)
    gripper_timeout_s: float = option(
        5.0, 'wait for the gripper to have opened or closed [s]', low=0.5, high=120.0
    )
    gripper_stop_s: float = option(
        1.0, 'wait for a gripper that was stopped [s]', low=0.1, high=10.0
    )
    state_silence_s: float = option(
        0.2,
        'time without new states of the joints, or of the robot, that stops it [s]',
        low=0.06,
        high=5.0,
    )
    late_s: float = option(
        0.03, 'how late after its start a command is still sent [s]', low=0.005, high=1.0
    )
    follow_tolerance_rad: float = option(
        0.05, 'largest distance of a joint from its command [rad]', low=0.005, high=0.5
    )
    follow_timeout_s: float = option(
        0.3, 'time for which a joint may be further from its command [s]', low=0.05, high=5.0
    )
    recover_timeout_s: float = option(
        10.0, 'wait for each step of a recovery [s]', low=0.1, high=120.0
    )
    hardware_component: str = option(
        'FrankaHardwareInterface', 'hardware component that a recovery activates'
    )
    controllers: tuple[str, ...] = option(
        ('joint_state_broadcaster', 'franka_robot_state_broadcaster', _TRAJECTORY_CONTROLLER),
        'controllers that a recovery activates; with arm crisp, name yours',
    )

    def __post_init__(self) -> None:
        check(self)
        if self.gripper_close_below_m >= self.gripper_open_above_m:
            raise ConfigError(
                f'gripper_close_below_m: got {self.gripper_close_below_m:g}, expected less than '
                f'gripper_open_above_m, {self.gripper_open_above_m:g}: the width between them '
                'changes nothing.'
            )
        if self.target_ttl_s * self.target_hz <= 1.0:
            raise ConfigError(
                f'target_ttl_s: got {self.target_ttl_s:g}, expected more than one period of '
                f'target_hz, {1.0 / self.target_hz:g} s.'
            )
        if self.arm == 'crisp' and _TRAJECTORY_CONTROLLER in self.controllers:
            raise ConfigError(
                f'controllers: got {", ".join(self.controllers)} with arm crisp, expected your '
                f'CRISP controller in place of {_TRAJECTORY_CONTROLLER}: a recovery activates '
                'what is named, and two controllers cannot have one arm.'
            )


@dataclass(frozen=True)
class WidowXConfig:
    """Options of the driver for a WidowX, on hardware or its vendor's simulated driver."""

    group: str = option('arm', "xs_sdk's name of the arm's joints")
    profile_ms: int = option(
        50,
        'time in which a motor goes to a target, about one to three periods of target_hz [ms]',
        low=5,
        high=500,
    )
    profile_acceleration_ms: int = option(
        20, 'of that for speeding up, and as much for slowing down [ms]', low=0, high=250
    )
    gripper: str = option(
        'pwm',
        'how the gripper is driven: pwm presses evenly and holds, linear_position goes to a width',
        choices=('pwm', 'linear_position'),
    )
    gripper_joint: str = option('gripper', "xs_sdk's name of the gripper's motor")
    gripper_pwm: float = option(
        250.0, 'effort while the fingers move, of 885; 150 to 350', low=50.0, high=885.0
    )
    gripper_hold_pwm: float = option(
        150.0, 'effort once the fingers have met something', low=0.0, high=885.0
    )
    shadow_motors: tuple[str, ...] = option(
        ('shoulder_shadow', 'elbow_shadow'),
        'second motors of a joint, in no group of xs_sdk: looked at one by one',
    )
    look_s: float = option(
        2.0,
        "time between two looks at the motors' temperatures and errors, each of which holds up "
        'the bus for some 10 ms [s]',
        low=0.2,
        high=60.0,
    )
    temperature_warn_c: int = option(
        55, 'temperature of a motor that is warned of [degrees Celsius]', low=30, high=80
    )
    temperature_stop_c: int = option(
        65,
        'temperature of a motor that stops the robot, below that at which the motor lets go by '
        'itself; 0 never [degrees Celsius]',
        low=0,
        high=80,
    )
    answer_timeout_s: float = option(2.0, 'wait for an answer of xs_sdk [s]', low=0.1, high=30.0)
    rest_timeout_s: float = option(
        10.0, 'wait for an arm that moves by itself to come to rest [s]', low=0.1, high=60.0
    )

    def __post_init__(self) -> None:
        check(self)
        if 2 * self.profile_acceleration_ms > self.profile_ms:
            raise ConfigError(
                f'profile_acceleration_ms: got {self.profile_acceleration_ms}, expected at most '
                f'half of profile_ms, {self.profile_ms}: the motors take no more.'
            )
        if 0 < self.temperature_stop_c <= self.temperature_warn_c:
            raise ConfigError(
                f'temperature_stop_c: got {self.temperature_stop_c}, expected more than '
                f'temperature_warn_c, {self.temperature_warn_c}, or 0.'
            )


@dataclass(frozen=True)
class MockGripperConfig:
    """Options of the stand-in for a Franka Hand."""

    robot_model: str = option(
        'fr3', 'model of the robot whose fingers are shown', choices=ROBOT_MODELS
    )
    gripper_name: str = option('gripper', 'name of the hand whose actions are served')
    object_width_m: float = option(
        0.0, 'width at which a grasp meets an object; 0 for none [m]', low=0.0, high=0.08
    )

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class TwinConfig:
    """Options of the simulation twin."""

    task: str = option(TASK_NAMES[0], 'scene and task to simulate', choices=TASK_NAMES)
    real_time: bool = option(False, 'physics by the wall clock; false: only when asked to advance')
    state_period_s: float = option(
        0.1, 'time between two states in lockstep [s], whole physics steps', low=0.002, high=1.0
    )
    state_hz: float = option(100.0, 'states per second in real time [1/s]', low=10.0, high=500.0)
    idle_period_s: float = option(
        0.2, 'wall time after which the last state is sent again in lockstep [s]', low=0.05, high=5
    )
    command_timeout_s: float = option(
        2.0, 'wait in lockstep for commands that were announced [s]', low=0.1, high=60.0
    )
    listen_s: float = option(
        1.0, 'time in which a robot that is there already is looked for [s]', low=0.0, high=30.0
    )
    camera: str = option('front', 'camera of the scene; rendered only while somebody subscribes')
    camera_hz: float = option(10.0, 'most images per second [1/s]', low=0.1, high=60.0)
    camera_width: int = option(320, 'width of the camera image [pixels]', low=16, high=1920)
    camera_height: int = option(240, 'height of the camera image [pixels]', low=16, high=1080)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class SteeringConfig:
    """Options of the steering node: the run, and how it sees the robot."""

    robot: str = option('fr3', 'name of the robot in every decision key, unique in the ROS domain')
    robot_mode: str = option('sim', 'what is driven, for the record of the run', choices=_MODES)
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
        "what is observed, 'NAME KIND TOPIC' each; kinds: pose, joints, gripper",
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
    sensor_slop_s: float = option(
        0.02, 'largest distance of two stamps in one observation [s]', low=0.0, high=1.0
    )
    startup_timeout_s: float = option(60.0, 'wait for the other nodes [s]', low=1.0, high=3600.0)
    stage_timeout_s: float = option(
        10.0, 'wait for one answer within a decision [s]', low=0.5, high=600.0
    )
    reset_timeout_s: float = option(60.0, 'wait for a reset [s]', low=1.0, high=3600.0)
    resend_period_s: float = option(
        1.0, 'time after which what is not acknowledged is sent again [s]', low=0.1, high=60.0
    )
    heartbeat_patience_s: float = option(
        0.5, 'time in one callback after which the loop counts as frozen [s]', low=0.1, high=10.0
    )
    policy_attempts: int = option(
        4, 'noises tried for one decision when the policy answers absurdly', low=1, high=100
    )

    def __post_init__(self) -> None:
        check(self)
