"""A slow gripper: hysteresis, one command at a time, the newest wish next, no endless waits."""

from __future__ import annotations

from dsrl_ros.core.config.hardware import HardwareConfig
from dsrl_ros.robots.execution.gripper import BinaryGripper

OPEN, CLOSED = 0.08, 0.0


class Hand(BinaryGripper):
    """A hand that answers when it is told to, and its clock."""

    def __init__(self) -> None:
        self.now_s = 10.0
        self.sent: list[str] = []
        self.command_id = 0
        config = HardwareConfig(
            gripper_close_below_m=0.03, gripper_open_above_m=0.05, gripper_timeout_s=5.0
        )
        super().__init__(config, lambda: self.now_s)
        self.gripper = self

    def start(self, closes: bool, command_id: int) -> None:
        self.sent.append('close' if closes else 'open')
        self.command_id = command_id

    def stop(self) -> None:
        self.sent.append('stop')

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.gripper.check_deadline()


def test_between_the_thresholds_the_last_wish_stands() -> None:
    hand = Hand()
    for width in (0.04, CLOSED, 0.031, 0.049, 0.03):
        hand.gripper.request(width)
    assert hand.sent == ['close']
    hand.gripper.ended(hand.command_id, '')
    hand.gripper.request(0.049)
    hand.gripper.request(0.05)
    assert hand.sent == ['close', 'open']


def test_what_is_on_its_way_is_stopped_and_the_newest_wish_wins() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    hand.gripper.request(OPEN)
    hand.gripper.request(CLOSED)
    hand.gripper.request(OPEN)
    assert hand.sent == ['close', 'stop']
    hand.gripper.ended(hand.command_id, 'aborted')
    assert hand.sent == ['close', 'stop', 'open']
    assert hand.gripper.complaint == ''  # it was stopped on purpose


def test_a_wish_taken_back_while_stopping_is_commanded_again() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    hand.gripper.request(OPEN)
    hand.gripper.request(CLOSED)
    hand.gripper.ended(hand.command_id, 'aborted')
    assert hand.sent == ['close', 'stop', 'close']


def test_a_hand_that_never_answers_is_named_and_asked_again_at_the_next_wish() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    hand.wait(4.9)
    assert hand.gripper.complaint == ''
    hand.wait(0.2)
    assert hand.gripper.complaint.startswith('got no answer to close for 5 s')
    hand.gripper.request(OPEN)
    hand.wait(0.9)
    assert hand.sent == ['close', 'stop']
    hand.wait(0.2)
    assert hand.sent == ['close', 'stop', 'open']


def test_the_answer_to_a_command_that_was_given_up_counts_for_nothing() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    old = hand.command_id
    hand.gripper.request(OPEN)
    hand.wait(1.1)
    hand.gripper.ended(old, '')
    assert hand.gripper.busy
    hand.gripper.ended(hand.command_id, '')
    assert not hand.gripper.busy


def test_a_late_answer_ends_the_complaint() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    hand.wait(5.1)
    hand.gripper.ended(hand.command_id, '')
    assert hand.gripper.complaint == ''
    assert not hand.gripper.busy


def test_a_command_that_failed_is_named_and_not_repeated() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    hand.gripper.ended(hand.command_id, 'got a refusal')
    hand.gripper.request(CLOSED)
    assert hand.gripper.complaint == 'got a refusal'
    assert hand.sent == ['close']


def test_a_wish_meant_anew_is_commanded_again_unless_it_is_on_its_way() -> None:
    hand = Hand()
    hand.gripper.request(OPEN)
    hand.gripper.ended(hand.command_id, 'got a refusal')
    hand.gripper.request(OPEN, force=True)
    assert hand.sent == ['open', 'open']
    assert hand.gripper.complaint == ''  # of the command before
    hand.gripper.request(OPEN, force=True)
    assert hand.sent == ['open', 'open']
    hand.gripper.ended(hand.command_id, '')
    hand.gripper.request(OPEN, force=True)  # somebody may have closed it
    assert hand.sent == ['open', 'open', 'open']


def test_a_wish_meant_anew_stops_a_command_that_nobody_answers() -> None:
    hand = Hand()
    hand.gripper.request(OPEN)
    assert not hand.gripper.settled
    hand.wait(5.1)
    assert hand.gripper.settled
    hand.gripper.request(OPEN, force=True)
    assert not hand.gripper.settled
    hand.wait(1.1)
    assert hand.sent == ['open', 'stop', 'open']
    assert not hand.gripper.settled
    hand.gripper.ended(hand.command_id, '')
    assert hand.gripper.settled


def test_what_waits_when_the_robot_is_stopped_is_never_commanded() -> None:
    hand = Hand()
    hand.gripper.request(CLOSED)
    hand.gripper.halt()
    hand.gripper.request(OPEN)
    hand.gripper.halt()
    hand.gripper.ended(hand.command_id, 'aborted')
    hand.wait(10.0)
    assert hand.sent == ['close', 'stop']
    assert 'before the command to open was sent' in hand.gripper.complaint
    hand.gripper.request(OPEN)
    assert hand.sent == ['close', 'stop', 'open']
    assert hand.gripper.complaint == ''
