"""In whatever order the parts of decisions come, and how often, each decision comes out once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dsrl_ros.core.types import DecisionKey
from dsrl_ros.learning.steering.joining import PARTS, Outbox, TransitionJoiner


def key(decision: int) -> DecisionKey:
    return DecisionKey('fr3', '0' * 32, 0, decision)


@given(order=st.permutations(PARTS), repeats=st.lists(st.sampled_from(PARTS), max_size=5))
def test_a_decision_is_whole_once_in_any_order(order, repeats):
    joiner = TransitionJoiner()
    outcomes = [joiner.put(key(0), part, f'{part} value') for part in [*order, *repeats]]
    whole = [outcome for outcome in outcomes if outcome is not None]
    assert whole == [{part: f'{part} value' for part in PARTS}]
    assert joiner.duplicates == len(repeats)


def test_parts_of_two_decisions_are_not_mixed():
    joiner = TransitionJoiner()
    for part in PARTS[:-1]:
        assert joiner.put(key(0), part, 0) is None
        assert joiner.put(key(1), part, 1) is None
    assert joiner.put(key(0), PARTS[-1], 0) == dict.fromkeys(PARTS, 0)
    assert joiner.put(key(1), PARTS[-1], 1) == dict.fromkeys(PARTS, 1)


@given(acknowledged=st.integers(-1, 12))
def test_what_is_not_acknowledged_is_sent_again_in_order(acknowledged):
    outbox = Outbox()
    for number in range(10):
        assert outbox.next_sequence == number
        outbox.add(number)
    outbox.acknowledge(acknowledged)
    assert list(outbox.unacknowledged()) == list(range(max(0, acknowledged + 1), 10))
