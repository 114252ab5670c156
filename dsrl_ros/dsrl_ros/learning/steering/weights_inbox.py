"""The weights a steering node holds: verified when they come, picked when an episode starts."""

from __future__ import annotations

import hashlib

from dsrl_ros.core.errors import WeightsError
from dsrl_ros.core.types import PolicySpec
from dsrl_ros.learning.steering.actor import SteeringActor

# In lockstep an episode may run on weights that are one episode behind the newest.
_KEPT = 3


class WeightsInbox:
    """Keeps the newest few actors by the episodes they have learned from.

    Args:
        spec: the policy that is steered.

    Attributes:
        refused: weights that were not taken.
    """

    def __init__(self, spec: PolicySpec) -> None:
        self._spec = spec
        self._actors: dict[int, SteeringActor] = {}
        self.refused = 0

    def offer(self, data: bytes, sha256: str, trained_episodes: int) -> SteeringActor:
        """Verify weights and keep them; in place of refused ones the newest go on being used.

        Args:
            data: safetensors bytes.
            sha256: what they must hash to.
            trained_episodes: announced with them.

        Raises:
            WeightsError: corrupt, non-finite, of another shape, or for another policy.
        """
        try:
            got = hashlib.sha256(data).hexdigest()
            if got != sha256:
                raise WeightsError(
                    f'weights: got {len(data)} bytes of sha256 {got[:12]}, expected '
                    f'{sha256[:12]} as announced. The previous weights stay in use.'
                )
            actor = SteeringActor.from_bytes(data, self._spec)
        except WeightsError:
            self.refused += 1
            if (newest := self.newest()) is not None:
                self._keep(trained_episodes, newest)
            raise
        self._keep(actor.header.trained_episodes, actor)
        return actor

    def _keep(self, trained_episodes: int, actor: SteeringActor) -> None:
        self._actors[trained_episodes] = actor
        for old in sorted(self._actors)[:-_KEPT]:
            del self._actors[old]

    def exactly(self, trained_episodes: int) -> SteeringActor | None:
        """Return the weights that have learned from just so many episodes, if they are here.

        Where those were refused, it is the newest that came before them.
        """
        return self._actors.get(trained_episodes)

    def newest(self) -> SteeringActor | None:
        """Return the weights that have learned from the most episodes."""
        return self._actors[max(self._actors)] if self._actors else None
