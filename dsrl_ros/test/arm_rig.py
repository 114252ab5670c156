"""An `ArmDriver` with a robot, a clock and a listener that do as a test says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from toy import SPEC as TOY

from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.errors import DriverError
from dsrl_ros.core.types import ControlMode, DecisionKey
from dsrl_ros.robots.execution.chunk_executor import Segment
from dsrl_ros.robots.execution.driver import ArmDriver
from dsrl_ros.robots.execution.mover import MoveEnd
from dsrl_ros.robots.execution.runner import ChunkEnd
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.franka import FR3
from dsrl_ros.robots.motion.chunk import Chunk
from dsrl_ros.robots.motion.moves import Move
from dsrl_ros.robots.motion.ramp import Ramp
from dsrl_ros.robots.motion.rest_to_rest import timed
from dsrl_ros.robots.safety.latch import Latch

MS = 1_000_000
STEP_NS, WINDOW_NS, BRAKE_NS = 100 * MS, 200 * MS, 150 * MS
START = np.array(FR3.episode_start)
NAMES = ('dx', 'dy', 'dz', 'gripper')
SPEC = replace(
    TOY,
    action_names=NAMES,
    control_mode=ControlMode.EE_DELTA,
    action_low=(-0.04,) * 3 + (-1.0,),
    action_high=(0.04,) * 3 + (1.0,),
)
NO_RAMP = Ramp()


class StandInRobot:
    """A `Robot` without faults, and the `DriverListener` of its driver.

    Attributes:
        segments: sent so far.
        ends: of chunks, as they were reported.
        known: whether its state is as new as any chunk's observation.
    """

    def __init__(self, description: RobotDescription) -> None:
        self.description = description
        self.segments: list[Segment] = []
        self.ends: list[ChunkEnd] = []
        self.known = True

    def send(self, segment: Segment, force: bool = False) -> None:
        self.segments.append(segment)

    def halt_gripper(self) -> None:
        pass

    def when_gripper_settled(self, then: Callable[[str], None]) -> None:
        then('')

    def width(self) -> float:
        return self.description.gripper_high

    def scene(self) -> int:
        return 0

    def is_as_new_as(self, _: int) -> bool:
        return self.known

    def describe(self) -> RobotDescription:
        return self.description

    def fault(self) -> None:
        pass

    def other_publishers(self) -> list[str]:
        return []

    def reset(self) -> None:
        pass

    def on_motion(self) -> None:
        pass

    def on_end(self, end: ChunkEnd) -> None:
        self.ends.append(end)

    def on_stop(self, cause: str) -> None:
        pass

    def on_change(self) -> None:
        pass


class ScriptedPace:
    """Time that passes when told to, as the clock of a robot does: waiting can be given up."""

    def __init__(self, lead_ns: int) -> None:
        self.lead_ns = lead_ns
        self.time_ns = 1_000 * MS
        self._due: tuple[int, Callable[[], None]] | None = None

    def link(self, then: Callable[[], None]) -> None:
        then()

    def see(self, stamp_ns: int) -> None:
        pass

    def now_ns(self) -> int:
        return self.time_ns

    def wait_until(self, time_ns: int, then: Callable[[], None]) -> None:
        self._due = (time_ns, then)

    def interrupt(self) -> bool:
        self._due = None
        return True

    def run_to(self, time_ns: int) -> None:
        while self._due is not None and self._due[0] <= time_ns:
            at_ns, then = self._due
            self._due = None
            self.time_ns = max(self.time_ns, at_ns)
            then()
        self.time_ns = max(self.time_ns, time_ns)


class Arm(StandInRobot):
    """A driver of an arm that is where it is commanded to be.

    Attributes:
        move_ends: of moves, as they were told.
    """

    def __init__(self, lead_ns: int = 20 * MS, ramp: Ramp = NO_RAMP) -> None:
        super().__init__(FR3)
        self.pace = ScriptedPace(lead_ns)
        self.move_ends: list[MoveEnd] = []
        self.decision = 0
        config = DriverConfig(
            robot='arm',
            real_time=True,
            window_s=WINDOW_NS * 1e-9,
            brake_s=BRAKE_NS * 1e-9,
            ramp_start=ramp.start,
            ramp_s=ramp.duration_ns * 1e-9,
        )
        gate = GateConfig(latch_after=1000)
        self.driver = ArmDriver(config, gate, self, Latch(0.0))
        self.driver.attach(self, self.pace)
        self.driver.configure(SPEC)
        self.driver.activate()

    def joints(self) -> np.ndarray:
        try:
            return self.driver.executor.commanded_at(self.pace.now_ns()).joints
        except DriverError:  # not engaged yet
            return START

    def begin(self, move: Move) -> None:
        self.driver.begin_move(move, self.move_ends.append)

    def move(self, by: float = 0.3) -> None:
        trajectory = timed(
            np.stack([self.joints(), self.joints() + by]),
            0.3 * np.array(FR3.velocity_limit),
            0.3 * np.array(FR3.acceleration_limit),
        )
        self.begin(Move(trajectory, None))

    def chunk(self, decision: int = 0) -> Chunk:
        rows = np.tile(np.float32([0.01, 0.0, 0.0, 0.0]), (2, 1))
        key = DecisionKey('arm', 'a' * 32, 0, decision)
        now_ns = self.pace.now_ns()
        return Chunk(key, now_ns, SPEC.control_mode, NAMES, 2, 2, 0.1, rows.reshape(-1))

    def receive(self) -> None:
        self.driver.receive(self.chunk())

    def commanded(self, time_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return what a controller follows at a time: the newest segment begun by then."""
        segment = next(
            segment for segment in reversed(self.segments) if segment.start_ns <= time_ns
        )
        return segment.trajectory.sample(time_ns - segment.start_ns)

    def largest_step(self) -> float:
        """Return the largest change of velocity from one millisecond to the next [rad/s]."""
        first, last = self.segments[0], self.segments[-1]
        times = range(first.start_ns, last.start_ns + last.trajectory.duration_ns + 2 * MS, MS)
        velocities = np.array([self.commanded(time)[1] for time in times])
        return float(np.abs(np.diff(velocities, axis=0)).max())
