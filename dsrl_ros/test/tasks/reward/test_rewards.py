"""Each decision is judged once, by evidence as new as its end, and an episode ends once."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dsrl_ros.core.types import NO_RUN, DecisionKey, RewardSource
from dsrl_ros.tasks.reward.evidence import ArrivingEvidence, Mark, StampedEvidence
from dsrl_ros.tasks.reward.limits import EpisodeLimits, Verdict
from dsrl_ros.tasks.reward.rewards import FinishedChunk, JudgedDecision, RewardJudge

SIM, TOPIC, PERSON, CAMERA, LIMIT = (
    RewardSource.SIMULATOR,
    RewardSource.TOPIC,
    RewardSource.PERSON,
    RewardSource.CLASSIFIER,
    RewardSource.TIMEOUT,
)
GOES_ON, SUCCESS = Verdict(0, False, False, False), Verdict(1, True, False, True)
FAILURE, CUT = Verdict(0, True, False, False), Verdict(0, False, True, False)
STEPS = 4


def key(decision: int, episode: int = 0) -> DecisionKey:
    return DecisionKey('fr3', NO_RUN, episode, decision)


def end(decision: int, episode: int = 0, end_ns: int = 100, steps: int = STEPS) -> FinishedChunk:
    return FinishedChunk(key(decision, episode), end_ns, steps)


class Bench:
    """A judge and its evidence."""

    def __init__(self, *sources: RewardSource, decisions: int = 3, **options) -> None:
        self.words = {
            name: ArrivingEvidence() if name is TOPIC else StampedEvidence()
            for name in sources
            if name is not PERSON
        }
        limits = EpisodeLimits(max_steps=decisions * STEPS, max_rejects=2)
        self.judge = RewardJudge(limits, sources, self.words, **options)
        self.judge.start(key(0), 0)

    def tell(self, source: RewardSource, done: bool, stamp_ns: int = 100) -> None:
        word = self.words[source]
        word.add(done) if isinstance(word, ArrivingEvidence) else word.add(stamp_ns, done)

    def decide(self, now_s: float = 0.0) -> tuple[Verdict, RewardSource] | None:
        found = self.judge.decide(now_s)
        return None if found is None else (found.verdict, found.source)


YES, NO = True, False


@pytest.mark.parametrize(
    ('sources', 'need_all', 'detectors', 'mark', 'last', 'expected'),
    [
        ((SIM,), NO, [YES], None, NO, (SUCCESS, SIM)),
        ((SIM,), NO, [NO], None, NO, (GOES_ON, SIM)),
        ((SIM,), NO, [NO], None, YES, (CUT, LIMIT)),
        ((SIM,), NO, [YES], None, YES, (SUCCESS, SIM)),  # success wins over the limit
        ((SIM, CAMERA), NO, [NO, YES], None, NO, (SUCCESS, CAMERA)),
        ((SIM, CAMERA), NO, [YES, YES], None, NO, (SUCCESS, SIM)),
        ((CAMERA, SIM), NO, [YES, YES], None, NO, (SUCCESS, CAMERA)),
        ((SIM, CAMERA), YES, [YES, NO], None, NO, (GOES_ON, CAMERA)),
        ((SIM, CAMERA), YES, [YES, NO], None, YES, (CUT, LIMIT)),
        ((SIM, CAMERA), YES, [YES, YES], None, YES, (SUCCESS, SIM)),
        ((PERSON,), NO, [], None, NO, (GOES_ON, PERSON)),
        ((PERSON,), NO, [], None, YES, (CUT, LIMIT)),
        ((PERSON,), NO, [], Mark.SUCCESS, YES, (SUCCESS, PERSON)),
        ((PERSON,), NO, [], Mark.FAILURE, NO, (FAILURE, PERSON)),
        ((PERSON,), NO, [], Mark.ABORT, YES, (CUT, PERSON)),
        ((SIM, PERSON), NO, [NO], Mark.SUCCESS, NO, (SUCCESS, PERSON)),
        ((SIM, PERSON), YES, [NO], Mark.SUCCESS, NO, (GOES_ON, SIM)),
        ((SIM, PERSON), YES, [YES], None, NO, (GOES_ON, PERSON)),
        ((SIM, PERSON), YES, [YES], Mark.SUCCESS, NO, (SUCCESS, SIM)),
        # A person's failure or abort wins over a detector's success: the person has seen more.
        ((SIM, PERSON), NO, [YES], Mark.FAILURE, NO, (FAILURE, PERSON)),
        ((SIM, PERSON), NO, [YES], Mark.ABORT, NO, (CUT, PERSON)),
    ],
)
def test_sources_combine(sources, need_all, detectors, mark, last, expected):
    bench = Bench(*sources, decisions=1 if last else 2, need_all=need_all)
    bench.judge.take(end(0))
    for source, done in zip(bench.words, detectors, strict=True):
        assert bench.decide() is None
        bench.tell(source, done)
    if mark is not None:
        assert bench.judge.mark(mark).accepted
    assert bench.decide() == expected
    assert bench.judge.running != expected[0].over


@pytest.mark.parametrize('source', [SIM, TOPIC])
def test_a_decision_waits_for_a_word_as_new_as_its_end(source):
    bench = Bench(source)
    bench.tell(source, done=True, stamp_ns=99)
    bench.judge.take(end(0))
    assert bench.decide() is None and bench.judge.late() == [source]
    assert bench.judge.pending == key(0)
    bench.tell(source, done=False, stamp_ns=120)
    found = bench.judge.decide(0.0)
    assert (found.verdict, found.stamp_ns) == (GOES_ON, 100 if source is TOPIC else 120)
    assert bench.decide() is None and bench.judge.pending is None and not bench.judge.late()


def test_every_source_is_waited_for_unless_a_person_has_decided():
    bench = Bench(SIM, CAMERA, PERSON)
    bench.judge.take(end(0))
    bench.tell(SIM, done=True)
    assert bench.decide() is None and bench.judge.late() == [CAMERA]
    bench.judge.mark(Mark.SUCCESS)
    assert bench.decide() == (SUCCESS, SIM)


def test_where_all_must_agree_a_person_does_not_spare_the_others():
    bench = Bench(SIM, PERSON, need_all=True)
    bench.judge.take(end(0))
    bench.judge.mark(Mark.SUCCESS)
    assert bench.decide() is None
    bench.tell(SIM, done=True)
    assert bench.decide() == (SUCCESS, SIM)


def test_a_word_too_old_to_count_is_not_named_as_the_source():
    bench = Bench(SIM, PERSON)
    bench.tell(SIM, done=True, stamp_ns=50)
    bench.judge.take(end(0))
    bench.judge.mark(Mark.SUCCESS)
    assert bench.decide() == (SUCCESS, PERSON)


def test_an_episode_that_is_given_up_leaves_nothing_to_the_next():
    """Steering may reset at any time: steps, marks and a wait for a person end with that."""
    bench = Bench(PERSON, decisions=2, person_timeout_s=20.0)
    bench.judge.take(end(0))
    assert bench.decide() == (GOES_ON, PERSON)
    bench.judge.take(end(1))
    assert bench.decide(now_s=0.0) is None and bench.judge.deadline_s == 20.0
    bench.judge.start(key(0, episode=1), 0)
    assert bench.judge.pending is None and bench.judge.deadline_s is None
    bench.judge.mark(Mark.SUCCESS)
    bench.judge.start(key(0, episode=2), 0)
    bench.judge.take(end(0, episode=2))
    assert bench.decide(now_s=10.0) == (GOES_ON, PERSON)
    bench.judge.take(end(1, episode=2))
    assert bench.decide(now_s=30.0) is None and bench.judge.deadline_s == 50.0


def test_a_mark_made_while_a_chunk_runs_counts_at_its_end():
    bench = Bench(SIM, PERSON)
    bench.judge.mark(Mark.FAILURE)
    assert bench.decide() is None
    bench.judge.take(end(0))
    assert bench.decide() == (FAILURE, PERSON)


def test_marks_correct_repeat_and_come_too_late():
    bench = Bench(PERSON)
    assert bench.judge.mark(Mark.SUCCESS).message == 'Episode 0: success.'
    assert bench.judge.mark(Mark.SUCCESS).message == 'Episode 0: success, as marked before.'
    assert bench.judge.mark(Mark.FAILURE).message == 'Episode 0: failure instead of success.'
    bench.judge.take(end(0))
    assert bench.decide() == (FAILURE, PERSON)
    late = bench.judge.mark(Mark.SUCCESS)
    assert not late.accepted
    assert 'Episode 0 has ended: failure, by person' in late.message
    bench.judge.start(key(0, episode=1), 0)
    bench.judge.take(end(0, episode=1))
    assert bench.decide() == (GOES_ON, PERSON)  # nothing of the late one is left


def test_before_the_first_episode_a_mark_is_refused():
    judge = RewardJudge(EpisodeLimits(9, 3), (PERSON,), {})
    assert 'No episode has started' in judge.mark(Mark.ABORT).message and not judge.running


@pytest.mark.parametrize(
    ('mark', 'expected'),
    [
        (Mark.SUCCESS, (SUCCESS, PERSON)),
        (Mark.FAILURE, (FAILURE, PERSON)),
        (Mark.ABORT, (CUT, PERSON)),
        (None, (CUT, LIMIT)),
    ],
)
def test_at_a_limit_a_person_is_waited_for(mark, expected):
    bench = Bench(SIM, PERSON, decisions=1, person_timeout_s=20.0)
    bench.judge.take(end(0))
    bench.tell(SIM, done=False)
    assert bench.decide(now_s=5.0) is None and bench.judge.deadline_s == 25.0
    assert bench.decide(now_s=24.9) is None and bench.judge.running
    if mark is not None:
        bench.judge.mark(mark)
    assert bench.decide(now_s=25.0) == expected
    assert bench.judge.deadline_s is None


def test_no_person_is_waited_for_where_success_or_the_person_has_decided():
    bench = Bench(SIM, PERSON, decisions=1, person_timeout_s=20.0)
    bench.judge.take(end(0))
    bench.tell(SIM, done=True)
    assert bench.decide() == (SUCCESS, SIM)
    both = Bench(SIM, PERSON, decisions=1, person_timeout_s=20.0, need_all=True)
    both.judge.mark(Mark.SUCCESS)
    both.judge.take(end(0))
    both.tell(SIM, done=False)
    assert both.decide() == (CUT, LIMIT)
    alone = Bench(SIM, decisions=1, person_timeout_s=20.0)
    alone.judge.take(end(0))
    alone.tell(SIM, done=False)
    assert alone.decide() == (CUT, LIMIT)


def test_refusals_in_a_row_are_a_limit():
    bench = Bench(SIM, decisions=9)
    for decision, expected in enumerate([(GOES_ON, SIM), (CUT, LIMIT)]):
        bench.judge.take(end(decision, steps=0))
        bench.tell(SIM, done=False)
        assert bench.decide() == expected


def test_ends_that_come_again_late_or_after_the_episode_are_left_out():
    bench = Bench(SIM, decisions=1)
    assert bench.judge.take(end(0)) and not bench.judge.take(end(0))
    bench.tell(SIM, done=False)
    assert bench.decide() == (CUT, LIMIT)
    assert not bench.judge.take(end(1))  # its episode is over
    bench.judge.start(key(0, episode=2), 0)
    assert not bench.judge.take(end(5, episode=1))
    assert bench.judge.take(end(0, episode=2))
    assert bench.judge.take(end(0, episode=3))  # an episode whose start was not told
    assert bench.judge.pending == key(0, episode=3)


EVENTS = st.one_of(
    st.tuples(st.just('word'), st.sampled_from([SIM, TOPIC, CAMERA]), st.booleans()),
    st.tuples(st.just('mark'), st.sampled_from(Mark)),
    st.tuples(st.just('wait'), st.floats(0, 3)),
    st.just(('result',)),
    st.just(('again',)),
)


@settings(max_examples=300)
@given(
    st.permutations([SIM, TOPIC, PERSON, CAMERA]).flatmap(
        lambda order: st.integers(1, 4).map(lambda n: order[:n])
    ),
    st.booleans(),
    st.sampled_from([0.0, 2.0]),
    st.lists(EVENTS, max_size=60),
)
def test_whatever_is_interleaved_each_decision_earns_one_reward(
    sources, need_all, person_timeout_s, events
):
    """Chunks follow rewards as in a run; words, marks, time and repeats come at any moment."""
    bench = Bench(*sources, need_all=need_all, person_timeout_s=person_timeout_s)
    judge, now_s, stamp_ns = bench.judge, 0.0, 0
    episode, decision, waiting = 0, 0, None
    done: list[JudgedDecision] = []
    for event in itertools.chain(events, [('result',), ('finish',)]):
        if event[0] == 'result' and waiting is None:
            stamp_ns += 10
            waiting = end(decision, episode, stamp_ns)
            assert judge.take(waiting)
        elif event[0] == 'again' and done:
            assert not judge.take(end(done[-1].key.decision, done[-1].key.episode))
        elif event[0] == 'word' and event[1] in bench.words:
            stamp_ns += 1
            bench.tell(event[1], event[2], stamp_ns)
        elif event[0] == 'mark':
            assert judge.mark(event[1]).accepted == (judge.running and PERSON in sources)
        elif event[0] == 'wait':
            now_s += event[1]
        elif event[0] == 'finish':  # once all have spoken nothing is waited for but a person
            for source in bench.words:
                bench.tell(source, False, stamp_ns + 1)
            if judge.decide(now_s) is not None:
                return
            assert waiting is None or judge.deadline_s is not None
            assert judge.decide(now_s + 2.0) is not None or waiting is None
            return
        while (found := judge.decide(now_s)) is not None:
            assert waiting is not None and found.key == waiting.key
            assert found.stamp_ns >= waiting.end_ns
            assert found.source in (*sources, LIMIT)
            assert found.verdict.reward == float(found.verdict.success)
            assert not found.verdict.terminated or not found.verdict.truncated
            assert judge.running != found.verdict.over
            done.append(found)
            waiting, decision = None, decision + 1
            if found.verdict.over:
                assert judge.pending is None
                episode, decision = episode + 1, 0
                judge.start(key(0, episode), stamp_ns)
    raise AssertionError('it ends above')


def test_a_stray_result_of_another_run_takes_no_judgement_away():
    """What waits for its evidence is judged all the same, and the run goes on."""
    bench = Bench(SIM)
    assert bench.judge.take(end(0))
    stray = DecisionKey('fr3', 'f' * 32, 7, 0)
    assert not bench.judge.take(FinishedChunk(stray, 100, 0))
    bench.tell(SIM, False)
    assert bench.decide() == (GOES_ON, SIM)
    assert bench.judge.take(end(1))
