"""How often the driver tells where the tool is."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='needs ROS')

from rclpy.node import Node

from dsrl_ros.nodes.driver.tool_pose import ToolPosePublisher
from dsrl_ros.robots.model.widowx import WX250S

MS = 1_000_000


def test_fast_joints_are_thinned_before_they_are_read_and_others_are_not(ros) -> None:
    tool = ToolPosePublisher(ros.add(lambda **options: Node('driver', **options)), WX250S)
    read: list[int] = []

    def publish(stamp_ns: int) -> None:
        def measured() -> np.ndarray:
            read.append(stamp_ns)
            return np.array(WX250S.episode_start)

        tool.publish(stamp_ns, measured)

    for stamp_ns in range(0, 1000 * MS, MS):
        publish(stamp_ns)
    assert len(read) == 125 and set(np.diff(read)) == {8 * MS}
    read.clear()
    for k in range(200, 300):  # 100 Hz, each a millisecond early or late
        publish(k * 10 * MS + (-1) ** k * MS)
    assert len(read) == 100
    publish(0)  # a clock that was set back
    assert read[-1] == 0
