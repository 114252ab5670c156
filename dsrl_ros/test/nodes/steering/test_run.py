"""The stages of a run: what ends each, and where it leads."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from action_msgs.msg import GoalStatus
from toy import SPEC
from toy_action import ToyActionClient

from dsrl_msgs import msg
from dsrl_msgs.action import ResetEpisode
from dsrl_ros.core.config.steering import SteeringConfig
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.algorithms.dsrl_sac import DsrlSac
from dsrl_ros.learning.config import LearnerConfig
from dsrl_ros.learning.steering.plan import RunPlan
from dsrl_ros.learning.steering.weights_inbox import WeightsInbox
from dsrl_ros.nodes.steering.run import Run, RunStage
from dsrl_ros.ros.messages import run_to_bytes
from dsrl_ros.ros.stamps import stamp_from_ns

RUN, OTHER_RUN = 'ab' * 16, 'cd' * 16
SMALL = LearnerConfig(hidden_size=8, num_layers=1, batch_size=4)
Stage = RunStage


class Bench:
    """A run whose reward node, trainer, decisions, log and clock the test plays."""

    def __init__(
        self,
        plan: tuple[int, int, int] = (1, 1, 1),
        encoders: tuple[str, ...] = (),
        **options: Any,
    ) -> None:
        self.now_s = 100.0
        self.started: list[SimpleNamespace] = []
        self.results: list[msg.EpisodeResult] = []
        self.began_ns: list[int] = []
        self.logged: list[str] = []
        self.overdue = self.lagging = ''
        self.observing = True
        self.reset = ToyActionClient()
        self.learner = DsrlSac(SPEC, SMALL, seed=0)
        log = SimpleNamespace(info=self._log, error=self._log)
        parts: dict[str, Any] = {
            'inbox': WeightsInbox(SPEC),
            'sensors': SimpleNamespace(
                encoders=encoders, begin=self.began_ns.append, lagging=lambda: self.lagging
            ),
            'loop': self,
            'reset': self.reset,
            'logger': log,
        }
        self.run = Run(
            run=RUN,
            config=SteeringConfig(robot='arm', reset_timeout_s=10.0, **options),
            plan=RunPlan(5, *plan),
            prior_scale=1.5,
            resume_service='/lab/resume',
            report=self.results.append,
            steady_s=lambda: self.now_s,
            **parts,
        )

    def _log(self, text: str, throttle_duration_sec: float = 0.0) -> None:
        assert throttle_duration_sec >= 0.0
        self.logged.append(text)

    # The decision loop.

    def start(self, first, phase, chooser, fallback, not_before_ns, sees, on_end) -> None:
        assert sees.state_dim == 2
        noises = [c.choose(None, first.episode, 0) for c in (fallback,)]
        self.started.append(
            SimpleNamespace(
                key=first, phase=phase.value, chooser=chooser, noises=noises, end=on_end,
                not_before_ns=not_before_ns,
            )
        )  # fmt: skip

    def retry_overdue(self) -> str:
        return self.overdue

    # The others.

    def weights(self, trained: int, run: str = RUN, damage: bool = False) -> None:
        data = self.learner.export_actor(trained + 1, trained).to_bytes()
        self.run.on_weights(
            msg.SteeringWeights(
                run=run_to_bytes(run),
                version=trained + 1,
                trained_episodes=trained,
                sha256='0' * 64 if damage else hashlib.sha256(data).hexdigest(),
                data=data,
            )
        )

    def tick(self, later_s: float = 0.1) -> RunStage:
        self.now_s += later_s
        self.run.tick()
        return self.run.stage

    def succeed(self, start_ns: int = 7) -> RunStage:
        self.reset.accept()
        result = ResetEpisode.Result(stamp=stamp_from_ns(start_ns))
        self.reset.answer(GoalStatus.STATUS_SUCCEEDED, result)
        return self.run.stage

    def end(self, **tally: Any) -> RunStage:
        self.started[-1].end(msg.EpisodeResult(**tally))
        return self.run.stage


def test_a_run_goes_from_stage_to_stage_until_it_is_over():
    bench = Bench()
    stages = [bench.run.stage]
    for episode in range(4):
        if episode < 3:
            bench.weights(max(0, episode - 1) if episode < 2 else 2)
        stages += [bench.run.stage, bench.succeed(start_ns=episode), bench.end(success=True)]
    waiting, resetting, deciding, over = (
        Stage.WAITING_FOR_WEIGHTS, Stage.RESETTING, Stage.DECIDING, Stage.OVER
    )  # fmt: skip
    # The weights of episode 1 are those of episode 0, and the base takes any.
    assert stages[:4] == [waiting, resetting, deciding, resetting]
    assert stages[-2:] == [deciding, over]
    assert [started.phase for started in bench.started] == [
        'warmup', 'online', 'eval_base', 'eval_steered'
    ]  # fmt: skip
    assert [started.key.episode for started in bench.started] == [0, 1, 2, 3]
    assert bench.began_ns == [s.not_before_ns for s in bench.started] == [0, 1, 2, 3]
    assert [result.weights_version for result in bench.results] == [0, 1, 0, 3]
    seeds = [goal.seed for goal in bench.reset.goals]
    assert seeds[2] == seeds[3] and len(set(seeds)) == 3
    assert bench.run.status == 'the run is over' and not bench.run.trouble
    assert bench.tick(1e6) is over
    assert not bench.run.resume()


def test_a_run_without_episodes_is_over_at_once():
    bench = Bench(plan=(0, 0, 0))
    assert bench.run.stage is Stage.OVER and not bench.reset.goals


def test_an_episode_waits_for_the_weights_that_the_plan_names():
    bench = Bench(plan=(0, 4, 0))
    bench.weights(0)
    for _ in range(2):
        bench.succeed()
        bench.end()
    assert bench.run.episode.number == 2 and bench.run.stage is Stage.WAITING_FOR_WEIGHTS
    bench.weights(2)  # newer ones are not those
    assert bench.run.stage is Stage.WAITING_FOR_WEIGHTS
    assert bench.tick(30.0) is Stage.WAITING_FOR_WEIGHTS
    assert 'episode 2 waits for learning' in bench.logged
    bench.weights(1)
    assert bench.run.stage is Stage.RESETTING
    bench.succeed()
    bench.end()
    assert bench.results[-1].waited_for_learning == pytest.approx(30.0)
    assert bench.results[-1].weights_version == 2


def test_in_real_time_an_episode_takes_the_newest_weights():
    bench = Bench(plan=(0, 4, 0), real_time=True)
    bench.weights(0)
    for _ in range(3):
        bench.succeed()
        assert bench.end() is Stage.RESETTING
    bench.weights(2)  # while a reset is under way
    bench.succeed()
    bench.end()
    assert [result.weights_version for result in bench.results] == [1, 1, 1, 1]


def test_the_steered_policy_is_measured_with_everything_learned_even_in_real_time():
    bench = Bench(plan=(0, 3, 1), real_time=True)
    bench.weights(0)
    for _ in range(4):
        bench.succeed()
        bench.end()
    assert bench.run.episode.phase.value == 'eval_steered'
    assert bench.tick() is Stage.WAITING_FOR_WEIGHTS
    bench.weights(3)
    assert bench.run.stage is Stage.RESETTING


def test_the_first_weights_begin_the_wait_for_learning():
    """Until they come, the trainer is only starting."""
    bench = Bench()
    bench.tick(50.0)
    bench.weights(0)
    bench.succeed()
    bench.end()
    assert bench.results[0].waited_for_learning == 0.0


@pytest.mark.parametrize('bad', [{'run': OTHER_RUN}, {'damage': True}])
def test_weights_that_are_damaged_or_of_another_run_start_nothing(bad):
    bench = Bench()
    bench.weights(0, **bad)
    assert bench.tick() is Stage.WAITING_FOR_WEIGHTS
    assert ('damage' in bad) == any('refused' in line for line in bench.logged)


def test_weights_may_come_by_file(tmp_path):
    bench = Bench()
    data = bench.learner.export_actor(1, 0).to_bytes()
    path = tmp_path / 'weights'
    announced = msg.SteeringWeights(
        run=run_to_bytes(RUN), sha256=hashlib.sha256(data).hexdigest(), path=str(path)
    )
    bench.run.on_weights(announced)
    assert bench.run.stage is Stage.WAITING_FOR_WEIGHTS
    assert 'refused' in bench.logged[-1] and str(path) in bench.logged[-1]
    path.write_bytes(data)
    bench.run.on_weights(announced)
    assert bench.run.stage is Stage.RESETTING


def test_weights_that_expect_other_sensors_end_the_run():
    bench = Bench(encoders=('dino',))
    with pytest.raises(ConfigError, match='got dino of kind features'):
        bench.weights(0)


def test_a_reset_names_robot_run_episode_and_seed():
    bench = Bench()
    bench.weights(0)
    (goal,) = bench.reset.goals
    assert (goal.robot, bytes(goal.run), goal.episode) == ('arm', bytes(run_to_bytes(RUN)), 0)
    assert goal.seed == bench.run.episode.reset_seed


def test_a_reset_without_an_answer_is_retried_and_reported():
    bench = Bench()
    bench.weights(0)
    assert bench.tick(9.0) is Stage.RESETTING
    assert not bench.run.trouble and len(bench.reset.goals) == 1
    assert bench.tick(2.0) is Stage.RESETTING
    assert 'got no answer from the reward node for 11 s' in bench.run.trouble
    assert len(bench.reset.goals) == 2
    bench.tick(2.0)
    assert len(bench.reset.goals) == 2  # the next retry comes after twice the wait
    bench.succeed()
    assert bench.run.stage is Stage.DECIDING and not bench.run.trouble


def test_a_reset_that_waits_for_a_person_is_reported_and_not_overdue():
    bench = Bench()
    bench.weights(0)
    waits = msg.RewardStatus(state=msg.RewardStatus.STATE_RESET_WAITS, message='put it back')
    bench.run.on_reward_status(waits)
    for _ in range(5):
        bench.tick(8.0)
        assert bench.run.trouble == 'the reset waits for a person: put it back'
    assert len(bench.reset.goals) == 1
    bench.run.on_reward_status(msg.RewardStatus())
    bench.tick(8.0)
    assert not bench.run.trouble
    bench.tick(8.0)
    assert 'got no answer' in bench.run.trouble


FAILURES = {
    'aborted': ('error 3: the cube is gone', GoalStatus.STATUS_ABORTED, 'the cube is gone'),
    'not filled in': ('error 0', GoalStatus.STATUS_ABORTED, ''),
    'rejected': ('error 0', None, ''),
}


@pytest.mark.parametrize('failure', FAILURES)
def test_a_reset_that_fails_waits_for_resume(failure):
    words, status, message = FAILURES[failure]
    bench = Bench()
    assert not bench.run.resume()
    bench.weights(0)
    assert not bench.run.resume()
    bench.reset.accept(accepted=status is not None)
    if status is not None:
        code = 3 if message else 0
        result = ResetEpisode.Result(error_code=code, error_message=message)
        bench.reset.answer(status, result)
    assert bench.run.stage is Stage.RESET_FAILED
    assert words in bench.run.trouble and 'call /lab/resume' in bench.run.trouble
    bench.weights(1)
    assert bench.tick(1e6) is Stage.RESET_FAILED
    assert words in bench.run.trouble and len(bench.reset.goals) == 1
    assert bench.run.resume()
    assert bench.run.stage is Stage.RESETTING and not bench.run.trouble
    assert len({goal.seed for goal in bench.reset.goals}) == 1 < len(bench.reset.goals)
    assert bench.succeed() is Stage.DECIDING
    assert not bench.run.resume()


def test_an_overdue_decision_is_reported_with_the_sensors_it_waits_for():
    bench = Bench()
    bench.weights(0)
    bench.succeed()
    bench.overdue, bench.lagging = 'decision 0: late.', 'camera is behind'
    assert bench.tick() is Stage.DECIDING
    assert bench.run.trouble == 'decision 0: late. Sensors: camera is behind.'
    bench.observing = False  # the sensors are not what it waits for
    bench.tick()
    assert bench.run.trouble == 'decision 0: late.'
    bench.overdue = ''
    bench.tick()
    assert not bench.run.trouble


def test_the_result_of_an_episode_carries_its_counts():
    bench = Bench()
    bench.weights(0)
    bench.succeed()
    bench.now_s += 4.0
    bench.end(num_decisions=3, num_steps=6, num_rejected=1, return_value=0.5, truncated=True)
    (result,) = bench.results
    assert (result.robot, result.episode, result.phase) == ('arm', 0, 'warmup')
    assert (result.num_decisions, result.num_steps, result.num_rejected) == (3, 6, 1)
    assert (result.success, result.terminated, result.truncated) == (False, False, True)
    assert (result.return_value, result.duration) == (0.5, pytest.approx(4.0))


def test_the_warm_up_draws_from_the_scaled_prior_and_its_fallback_from_the_policys_own():
    bench = Bench()
    bench.weights(0)
    bench.succeed()
    started = bench.started[0]
    chosen, (fallback,) = started.chooser.choose(None, 0, 0), started.noises
    assert chosen.rows == pytest.approx(1.5 * fallback.rows)
