"""The layouts of RViz and Foxglove show topics that the suite has, and nothing that it has not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.prepare import complete_arguments
from dsrl_ros.ros import names

BRINGUP = Path(__file__).parents[1] / 'dsrl_bringup'
LAYOUTS = BRINGUP / 'layouts'
GRAPH = Description(BRINGUP / 'launch/franka_steer.launch.yaml')
# By their own names, and by those that the launch description gives them.
OWN = {
    value.lstrip('/')
    for name, value in vars(names).items()
    if name.isupper() and isinstance(value, str)
}
STARTED = GRAPH.started(complete_arguments(GRAPH, {}))
GIVEN = {new for call in STARTED.calls() for new in call.remappings.values()}
KNOWN = OWN | GIVEN | {names.OBJECT_POSE.format(name=name) for name in ('cube', 'bowl')}


def walk(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, however deep."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield key, value
            yield from walk(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from walk(value)


def test_rviz_shows_topics_that_are_published():
    layout = yaml.safe_load((LAYOUTS / 'dsrl.rviz').read_text())
    shown = {
        value['Value'] for key, value in walk(layout) if key == 'Topic' and isinstance(value, dict)
    }
    assert len(shown) >= 4
    assert shown <= KNOWN


def test_foxglove_shows_and_calls_what_there_is():
    layout = json.loads((LAYOUTS / 'dsrl.foxglove.json').read_text())
    shown = set(layout['configById']['3D!scene']['topics'])
    for key, value in walk(layout):
        if key in ('imageTopic', 'topicToRender', 'topicPath', 'serviceName'):
            shown.add(value)
        elif key == 'value' and isinstance(value, str):
            shown.add(value.split('.')[0])
    assert len(shown) >= 10
    assert {topic.lstrip('/') for topic in shown} <= KNOWN


def test_every_panel_of_the_foxglove_layout_is_configured_and_placed():
    layout = json.loads((LAYOUTS / 'dsrl.foxglove.json').read_text())
    placed = [
        value
        for key, value in walk({'layout': layout['layout']})
        if key in ('first', 'second') and isinstance(value, str)
    ]
    assert sorted(placed) == sorted(layout['configById'])
    assert len(set(placed)) == len(placed)
