"""The simulated world on `tf`, for RViz and all who think in frames. Optional: `tf2_msgs`."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec

from geometry_msgs.msg import TransformStamped
from rclpy.node import Node
from std_msgs.msg import Header

from dsrl_ros.core.types import Float64
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.robot_messages import BASE_FRAME
from dsrl_ros.ros.stamps import stamp_from_ns


class FramePublisher:
    """Publishes frames under the base; without `tf2_msgs`, which no wheel carries, nothing.

    Args:
        node: that owns the publisher.
    """

    def __init__(self, node: Node) -> None:
        self._publisher = None
        if find_spec('tf2_msgs') is not None:
            from tf2_msgs.msg import TFMessage

            self._message = TFMessage
            self._publisher = node.create_publisher(TFMessage, names.TF, qos.TF)

    def publish(self, stamp_ns: int, poses: Mapping[str, tuple[Float64, Float64]]) -> None:
        """Publish where things are.

        Args:
            stamp_ns: when [ns].
            poses: position in the base frame [m], (3,), and unit quaternion (w, x, y, z), (4,),
                by the name of the frame.
        """
        if self._publisher is not None:
            header = Header(stamp=stamp_from_ns(stamp_ns), frame_id=BASE_FRAME)
            transforms = [_transform(header, name, *pose) for name, pose in poses.items()]
            self._publisher.publish(self._message(transforms=transforms))


def _transform(
    header: Header, name: str, position: Float64, quaternion: Float64
) -> TransformStamped:
    message = TransformStamped(header=header, child_frame_id=name)
    moved, turned = message.transform.translation, message.transform.rotation
    moved.x, moved.y, moved.z = position.tolist()
    turned.w, turned.x, turned.y, turned.z = quaternion.tolist()
    return message
