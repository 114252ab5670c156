"""Which decision is judged when, by whom, and how: sources combined, limits, a person's word.

The rules, in this order:

1. A person's failure or abort decides, whatever any detector says: the person has seen more.
2. Success by `any` or by `all` of the sources, a person's mark among them. It wins over a limit
   that is reached by the same decision.
3. A limit of steps or refusals, after waiting for a person's verdict if that is asked for.
4. Otherwise the episode goes on.

Knows no ROS; time is given to it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from dsrl_ros.core.types import DecisionKey, RewardSource
from dsrl_ros.tasks.reward.evidence import Evidence
from dsrl_ros.tasks.reward.limits import ABORTED, FAILED, EpisodeJudge, Verdict
from dsrl_ros.tasks.reward.marks import Mark, MarkAnswer, PersonMarks


@dataclass(frozen=True)
class ChunkEnd:
    """A chunk that was executed, or refused, and is to be judged.

    Attributes:
        key: of its decision.
        end_ns: when it ended [ns].
        num_executed: control steps, 0 when it was refused.
    """

    key: DecisionKey
    end_ns: int
    num_executed: int


@dataclass(frozen=True)
class Judgement:
    """What one decision earned.

    Attributes:
        key: of the decision.
        stamp_ns: newest time that it was judged by [ns], not older than the end of its chunk.
        verdict: reward, and whether the episode ended.
        source: who said so: the first of the sources, in their order, that agrees.
    """

    key: DecisionKey
    stamp_ns: int
    verdict: Verdict
    source: RewardSource


class RewardJudge:
    """Judges every decision of every episode once, in order, as soon as all evidence is there.

    Args:
        limits: of an episode.
        sources: who judges success, in the order in which they are named in a reward.
        evidence: of every source but the person.
        need_all: success needs all sources; False: any of them.
        person_timeout_s: wait for a person's verdict at a limit [s]; 0 does not wait.
    """

    def __init__(
        self,
        limits: EpisodeJudge,
        sources: tuple[RewardSource, ...],
        evidence: Mapping[RewardSource, Evidence],
        need_all: bool = False,
        person_timeout_s: float = 0.0,
    ) -> None:
        self._limits = limits
        self._sources = sources
        self._evidence = dict(evidence)
        self._need_all = need_all
        self._person_timeout_s = person_timeout_s if RewardSource.PERSON in sources else 0.0
        self._marks = PersonMarks()
        self._pending: deque[ChunkEnd] = deque()
        self._taken: DecisionKey | None = None  # newest decision taken in; none is judged twice
        self._episode: DecisionKey | None = None  # the first decision of the episode under way
        self._over = True
        self._deadline_s: float | None = None

    @property
    def running(self) -> bool:
        """Whether an episode is under way."""
        return not self._over

    @property
    def pending(self) -> DecisionKey | None:
        """The decision that is judged next; None while none waits."""
        return self._pending[0].key if self._pending else None

    @property
    def deadline_s(self) -> float | None:
        """Until when a person's verdict is waited for [s]; None while it is not."""
        return self._deadline_s

    def late(self) -> list[RewardSource]:
        """Return the sources that the decision judged next still waits for."""
        if not self._pending:
            return []
        end_ns = self._pending[0].end_ns
        return [name for name, word in self._evidence.items() if not word.counts(end_ns)]

    def start(self, first: DecisionKey, stamp_ns: int) -> None:
        """Begin an episode; what was not judged of the last one never will be.

        Args:
            first: key of its first decision.
            stamp_ns: its first state is not older [ns].
        """
        self._episode = first
        self._over = False
        self._deadline_s = None
        self._pending.clear()
        self._limits.start()
        self._marks.start(f'Episode {first.episode}')
        for word in self._evidence.values():
            word.start(stamp_ns)

    def take(self, end: ChunkEnd) -> bool:
        """Take in the end of a chunk; return whether it will be judged.

        One that has come before, of an episode that is over, or of another run, will not be: what
        waits to be judged outlives strays. The first of an episode whose start was not told
        begins that episode.
        """
        key, taken, episode = end.key, self._taken, self._episode
        if taken is not None and key.run == taken.run and key <= taken:
            return False
        same_run = episode is not None and (key.robot, key.run) == (episode.robot, episode.run)
        if episode is None or (same_run and key.episode > episode.episode):
            self.start(_first(key), end.end_ns)
        elif not same_run or key.episode < episode.episode or self._over:
            return False
        self._taken = key
        self._pending.append(end)
        for word in self._evidence.values():
            word.ask()
        return True

    def mark(self, mark: Mark) -> MarkAnswer:
        """Take in what a person says; it counts for the decision that is judged next."""
        if RewardSource.PERSON not in self._sources:
            return MarkAnswer(False, f'{mark.value}: refused. No person is among the sources.')
        return self._marks.put(mark)

    def decide(self, now_s: float) -> Judgement | None:
        """Return the next judgement, once; None while there is none.

        Args:
            now_s: steady time [s].
        """
        if not self._pending:
            return None
        end = self._pending[0]
        found = self._weigh(end, now_s)
        if found is None:
            return None
        verdict, source = found
        self._pending.popleft()
        self._deadline_s = None
        if verdict.over:
            self._over = True
            self._pending.clear()
            self._marks.end(f'{verdict.outcome}, by {source.name.lower()}')
        return Judgement(end.key, self._stamp(end.end_ns), verdict, source)

    def _weigh(self, end: ChunkEnd, now_s: float) -> tuple[Verdict, RewardSource] | None:
        """Return verdict and source by the rules above; None while something is waited for."""
        mark = self._marks.mark
        if mark in (Mark.FAILURE, Mark.ABORT):
            return FAILED if mark is Mark.FAILURE else ABORTED, RewardSource.PERSON
        by_mark = mark is Mark.SUCCESS and not self._need_all
        if not by_mark and self.late():
            return None
        says = {name: self._says(name, end.end_ns) for name in self._sources}
        success = all(says.values()) if self._need_all else any(says.values())
        limit = self._limits.reaches_limit(end.num_executed)
        if limit and not success and mark is None and self._person_awaited(now_s):
            return None
        verdict = self._limits.judge(end.num_executed, success)
        if verdict.truncated:
            return verdict, RewardSource.TIMEOUT
        return verdict, next(name for name in self._sources if says[name] == success)

    def _says(self, source: RewardSource, end_ns: int) -> bool:
        if source is RewardSource.PERSON:
            return self._marks.mark is Mark.SUCCESS
        word = self._evidence[source]
        return word.success and word.counts(end_ns)

    def _person_awaited(self, now_s: float) -> bool:
        if self._deadline_s is None and self._person_timeout_s:
            self._deadline_s = now_s + self._person_timeout_s
        return self._deadline_s is not None and now_s < self._deadline_s

    def _stamp(self, end_ns: int) -> int:
        stamps = (word.stamp_ns for word in self._evidence.values() if word.counts(end_ns))
        return max([end_ns, *(stamp for stamp in stamps if stamp is not None)])


def _first(key: DecisionKey) -> DecisionKey:
    return DecisionKey(key.robot, key.run, key.episode, 0)
