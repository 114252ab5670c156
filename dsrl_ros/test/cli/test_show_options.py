"""Every option is on the page that is made from the code, and `dsrl options` lists it."""

from __future__ import annotations

import pytest

pytest.importorskip('ament_index_python', reason='needs ROS')

from places import REPO

from dsrl_ros.cli.show_options import main, markdown
from dsrl_ros.core.options import options_of
from dsrl_ros.launch.node_options import NODE_OPTIONS


def test_the_page_says_what_the_code_says() -> None:
    page = (REPO / 'docs/options.md').read_text()
    assert page == markdown(), 'docs/options.md is out of date: run `make docs`'


def test_a_row_has_default_range_unit_and_launch_argument() -> None:
    rows = markdown().splitlines()
    assert (
        '| `online_episodes` | `50` | whole number from 0 to 100000 |  | episodes steered while '
        'learning; launch argument `episodes` |'
    ) in rows
    assert any(
        row.startswith('| `ramp_s` | `0.0` | number from 0.0 to 60.0 | s | ') for row in rows
    )
    assert len({row.count(' | ') for row in rows if row.startswith('| `sensors`')}) == 1


def test_the_command_lists_the_options_of_a_node(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['trainer']) == 0
    shown = capsys.readouterr().out
    for section, config_class in NODE_OPTIONS['trainer'].items():
        for name in options_of(config_class):
            assert f'    {section}{"." if section else ""}{name}: ' in shown
