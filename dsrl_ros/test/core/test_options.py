"""The error for an option that is gone names its replacement, or the value that it is fixed at."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dsrl_ros.core import options
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, from_mapping, option, parse


@dataclass(frozen=True)
class Toy:
    gripper: str = option('open', 'state of the gripper')

    def __post_init__(self) -> None:
        check(self)


@pytest.fixture
def gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(options.RENAMED, 'Toy.hand', 'gripper')
    monkeypatch.setitem(options.REMOVED, 'listen_s', '1 s')
    monkeypatch.setitem(options.REMOVED, 'Other.wait_s', '2 s')


@pytest.mark.parametrize(
    ('name', 'error'),
    [
        ('hand', "here: got 'hand', expected gripper: the old name is gone"),
        ('listen_s', "here: got 'listen_s', expected it left out: it is fixed at 1 s"),
        ('wait_s', "here: got unknown key 'wait_s'; expected one of gripper"),
    ],
)
def test_a_file_and_a_command_line_explain_what_is_gone(gone: None, name: str, error: str) -> None:
    """`wait_s` is gone from another class, which never was this one's."""
    with pytest.raises(ConfigError, match=error):
        from_mapping(Toy, {name: '3', 'nonsense': 1} if name != 'wait_s' else {name: 1}, 'here')
    with pytest.raises(ConfigError, match=error):
        parse(Toy, name, '3', 'here')


def test_dsrl_train_explains_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """In `name:=value`, and in the file of --config and of --resume."""
    from dsrl_ros.cli.run_options import learner_config

    monkeypatch.setitem(options.RENAMED, 'LearnerConfig.updates', 'utd')
    with pytest.raises(ConfigError, match=r"command line: got 'updates', expected utd"):
        learner_config(['updates:=3'], None)


def test_no_option_that_is_there_is_called_gone() -> None:
    """A wrong entry in the tables would send users the wrong way."""
    node_options = pytest.importorskip('dsrl_ros.launch.node_options', reason='needs ROS')
    classes = {c for sections in node_options.NODE_OPTIONS.values() for c in sections.values()}
    for config_class in classes:
        for name in options.options_of(config_class):
            for gone in (options.RENAMED, options.REMOVED):
                assert not {name, f'{config_class.__name__}.{name}'} & gone.keys()
