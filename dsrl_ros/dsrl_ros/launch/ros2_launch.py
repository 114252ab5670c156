"""Gives the stock `ros2 launch` the graph of a `*.launch.yaml`, prepared as `dsrl launch` does."""

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

from dsrl_ros.core.options import REMOVED, RENAMED
from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.prepare import check_run


def launch_description(graph: Path) -> LaunchDescription:
    """Return a description that prepares a run and then includes the graph.

    Args:
        graph: its `*.launch.yaml`.
    """
    description = Description(graph)
    declared = [argument.name for argument in description.arguments]

    def prepare(context: LaunchContext) -> None:
        """Check every option, make the run's folder with its `config.yaml`, and fill in the rest.

        `context` also holds arguments of launch files that include this one.
        """
        given = {
            name: value
            for name, value in context.launch_configurations.items()
            if name in declared or f'launch.{name}' in {**RENAMED, **REMOVED}
        }
        run = check_run(description, given, can_include=True).begin(Path.cwd())
        context.launch_configurations.update(run.arguments)
        # Under 5 s from Ctrl-C to the end of the last node.
        context.launch_configurations.update(sigterm_timeout='3', sigkill_timeout='1')

    return LaunchDescription(
        [
            OpaqueFunction(function=prepare),
            # For --show-args, which cannot see into a part that is included by $(dirname); when
            # these are reached, `prepare` has given every one a value.
            *(
                DeclareLaunchArgument(
                    arg.name,
                    default_value=arg.default,
                    description=arg.description,
                    choices=arg.choices or None,
                )
                for arg in description.arguments
            ),
            SetEnvironmentVariable('ROS_LOG_DIR', [LaunchConfiguration('run_dir'), '/logs']),
            IncludeLaunchDescription(AnyLaunchDescriptionSource(str(graph))),
        ]
    )
