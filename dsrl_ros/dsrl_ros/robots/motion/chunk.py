"""An action chunk as it reaches a robot: nothing about it is trusted yet."""

from __future__ import annotations

from dataclasses import dataclass

from dsrl_ros.core.types import Array, DecisionKey


@dataclass(frozen=True)
class Chunk:
    """What somebody wants the robot to do next.

    Attributes:
        key: of the decision it belongs to.
        stamp_ns: acquisition time of the observation it answers [ns].
        control_mode: meant to be one of `ControlMode`.
        action_names: name of each column, (A,).
        horizon: rows, H.
        num_execute: rows to execute.
        step_period_s: time of one row [s].
        data: (H * A,) row-major, robot units; of any length until checked.
    """

    key: DecisionKey
    stamp_ns: int
    control_mode: int
    action_names: tuple[str, ...]
    horizon: int
    num_execute: int
    step_period_s: float
    data: Array

    def rows_to_execute(self) -> Array:
        """Return the rows to execute, (n, A), of a chunk whose shape has been checked."""
        return self.data.reshape(self.horizon, len(self.action_names))[: self.num_execute]
