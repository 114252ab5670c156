"""The one thread that owns a learner: takes transitions, takes gradient steps, gives weights.

Owns the order of work and what happens when learning fails; knows no ROS.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

from dsrl_ros.core.errors import DsrlError, PolicyUnavailableError
from dsrl_ros.core.types import Transition
from dsrl_ros.learning.learner import ActorLearner
from dsrl_ros.learning.run.checkpoint import CheckpointStore, Counters
from dsrl_ros.learning.steering.pacing import GradientDebt, LockstepPacing

# Steps between two looks at the queue and at the request to stop: about 0.1 s of work.
SLICE = 25
# How often a policy that does not answer is asked, and how long is waited in between [s].
TRIES, PAUSE_S = 5, 1.0

_Result = TypeVar('_Result')


@dataclass(frozen=True)
class NewWeights:
    """An actor ready to be sent.

    Attributes:
        version: from 1 upwards.
        trained_episodes: first episodes of the run that were learned from in full.
        data: safetensors bytes, see `SteeringActor.to_bytes`.
    """

    version: int
    trained_episodes: int
    data: bytes


@dataclass(frozen=True)
class LearningStatus:
    """How learning stands.

    Attributes:
        learning: gradient steps are being taken.
        fault: why learning stopped for good; empty while it has not.
        transitions: in the replay's account.
        refused: transitions that did not fit and were left out.
        refusal: why the newest of them was refused.
        gradient_steps: taken.
        owed: gradient steps owed now.
        steps_per_second: over the newest slice.
        metrics: of the newest slice.
    """

    learning: bool = False
    fault: str = ''
    transitions: int = 0
    refused: int = 0
    refusal: str = ''
    gradient_steps: int = 0
    owed: int = 0
    steps_per_second: float = 0.0
    metrics: dict[str, float] = field(default_factory=dict)


class LearningWorker:
    """Learns in a thread of its own.

    In lockstep whole episodes are learned from, in order, so that a run repeats from its seed. In
    real time a transition counts as soon as it arrives, and weights also come out whenever no
    step is owed any more. Either way weights come out after every complete episode. When learning
    fails, the last good weights go on being handed out: the robot goes on and the fault is seen.

    Args:
        learner: owned by the thread from `start` on.
        lockstep: pace by whole episodes.
        store: where checkpoints go.
        checkpoint_every: episodes between two checkpoints.
        on_change: called from the thread after new weights or a new status.
        offline: learned from, `offline_steps` gradient steps long, before the first weights.

    Attributes:
        version: of the newest weights handed out, 0 before the first.
        status: how learning stands; replaced as a whole, so that a reader sees one state.
    """

    def __init__(
        self,
        learner: ActorLearner,
        lockstep: bool,
        store: CheckpointStore,
        checkpoint_every: int,
        on_change: Callable[[], None] = lambda: None,
        offline: Sequence[Transition] = (),
    ) -> None:
        self._learner = learner
        self._store = store
        self._checkpoint_every = checkpoint_every
        self._on_change = on_change
        self._offline = offline
        config = learner.config
        debt = GradientDebt(config.utd, config.start_transitions, config.update_every)
        self._debt = debt
        self._pacing = LockstepPacing(debt) if lockstep else None
        self._episodes = 0  # learned from in full: all the steps they owe are taken
        self._complete_episodes = 0  # real time: received in full
        self.version = 0
        self._inbox: queue.SimpleQueue[Transition | None] = queue.SimpleQueue()
        self._outbox: deque[NewWeights] = deque()
        self._stopping = threading.Event()
        self.status = LearningStatus(
            transitions=learner.num_transitions, gradient_steps=learner.gradient_steps
        )
        self._thread = threading.Thread(target=self._run, name='learner', daemon=True)
        self._crash: Exception | None = None

    def start(self) -> None:
        """Hand out the first weights and begin to learn."""
        self._thread.start()

    def add(self, transition: Transition) -> None:
        """Take in the next transition of the run, from any thread."""
        self._inbox.put(transition)

    def take_weights(self) -> list[NewWeights]:
        """Return the weights made since the last call, oldest first.

        Raises:
            Exception: whatever a defect raised in the thread.
        """
        if self._crash is not None:
            raise self._crash
        taken = []
        while self._outbox:
            taken.append(self._outbox.popleft())
        return taken

    def stop(self) -> None:
        """End after the slice under way, with a checkpoint of all that was learned."""
        if not self._thread.is_alive():
            return
        self._stopping.set()
        self._inbox.put(None)
        self._thread.join()
        if self._crash is not None:
            raise self._crash

    def _run(self) -> None:
        try:
            self._learn_offline()
            self._hand_out_weights()
            while not self._stopping.is_set():
                self._take_in(self._inbox.get())
                if self._pacing is None:
                    self._learn_at_once()
                else:
                    self._learn_by_episode(self._pacing)
            self._checkpoint()
        except Exception as error:  # handed to the owner of the thread, which raises it
            self._crash = error
            self._on_change()

    def _learn_offline(self) -> None:
        for transition in self._offline:
            self._keep(transition)
        left = self._learner.config.offline_steps if self._offline else 0
        while left and not self._stopping.is_set():
            steps = min(SLICE, left)
            left -= steps
            self._report(owed=left)
            self._update(steps)

    def _take_in(self, transition: Transition | None) -> None:
        if transition is None:
            return
        if self._pacing is not None:
            self._pacing.add(transition)
            return
        self._debt.add(self._keep(transition))
        if transition.terminated or transition.truncated:
            self._complete_episodes += 1
            self._finish_episode(self._complete_episodes)

    def _keep(self, transition: Transition) -> int:
        """Put a transition into the replay; return 0 when it is left out, for it does not fit.

        A frozen policy that does not say what it answered then stops the learning, as it does in
        an update; the journal has what is left out meanwhile.
        """
        try:
            self._when_the_policy_answers(partial(self._learner.add, transition))
        except PolicyUnavailableError as error:
            self._report(learning=False, fault=self.status.fault or str(error))
            return 0
        except DsrlError as error:
            refused = self.status.refused + 1
            self._report(refused=refused, refusal=str(error))
            return 0
        self._report(transitions=self._learner.num_transitions)
        return 1

    def _learn_at_once(self) -> None:
        while self._debt.owed and self._inbox.empty() and not self._stopping.is_set():
            steps = min(SLICE, self._debt.owed)
            self._debt.pay(steps)
            self._report(owed=self._debt.owed)
            self._update(steps)
        if not self._debt.owed and self._episodes < self._complete_episodes:
            self._episodes = self._complete_episodes
            self._hand_out_weights()
        self._report(learning=False, owed=self._debt.owed)

    def _learn_by_episode(self, pacing: LockstepPacing) -> None:
        while (work := pacing.take()) is not None:
            for transition in work.transitions:
                self._keep(transition)
            left = work.gradient_steps
            while left:
                if self._stopping.is_set():
                    return
                steps = min(SLICE, left)
                left -= steps
                self._report(owed=left)
                self._update(steps)
            pacing.finish(work)
            self._episodes = pacing.trained_episodes
            self._finish_episode(self._episodes)
        self._report(learning=False, owed=0)

    def _update(self, steps: int) -> None:
        if self.status.fault or not self._learner.num_transitions:
            return
        begin, before = time.perf_counter(), self._learner.gradient_steps
        try:
            metrics = self._when_the_policy_answers(partial(self._learner.update, steps))
        except DsrlError as error:
            self._report(learning=False, fault=str(error))
            return
        taken = self._learner.gradient_steps - before
        if not taken:  # a learner that works in rounds had none to take
            return
        self._report(
            learning=True,
            gradient_steps=self._learner.gradient_steps,
            steps_per_second=taken / (time.perf_counter() - begin),
            metrics=metrics,
        )

    def _when_the_policy_answers(self, call: Callable[[], _Result]) -> _Result:
        """Call again while the frozen policy does not answer: its node may be starting anew."""
        for _ in range(0 if self.status.fault else TRIES - 1):
            try:
                return call()
            except PolicyUnavailableError as error:
                self._report(refusal=str(error))
                if self._stopping.wait(PAUSE_S):
                    break
        return call()

    def _finish_episode(self, episodes: int) -> None:
        self._hand_out_weights()
        if episodes % self._checkpoint_every == 0:
            self._checkpoint()

    def _hand_out_weights(self) -> None:
        self.version += 1
        actor = self._learner.export_actor(self.version, self._episodes)
        self._outbox.append(NewWeights(self.version, self._episodes, actor.to_bytes()))
        self._on_change()

    def _checkpoint(self) -> None:
        self._store.save(
            self._learner,
            Counters(self._episodes, self._learner.num_transitions, self.version),
        )

    def _report(self, **changes: object) -> None:
        self.status = replace(self.status, **changes)  # type: ignore[arg-type]
        self._on_change()
