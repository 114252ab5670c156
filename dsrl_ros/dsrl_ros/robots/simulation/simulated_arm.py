"""One twin under chunks: plan, follow, grip. Driver and environments run this same code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dsrl_ros.core.types import Array, ControlMode, Float64
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.model.kinematics import Kinematics
from dsrl_ros.robots.motion.modes.ee_delta import SHIFT
from dsrl_ros.robots.motion.modes.registry import GRIPPER
from dsrl_ros.robots.motion.planner import ChunkPlan, ChunkPlanner, Commanded
from dsrl_ros.robots.simulation.twin import ArmState, Twin


class SimulatedArm:
    """A twin with the planner in front of it and the memory of what was commanded last.

    `plan` a chunk and `follow` the plan, then `advance` in any portions until `end_ns`: the
    portions do not change a bit of the result.
    """

    def __init__(
        self,
        robot: RobotDescription,
        scene: Path,
        step_period_ns: int,
        control_mode: ControlMode = ControlMode.EE_DELTA,
        action_names: tuple[str, ...] = (*SHIFT, GRIPPER),
    ) -> None:
        """Load robot and scene.

        Args:
            robot: which arm.
            scene: MJCF of robot and surroundings.
            step_period_ns: time of one action of a chunk [ns].
            control_mode: what the columns of a chunk mean.
            action_names: name of each column, (A,).
        """
        self.robot = robot
        self.kinematics = Kinematics(robot)
        self.planner = ChunkPlanner(
            robot, self.kinematics, step_period_ns, control_mode, action_names
        )
        self.twin = Twin(robot, scene)
        self._plan: ChunkPlan | None = None
        self._rest_at(self.twin.state().position, robot.gripper_high)

    @property
    def commanded(self) -> Commanded:
        """What is commanded now; the next chunk starts there."""
        if self._plan is None:
            return self._rest
        return self._plan.commanded_at(self.twin.now_ns - self._start_ns)

    @property
    def end_ns(self) -> int:
        """When the last step of the last chunk ends [ns]; the arm brakes to rest after it."""
        return self._start_ns + (self._plan.duration_ns if self._plan else 0)

    def reset(
        self,
        joints: Float64,
        width: float,
        bodies: Mapping[str, Float64] | None = None,
        sliders: Mapping[str, float] | None = None,
    ) -> None:
        """Put arm and scene at rest at time zero; arguments as `Twin.reset` takes them."""
        self.twin.reset(joints, width, bodies, sliders)
        self._rest_at(joints, width)

    def plan(self, actions: Array) -> ChunkPlan:
        """Plan a chunk from what is commanded now; move nothing.

        Args:
            actions: (n, A), n >= 1.

        Raises:
            DsrlError: as `ChunkPlanner.plan`.
        """
        return self.planner.plan(actions, self.commanded)

    def follow(self, plan: ChunkPlan) -> None:
        """Follow from now on a plan that begins at what is commanded now."""
        self._plan, self._start_ns, self._steps_begun = plan, self.twin.now_ns, 0
        self.twin.set_trajectory(plan.trajectory, self._start_ns)

    def advance(self, until_ns: int) -> None:
        """Step the physics to `until_ns`, giving the gripper its command at each step's start."""
        while self._plan is not None and self._steps_begun < self._plan.num_steps:
            due_ns = self._start_ns + int(self._plan.starts_ns[self._steps_begun])
            if due_ns > until_ns:
                break
            self.twin.advance(due_ns)
            self.twin.set_gripper(float(self._plan.widths[self._steps_begun]))
            self._steps_begun += 1
        self.twin.advance(until_ns)

    def run(self, actions: Array) -> ChunkPlan:
        """Execute all steps of a chunk and return its plan."""
        plan = self.plan(actions)
        self.follow(plan)
        self.advance(self.end_ns)
        return plan

    def state(self) -> ArmState:
        """Return what the encoders say now."""
        return self.twin.state()

    def _rest_at(self, joints: Float64, width: float) -> None:
        self._rest = self.planner.at_rest(joints, width)
        self._plan = None
        self._start_ns = self.twin.now_ns
        self._steps_begun = 0
