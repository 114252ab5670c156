"""An observation as the learner reads it: state, small images of its cameras, features."""

from __future__ import annotations

from collections.abc import Sequence

from dsrl_msgs import msg
from dsrl_ros.core.types import Observation
from dsrl_ros.learning.steering.images import small, stacked
from dsrl_ros.nodes.steering.sensors import StateSample
from dsrl_ros.ros.images import image_from_msg, image_to_msg
from dsrl_ros.ros.messages import floats_to_msg
from dsrl_ros.ros.stamps import stamp_to_ns


def learner_view(
    observation: msg.Observation,
    sample: StateSample,
    cameras: Sequence[str],
    image_shape: tuple[int, int, int] | None,
) -> tuple[msg.Observation, Observation]:
    """Return an observation as its transition keeps it, and the same as the actor reads it.

    Both hold the same pixels: what is learned from is what was acted on.

    Args:
        observation: as the policy gets it.
        sample: that it was made from.
        cameras: of the learner, (I,), in order; none for a learner of states.
        image_shape: (3 I, height, width), of all cameras together.

    Raises:
        ShapeMismatchError: an image that cannot be read.
    """
    images, features = sample.images, sample.features
    if not cameras and not observation.images and features is None:
        return observation, Observation(sample.state)
    height, width = (0, 0) if image_shape is None else image_shape[1:]
    pictures = {name: small(image_from_msg(images[name], name), height, width) for name in cameras}
    kept = msg.Observation(
        header=observation.header,
        id=observation.id,
        state_names=observation.state_names,
        state=observation.state,
        image_names=list(cameras),
        images=[
            image_to_msg(stamp_to_ns(images[name].header.stamp), name, picture)
            for name, picture in pictures.items()
        ],
    )
    if features is not None:
        kept.features = floats_to_msg(features)
    return kept, Observation(sample.state, stacked(list(pictures.values())), features)
