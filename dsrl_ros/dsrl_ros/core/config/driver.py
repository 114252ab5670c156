"""Options of the driver node that every robot has, those of the command gate among them."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.config.choices import ROBOT_MODELS, ROBOT_MODES
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option

# Joints that may brake at 10 rad/s^2, a Franka's and a WidowX's, may so be as fast as 1.5 rad/s.
BRAKE_S = 0.15
# A command can be handed over only at a point of a trajectory: no two are further apart.
LONGEST_SPAN_S = 0.05
LONGEST_WINDOW_S = 0.2


@dataclass(frozen=True)
class GateConfig:
    """Options of the command gate; the robot's own limits are in its description."""

    max_age_s: float = option(
        0.5, 'oldest observation whose chunk is executed [s]', low=0.01, high=10.0
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
class DriverConfig:
    """Options of the driver node other than the gate's."""

    robot: str = option('fr3', 'name of the robot in every decision key, unique in the domain')
    robot_model: str = option('fr3', 'model of the robot that is driven', choices=ROBOT_MODELS)
    robot_mode: str = option(
        'sim', 'what is driven: the twin, mock hardware, a robot', choices=ROBOT_MODES
    )
    real_time: bool = option(False, 'the clock runs by itself; false: only while a chunk runs')
    autostart: bool = option(True, 'configure and activate without being asked to')
    window_s: float = option(
        LONGEST_WINDOW_S,
        'longest stretch sent to a controller, braking included [s]',
        low=0.11,
        high=LONGEST_WINDOW_S,
    )
    brake_s: float = option(
        BRAKE_S,
        'time in which the arm brakes to rest when nothing follows; no joint may be faster than '
        'its acceleration limit can stop in it [s]',
        low=0.01,
        high=LONGEST_WINDOW_S - LONGEST_SPAN_S,
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

    def __post_init__(self) -> None:
        check(self)
        if self.brake_s + LONGEST_SPAN_S > self.window_s + 1e-9:
            raise ConfigError(
                f'brake_s: got {self.brake_s:g}, expected at most {LONGEST_SPAN_S:g} s less '
                f'than window_s, {self.window_s:g}: a window holds one span and the braking.'
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
