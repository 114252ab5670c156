"""A stand-in for a WidowX under the vendor's `xs_sdk`, which behaves and fails as theirs does.

It takes whatever it is sent, checks nothing, answers to everything, and comes up with the profile
of the vendor's `modes.yaml`: 2 s from any place to any goal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from interbotix_xs_msgs.msg import JointGroupCommand, JointSingleCommand
from interbotix_xs_msgs.srv import (
    OperatingModes,
    Reboot,
    RegisterValues,
    RobotInfo,
    TorqueEnable,
)
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from dsrl_ros.robots.model.widowx import SLEEP, WX250S
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.stamps import stamp_from_ns

_PERIOD_S = 0.02  # of joint states; the vendor's is half, its simulated driver's 0.033
_FALL_RAD_S = 2.0  # of a joint that nothing holds
_FINGERS_M_S = 0.05 / 250  # for each unit of effort
_JAW_LOW_M, _JAW_HIGH_M = (
    0.014,
    0.038,
)  # of one finger: the vendor's linkage goes beyond its limits
_BUS_ERROR_RAD = -math.pi  # what the vendor's driver says of joints from the first not read on
_FINGER_OF_BUS_ERROR_M = math.sqrt(0.024**2 - 0.014**2)  # and of a finger: its crank turned so
START = np.array(WX250S.episode_start)
ARM, GRIPPER = WX250S.joint_names, 'gripper'
MOTORS = (*ARM, GRIPPER)
# Second motors of a joint: what is written to the first they take too, by their Secondary_ID.
SECOND = {'shoulder': 'shoulder_shadow', 'elbow': 'elbow_shadow'}
SHADOWS = tuple(SECOND.values())


@dataclass
class Motor:
    """One motor: where it is, and its registers."""

    place: float
    goal: float
    registers: dict[str, int] = field(default_factory=dict)
    begun: tuple[float, float] = (0.0, 0.0)  # where and when it set out for its goal
    mode: str = 'position'
    profile: str = 'time'
    sags: float = 0.0  # behind its goal by what it bears [rad]

    def __post_init__(self) -> None:
        self.registers = {
            'Torque_Enable': 1,
            'Profile_Velocity': 2000,
            'Profile_Acceleration': 300,
            'Present_Temperature': 35,
            'Hardware_Error_Status': 0,
        }
        self.begun = (self.place, -1e9)

    def go(self, goal: float, now_s: float) -> None:
        """Take a goal, and set out for it, from where it is by now, if the motor holds."""
        holds = self.registers['Torque_Enable']
        self.begun = (self._at(now_s) if holds else self.place, now_s)
        self.goal = goal

    def _at(self, now_s: float) -> float:
        start, begun_s = self.begun
        takes_s = max(self.registers['Profile_Velocity'] * 1e-3, 1e-3)
        return start + (self.goal + self.sags - start) * min((now_s - begun_s) / takes_s, 1.0)

    def step(self, now_s: float, falls_to: float) -> float:
        """Move; return the distance [rad]."""
        before = self.place
        if self.registers['Torque_Enable']:
            self.place = self._at(now_s)
        else:
            step = _FALL_RAD_S * _PERIOD_S
            self.place += min(max(falls_to - self.place, -step), step)
        return abs(self.place - before)


class StandInXs(Node):
    """The arm with its driver.

    Attributes:
        motors: by name, those in no group too.
        commands: positions of the arm, as they came.
        efforts: commands of the gripper, as they came.
        calls: services that change something, as they came.
        furthest: largest distance of a joint from one state to the next [rad].
        lets_go: how far the arm has fallen in all [rad].
        unread_from: the first motor that is not read with the joint states; None for none.
        unread: motors that do not answer, by name.
        silent: services that are never answered.
        alert_hides: whether nothing is read of a motor in an error: the vendor's library takes
            the alert that such a motor's answers bear for a reading that failed.
        object_width: width at which the fingers meet something [m].
        registers_told: False for the vendor's simulated driver, which knows profiles only.
    """

    def __init__(
        self,
        place: np.ndarray = START,
        holds: bool = True,
        registers_told: bool = True,
        **node_options: Any,
    ) -> None:
        super().__init__('xs_sdk', **node_options)
        self.motors = {
            name: Motor(value, value) for name, value in zip(ARM, place.tolist(), strict=True)
        }
        self.motors[GRIPPER] = Motor(0.0, 0.0)
        self.motors[GRIPPER].mode = 'pwm'
        for name, shadow in SECOND.items():
            self.motors[shadow] = Motor(self.motors[name].place, self.motors[name].place)
        for name in (*ARM, *SHADOWS):
            self.motors[name].registers['Torque_Enable'] = int(holds)
        self.commands: list[list[float]] = []
        self.efforts: list[float] = []
        self.calls: list[str] = []
        self.furthest = self.lets_go = 0.0
        self.unread_from: str | None = None
        self.unread: set[str] = set()
        self.silent: set[str] = set()
        self.alert_hides = True
        self.object_width = 0.0
        self.registers_told = registers_told
        self._finger, self._effort = 0.020, 0.0
        self._states = self.create_publisher(JointState, names.JOINT_STATES, 10)
        self._description = self.create_publisher(String, names.ROBOT_DESCRIPTION, qos.LATCHED)
        self.create_subscription(JointGroupCommand, names.XS_GROUP, self.on_group, 10)
        self.create_subscription(JointSingleCommand, names.XS_SINGLE, self._on_single, 10)
        group = ReentrantCallbackGroup()  # one that hangs holds up no other
        for kind, name, answer in (
            (RobotInfo, names.XS_INFO, self._on_info),
            (OperatingModes, names.XS_MODES, self._on_modes),
            (TorqueEnable, names.XS_TORQUE, self._on_torque),
            (Reboot, names.XS_REBOOT, self.on_reboot),
            (RegisterValues, names.XS_GET_REGISTERS, self._on_get),
            (RegisterValues, names.XS_SET_REGISTERS, self._on_set),
        ):
            self.create_service(kind, name, self._slowly(name, answer), callback_group=group)
        self.create_timer(_PERIOD_S, self._update)

    @property
    def measured(self) -> np.ndarray:
        """Where the arm is [rad], (J,)."""
        return np.array([self.motors[name].place for name in ARM])

    @property
    def width(self) -> float:
        """Between the fingers, as the vendor counts [m]."""
        return 2 * self._finger

    def describe(self, text: str) -> None:
        """Say what robot this is, as `robot_state_publisher` does."""
        self._description.publish(String(data=text))

    def drive_to(self, goal: np.ndarray) -> None:
        """Set out for a goal, as XSHardwareInterface does for its sleep pose when it comes up."""
        for name, value in zip(ARM, goal.tolist(), strict=True):
            self.motors[name].go(value, self._now_s())

    def fail(self, name: str, bit: int) -> None:
        """Let a motor stop in an error, as an overload does: it lets go, and says nothing."""
        self.motors[name].registers |= {'Hardware_Error_Status': 1 << bit, 'Torque_Enable': 0}

    def _now_s(self) -> float:
        return self.get_clock().now().nanoseconds * 1e-9

    def _named(self, request: Any) -> list[str]:
        if request.cmd_type == 'group':
            return list({'arm': ARM, 'all': MOTORS}.get(request.name, ()))
        return [request.name] if request.name in self.motors else []

    def _written(self, request: Any) -> list[Motor]:
        """Return the motors that take what is written."""
        named = self._named(request)
        return [self.motors[name] for name in (*named, *(SECOND[n] for n in named if n in SECOND))]

    def _reads(self, name: str) -> bool:
        failed = self.alert_hides and self.motors[name].registers['Hardware_Error_Status']
        return name not in self.unread and not failed

    def _slowly(self, name: str, answer: Any) -> Any:
        async def serve(request: Any, response: Any) -> Any:
            if name in self.silent:
                await Future(executor=self.executor)
            answer(request, response)
            return response

        return serve

    def on_group(self, message: JointGroupCommand) -> None:
        self.commands.append(list(message.cmd))
        for name, value in zip(ARM, message.cmd, strict=True):
            # A number that is none becomes whatever the conversion to ticks makes of it.
            goal = value if math.isfinite(value) else _BUS_ERROR_RAD
            self.motors[name].go(goal, self._now_s())
        for name, shadow in SECOND.items():
            self.motors[shadow].goal = self.motors[name].goal

    def _on_single(self, message: JointSingleCommand) -> None:
        assert message.name == GRIPPER
        self.efforts.append(message.cmd)
        if self.motors[GRIPPER].mode == 'linear_position':
            half = message.cmd / 2  # the command is the distance between both fingers
            self._effort = 250.0 * float(np.sign(half - self._finger))
            self.motors[GRIPPER].goal = half
        else:
            self._effort = message.cmd

    def _on_info(self, request: RobotInfo.Request, response: RobotInfo.Response) -> None:
        named = self._named(request)
        response.joint_names = ['left_finger' if name == GRIPPER else name for name in named]
        response.num_joints = len(named)
        response.joint_sleep_positions = [
            0.024 if name == GRIPPER else SLEEP[ARM.index(name)] for name in named
        ]
        if named:
            response.mode = self.motors[named[0]].mode
            response.profile_type = self.motors[named[0]].profile

    def _on_modes(self, request: OperatingModes.Request, _: Any) -> None:
        self.calls.append(f'mode {request.name}')
        for motor in self._written(request):
            motor.mode, motor.profile = request.mode, request.profile_type
            motor.registers |= {
                'Profile_Velocity': request.profile_velocity,
                'Profile_Acceleration': request.profile_acceleration,
                'Torque_Enable': 1,  # as the vendor's does, whatever was before
            }
            motor.begun = (motor.place, self._now_s())

    def _on_torque(self, request: TorqueEnable.Request, _: Any) -> None:
        self.calls.append(f'torque {request.name} {"on" if request.enable else "off"}')
        for motor in self._written(request):
            motor.registers['Torque_Enable'] = int(request.enable)
            motor.begun = (motor.place, self._now_s())

    def on_reboot(self, request: Reboot.Request, _: Any) -> None:
        self.calls.append(f'reboot {request.name}')
        for name in self._named(request):
            motor = self.motors[name]
            well = self._reads(name) and not motor.registers['Hardware_Error_Status']
            if request.cmd_type == 'group' and request.smart_reboot and well:
                continue
            # What is in RAM is lost: the profile, and that it holds.
            motor.registers |= {
                'Hardware_Error_Status': 0,
                'Torque_Enable': 0,
                'Profile_Velocity': 0,
                'Profile_Acceleration': 0,
            }

    def _on_get(self, request: RegisterValues.Request, response: RegisterValues.Response) -> None:
        if not self.registers_told and not request.reg.startswith('Profile'):
            return
        for name in self._named(request):
            if not self._reads(name):
                return  # those before it have been read
            motor = self.motors[name]
            ticks = {'Goal_Position': motor.goal, 'Present_Position': motor.place}
            if request.reg in ticks:
                response.values.append(2048 + round(ticks[request.reg] * 4096 / (2 * math.pi)))
            else:
                response.values.append(motor.registers[request.reg])

    def _on_set(self, request: RegisterValues.Request, _: Any) -> None:
        self.calls.append(f'set {request.reg} {request.value}')
        for motor in self._written(request):
            motor.registers[request.reg] = request.value

    def _update(self) -> None:
        now_s = self._now_s()
        for name, lying in zip(ARM, SLEEP, strict=True):
            motor = self.motors[name]
            moved = motor.step(now_s, lying)
            self.furthest = max(self.furthest, moved)
            self.lets_go += 0.0 if motor.registers['Torque_Enable'] else moved
        for name, shadow in SECOND.items():
            self.motors[shadow].place = self.motors[name].place
        self.move_fingers()
        places, finger = [*self.measured, 0.0], self._finger
        if self.unread_from is not None:
            first = MOTORS.index(self.unread_from)
            places[first:] = [_BUS_ERROR_RAD] * (len(places) - first)
            finger = _FINGER_OF_BUS_ERROR_M
        message = JointState(
            name=[*MOTORS, 'left_finger', 'right_finger'],
            position=[*places, finger, -finger],
            # The simulated driver leaves these out; ros2_control's read() does not fill them.
            velocity=[],
            effort=[],
        )
        message.header.stamp = stamp_from_ns(self.get_clock().now().nanoseconds)
        self._states.publish(message)

    def move_fingers(self) -> None:
        gripper = self.motors[GRIPPER]
        finger = self._finger + self._effort * _FINGERS_M_S * _PERIOD_S
        if gripper.mode == 'linear_position':
            low, high = sorted((self._finger, gripper.goal))
            finger = min(max(finger, low), high)
        low = max(_JAW_LOW_M, self.object_width / 2)
        self._finger = min(max(finger, low), _JAW_HIGH_M)
