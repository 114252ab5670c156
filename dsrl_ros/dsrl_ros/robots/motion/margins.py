"""Whether a joint trajectory stays so far from every limit that nothing need be known exactly.

Most do, and to see that costs a third of what the exact look of `robots.motion.extremes` does.
"""

from __future__ import annotations

import numpy as np

from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.trajectory import JointTrajectory


class Margins:
    """A robot's limits, for an arm that may be stopped anywhere on its way."""

    def __init__(self, robot: RobotDescription, brake_ns: int) -> None:
        """Prepare.

        Args:
            robot: whose limits.
            brake_ns: time in which the arm brakes evenly to rest whenever it is stopped [ns].
        """
        self._brake_s = brake_ns * 1e-9
        self._low, self._high = np.array(robot.position_low), np.array(robot.position_high)
        self._acceleration = np.array(robot.acceleration_limit)
        # Braking from more than this is a harder acceleration than the arm may have.
        self._speed = np.minimum(robot.velocity_limit, self._acceleration * self._brake_s)

    def kept_by(self, trajectory: JointTrajectory) -> bool:
        """Return whether no limit can be exceeded, stopped or not; False leaves it open.

        The velocity of a segment is a quadratic v(s): it lies between the least and the greatest
        of v(0), v(0) + v'(0) / 2 and v(1), the control points of a Bezier curve, and its
        acceleration is greatest at an end. From the nearest point of the trajectory a joint moves
        on for half a segment at most and then rests within half the time to brake.

        Args:
            trajectory: positions and velocities over time.
        """
        positions, velocities = trajectory.positions, trajectory.velocities
        span = (trajectory.times_ns[1:] - trajectory.times_ns[:-1])[:, None] * 1e-9
        beyond = self._speed * (0.5 * (span.max(initial=0.0) + self._brake_s))
        if not (
            (np.abs(velocities) <= self._speed).all()
            and (positions >= self._low + beyond).all()
            and (positions <= self._high - beyond).all()
        ):
            return False
        before, after = velocities[:-1], velocities[1:]
        middle = (positions[1:] - positions[:-1]) * (3.0 / span) - before - after
        change = np.maximum(np.abs(middle - before), np.abs(after - middle))
        return bool(
            (np.abs(middle) <= self._speed).all()
            and (change <= self._acceleration * (0.5 * span)).all()
        )
