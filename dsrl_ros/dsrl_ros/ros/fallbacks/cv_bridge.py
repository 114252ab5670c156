"""Replaces `cv_bridge`: `CvBridge.imgmsg_to_cv2` of 8-bit images to 'rgb8', as used here."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Channels of each encoding, and which of them are red, green and blue.
_ENCODINGS = {
    'rgb8': (3, (0, 1, 2)),
    'rgba8': (4, (0, 1, 2)),
    'bgr8': (3, (2, 1, 0)),
    'bgra8': (4, (2, 1, 0)),
    'mono8': (1, (0, 0, 0)),
}


class CvBridgeError(TypeError):
    """An image that cannot be converted."""


class CvBridge:
    """Images of ROS to arrays."""

    def imgmsg_to_cv2(self, img_msg: Any, desired_encoding: str = 'rgb8') -> NDArray[np.uint8]:
        """Return an image as (height, width, 3).

        Raises:
            CvBridgeError: another encoding, or fewer bytes than the message states.
        """
        if img_msg.encoding not in _ENCODINGS or desired_encoding != 'rgb8':
            raise CvBridgeError(
                f'[{img_msg.encoding}] to [{desired_encoding}]: only {", ".join(_ENCODINGS)} to '
                'rgb8 without cv_bridge; install ros-$ROS_DISTRO-cv-bridge'
            )
        channels, rgb = _ENCODINGS[img_msg.encoding]
        height, width, step = img_msg.height, img_msg.width, img_msg.step
        data = np.frombuffer(img_msg.data, dtype=np.uint8)
        if step < width * channels or data.size < height * step:
            raise CvBridgeError(f'{data.size} bytes in rows of {step} are no {height} x {width}')
        rows = data[: height * step].reshape(height, step)[:, : width * channels]
        return rows.reshape(height, width, channels)[..., rgb]
