"""Faults of a running graph: the robot holds, the cause is named, the run goes on, all is kept.

One graph beside a robot's stack that runs already, so that arm and sensors outlive every node of
the graph, and are seen whatever the graph sees of them. Each test leaves the run as it found it.
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')
pytest.importorskip('franka_msgs', reason='`make test` builds test/vendor_ws')
pytest.importorskip('moveit_msgs', reason='`make test` builds test/vendor_ws')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from existing_stack import Cell, existing_stack, guide_arguments
from graph_run import Run, small_config, start_graph
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from dsrl_msgs.msg import ActionChunk, ChunkResult, DriverStatus, TransitionAck
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.messages import floats_to_msg

LATCH_AFTER = 4
CONFIG: dict[str, dict[str, Any]] = {
    'driver': {
        'gate': {
            'clear_cooldown_s': 0.2,
            'latch_after': LATCH_AFTER,
            'max_age_s': 5.0,
            'jump_tolerance_rad': 0.5,
        },
        # Ten processes share the cores with whatever else runs on them, which may stop all of
        # them for a second.
        'hardware': {
            'late_s': 1.0,
            'state_silence_s': 2.0,
            'gripper_timeout_s': 2.0,
            'follow_tolerance_rad': 0.03,
            'follow_timeout_s': 1.2,
        },
    },
    'steering': {'stage_timeout_s': 2.0},
}
ENDLESS = {'seed': 3, 'warmup_episodes': 1, 'episodes': 1000, 'eval_episodes': 1, 'ramp_s': 0}
QUICK = {'reward': 'simulator', 'scene': 'simulator'}  # the arm needs no way home


class Operator(Node):
    """A person beside the robot: looks at diagnostics, presses buttons; and a stray publisher."""

    def __init__(self, **node_options: Any) -> None:
        super().__init__('operator', **node_options)
        self.said: dict[str, DiagnosticStatus] = {}
        self.state = DriverStatus.STATE_UNSET
        self.results: list[ChunkResult] = []
        self.acknowledged = -1
        self.chunk: ActionChunk | None = None
        listen = self.create_subscription
        listen(DiagnosticArray, names.DIAGNOSTICS, self._on_diagnostics, qos.DECISION)
        listen(DriverStatus, names.DRIVER_STATUS, self._on_status, qos.STATUS)
        listen(ChunkResult, names.CHUNK_RESULT, self.results.append, qos.DECISION)
        listen(TransitionAck, names.TRANSITION_ACK, self._on_ack, qos.DECISION)
        listen(ActionChunk, names.ACTION_CHUNK, self._on_chunk, qos.DECISION)
        self.chunks = self.create_publisher(ActionChunk, names.ACTION_CHUNK, qos.DECISION)
        self.buttons = {
            name: self.create_client(Trigger, name)
            for name in (names.ESTOP, names.CLEAR, names.RECOVER, names.RESUME)
        }

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.said.update({status.name: status for status in message.status})

    def _on_status(self, message: DriverStatus) -> None:
        self.state = message.state

    def _on_ack(self, message: TransitionAck) -> None:
        self.acknowledged = message.sequence

    def _on_chunk(self, message: ActionChunk) -> None:
        if np.isfinite(message.data).all():
            self.chunk = message


@dataclass
class Scene:
    """A run under way, the cell it moves in, and the person beside it."""

    cell: Cell
    run: Run
    operator: Operator

    def heal(self) -> None:
        """End what a test that failed has left behind."""
        self.cell.stack.frozen.clear()
        self.cell.stack.deaf = self.cell.hand.silent = False
        stopped = (DriverStatus.STATE_LATCHED, DriverStatus.STATE_ESTOP)
        if self.operator.state in stopped:
            self.press(names.RECOVER)
            self.clear()
        self.press(names.RESUME)  # is refused unless a reset has failed

    def mid_chunk(self) -> None:
        """Wait until the arm, on its way already, has begun with another chunk."""
        self.cell.moves()
        self.operator.chunk = None
        self.cell.wait(lambda: self.operator.chunk is not None)

    def end_of(self, chunk: ActionChunk) -> ChunkResult:
        """Wait until the driver has said what became of a chunk."""

        def find() -> ChunkResult | None:
            ends = (result for result in self.operator.results if result.id == chunk.id)
            return next(ends, None)

        found: ChunkResult = self.cell.wait(find)
        return found

    def press(self, name: str) -> Trigger.Response:
        """Call one of the driver's services."""
        answer = self.operator.buttons[name].call_async(Trigger.Request())
        self.cell.wait(answer.done)
        return answer.result()

    def clear(self) -> None:
        """Clear as soon as it is taken."""
        self.cell.wait(lambda: self.press(names.CLEAR).success)

    def named(self, entry: str, text: str) -> DiagnosticStatus:
        """Wait until diagnostics name a cause; `entry` ends the name of its status."""

        def find() -> DiagnosticStatus | None:
            for name, status in self.operator.said.items():
                if name.endswith(entry) and text in status.message:
                    return status
            return None

        found: DiagnosticStatus = self.cell.wait(find)
        assert found.level != DiagnosticStatus.OK
        assert found.name.startswith(self.operator.get_namespace())
        return found

    def refusals(self, rule: str) -> int:
        """Return how many chunks a rule has refused so far, as diagnostics tell it."""
        gate = next(s for name, s in self.operator.said.items() if name.endswith('command gate'))
        counts = {entry.key: entry.value for entry in gate.values}
        return int(counts.get(f'refused: {rule}', 0))

    def latched(self, state: int = DriverStatus.STATE_LATCHED) -> None:
        """Wait until the driver has stopped for good; nothing but a person changes that."""
        self.cell.wait(lambda: self.operator.state == state)
        self.cell.holds()
        assert self.operator.state == state

    def learned(self) -> list[tuple[int, int, int]]:
        """Return what the journal holds: sequence, episode, decision."""
        kept = self.run.transitions()
        return [(t.sequence, t.id.episode, t.id.decision) for t in kept]

    def goes_on(self, before: list[tuple[int, int, int]]) -> None:
        """Wait until chunks are executed and learned from again; nothing before is lost."""
        operator = self.operator
        operator.results.clear()
        self.cell.wait(
            lambda: any(r.outcome == ChunkResult.OUTCOME_DONE for r in operator.results)
        )
        count = len(before)
        self.cell.wait(lambda: operator.acknowledged > count)
        after = self.learned()
        assert after[:count] == before
        assert [sequence for sequence, *_ in after] == list(range(len(after)))


