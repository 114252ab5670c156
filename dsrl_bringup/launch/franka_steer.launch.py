"""Start the graph of franka_steer.launch.yaml under `ros2 launch`, in a new folder of its own."""

from pathlib import Path

from launch import LaunchDescription

from dsrl_ros.launch.ros2_launch import launch_description


def generate_launch_description() -> LaunchDescription:
    """Describe the launch."""
    return launch_description(Path(__file__).with_suffix('.yaml'))
