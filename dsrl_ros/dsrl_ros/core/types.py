"""The words of the suite as types. Owns no behaviour beyond checking itself.

Dimension letters, fixed here once: B batch, O state, H horizon [steps], A action, R noise rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.checks import require_finite, require_shape
from dsrl_ros.core.errors import ConfigError, ShapeMismatchError

Array = NDArray[np.float32]
ImageArray = NDArray[np.uint8]
Float64 = NDArray[np.float64]


class ControlMode(IntEnum):
    """What the columns of an action chunk mean. Values equal `ActionChunk.CONTROL_MODE_*`.

    A column `gripper` in [-1, 1] may follow. The columns' names stand in `robots.modes`.
    """

    UNSET = 0
    JOINT_POSITION = 1  # [rad] per joint
    JOINT_VELOCITY = 2  # [rad/s] per joint
    EE_POSE = 3  # position [m] and unit quaternion (w, x, y, z) of the tool in the base frame
    EE_DELTA = 4  # change of the commanded tool position [m] and, if named, orientation per step


class NoiseLayout(IntEnum):
    """How the rows of a noise become the (H, A) starting noise. Values equal `Noise.LAYOUT_*`."""

    UNSET = 0
    FULL = 1  # H rows, used as they are
    REPEATED = 2  # one row, the same for every step of the chunk (paper C.5)
    BASIS = 3  # a few rows, mixed over time by smooth orthonormal vectors


class NoiseSource(IntEnum):
    """Who chose a noise. Values equal `Noise.SOURCE_*`."""

    UNSET = 0
    PRIOR = 1  # drawn from N(0, c^2 I)
    ACTOR = 2  # chosen by the steering actor
    CONSTANT = 3  # one fixed noise


class RewardSource(IntEnum):
    """Who said what a decision earned. Values equal `Reward.SOURCE_*`."""

    UNSET = 0
    SIMULATOR = 1
    TOPIC = 2  # a detector of the user's
    PERSON = 3
    CLASSIFIER = 4
    TIMEOUT = 5  # a limit of steps or of refusals


class ChunkOutcome(IntEnum):
    """How the execution of a chunk ended. Values equal `ChunkResult.OUTCOME_*`."""

    UNSET = 0
    DONE = 1
    PREEMPTED = 2
    REJECTED = 3  # refused by the command gate: zero steps executed, the robot holds
    TIMEOUT = 4
    FAULT = 5
    ESTOP = 6


NO_RUN = '0' * 32  # of decisions that belong to no run of the graph


@dataclass(frozen=True, order=True)
class DecisionKey:
    """The join key of everything that belongs to one decision.

    Attributes:
        robot: name of the robot, unique in the ROS domain.
        run: 32 hexadecimal digits, unique per run.
        episode: counts from 0 within the run.
        decision: counts from 0 within the episode; the last observation of an episode has a key
            and no decision.
    """

    robot: str
    run: str
    episode: int
    decision: int

    def next(self) -> DecisionKey:
        """Return the key of the following decision of the same episode."""
        return DecisionKey(self.robot, self.run, self.episode, self.decision + 1)

    def previous(self) -> DecisionKey:
        """Return the key of the decision before, of the same episode."""
        return DecisionKey(self.robot, self.run, self.episode, self.decision - 1)

    def __str__(self) -> str:
        return f'{self.robot}/{self.run[:8]}/{self.episode}/{self.decision}'


@dataclass(frozen=True)
class PolicySpec:
    """What a frozen policy takes and gives; every node checks it before it starts.

    Attributes:
        name: for people.
        state_names: name of each state entry, (O,).
        action_names: name of each action column, (A,).
        horizon: steps in a chunk, H.
        num_execute: steps of a chunk that are executed before the next decision, <= H.
        step_period_s: time of one step [s].
        control_mode: meaning of the action columns.
        noise_bound: the policy's validity bound on |noise|; wide, so that N(0, I) passes.
        action_low, action_high: stated limits of each action column, (A,), in robot units.
        state_mean, state_std: normalisation of the state, (O,); the steering actor uses the same.
        sampler: 'flow-euler' or 'ddim'.
        denoising_steps: steps of the sampler.
        sha256: hash of the checkpoint's bytes, 64 hexadecimal digits.
        image_names: cameras the policy needs, (I,); empty for a state policy.
        image_heights, image_widths: size of each image [pixels], (I,). Nothing is resized: how a
            policy wants its images made smaller is part of the policy.
    """

    name: str
    state_names: tuple[str, ...]
    action_names: tuple[str, ...]
    horizon: int
    num_execute: int
    step_period_s: float
    control_mode: ControlMode
    noise_bound: float
    action_low: tuple[float, ...]
    action_high: tuple[float, ...]
    state_mean: tuple[float, ...]
    state_std: tuple[float, ...]
    sampler: str
    denoising_steps: int
    sha256: str
    image_names: tuple[str, ...] = ()
    image_heights: tuple[int, ...] = ()
    image_widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        sizes = {
            'action_low': (len(self.action_low), self.action_dim),
            'action_high': (len(self.action_high), self.action_dim),
            'state_mean': (len(self.state_mean), self.state_dim),
            'state_std': (len(self.state_std), self.state_dim),
            'image_heights': (len(self.image_heights), len(self.image_names)),
            'image_widths': (len(self.image_widths), len(self.image_names)),
        }
        for name, (got, want) in sizes.items():
            if got != want:
                raise ShapeMismatchError(
                    f'PolicySpec.{name}: got {got} entries, expected {want}. Mend the policy card.'
                )
        if not 1 <= self.num_execute <= self.horizon:
            raise ConfigError(
                f'PolicySpec.num_execute: got {self.num_execute}, '
                f'expected 1 to horizon ({self.horizon}).'
            )
        positive = {
            'step_period_s': self.step_period_s,
            'noise_bound': self.noise_bound,
            'denoising_steps': self.denoising_steps,
        }
        for name, value in positive.items():
            if not (np.isfinite(value) and value > 0):
                raise ConfigError(f'PolicySpec.{name}: got {value}, expected more than 0.')
        low, high = np.asarray(self.action_low), np.asarray(self.action_high)
        if not (np.isfinite(low).all() and np.isfinite(high).all() and (low < high).all()):
            raise ConfigError('PolicySpec.action_low, action_high: expected finite, low < high.')
        std = np.asarray(self.state_std)
        if not (np.isfinite(std).all() and (std > 0).all()):
            raise ConfigError('PolicySpec.state_std: expected finite and more than 0.')
        if len(set(self.image_names)) < len(self.image_names) or '' in self.image_names:
            raise ConfigError(
                f'PolicySpec.image_names: got {list(self.image_names)}, expected names, each once.'
            )
        pixels = (*self.image_heights, *self.image_widths)
        if not all(isinstance(size, int) and size > 0 for size in pixels):
            raise ConfigError(
                f'PolicySpec.image_heights, image_widths: got {list(self.image_heights)}, '
                f'{list(self.image_widths)}, expected whole numbers of pixels, more than 0.'
            )

    @property
    def state_dim(self) -> int:
        """Number of state entries, O."""
        return len(self.state_names)

    @property
    def action_dim(self) -> int:
        """Number of action columns, A."""
        return len(self.action_names)

    def check_state(self, state: Array) -> None:
        """Raise unless `state` is (O,) and finite.

        Raises:
            ShapeMismatchError: wrong number of entries.
            NonFiniteError: a NaN or an infinity among them.
        """
        require_shape('observation', state, (self.state_dim,))
        require_finite('observation', state)

    @property
    def image_shapes(self) -> tuple[tuple[int, int, int], ...]:
        """(height, width, 3) of each image, (I,)."""
        sizes = zip(self.image_heights, self.image_widths, strict=True)
        return tuple((height, width, 3) for height, width in sizes)

    def check_images(self, images: Sequence[ImageArray]) -> None:
        """Raise unless `images` are those of one observation, (I,) of (height, width, 3).

        Raises:
            ShapeMismatchError: another number of them, or another size.
        """
        got, want = tuple(image.shape for image in images), self.image_shapes
        if got != want:
            raise ShapeMismatchError(
                f'images: got {", ".join(map(str, got)) or "none"}, expected '
                f'{", ".join(map(str, want)) or "none"} of {", ".join(self.image_names) or "no"} '
                'camera. Set the cameras to the size that the policy was trained on.'
            )

    def differences(self, other: PolicySpec) -> list[str]:
        """Return one line per field in which `other` differs, both sides shown."""
        return [
            f'{name}: {getattr(self, name)!r} here, {getattr(other, name)!r} there'
            for name in self.__dataclass_fields__
            if getattr(self, name) != getattr(other, name)
        ]


@dataclass(frozen=True)
class Noise:
    """The starting noise of one decision, stored exactly as used.

    Attributes:
        rows: (R, A) float32; R depends on the layout, see `core.noise.expand`.
        layout: how rows become (H, A).
        source: who chose it.
        weights_version: version of the actor that chose it; 0 when no actor did.
    """

    rows: Array
    layout: NoiseLayout
    source: NoiseSource
    weights_version: int = 0


@dataclass(frozen=True)
class Observation:
    """One moment of the world, as the learner and its actor read it.

    Attributes:
        state: (O,) raw SI units, not normalised.
        image: (C, H, W), the cameras one after the other along the channels; None without.
        features: (F,) of an encoder that is not learned here, such as the policy's own; None
            without.
    """

    state: Array
    image: ImageArray | None = None
    features: Array | None = None


class ChunkStep(NamedTuple):
    """What executing one chunk brought, in an environment without ROS.

    Attributes:
        state: at its end, (O,).
        reward: of the chunk.
        terminated: the task has ended, no value follows.
        truncated: a limit is reached and the task has not ended.
        executed: (n, A), the actions really executed.
    """

    state: Array
    reward: float
    terminated: bool
    truncated: bool
    executed: Array


@dataclass(frozen=True)
class Transition:
    """One decision as the learner sees it (the latent-action MDP of paper section 4).

    Attributes:
        key: of the decision.
        sequence: number of this transition within the run, from 0, without gaps.
        observation: what the noise was chosen for.
        noise: exactly as used; None where no noise led to the action, as in a demonstration.
        action: (n, A) what was really executed; n < H when cut short, 0 when rejected.
        reward: of the whole chunk, not discounted within it.
        discount: factor on the value of the next observation (1 - terminated is kept apart).
        terminated: the task ended (success or failure): no bootstrap.
        truncated: a limit ended the episode: bootstrap from `next_observation`.
        next_observation: at the end of the chunk.
        phase: what the episode was for: a value of `learning.steering.plan.Phase`, or 'offline'.
        reward_source: who judged it; UNSET where that is not known.
        success: it ended its episode, which had succeeded.
    """

    key: DecisionKey
    sequence: int
    observation: Observation
    noise: Noise | None
    action: Array
    reward: float
    discount: float
    terminated: bool
    truncated: bool
    next_observation: Observation
    phase: str = 'online'
    reward_source: RewardSource = RewardSource.UNSET
    success: bool = False

    @property
    def aborted(self) -> bool:
        """Whether a person ended the episode here, and judged nothing."""
        return self.truncated and self.reward_source is RewardSource.PERSON
