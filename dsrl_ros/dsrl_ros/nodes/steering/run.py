"""A run as a state machine: which episode it is in, and what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.impl.rcutils_logger import RcutilsLogger

from dsrl_msgs import msg
from dsrl_msgs.action import ResetEpisode
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.errors import WeightsError
from dsrl_ros.core.types import DecisionKey
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.learning.steering.images import check_sources
from dsrl_ros.learning.steering.plan import Phase, RunPlan
from dsrl_ros.learning.steering.weights_inbox import WeightsInbox
from dsrl_ros.nodes.steering.decision_loop import DecisionLoop
from dsrl_ros.nodes.steering.retry import RetryingGoal, RetryTimer
from dsrl_ros.nodes.steering.sensors import ObservationSynchronizer
from dsrl_ros.ros.messages import run_to_bytes
from dsrl_ros.ros.stamps import stamp_to_ns

_REPORT_S = 10.0  # between two reports of the same wait


class RunStage(Enum):
    """What a run is doing."""

    WAITING_FOR_WEIGHTS = 'waits for the weights of the next episode'
    RESETTING = 'waits for the reward node to reset robot and scene'
    RESET_FAILED = 'waits for a person who fixes what made the reset fail, and calls `resume`'
    DECIDING = 'an episode is under way'
    OVER = 'the last episode has ended'


@dataclass
class Run:
    """Leads a run from its first episode to its last; the robot holds while it waits.

    Every episode goes WAITING_FOR_WEIGHTS -> RESETTING -> DECIDING, and after the last comes OVER.
    A reset that fails leads to RESET_FAILED, which only `resume` ends.

    Args:
        run: 32 hexadecimal digits.
        config: of the node.
        plan: the episodes.
        prior_scale: c of the warm-up's N(0, c^2 I).
        inbox: verifies and keeps weights.
        sensors: told when an episode starts.
        loop: makes the decisions.
        reset: client of the reward node.
        resume_service: full name of the service that calls `resume`.
        report: publishes the result of an episode.
        logger: of the node.
        steady_s: a clock that never jumps [s].

    Attributes:
        stage: what it does now.
        episode: the one under way, or the last.
        trouble: what keeps the run from going on, for people; empty while nothing.
    """

    run: str
    config: SteeringConfig
    plan: RunPlan
    prior_scale: float
    inbox: WeightsInbox
    sensors: ObservationSynchronizer
    loop: DecisionLoop
    reset: ActionClient
    resume_service: str
    report: Callable[[msg.EpisodeResult], None]
    logger: RcutilsLogger
    steady_s: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._reset_timer = RetryTimer(self.config.reset_timeout_s, self.steady_s)
        self._person_must = ''  # what the reset waits for
        self.trouble = ''
        self._go_to(0)

    @property
    def status(self) -> str:
        """Where the run is, in a few words."""
        if self.stage is RunStage.OVER:
            return 'the run is over'
        return f'episode {self.episode.number}, {self.episode.phase.value}'

    def tick(self) -> None:
        """Go on if what the run waits for is there; retry and report what is overdue."""
        if self.stage is RunStage.WAITING_FOR_WEIGHTS:
            self._take_weights()
        elif self.stage is RunStage.RESETTING:
            self._watch_reset()
        elif self.stage is RunStage.DECIDING:
            self._watch_decision()

    def resume(self) -> bool:
        """Try a failed reset again; return False when none has failed."""
        if self.stage is not RunStage.RESET_FAILED:
            return False
        self._start_reset()
        return True

    def on_weights(self, message: msg.SteeringWeights) -> None:
        """Keep new weights for later episodes; the episode under way continues with its own."""
        if bytes(message.run) != bytes(run_to_bytes(self.run)):
            return
        if self.inbox.newest() is None:
            self._waiting_since = self.steady_s()  # until now the trainer was only starting
        try:
            data = bytes(message.data) if message.data else Path(message.path).read_bytes()
            self.inbox.offer(data, message.sha256, message.trained_episodes)
        except (WeightsError, OSError) as error:
            self.logger.error(f'weights version {message.version} refused: {error}')
        if self.stage is RunStage.WAITING_FOR_WEIGHTS:
            self._take_weights()

    def on_reward_status(self, status: msg.RewardStatus) -> None:
        """Note whether a reset waits for a person."""
        waits = status.state == msg.RewardStatus.STATE_RESET_WAITS
        self._person_must = status.message if waits else ''

    # --- the stages -------------------------------------------------------------------------

    def _go_to(self, number: int) -> None:
        if number == len(self.plan):
            self.stage = RunStage.OVER
            self.logger.info('the run is over')
            return
        self.episode = self.plan.episode(number)
        self.stage, self.trouble = RunStage.WAITING_FOR_WEIGHTS, ''
        self._waiting_since = self.steady_s()
        self._take_weights()

    def _take_weights(self) -> None:
        actor = self._actor()
        waited_s = self.steady_s() - self._waiting_since
        if actor is not None:
            self._actor_in_use, self._waited_for_learning_s = actor, waited_s
            check_sources(actor.header, self.config.learner_cameras, self.sensors.encoders)
            self._start_reset()
        elif waited_s > _REPORT_S:
            text = f'episode {self.episode.number} waits for learning'
            self.logger.info(text, throttle_duration_sec=_REPORT_S)

    def _actor(self) -> SteeringActor | None:
        """Return the weights of the episode; None while they are being learned.

        In lockstep exactly those that the plan names, so that a run repeats; in real time the
        newest, so that the robot never waits. The steered policy is measured with everything
        learned.
        """
        trained = self.episode.trained_episodes
        # The base needs weights only for the shape of their noise.
        if trained is None or (self.config.real_time and self.episode.phase.learned):
            return self.inbox.newest()
        return self.inbox.exactly(trained)

    def _start_reset(self) -> None:
        self.stage, self.trouble = RunStage.RESETTING, ''
        goal = ResetEpisode.Goal(
            robot=self.config.robot,
            run=run_to_bytes(self.run),
            episode=self.episode.number,
            seed=self.episode.reset_seed,
        )
        self._reset_timer.begin(RetryingGoal(self.reset, goal, self._on_reset_done).retry)

    def _watch_reset(self) -> None:
        self.trouble = ''
        if self._person_must:
            self.trouble = f'the reset waits for a person: {self._person_must}'
            self._reset_timer.restart()
        elif self._reset_timer.check():
            self._complain(
                f'reset: got no answer from the reward node for {self._reset_timer.waited_s:.0f} '
                's. Check that it runs, and how far its reset is.'
            )

    def _on_reset_done(self, answer: Any) -> None:
        # A result that nobody filled in looks like success; only the status shows the failure.
        if answer is None or answer.status != GoalStatus.STATUS_SUCCEEDED:
            result = ResetEpisode.Result() if answer is None else answer.result
            self.stage = RunStage.RESET_FAILED
            self._complain(
                f'reset: error {result.error_code}: {result.error_message}. Fix the scene or the '
                f'robot, then call {self.resume_service}.'
            )
            return
        self.stage, self.trouble = RunStage.DECIDING, ''
        self._started_at = self.steady_s()
        start_ns = stamp_to_ns(answer.result.stamp)
        self.sensors.begin(start_ns)
        episode, actor = self.episode, self._actor_in_use
        shape = (actor.header.num_rows, actor.header.action_dim)
        self.loop.start(
            DecisionKey(self.config.robot, self.run, episode.number, 0),
            episode.phase,
            self.plan.chooser(episode.phase, actor, self.prior_scale),
            PriorChooser(self.plan.seed, actor.header.layout, shape),
            start_ns,
            actor.observation,
            self._on_episode_end,
        )

    def _watch_decision(self) -> None:
        overdue = self.loop.retry_overdue()
        if not overdue:
            self.trouble = ''
            return
        lagging = self.sensors.lagging() if self.loop.observing else ''
        self._complain(f'{overdue} Sensors: {lagging}.' if lagging else overdue)

    def _on_episode_end(self, result: msg.EpisodeResult) -> None:
        episode = self.episode
        steered = episode.phase in (Phase.ONLINE, Phase.EVAL_STEERED)
        result.robot = self.config.robot
        result.run = run_to_bytes(self.run)
        result.episode = episode.number
        result.phase = episode.phase.value
        result.reset_seed = episode.reset_seed
        result.weights_version = self._actor_in_use.header.version if steered else 0
        result.duration = self.steady_s() - self._started_at
        result.waited_for_learning = self._waited_for_learning_s
        self.report(result)
        self._go_to(episode.number + 1)

    def _complain(self, trouble: str) -> None:
        self.trouble = trouble
        self.logger.error(trouble, throttle_duration_sec=_REPORT_S)