def begin(cell: Cell, folder: Path, operator: Operator, resume_from: str = '') -> Scene:
    """Start a run in a cell and wait until chunks are executed."""
    config = small_config(**CONFIG, trainer={'resume_from': resume_from})
    run = start_graph(folder, config, **guide_arguments(), **ENDLESS, **QUICK)
    operator.results.clear()

    def moving() -> bool:
        assert run.launcher.poll() is None, run.wait()
        return any(r.outcome == ChunkResult.OUTCOME_DONE for r in operator.results)

    try:
        cell.wait(moving, timeout_s=90.0)
    except BaseException:
        run.end()
        raise
    return Scene(cell, run, operator)


@pytest.fixture(scope='module')
def cell() -> Iterator[Cell]:
    """Yield a stack that runs before and after every graph."""
    with existing_stack(guide_arguments()) as there:
        yield there


@pytest.fixture(scope='module')
def scene(cell: Cell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """Yield a run that goes on until somebody ends it."""
    there = begin(cell, tmp_path_factory.mktemp('run') / 'faults', cell.host.add(Operator))
    yield there
    there.run.end()


@pytest.fixture
def before(scene: Scene) -> list[tuple[int, int, int]]:
    """Return what was learned from until now, as soon as the arm has begun with more of it."""
    scene.heal()
    learned = scene.learned()
    scene.mid_chunk()
    return learned


def test_an_emergency_stop_mid_chunk(scene: Scene, before: Any) -> None:
    assert scene.press(names.ESTOP).success
    scene.latched(DriverStatus.STATE_ESTOP)
    status = scene.named('driver: command gate', 'emergency stop by service')
    assert status.level == DiagnosticStatus.ERROR
    outcomes = [result.outcome for result in scene.operator.results]
    assert ChunkResult.OUTCOME_ESTOP in outcomes
    scene.clear()
    scene.goes_on(before)


def test_steering_frozen(scene: Scene, before: Any) -> None:
    """Silence from above brakes; what was frozen goes on by itself when it is back."""
    steering = scene.run.pid_of('steering')
    # A chunk that is refused, or nearly over as the freeze comes, does not brake.
    for _ in range(5):
        os.kill(steering, signal.SIGSTOP)
        try:
            scene.cell.holds()
            own = scene.operator.chunk
            assert own is not None
            # Nor is one that was frozen on its way to the driver: it is sent again afterwards.
            ends = [result.outcome for result in scene.operator.results if result.id == own.id]
            if ends == [ChunkResult.OUTCOME_FAULT]:
                scene.named('driver: command gate', 'heartbeat: got none for')
        finally:
            os.kill(steering, signal.SIGCONT)
        end = scene.end_of(own)
        if end.outcome == ChunkResult.OUTCOME_FAULT:
            break
        scene.mid_chunk()
    assert end.outcome == ChunkResult.OUTCOME_FAULT, end
    scene.goes_on(before)


def test_chunks_that_are_not_numbers(scene: Scene, before: Any) -> None:
    """The first stops what is under way; as many as are allowed in a row latch, by the rule."""
    operator = scene.operator
    steering = scene.run.pid_of('steering')
    numbers = itertools.count()
    # A chunk that is refused, or nearly over as the strays come, is not stopped.
    for _ in range(5):
        own = operator.chunk
        assert own is not None
        refused = scene.refusals('finite')
        stray = deepcopy(own)
        stray.data = floats_to_msg(np.full(len(own.data), np.nan, dtype=np.float32))
        stray.id.run = np.full(16, 7, dtype=np.uint8)  # of nobody's run
        # Nothing else comes meanwhile: a chunk that is taken would begin the row anew.
        os.kill(steering, signal.SIGSTOP)
        try:
            for _ in range(LATCH_AFTER):
                stray.id.decision = next(numbers)
                operator.chunks.publish(stray)
                assert scene.end_of(stray).outcome == ChunkResult.OUTCOME_REJECTED
            scene.latched()
        finally:
            os.kill(steering, signal.SIGCONT)
        # It ends when the arm has braked, which takes longer than refusing does.
        end = scene.end_of(own)
        if end.outcome == ChunkResult.OUTCOME_PREEMPTED:
            break
        scene.clear()
        scene.mid_chunk()
    assert end.outcome == ChunkResult.OUTCOME_PREEMPTED, end
    scene.named('driver: command gate', 'chunks in a row refused; finite: ')
    assert scene.refusals('finite') == refused + LATCH_AFTER
    scene.cell.holds()
    scene.clear()
    scene.goes_on(before)


def test_joint_states_frozen(scene: Scene, before: Any) -> None:
    scene.cell.stack.frozen.add(names.JOINT_STATES)
    scene.latched()
    scene.named('driver: command gate', 'joint states on /arm/joint_states: got none for')
    assert 'the cause is still there' in scene.press(names.CLEAR).message
    scene.cell.stack.frozen.clear()
    scene.clear()
    scene.goes_on(before)


def test_tool_pose_frozen(scene: Scene, before: Any) -> None:
    """Without an observation there is no next chunk; steering says what it waits for."""
    scene.cell.stack.frozen.add(names.TOOL_POSE)
    scene.named('steering: run', 'expected sensor samples')
    scene.cell.holds()
    scene.cell.stack.frozen.clear()
    scene.goes_on(before)


def test_a_controller_that_does_not_respond(scene: Scene, before: Any) -> None:
    scene.cell.stack.deaf = True
    scene.latched()
    scene.named('driver: command gate', 'controller: got fr3_joint')
    scene.cell.stack.deaf = False
    scene.clear()
    scene.goes_on(before)


def test_somebody_else_on_the_trajectory_topic(scene: Scene, before: Any) -> None:
    topic = guide_arguments()['trajectory']
    other = scene.operator.create_publisher(JointTrajectory, topic, qos.COMMAND)
    try:
        scene.latched()
        scene.named('driver: command gate', f'somebody else commands {topic}')
        assert 'the cause is still there' in scene.press(names.CLEAR).message
    finally:
        scene.operator.destroy_publisher(other)
    scene.clear()
    scene.goes_on(before)


def test_the_arm_is_handed_back_and_taken_again(scene: Scene, before: Any) -> None:
    """As the guide says: no fault, but the same is asked of it."""
    operator, topic = scene.operator, guide_arguments()['trajectory']
    life = operator.create_client(ChangeState, 'driver/change_state')

    def step(transition: int) -> bool:
        answer = life.call_async(ChangeState.Request(transition=Transition(id=transition)))
        scene.cell.wait(answer.done)
        return bool(answer.result().success)

    assert step(Transition.TRANSITION_DEACTIVATE)
    scene.cell.holds()
    scene.named('driver: command gate', 'inactive')
    assert step(Transition.TRANSITION_CLEANUP)
    scene.cell.wait(lambda: operator.count_publishers(topic) == 0)
    assert step(Transition.TRANSITION_CONFIGURE)
    assert step(Transition.TRANSITION_ACTIVATE)
    scene.goes_on(before)


def test_a_robot_in_an_error_and_its_recovery(scene: Scene, before: Any) -> None:
    scene.cell.stack.reflex('joint_reflex')
    scene.latched()
    scene.named('driver: command gate', 'mode reflex with joint_reflex')
    scene.named('driver: robot', 'joint_reflex')
    assert 'the cause is still there' in scene.press(names.CLEAR).message
    answer = scene.press(names.RECOVER)
    assert answer.success, answer.message
    scene.clear()
    scene.goes_on(before)


def test_a_gripper_that_never_answers(scene: Scene, before: Any) -> None:
    """It is named and stops nothing: the arm goes on without anybody's help."""
    scene.cell.hand.silent = True
    scene.named('driver: gripper', 'got no answer to')
    scene.goes_on(before)
    scene.cell.hand.silent = False


def test_steering_killed(scene: Scene, cell: Cell, tmp_path: Path, before: Any) -> None:
    """The last: the graph ends, by the name of who died; a new one goes on from what was learned.

    With the driver gone, too, the launcher says the cause, not `/diagnostics`.
    """
    os.kill(scene.run.pid_of('steering'), signal.SIGKILL)
    cell.holds()
    cell.wait(lambda: scene.run.launcher.poll() is not None)
    assert scene.run.launcher.returncode == 1
    assert 'steering died (signal SIGKILL)' in scene.run.wait()
    cell.holds()
    kept = scene.learned()
    assert kept[: len(before)] == before
    acknowledged = scene.operator.acknowledged
    assert acknowledged >= len(before) - 1

    run = begin(cell, tmp_path / 'on', scene.operator, resume_from=str(scene.run.folder)).run
    run.end()
    log = (run.folder / 'logs/trainer.log').read_text()
    (line,) = [line for line in log.splitlines() if 'goes on from' in line]
    taken_up = int(line.split(' transitions')[0].split()[-1])
    assert taken_up > acknowledged
