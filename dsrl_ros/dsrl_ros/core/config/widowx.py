"""Options of the driver for a WidowX."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option


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
        'second motors of a joint, in no group of xs_sdk: read one by one',
    )
    look_s: float = option(
        2.0,
        "time between two readings of the motors' temperatures and errors, each of which holds up "
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
