"""Images of ROS as arrays, through `cv_bridge` where it is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dsrl_ros.core.errors import ShapeMismatchError

try:
    from cv_bridge import CvBridge, CvBridgeError
except ImportError:  # no wheel carries it
    from dsrl_ros.bridge.standins.cv_bridge import CvBridge, CvBridgeError

_BRIDGE = CvBridge()


def image_from_msg(message: Any) -> NDArray[np.uint8]:
    """Return a `sensor_msgs/Image` as RGB, (height, width, 3).

    Args:
        message: as rclpy or as rosbags gives it.

    Raises:
        ShapeMismatchError: an encoding that is not known, no pixels, or fewer than it states.
    """
    try:
        image = np.asarray(_BRIDGE.imgmsg_to_cv2(message, 'rgb8'))
    except (CvBridgeError, ValueError) as error:
        raise ShapeMismatchError(f'image: {error}. Check the camera driver.') from None
    if image.ndim != 3 or image.dtype != np.uint8 or not image.size:
        raise ShapeMismatchError(
            f'image: got {image.shape} {image.dtype} of {message.encoding}, expected (H, W, 3) '
            'uint8. Check the camera driver.'
        )
    return image
