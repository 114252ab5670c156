"""Steering: leads a run from its first episode to its last, and picks the noise of every decision.

The single decision is `nodes.steering.decision_loop`, the order of episodes
`learning.steering.plan`.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from action_msgs.msg import GoalStatus
from rclpy.action import ActionClient
from rclpy.node import Node
from std_srvs.srv import Trigger

from dsrl_msgs import msg
from dsrl_msgs.action import InferChunk, ResetEpisode
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.errors import ConfigError, StaleDataError, WeightsError
from dsrl_ros.core.options import to_mapping
from dsrl_ros.core.types import DecisionKey, PolicySpec
from dsrl_ros.learning.steering.actor import SteeringActor
from dsrl_ros.learning.steering.choosers import PriorChooser
from dsrl_ros.learning.steering.images import check_sources
from dsrl_ros.learning.steering.plan import Episode, RunPlan
from dsrl_ros.learning.steering.weights_inbox import WeightsInbox
from dsrl_ros.nodes.steering.decision_loop import DecisionLoop, EpisodeTally
from dsrl_ros.nodes.steering.heartbeat import Heart
from dsrl_ros.nodes.steering.patience import Patience
from dsrl_ros.nodes.steering.retry import Asked
from dsrl_ros.nodes.steering.sensor_table import ENCODER, StateSources
from dsrl_ros.nodes.steering.sensors import StateSensors
from dsrl_ros.nodes.steering.transition_sender import TransitionSender
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.diagnostics import Diagnostics, Health, Level
from dsrl_ros.ros.messages import run_to_bytes, spec_from_msg
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.ros.stamps import header, stamp_to_ns
from dsrl_ros.ros.waiting import STEADY_CLOCK

HEARTBEAT_HZ = 20.0
_SEEDS = 2**31
_SAY_AGAIN_S = 10.0  # between two words about the same wait


class SteeringNode(Node):
    """Owns the run: its identity, its episodes, and the weights in use."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('steering', **node_options)
        self._config = declare_config(self, SteeringConfig)
        self._sources = StateSources(self._config.sensors, self._config.state_sources)
        self._run = uuid.uuid4().hex
        self._spec: PolicySpec | None = None
        self._learner: msg.LearnerInfo | None = None
        self._driver: msg.DriverStatus | None = None
        self._inbox: WeightsInbox | None = None
        self._loop: DecisionLoop | None = None
        self._sender: TransitionSender | None = None
        self._episode: Episode | None = None
        # What the next step of the run waits for: tried again on every tick and event.
        self._pending: Callable[[], None] | None = self._try_start
        self._waiting_since = time.monotonic()
        self._waited_for_learning_s = 0.0
        self._reset_patience = Patience(self._config.reset_timeout_s)
        self._said_at = time.monotonic()
        self._reset_waits_for = ''  # what a person has to do
        self._trouble = ''  # what keeps the run from going on, for people
        self._beats = 0

        self._run_pub = self.create_publisher(msg.RunInfo, names.RUN_INFO, qos.LATCHED)
        self._episode_pub = self.create_publisher(
            msg.EpisodeResult, names.EPISODE_RESULT, qos.DECISION
        )
        self._heartbeat_pub = self.create_publisher(msg.Heartbeat, names.HEARTBEAT, qos.HEARTBEAT)
        self._heart = Heart(self, self._beat, HEARTBEAT_HZ, self._config.heartbeat_patience_s)
        self._reset = ActionClient(self, ResetEpisode, names.RESET_EPISODE)
        self._policy = ActionClient(self, InferChunk, names.INFER)
        self.create_subscription(msg.PolicySpec, names.POLICY_SPEC, self._on_spec, qos.LATCHED)
        self.create_subscription(
            msg.LearnerInfo, names.LEARNER_INFO, self._on_learner, qos.LATCHED
        )
        self.create_subscription(
            msg.DriverStatus, names.DRIVER_STATUS, self._on_driver, qos.STATUS
        )
        self.create_subscription(
            msg.RewardStatus, names.REWARD_STATUS, self._on_reward_status, qos.STATUS
        )
        self.create_service(Trigger, names.RESUME, self._on_resume)
        self._diagnostics = Diagnostics(self, 'run', self._health, self._config.robot)
        self.create_timer(0.1, self._tick, clock=STEADY_CLOCK)

    def destroy_node(self) -> None:
        """Put what was observed on the disk."""
        self._heart.stop()
        if self._sender is not None:
            self._sender.close()
            self._sender = None
        super().destroy_node()

    # --- start of the run -------------------------------------------------------------------

    def _on_spec(self, message: msg.PolicySpec) -> None:
        spec = spec_from_msg(message)
        if self._spec is not None and self._spec != spec:
            differences = '; '.join(self._spec.differences(spec))
            raise ConfigError(
                f'policy: got another PolicySpec during the run ({differences}), expected one '
                'policy per run. Start the graph anew.'
            )
        self._spec = spec

    def _on_learner(self, message: msg.LearnerInfo) -> None:
        self._learner = message

    def _on_reward_status(self, status: msg.RewardStatus) -> None:
        waits = status.state == msg.RewardStatus.STATE_RESET_WAITS
        self._reset_waits_for = status.message if waits else ''

    def _on_driver(self, message: msg.DriverStatus) -> None:
        self._driver = message

    def _missing(self) -> list[str]:
        """Name what the run still waits for before it can start."""
        present = {
            'policy (PolicySpec, infer)': self._spec is not None
            and self._policy.server_is_ready(),
            'trainer (LearnerInfo)': self._learner is not None,
            'driver (DriverStatus, ready)': self._driver_holds(),
            'reward (reset_episode)': self._reset.server_is_ready(),
            'monitor (episode_result)': self._episode_pub.get_subscription_count() > 0,
        }
        if self._config.record:
            recorders = self.count_subscribers(self.resolve_topic_name(names.OBSERVATION))
            present['recorder (observation)'] = recorders > 0
        return [name for name, there in present.items() if not there]

    def _try_start(self) -> None:
        missing = self._missing()
        waited = time.monotonic() - self._waiting_since
        if missing:
            if waited > self._config.startup_timeout_s:
                raise StaleDataError(
                    f'start: got no word of {", ".join(missing)} within {waited:.0f} s. Check '
                    'that these nodes run in this namespace and domain; their logs say why not.'
                )
            self._say(f'waiting for {", ".join(missing)}')
            return
        if self.count_publishers(self.resolve_topic_name(names.RUN_INFO)) > 1:
            raise ConfigError(
                f'start: got a second steering node in namespace {self.get_namespace()}, expected '
                'one. End the other graph, or start this one under another namespace.'
            )
        assert self._spec is not None and self._learner is not None
        self._start(self._spec, self._learner)

    def _start(self, spec: PolicySpec, learner: msg.LearnerInfo) -> None:
        config = self._config
        if learner.policy_sha256 != spec.sha256:
            raise ConfigError(
                f'start: the trainer learns for policy {learner.policy_sha256[:12]}, expected '
                f'{spec.sha256[:12]}. Start the graph anew with one policy.'
            )
        self._seed = config.seed if config.seed >= 0 else secrets.randbelow(_SEEDS)
        self._plan = RunPlan(
            self._seed, config.warmup_episodes, config.online_episodes, config.eval_episodes
        )
        default = Path('runs') / time.strftime('%Y-%m-%d_%H-%M-%S')
        run_dir = Path(config.run_dir or default).absolute()
        run_dir.mkdir(parents=True, exist_ok=True)
        self._inbox = WeightsInbox(spec)
        self._sender = TransitionSender(self, self._run, run_dir, learner, config.resend_period_s)
        self._loop = DecisionLoop(
            self,
            self._policy,
            spec,
            config.learner_cameras,
            config.stage_timeout_s,
            config.policy_attempts,
            self._on_episode_end,
        )
        self._sensors = StateSensors(
            self,
            self._sources,
            spec.state_names,
            tuple(dict.fromkeys((*spec.image_names, *config.learner_cameras))),
            config.sensor_slop_s,
            self._loop.on_state,
        )
        self.create_subscription(msg.SteeringWeights, names.WEIGHTS, self._on_weights, qos.WEIGHTS)
        self._run_pub.publish(
            msg.RunInfo(
                robot=config.robot,
                run=run_to_bytes(self._run),
                seed=self._seed,
                run_dir=str(run_dir),
                algorithm=learner.algorithm,
                policy_sha256=spec.sha256,
                robot_mode=config.robot_mode,
                lockstep=not config.real_time,
                warmup_episodes=self._plan.warmup,
                online_episodes=self._plan.online,
                eval_episodes=self._plan.evaluation,
                rows=learner.rows,
                layout=learner.layout,
                config_yaml=yaml.safe_dump(to_mapping(config), sort_keys=False),
            )
        )
        self.get_logger().info(f'run {self._run}, seed {self._seed}, in {run_dir}')
        self._go_to(0)

    # --- episodes ---------------------------------------------------------------------------

    def _go_to(self, number: int) -> None:
        """Turn to an episode; the run is over after the last."""
        if number == len(self._plan):
            self._pending = None
            self.get_logger().info('the run is over')
            return
        self._episode = self._plan.episode(number)
        self._wait_for(self._await_weights)

    def _wait_for(self, step: Callable[[], None]) -> None:
        self._pending, self._trouble = step, ''
        self._waiting_since = self._said_at = time.monotonic()
        step()

    def _await_weights(self) -> None:
        """Go on once the weights of the episode are here."""
        assert self._episode is not None
        actor = self._actor_for(self._episode)
        if actor is None:
            self._say(f'episode {self._episode.number} waits for learning')
            return
        self._waited_for_learning_s = time.monotonic() - self._waiting_since
        check_sources(actor.header, self._config.learner_cameras, self._sources.of_kind(ENCODER))
        self._actor = actor
        self._wait_for(self._reset_for_episode)

    def _reset_for_episode(self) -> None:
        """Ask for the start of the episode; it comes when robot and scene are ready for it."""
        assert self._episode is not None
        self._trouble = ''
        self._pending = self._watch_reset
        self._reset_patience.begin()
        goal = ResetEpisode.Goal(
            robot=self._config.robot,
            run=run_to_bytes(self._run),
            episode=self._episode.number,
            seed=self._episode.reset_seed,
        )
        self._asked_reset = Asked(self._reset, goal, self._on_reset_done)

    def _actor_for(self, episode: Episode) -> SteeringActor | None:
        """Return the weights an episode runs with; None when they are still being learned.

        In lockstep just those the plan names, so that a run repeats; in real time the newest, so
        that the robot never waits. The steered policy is measured with everything learned.
        """
        assert self._inbox is not None
        newest = self._inbox.newest()
        if episode.trained_episodes is None:
            return newest  # for the shape of its noise only
        if self._config.real_time and episode.phase.learned:
            return newest
        return self._inbox.exactly(episode.trained_episodes)

    def _watch_reset(self) -> None:
        if self._reset_waits_for:
            self._trouble = f'the reset waits for a person: {self._reset_waits_for}'
            self._reset_patience.begin()
            return
        self._trouble = ''
        patience = self._reset_patience
        if patience.over:
            self._complain(
                f'reset: got no answer from the reward node for {patience.waited_s:.0f} s. Check '
                'that it lives, and what its reset is at.'
            )
        if patience.asks_again():
            self._asked_reset.again()

    def _on_reset_done(self, answer: Any) -> None:
        # A result that nobody filled in looks like a good one: the status tells.
        if answer is None or answer.status != GoalStatus.STATUS_SUCCEEDED:
            result = ResetEpisode.Result() if answer is None else answer.result
            self._pending = None  # until somebody has looked
            self._complain(
                f'reset: error {result.error_code}: {result.error_message}. Mend the scene or the '
                f'robot, then call {self.resolve_service_name(names.RESUME)}.'
            )
            return
        assert self._episode is not None and self._loop is not None
        assert self._sender is not None and self._learner is not None
        self._pending, self._trouble = self._watch_decision, ''
        self._started_at = time.monotonic()
        episode, head = self._episode, self._actor.header
        if episode.phase.learned:
            self._sender.start_episode(episode.phase.value)
        start_ns = stamp_to_ns(answer.result.stamp)
        self._sensors.begin(start_ns)
        self._loop.start(
            DecisionKey(self._config.robot, self._run, episode.number, 0),
            self._plan.chooser(episode.phase, self._actor, self._learner.prior_scale),
            PriorChooser(self._seed, head.layout, (head.num_rows, head.action_dim)),
            self._sender if episode.phase.learned else None,
            start_ns,
            self._actor.observation,
        )

    def _on_resume(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """Try again a reset that failed."""
        response.success = self._pending is None and bool(self._trouble)
        if response.success:
            self._wait_for(self._reset_for_episode)
        else:
            response.message = 'resume: got a call while no reset has failed; nothing to do.'
        return response

    def _watch_decision(self) -> None:
        assert self._loop is not None
        if complaint := self._loop.look():
            lagging = self._sensors.lagging() if self._loop.observing else ''
            self._complain(f'{complaint} Sensors: {lagging}.' if lagging else complaint)
        else:
            self._trouble = ''

    def _on_episode_end(self, tally: EpisodeTally) -> None:
        assert self._episode is not None
        episode = self._episode
        steered = episode.phase.value in ('online', 'eval_steered')
        self._episode_pub.publish(
            msg.EpisodeResult(
                header=header(self.get_clock().now().nanoseconds),
                robot=self._config.robot,
                run=run_to_bytes(self._run),
                episode=episode.number,
                phase=episode.phase.value,
                reset_seed=episode.reset_seed,
                success=tally.success,
                terminated=tally.terminated,
                truncated=tally.truncated,
                num_decisions=tally.num_decisions,
                num_steps=tally.num_steps,
                num_rejected=tally.num_rejected,
                return_value=tally.return_value,
                weights_version=self._actor.header.version if steered else 0,
                duration=time.monotonic() - self._started_at,
                waited_for_learning=self._waited_for_learning_s,
            )
        )
        self._go_to(episode.number + 1)

    # --- weights, signs of life -------------------------------------------------------------

    def _on_weights(self, message: msg.SteeringWeights) -> None:
        """Keep new weights for the episodes to come; the one under way goes on with its own."""
        if bytes(message.run) != bytes(run_to_bytes(self._run)):
            return
        assert self._inbox is not None
        if self._inbox.newest() is None:
            self._waiting_since = time.monotonic()  # until now the trainer was only starting
        try:
            data = bytes(message.data) if message.data else Path(message.path).read_bytes()
            self._inbox.offer(data, message.sha256, message.trained_episodes)
        except (WeightsError, OSError) as error:
            self.get_logger().error(f'weights version {message.version} refused: {error}')
        if self._pending == self._await_weights:
            self._await_weights()

    def _beat(self) -> None:
        self._beats += 1
        self._heartbeat_pub.publish(
            msg.Heartbeat(robot=self._config.robot, run=run_to_bytes(self._run), count=self._beats)
        )

    def _tick(self) -> None:
        if self._pending is not None:
            self._pending()
        self._diagnostics.look()

    def _health(self) -> Health:
        values: dict[str, object] = {}
        if self._sender is not None:
            values['transitions not acknowledged'] = self._sender.unacknowledged
        if self._inbox is not None and (newest := self._inbox.newest()) is not None:
            values['weights version'] = newest.header.version
            values['exploration'] = newest.header.exploration  # share of the actor's spread
        if self._trouble:
            return Health(Level.ERROR, self._trouble, values)
        if self._episode is None:
            return Health(Level.OK, 'waiting for the other nodes', values)
        phase = self._episode.phase.value
        return Health(Level.OK, f'episode {self._episode.number}, {phase}', values)

    def _driver_holds(self) -> bool:
        return self._driver is not None and self._driver.state == msg.DriverStatus.STATE_HOLDING

    def _say(self, text: str) -> None:
        """Say what is being waited for, now and then."""
        if time.monotonic() - self._said_at > _SAY_AGAIN_S:
            self._said_at = time.monotonic()
            self.get_logger().info(text)

    def _complain(self, trouble: str) -> None:
        """Say what keeps the run from going on; the robot holds meanwhile."""
        self._trouble = trouble
        self.get_logger().error(trouble, throttle_duration_sec=_SAY_AGAIN_S)


def main() -> None:
    """Run the steering node."""
    run_node(SteeringNode)
