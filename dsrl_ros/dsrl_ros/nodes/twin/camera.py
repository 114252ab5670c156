"""Publishes images of the simulated world."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import Image

from dsrl_ros.core.config.twin import TwinConfig
from dsrl_ros.core.errors import DsrlError
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.images import image_to_msg
from dsrl_ros.tasks.world import TaskWorld


class CameraPublisher:
    """Renders and publishes images while somebody subscribes.

    Args:
        node: that owns the publisher.
        world: that is rendered.
        config: names the camera, and the size and rate of its images.
    """

    def __init__(self, node: Node, world: TaskWorld, config: TwinConfig) -> None:
        self._node, self._world, self._config = node, world, config
        self._publisher = node.create_publisher(Image, names.CAMERA, qos.SENSOR)
        self._stamp_ns = 0
        self._image: Image | None = None

    def publish(self, stamp_ns: int, repeated: bool) -> None:
        """Publish an image of now if one is due, or the first of a world that does not move.

        Args:
            stamp_ns: of the world now [ns].
            repeated: the world has been published before with this stamp.
        """
        if not self._publisher.get_subscription_count():
            return
        if repeated and stamp_ns == self._stamp_ns and self._image is not None:
            self._publisher.publish(self._image)  # best effort: the first may be lost
            return
        if not repeated and stamp_ns - self._stamp_ns < 1e9 / self._config.camera_hz:
            return
        self._stamp_ns, self._image = stamp_ns, None
        config = self._config
        try:
            image = self._world.render(config.camera, config.camera_width, config.camera_height)
        except DsrlError as error:
            self._node.get_logger().error(str(error), once=True)
            return
        self._image = image_to_msg(stamp_ns, config.camera, image)
        self._publisher.publish(self._image)
