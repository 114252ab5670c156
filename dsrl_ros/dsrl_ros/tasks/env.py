"""A task on its twin as a Gymnasium environment, by step and by chunk."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_shape
from dsrl_ros.core.config.driver import DriverConfig, GateConfig
from dsrl_ros.core.config.reward import RewardConfig
from dsrl_ros.core.errors import ConfigError, DsrlError
from dsrl_ros.core.types import Array, ChunkStep, ImageArray, PolicySpec
from dsrl_ros.robots.model.description import RobotDescription
from dsrl_ros.robots.motion.planner import ChunkPlan
from dsrl_ros.robots.safety.rules import Motion, MotionRules
from dsrl_ros.robots.simulation.simulated_arm import SimulatedArm
from dsrl_ros.tasks.reward.limits import EpisodeJudge
from dsrl_ros.tasks.task import Task, poses


class TaskEnv(gymnasium.Env[Array, Array]):
    """Actions are in robot units, their columns as the task names them.

    `step` executes one action. `execute` executes a chunk as the robot's driver does: one smooth
    trajectory, success looked at when it has ended.

    Gated, unless told otherwise, it refuses what the driver's gate refuses in lockstep, by
    the gate's own rules: nothing moves, no time passes, and refusals in a row truncate the
    episode. Only the latch is not here, which waits for a person.
    """

    metadata = {'render_modes': ['rgb_array']}

    def __init__(self, task: Task, gated: bool = True) -> None:
        """Load robot and scene.

        Args:
            task: what is to be done.
            gated: refuse motions as the driver does, by its default options; without, nothing is
                refused, as when somebody demonstrates.
        """
        self.render_mode = 'rgb_array'
        self.task = task
        self._arm = SimulatedArm(
            task.robot, task.scene, task.step_period_ns, task.control_mode, task.action_names
        )
        unlimited = np.full(len(task.state_names), np.inf, dtype=np.float32)
        self.observation_space = gymnasium.spaces.Box(-unlimited, unlimited)
        self.action_space = gymnasium.spaces.Box(
            np.array(task.action_low, dtype=np.float32),
            np.array(task.action_high, dtype=np.float32),
        )
        self._rules = default_rules(task.robot) if gated else None
        self._judge = EpisodeJudge(task.max_steps, RewardConfig().max_rejects)

    @property
    def arm(self) -> SimulatedArm:
        """The simulated robot in its scene."""
        return self._arm

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Array, dict[str, Any]]:
        """Start an episode; the seed alone decides how the scene is.

        Args:
            seed: of the episode; None draws one.
            options: there are none.

        Returns:
            Observation (O,) and an empty info.
        """
        super().reset(seed=seed, options=options)
        if seed is None:
            seed = int(self.np_random.integers(2**31))
        start = self.task.sample_reset(seed, self._arm.kinematics)
        self._arm.reset(start.joints, start.width, start.bodies, start.sliders)
        self._judge.start()
        return self._observe(), {}

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Execute one action, (A,)."""
        result = self.execute(action[None])
        return result.state, result.reward, result.terminated, result.truncated, {}

    def execute(self, chunk: Array) -> ChunkStep:
        """Execute a chunk, (n, A); the reward is 1 when the task has succeeded by its end."""
        plan = self._plan(chunk)
        if plan is not None:
            self._arm.follow(plan)
            self._arm.advance(self._arm.end_ns)
        executed = chunk[:0] if plan is None else plan.executed
        verdict = self._judge.judge(len(executed), self.task.succeeded(self._arm.twin))
        return ChunkStep(
            self._observe(), verdict.reward, verdict.terminated, verdict.truncated, executed
        )

    def render(self) -> NDArray[np.uint8]:
        """Return an RGB image of the scene, (480, 640, 3)."""
        return self._arm.twin.render('front', 640, 480)

    def camera_images(self, spec: PolicySpec) -> tuple[ImageArray, ...]:
        """Return what the cameras of a policy show now, drawn in the sizes that it states.

        Nothing is drawn for a policy without cameras, and nothing drawn changes the physics.

        Args:
            spec: of the policy; its `image_names` are cameras of the scene.

        Returns:
            RGB of each of `spec.image_names`, (I,) of (height, width, 3) uint8.

        Raises:
            ConfigError: the scene has no camera of one of the names.
            DriverError: there is nothing to draw with.
        """
        twin = self._arm.twin
        missing = [name for name in spec.image_names if name not in twin.cameras]
        if missing:
            raise ConfigError(
                f'policy {spec.name}: got image_names with {", ".join(missing)}, expected cameras '
                f'of the task {self.task.name} ({", ".join(twin.cameras)}). Name these in the '
                f'policy card, or add the camera to {self.task.scene.name}.'
            )
        return tuple(
            twin.render(name, width, height)
            for name, (height, width, _) in zip(spec.image_names, spec.image_shapes, strict=True)
        )

    def close(self) -> None:
        """Free what rendering has taken."""
        self._arm.twin.close()

    def _plan(self, chunk: Array) -> ChunkPlan | None:
        """Return the plan of a chunk; None when it is refused."""
        if self._rules is None:
            return self._arm.plan(chunk)
        require_shape('action chunk', chunk, (None, len(self.task.action_names)))
        try:
            plan = self._arm.plan(chunk)
        except DsrlError:  # numbers that mean nothing, or out of the arm's reach
            return None
        start, measured = plan.start, self._arm.state().position
        motion = Motion(plan.trajectory, start.joints, start.velocity, measured)
        return plan if self._rules.first_broken(motion) is None else None

    def _observe(self) -> Array:
        objects = poses(self.task, self._arm.twin)
        return self.task.observe(self._arm.state(), objects, self._arm.kinematics)


def default_rules(robot: RobotDescription) -> MotionRules:
    """Return the rules of the driver's gate by its default options."""
    brake_ns = round(DriverConfig().brake_s * 1e9)
    return MotionRules(robot, brake_ns, GateConfig().jump_tolerance_rad)
