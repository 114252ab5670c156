"""Parameter files and command line become one checked configuration.

A wrong value is an error that names the file, the key and what is allowed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pytest
from rclpy.node import Node

from dsrl_ros.core import options
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.core.options import check, option
from dsrl_ros.ros import params


@dataclass(frozen=True)
class Inner:
    width: int = option(64, 'width of the layers', low=1, high=100)

    def __post_init__(self) -> None:
        check(self)


@dataclass(frozen=True)
class Outer:
    rate_hz: float = option(20.0, 'rate [Hz]', low=0.1)
    episodes: int = option(40, 'episodes', low=1)
    mode: str = option('sim', 'what it runs against', choices=('sim', 'real'))
    quick: bool = option(False, 'skip what can be skipped')
    scales: tuple[float, ...] = option((0.5, 1.0), 'scales', low=0.0)
    words: tuple[str, ...] = option((), 'words')

    def __post_init__(self) -> None:
        check(self)


def outer(**kwargs):
    return Node('toy', **kwargs)


def test_defaults_stand_when_nothing_is_given(ros):
    assert params.declare_config(ros.add(outer), Outer) == Outer()


def test_given_values_are_taken_and_whole_numbers_serve_as_floats(ros):
    node = ros.add(outer, rate_hz=5, scales=[0, 2], words=['a'], quick=True)
    assert params.declare_config(node, Outer) == Outer(
        rate_hz=5.0, scales=(0.0, 2.0), words=('a',), quick=True
    )


def test_an_empty_list_in_a_file_is_an_empty_list(ros, tmp_path):
    path = tmp_path / 'toy.yaml'
    path.write_text('/**: {ros__parameters: {scales: []}}')
    node = ros.add(partial(outer, cli_args=['--ros-args', '--params-file', str(path)]))
    assert params.declare_config(node, Outer) == Outer(scales=())


def test_the_command_line_lies_on_top_of_the_file(ros, tmp_path):
    path = tmp_path / 'toy.yaml'
    path.write_text("/**: {ros__parameters: {rate_hz: 5.0, episodes: 3, words: ['1e3']}}")
    words = ['--ros-args', '--params-file', str(path), '-p', 'episodes:=7', '-p', 'scales:=[1, 2]']
    config = params.declare_config(ros.add(partial(outer, cli_args=words)), Outer)
    assert (config.rate_hz, config.episodes, config.mode) == (5.0, 7, 'sim')
    assert (config.scales, config.words) == ((1.0, 2.0), ('1e3',))


def test_the_declared_parameters_show_the_values_in_use_and_cannot_be_changed(ros):
    node = ros.add(outer, episodes=7)
    params.declare_config(node, Outer)
    assert node.get_parameter('episodes').value == 7
    descriptor = node.describe_parameter('episodes')
    assert (descriptor.description, descriptor.read_only) == ('episodes', True)
    assert descriptor.integer_range[0].from_value == 1
    assert node.describe_parameter('rate_hz').floating_point_range[0].from_value == 0.1
    assert node.describe_parameter('mode').additional_constraints == 'one of sim, real'


@pytest.mark.parametrize(
    ('given', 'words'),
    [
        ({'episode': 3}, ("'episode'", 'episodes, mode')),
        ({'episodes': 0}, ('episodes: got 0', 'at least 1')),
        ({'episodes': 2.5}, ('episodes: got 2.5', 'whole number')),
        ({'mode': 'mock'}, ("got 'mock'", 'sim, real')),
        ({'scales': [1.0, -1.0]}, ('scales', 'at least 0')),
        ({'episodes': 'many'}, ("'many'", 'whole number')),
        ({'overrides': 'episodes=3'}, ("'overrides'", 'as -p name:=value')),
    ],
)
def test_what_cannot_be_right_is_refused_with_key_and_allowed_values(ros, given, words):
    node = ros.add(outer, **given)
    with pytest.raises(ConfigError) as error:
        params.declare_config(node, Outer)
    for word in ('toy', *words):
        assert word in str(error.value)


def test_an_option_that_is_gone_is_explained(ros, monkeypatch):
    monkeypatch.setitem(options.RENAMED, 'Outer.epochs', 'episodes')
    monkeypatch.setitem(options.REMOVED, 'Inner.depth', '3')
    node = ros.add(outer, **{'epochs': 1, 'inner.depth': 4})
    with pytest.raises(ConfigError, match=r"toy: inner: got 'depth', .* it is fixed at 3"):
        params.declare_config(node, Inner, 'inner')
    with pytest.raises(ConfigError, match="toy: got 'epochs', expected episodes"):
        params.declare_config(ros.add(outer, epochs=1), Outer)


def test_the_parameter_files_are_named(ros, monkeypatch):
    monkeypatch.setattr('sys.argv', ['toy', '--ros-args', '--params-file', '/etc/toy.yaml'])
    with pytest.raises(ConfigError, match=r'/etc/toy\.yaml'):
        params.declare_config(ros.add(outer, epochs=1), Outer)


def test_sections_take_their_own_keys_and_the_last_call_refuses_the_rest(ros):
    node = ros.add(outer, **{'inner.width': 9, 'episodes': 2, 'rate_hz': 1})
    assert params.declare_config(node, Inner, 'inner') == Inner(width=9)
    assert params.declare_config(node, Outer) == Outer(episodes=2, rate_hz=1.0)
    assert node.get_parameter('inner.width').value == 9

    typo = ros.add(outer, **{'iner.width': 8})
    params.declare_config(typo, Inner, 'inner')
    with pytest.raises(ConfigError, match=r'iner\.width'):
        params.declare_config(typo, Outer)


def test_what_belongs_to_rclpy_is_not_unknown(ros):
    node = ros.add(outer, use_sim_time=True)
    assert params.declare_config(node, Outer) == Outer()
