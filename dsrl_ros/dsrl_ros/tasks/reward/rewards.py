"""The rules by which each decision of an episode gets its verdict. Knows no ROS.

In this order:

1. A person's failure or abort wins over every detector: the person has seen more.
2. Success by `any` or by `all` of the sources, a person's mark among them. It wins over a limit
   that the same decision reaches.
3. A limit of steps or refusals, after waiting for a person's verdict if an option asks for it.
4. Otherwise the episode goes on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from dsrl_ros.core.types import DecisionKey, RewardSource
from dsrl_ros.tasks.reward.evidence import Evidence, Mark, MarkAnswer, PersonMarks
from dsrl_ros.tasks.reward.limits import ABORTED, FAILED, EpisodeLimits, Verdict


@dataclass(frozen=True)
class FinishedChunk:
    """A chunk that was executed or refused, and is to be judged.

    Attributes:
        key: of its decision.
        end_ns: when it ended [ns].
        num_executed: control steps, 0 when it was refused.
    """

    key: DecisionKey
    end_ns: int
    num_executed: int


@dataclass(frozen=True)
class JudgedDecision:
    """A decision with its verdict.

    Attributes:
        key: of the decision.
        stamp_ns: of the newest evidence used [ns], not older than the end of its chunk.
        verdict: reward, and whether the episode ended.
        source: the first of the sources, in their order, that agrees with the verdict.
    """

    key: DecisionKey
    stamp_ns: int
    verdict: Verdict
    source: RewardSource


class RewardJudge:
    """Judges every decision of every episode once, in order, as soon as all evidence is there.

    Args:
        limits: of an episode.
        sources: of success, in the order in which a reward names them.
        evidence: of every source but the person.
        need_all: success needs all sources; False: any of them.
        person_timeout_s: wait for a person's verdict at a limit [s]; 0 does not wait.

    Attributes:
        running: an episode is running.
        deadline_s: end of the wait for a person's verdict [s]; None while there is no wait.
    """

    def __init__(
        self,
        limits: EpisodeLimits,
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
        self._pending: deque[FinishedChunk] = deque()
        self._taken: DecisionKey | None = None  # newest decision taken; none is judged twice
        self._episode: DecisionKey | None = None  # first decision of the current episode
        self.running = False
        self.deadline_s: float | None = None

    @property
    def pending(self) -> DecisionKey | None:
        """The decision that is judged next; None without one."""
        return self._pending[0].key if self._pending else None

    def late(self) -> list[RewardSource]:
        """Return the sources that the pending decision still waits for."""
        if not self._pending:
            return []
        end_ns = self._pending[0].end_ns
        return [name for name, said in self._evidence.items() if not said.counts(end_ns)]

    def start(self, first: DecisionKey, stamp_ns: int) -> None:
        """Begin an episode; pending decisions of the last one are dropped.

        Args:
            first: key of its first decision.
            stamp_ns: its first state is not older [ns].
        """
        self._episode, self.running, self.deadline_s = first, True, None
        self._pending.clear()
        self._limits.start()
        self._marks.start(f'Episode {first.episode}')
        for said in self._evidence.values():
            said.start(stamp_ns)

    def take(self, end: FinishedChunk) -> bool:
        """Take the end of a chunk; return whether it will be judged.

        A repeated one, one of an episode that is over, and one of another run are ignored. The
        first one of an episode whose start was not announced begins that episode.
        """
        key, taken, episode = end.key, self._taken, self._episode
        if taken is not None and key.run == taken.run and key <= taken:
            return False
        same_run = episode is not None and (key.robot, key.run) == (episode.robot, episode.run)
        if episode is None or (same_run and key.episode > episode.episode):
            self.start(DecisionKey(key.robot, key.run, key.episode, 0), end.end_ns)
        elif not same_run or key.episode < episode.episode or not self.running:
            return False
        self._taken = key
        self._pending.append(end)
        for said in self._evidence.values():
            said.chunk_ended()
        return True

    def mark(self, mark: Mark) -> MarkAnswer:
        """Take a person's mark; it counts for the decision that is judged next."""
        if RewardSource.PERSON not in self._sources:
            return MarkAnswer(False, f'{mark.value}: refused. No person is among the sources.')
        return self._marks.put(mark)

    def decide(self, now_s: float) -> JudgedDecision | None:
        """Return the next decision with its verdict, once; None while there is none.

        Args:
            now_s: steady time [s].
        """
        if not self._pending:
            return None
        end = self._pending[0]
        found = self._apply_rules(end, now_s)
        if found is None:
            return None
        verdict, source = found
        self._pending.popleft()
        self.deadline_s = None
        if verdict.over:
            self.running = False
            self._pending.clear()
            self._marks.end(f'{verdict.outcome}, by {source.name.lower()}')
        return JudgedDecision(end.key, self._stamp(end.end_ns), verdict, source)

    def _apply_rules(
        self, end: FinishedChunk, now_s: float
    ) -> tuple[Verdict, RewardSource] | None:
        """Return verdict and source by the rules above; None while evidence is missing."""
        mark = self._marks.mark
        if mark in (Mark.FAILURE, Mark.ABORT):
            return FAILED if mark is Mark.FAILURE else ABORTED, RewardSource.PERSON
        by_mark = mark is Mark.SUCCESS and not self._need_all
        if not by_mark and self.late():
            return None
        votes = {name: self._vote(name, end.end_ns) for name in self._sources}
        success = all(votes.values()) if self._need_all else any(votes.values())
        limit = self._limits.reached_by(end.num_executed)
        if limit and not success and mark is None and self._wait_for_person(now_s):
            return None
        verdict = self._limits.verdict(end.num_executed, success)
        if verdict.truncated:
            return verdict, RewardSource.TIMEOUT
        return verdict, next(name for name in self._sources if votes[name] == success)

    def _vote(self, source: RewardSource, end_ns: int) -> bool:
        if source is RewardSource.PERSON:
            return self._marks.mark is Mark.SUCCESS
        said = self._evidence[source]
        return said.success and said.counts(end_ns)

    def _wait_for_person(self, now_s: float) -> bool:
        """Begin the wait at a limit, if there is one; return whether it goes on."""
        if self.deadline_s is None and self._person_timeout_s:
            self.deadline_s = now_s + self._person_timeout_s
        return self.deadline_s is not None and now_s < self.deadline_s

    def _stamp(self, end_ns: int) -> int:
        stamps = (said.stamp_ns for said in self._evidence.values() if said.counts(end_ns))
        return max([end_ns, *(stamp for stamp in stamps if stamp is not None)])
