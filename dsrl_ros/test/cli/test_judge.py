"""`dsrl judge` sends a person's marks to the reward node and reports what became of each key."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios
from pathlib import Path

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from reward_peers import Peers, done, reset

from dsrl_msgs.action import ResetEpisode
from dsrl_msgs.msg import Reward
from dsrl_ros.console.keys import Keys
from dsrl_ros.nodes.reward.node import RewardNode

DSRL = [sys.executable, '-u', '-m', 'dsrl_ros.cli.main', 'judge']


@pytest.fixture
def peers(ros) -> Peers:
    ros.add(RewardNode, sources=['person'])
    peers = ros.add(Peers)
    ros.spin_until(peers.connected)
    return peers


class Judge:
    """A person at `dsrl judge`, in a process of its own; a context manager."""

    def __init__(self, ros, folder: Path, stdin, *words: str) -> None:
        self._ros = ros
        self._out = folder / 'said'
        command = [*DSRL, '--namespace', ros.namespace, *words]
        with self._out.open('wb') as out:
            self.process = subprocess.Popen(
                command, stdin=stdin, stdout=out, stderr=subprocess.STDOUT
            )

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()

    def type(self, text: str, last: bool = False) -> None:
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()
        if last:
            self.process.stdin.close()

    def hear(self, text: str) -> str:
        """Return all that was said, once `text` is part of it."""
        self._ros.spin_until(lambda: text in self.said(), timeout_s=20.0)
        return self.said()

    def said(self) -> str:
        return self._out.read_text()

    def end(self) -> int:
        self._ros.spin_until(lambda: self.process.poll() is not None, timeout_s=20.0)
        return self.process.returncode


def test_lines_are_marks_and_the_exit_code_says_whether_they_counted(ros, peers, tmp_path):
    reset(ros, peers, seed=1)
    with Judge(ros, tmp_path, subprocess.PIPE) as judge:
        judge.hear('Episode 0 runs.')
        judge.type('failure\ns\n')
        assert 'Episode 0: failure.' in judge.hear('Episode 0: success instead of failure.')
        peers.send(decision=0, end_ns=5)
        judge.hear('Episode 0 has ended: success, by person.')
        ros.spin_until(lambda: peers.rewards)
        assert (peers.rewards[0].value, peers.rewards[0].source) == (1.0, Reward.SOURCE_PERSON)
        judge.type('a', last=True)  # a line need not end, and this one comes too late
        judge.hear('abort: refused. Episode 0 has ended: success, by person.')
        assert judge.end() == 1


@pytest.mark.parametrize(
    ('typed', 'code', 'told'),
    [('a\n', 0, 'Episode 0: abort.'), ('x\nq\ns\n', 1, "'x' means nothing")],
)
def test_what_counts_ends_well_and_what_means_nothing_is_explained(
    ros, peers, tmp_path, typed, code, told
):
    reset(ros, peers, seed=1)
    with Judge(ros, tmp_path, subprocess.PIPE) as judge:
        judge.type(typed, last=True)
        assert judge.end() == code
        assert told in judge.said() and 'success.' not in judge.said()


def test_where_nobody_listens_it_says_so(ros, tmp_path):
    with Judge(ros, tmp_path, subprocess.PIPE, '--wait', '0.1', '--domain', '101') as judge:
        judge.type('s\n', last=True)
        assert judge.end() == 1
        assert f'{ros.namespace}/mark_success' in judge.said()
        assert 'in ROS domain 101. ' in judge.said()
        assert '`person` is among the sources' in judge.said()


def test_a_reset_that_waits_for_the_scene_is_told_that_it_is_ready(ros, tmp_path):
    steps = ['recover', 'arrange', 'verify']
    ros.add(RewardNode, **{'reset.arrange': 'person', 'reset.steps': steps})
    peers = ros.add(Peers)
    ros.spin_until(peers.connected)
    with Judge(ros, tmp_path, subprocess.PIPE) as judge:
        judge.hear('No episode has started yet')
        goal = done(ros, peers.resets.send_goal_async(ResetEpisode.Goal(robot='fr3')))
        judge.hear('Reset: arrange the scene')
        judge.type('r\n', last=True)
        assert done(ros, goal.get_result_async()).result.error_code == ResetEpisode.Result.NONE
        assert judge.end() == 0
    assert not peers.seeds  # no simulation was asked


def test_on_a_terminal_one_key_is_enough_and_it_is_left_as_it_was(ros, peers, tmp_path):
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    with Judge(ros, tmp_path, slave) as judge:
        judge.hear('no episode runs')
        reset(ros, peers, seed=1)
        judge.hear('episode 0, 0 decisions')
        os.write(master, b's')  # in the first moment: meant for the episode before
        judge.hear('only just begun')
        ros.spin_for(0.8)
        os.write(master, b'f')
        judge.hear('Episode 0: failure.')
        peers.send(decision=0, end_ns=5)
        judge.hear('Episode 0 has ended: failure, by person.')
        ros.spin_until(lambda: peers.rewards)
        assert peers.rewards[0].terminated and peers.rewards[0].value == 0.0
        os.write(master, b'q')
        assert judge.end() == 0
    assert termios.tcgetattr(slave) == before
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize(
    ('typed', 'lines'),
    [
        (b'', []),
        (b's\n', ['s']),
        (b'a\n\n  success \nq', ['a', 'success', 'q']),
        ('ü\n'.encode(), ['ü']),
        (b'\xff\n', ['\N{REPLACEMENT CHARACTER}']),
    ],
)
def test_lines_come_out_whole_and_the_end_is_seen(typed, lines):
    end, start = os.pipe()
    os.write(start, typed)
    with Keys(end) as keys:
        assert not keys.is_terminal
        found = [word for _ in range(5) if (word := keys.take()) is not None]
        os.close(start)
        found += [word for _ in range(5) if (word := keys.take()) is not None]
        assert (found, keys.ended) == (lines, True)
    os.close(end)
