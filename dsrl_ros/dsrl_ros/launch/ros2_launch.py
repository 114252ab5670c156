"""A graph's `*.launch.yaml` for the stock `ros2 launch`, prepared as `dsrl launch` does."""

from __future__ import annotations

from pathlib import Path

from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    SetEnvironmentVariable,
)
from launch.launch_description_sources import AnyLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.prepare import prepare_run


def launch_description(graph: Path) -> LaunchDescription:
    """Return a description that prepares a run and then includes the graph.

    Args:
        graph: its `*.launch.yaml`.
    """

    def prepare(context: LaunchContext) -> None:
        """Check every option, make the folder of the run, and fill in what was left open."""
        known = context.launch_configurations
        given = {
            arg.name: known[arg.name] for arg in Description(graph).arguments if arg.name in known
        }
        run = prepare_run(graph, given, Path.cwd(), can_include=True)
        context.launch_configurations.update(run.arguments)
        # Under 5 s from Ctrl-C to the end of the last node.
        context.launch_configurations.update(sigterm_timeout='3', sigkill_timeout='1')

    return LaunchDescription(
        [
            OpaqueFunction(function=prepare),
            # For --show-args, which cannot look into a part that is included by $(dirname); when
            # these are reached, `prepare` has given every one a value.
            *(
                DeclareLaunchArgument(
                    arg.name,
                    default_value=arg.default,
                    description=arg.description,
                    choices=arg.choices or None,
                )
                for arg in Description(graph).arguments
            ),
            SetEnvironmentVariable('ROS_LOG_DIR', [LaunchConfiguration('run_dir'), '/logs']),
            IncludeLaunchDescription(AnyLaunchDescriptionSource(str(graph))),
        ]
    )
