"""One twin under chunks: plan, follow, grip. The driver and the environments run this same code."""

from __future__ import annotations

from pathlib import Path

from dsrl_ros.core.types import Array
from dsrl_ros.robots.description import RobotDescription
from dsrl_ros.robots.kinematics import Kinematics
from dsrl_ros.robots.planner import ChunkPlan, ChunkPlanner, Commanded
from dsrl_ros.robots.trajectory import Float64
from dsrl_ros.robots.twin import ArmState, Twin


class SimulatedArm:
    """A twin with the planner in front of it and the memory of what was commanded last.

    `begin` a chunk, then `advance` in any portions until `end_ns`: the portions do not change a
    bit of the result.
    """

    def __init__(self, robot: RobotDescription, scene: Path, step_period_ns: int) -> None:
        """Load robot and scene.

        Args:
            robot: which arm.
            scene: MJCF of robot and surroundings.
            step_period_ns: time of one action of a chunk [ns].
        """
        self.robot = robot
        self.kinematics = Kinematics(robot)
        self.planner = ChunkPlanner(robot, self.kinematics, step_period_ns)
        self.twin = Twin(robot, scene)
        self._set_commanded(self.planner.at_rest(self.twin.state().position, robot.gripper_high))

    @property
    def commanded(self) -> Commanded:
        """What has been commanded up to now; the next chunk starts there."""
        return self._commanded

    @property
    def end_ns(self) -> int:
        """When the last chunk ends [ns]; not after `twin.now_ns` once it has."""
        return self._start_ns + (self._plan.trajectory.duration_ns if self._plan else 0)

    def reset(self, joints: Float64, width: float, bodies: dict[str, Float64]) -> None:
        """Put arm and bodies at rest at time zero; arguments as `Twin.reset` takes them."""
        self.twin.reset(joints, width, bodies)
        self._set_commanded(self.planner.at_rest(joints, width))

    def begin(self, actions: Array) -> ChunkPlan:
        """Plan a chunk from what was commanded last, and follow it from now on.

        Args:
            actions: (n, A), n >= 1.
        """
        plan = self.planner.plan(actions, self._commanded)
        self._plan, self._start_ns, self._steps_begun = plan, self.twin.now_ns, 0
        self.twin.set_trajectory(plan.trajectory, self._start_ns)
        return plan

    def advance(self, until_ns: int) -> None:
        """Step the physics to `until_ns`, giving the gripper its command at each step's start."""
        while self._plan is not None:
            step = self._steps_begun
            if step == self._plan.num_steps:
                if until_ns >= self.end_ns:
                    self.twin.advance(self.end_ns)
                    self._start_ns = self.end_ns
                    self._set_commanded(self._plan.commanded_after(step))
                break
            due_ns = self._start_ns + int(self._plan.trajectory.times_ns[step])
            if due_ns > until_ns:
                break
            self.twin.advance(due_ns)
            self.twin.set_gripper(float(self._plan.widths[step]))
            self._steps_begun += 1
        self.twin.advance(until_ns)

    def run(self, actions: Array) -> ChunkPlan:
        """Execute a whole chunk and return its plan."""
        plan = self.begin(actions)
        self.advance(self.end_ns)
        return plan

    def state(self) -> ArmState:
        """Return what the encoders say now."""
        return self.twin.state()

    def _set_commanded(self, commanded: Commanded) -> None:
        self._commanded = commanded
        self._plan: ChunkPlan | None = None
        self._start_ns = self.twin.now_ns
        self._steps_begun = 0
