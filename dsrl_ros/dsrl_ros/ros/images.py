"""Conversion of ROS images to arrays, by `cv_bridge` where it is installed, and back."""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from dsrl_ros.core.errors import ShapeMismatchError
from dsrl_ros.ros.stamps import header

try:
    from cv_bridge import CvBridge, CvBridgeError
except ImportError:  # no wheel carries it
    from dsrl_ros.ros.fallbacks.cv_bridge import CvBridge, CvBridgeError

_BRIDGE = CvBridge()


def image_from_msg(message: Any, camera: str = '') -> NDArray[np.uint8]:
    """Return a `sensor_msgs/Image` as RGB, (height, width, 3).

    Args:
        message: from rclpy or rosbags.
        camera: name of the camera, for the error.

    Raises:
        ShapeMismatchError: an encoding that is not known, no pixels, or fewer than it states.
    """
    what = f'image of {camera}' if camera else 'image'
    try:
        image = np.asarray(_BRIDGE.imgmsg_to_cv2(message, 'rgb8'))
    except (CvBridgeError, ValueError) as error:
        raise ShapeMismatchError(f'{what}: {error}. Check the camera driver.') from None
    if image.ndim != 3 or image.dtype != np.uint8 or not image.size:
        raise ShapeMismatchError(
            f'{what}: got {image.shape} {image.dtype} of {message.encoding}, expected (H, W, 3) '
            'uint8. Check the camera driver.'
        )
    return image


def image_to_msg(stamp_ns: int, frame: str, image: NDArray[np.uint8]) -> Image:
    """Return an RGB image, (height, width, 3)."""
    height, width, _ = image.shape
    return Image(
        header=header(stamp_ns, frame),
        height=height,
        width=width,
        encoding='rgb8',
        step=3 * width,
        data=array('B', image.tobytes()),
    )
