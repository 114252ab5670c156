"""A transition is numbered, journaled, and sent again until the trainer has acknowledged it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from dsrl_msgs import msg
from dsrl_ros.core.journal import read_journal
from dsrl_ros.nodes.steering.transition_sender import JOURNAL, TransitionSender
from dsrl_ros.ros.messages import run_to_bytes

RUN, OTHER_RUN = 'ab' * 16, 'cd' * 16


class Wires:
    """Takes the place of a node; the test plays the trainer and the clock."""

    def __init__(self, run_dir: Path, **info: Any) -> None:
        self.sent: list[int] = []
        self.acknowledge: Callable[[msg.TransitionAck], None]
        self.resend: Callable[[], None]
        node: Any = self
        self.sender = TransitionSender(node, RUN, run_dir, msg.LearnerInfo(discount=0.5, **info))

    def create_publisher(self, *_: Any) -> Any:
        return SimpleNamespace(publish=lambda transition: self.sent.append(transition.sequence))

    def create_subscription(self, _: type, __: str, callback: Any, ___: Any) -> None:
        self.acknowledge = callback

    def create_timer(self, _: float, callback: Any, clock: Any) -> None:
        assert clock is not None  # not the node's, which may stand still
        self.resend = callback

    def ack(self, sequence: int, run: str = RUN) -> None:
        self.acknowledge(msg.TransitionAck(run=run_to_bytes(run), sequence=sequence))


@pytest.mark.parametrize('acknowledged', range(-1, 13))
def test_what_is_not_acknowledged_is_sent_again_in_order(tmp_path, acknowledged):
    wires = Wires(tmp_path)
    for number in range(10):
        assert wires.sender.unacknowledged == number
        wires.sender.send(msg.Transition())
    assert wires.sent == list(range(10))
    if acknowledged >= 0:
        wires.ack(acknowledged)
    wires.resend()  # acknowledgements may still be coming in
    assert wires.sent == list(range(10))
    del wires.sent[:]
    wires.resend()
    assert wires.sent == list(range(max(0, acknowledged + 1), 10))
    assert wires.sender.unacknowledged == len(wires.sent)


def test_it_is_sent_again_until_it_is_acknowledged(tmp_path):
    wires = Wires(tmp_path)
    wires.sender.send(msg.Transition())
    for _ in range(4):
        wires.resend()
    assert wires.sent == [0] * 4
    wires.ack(0, OTHER_RUN)
    wires.resend()
    assert wires.sent == [0] * 5
    wires.ack(0)
    wires.resend()
    wires.resend()
    assert wires.sent == [0] * 5


def test_the_journal_holds_every_transition_once(tmp_path):
    wires = Wires(tmp_path)
    for _ in range(3):
        wires.sender.send(msg.Transition())
    wires.resend()
    wires.resend()
    wires.sender.close()
    assert len(list(read_journal(tmp_path / JOURNAL))) == 3


@pytest.mark.parametrize(('per_step', 'discount'), [(False, 0.5), (True, 0.125)])
def test_the_discount_is_per_decision_or_per_executed_step(tmp_path, per_step, discount):
    transition = msg.Transition(result=msg.ChunkResult(num_executed=3))
    Wires(tmp_path, discount_per_step=per_step).sender.send(transition)
    assert transition.discount == discount
