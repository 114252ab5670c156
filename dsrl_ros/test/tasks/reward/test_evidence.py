"""What a source says counts for the chunks that had ended by then, and for no others."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsrl_ros.tasks.reward.evidence import ArrivingEvidence, StampedEvidence


def told(words: str, hold_ns: int = 0) -> StampedEvidence:
    """Return evidence after words at 0, 1, 2, ... ns; '+' says done, '-' not, ' ' nothing."""
    evidence = StampedEvidence(hold_ns)
    for stamp_ns, word in enumerate(words):
        if word != ' ':
            evidence.add(stamp_ns, word == '+')
    return evidence


def test_a_word_counts_for_chunks_that_had_ended_by_its_stamp():
    evidence = StampedEvidence()
    assert not evidence.counts(0) and not evidence.success and evidence.stamp_ns is None
    evidence.add(10, True)
    assert [evidence.counts(end_ns) for end_ns in (9, 10, 11)] == [True, True, False]
    assert evidence.success and evidence.stamp_ns == 10


@pytest.mark.parametrize(
    ('words', 'hold_ns', 'success'),
    [
        ('+', 0, True),
        ('+-', 0, False),
        ('+', 1, False),  # one report does not show for how long
        ('++', 1, True),
        ('-++', 2, False),
        ('-+++', 2, True),
        ('+-+', 2, False),  # a break: the time before it does not count
        ('+++-', 2, False),
        ('+ +', 2, True),
    ],
)
def test_done_must_hold_without_a_break(words, hold_ns, success):
    assert told(words, hold_ns).success == success


@given(st.text('+-', min_size=1, max_size=12), st.integers(0, 5))
def test_held_means_that_the_last_words_all_said_done(words, hold_ns):
    held = len(words) > hold_ns and set(words[-hold_ns - 1 :]) == {'+'}
    assert told(words, hold_ns).success == held


def test_what_was_seen_before_an_episode_does_not_hold_in_it():
    evidence = told('+++', hold_ns=2)
    evidence.start(3)
    evidence.add(3, True)
    assert not evidence.success
    evidence.add(5, True)
    assert evidence.success


def test_what_came_early_of_the_new_episode_still_counts():
    evidence = told('+++')
    evidence.start(2)
    assert evidence.counts(2) and evidence.success
    before = told('++')
    before.start(2)
    assert not before.success


def test_a_clock_that_was_put_back_restarts_the_hold():
    evidence = told('++++', hold_ns=2)
    evidence.add(1, True)
    assert not evidence.success
    evidence.add(3, True)
    assert evidence.success


def test_a_word_without_a_stamp_counts_for_results_that_came_before_it():
    evidence = ArrivingEvidence()
    evidence.add(True)
    evidence.chunk_ended()
    assert not evidence.counts(0)
    evidence.add(False)
    assert evidence.counts(10**18) and not evidence.success
    evidence.chunk_ended()
    assert not evidence.counts(0)
    evidence.add(True)
    evidence.start(0)
    assert not evidence.counts(0)
