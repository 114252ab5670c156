"""What a run without ROS has shown so far, as its `summary.json` keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from dsrl_ros.core.statistics import SuccessRate
from dsrl_ros.learning.run.report import EpisodeRecord, RunReport


@dataclass
class RunProgress:
    """What a run has shown so far; `summary.json` holds it, and a resumed run starts from it.

    Attributes:
        report: of the episodes.
        priors: successes and trials of the prior, by layout and scale such as 'repeated 0.5'.
        bad_answers, answers: of the frozen policy.
        wall_time_s: of the run, from each of its starts on [s].
    """

    report: RunReport = field(default_factory=RunReport)
    priors: dict[str, SuccessRate] = field(default_factory=dict)
    bad_answers: int = 0
    answers: int = 0
    wall_time_s: float = 0.0

    def scaled(self, layout: str) -> dict[float, SuccessRate]:
        """Return the success of the prior by scale, in one layout."""
        return {
            float(key.partition(' ')[2]): rate
            for key, rate in self.priors.items()
            if key.partition(' ')[0] == layout
        }

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        return {
            'episodes': [asdict(record) for record in self.report.episodes.values()],
            'priors': {key: [rate.successes, rate.trials] for key, rate in self.priors.items()},
            'bad_answers': self.bad_answers,
            'answers': self.answers,
            'wall_time_s': round(self.wall_time_s, 1),
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> RunProgress:
        """Return what `to_json` was given."""
        made = cls(
            priors={key: SuccessRate(*counts) for key, counts in values['priors'].items()},
            bad_answers=values['bad_answers'],
            answers=values['answers'],
            wall_time_s=values['wall_time_s'],
        )
        for record in values['episodes']:
            made.report.add(EpisodeRecord(**record))
        return made
