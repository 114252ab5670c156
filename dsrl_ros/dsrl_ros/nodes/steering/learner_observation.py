"""What the learner sees of an observation: its state, small images of its cameras, features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sensor_msgs.msg import Image

from dsrl_msgs.msg import Observation
from dsrl_ros.core.types import Array, Sight
from dsrl_ros.learning.steering.images import sight_of, small
from dsrl_ros.ros.images import image_from_msg, image_to_msg
from dsrl_ros.ros.messages import floats_to_msg
from dsrl_ros.ros.stamps import stamp_to_ns


def learner_view(
    observation: Observation,
    images: Mapping[str, Image],
    features: Array | None,
    cameras: Sequence[str],
    image_shape: tuple[int, int, int] | None,
) -> tuple[Observation, Sight | None]:
    """Return an observation as its transition keeps it, and what the actor sees beside the state.

    Both hold the same pixels: what is learned from is what was acted on.

    Args:
        observation: as the policy gets it.
        images: by camera, as received.
        features: (F,) of given encoders; None without any.
        cameras: that the learner sees, (I,), in order; none for a learner of states.
        image_shape: (3 I, height, width), of all cameras together.

    Raises:
        ShapeMismatchError: an image that cannot be read.
    """
    if not cameras and not observation.images and features is None:
        return observation, None
    height, width = (0, 0) if image_shape is None else image_shape[1:]
    pictures = {name: small(image_from_msg(images[name], name), height, width) for name in cameras}
    kept = Observation(
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
    return kept, sight_of(list(pictures.values()), features)
