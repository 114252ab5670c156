"""A launch file means under `dsrl launch` what it means under `ros2 launch`, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.launch.launch_file import Description
from dsrl_ros.launch.prepare import complete_arguments
from dsrl_ros.launch.processes import command

NODE = """
  - node:
      pkg: some_package
      exec: some_node
      name: some
"""


def describe(folder: Path, text: str) -> Description:
    path = folder / 'graph.launch.yaml'
    path.write_text(f'launch:{text}')
    return Description(path)


def test_arguments_take_given_values_defaults_and_each_other(tmp_path: Path) -> None:
    """A given value wins over the default, and a default may use an argument before it."""
    description = describe(
        tmp_path,
        """
  - arg: {name: robot, default: fr3}
  - arg: {name: policy, default: policies/$(var robot)}
  - arg: {name: record, default: true}
""",
    )
    assert complete_arguments(description, {'robot': 'panda'}) == {
        'robot': 'panda',
        'policy': 'policies/panda',
        'record': 'true',
    }


@pytest.mark.parametrize(
    ('given', 'complaint'),
    [
        ({'sede': '3'}, r"unknown argument 'sede'; expected one of seed, mode"),
        ({'mode': 'fast'}, r'argument mode: got .fast., expected one of real, lockstep'),
        ({}, r'argument seed: got no value; write seed:=<value>'),
    ],
)
def test_wrong_arguments_are_named_with_what_is_allowed(
    tmp_path: Path, given: dict[str, str], complaint: str
) -> None:
    """The error says which argument, what was given, and what may be."""
    description = describe(
        tmp_path,
        """
  - arg: {name: seed}
  - arg: {name: mode, default: real, choice: [{value: real}, {value: lockstep}]}
""",
    )
    with pytest.raises(ConfigError, match=complaint):
        complete_arguments(description, {'seed': '1', **given} if given else {})


@pytest.mark.parametrize(
    ('condition', 'robot_ip', 'started'),
    [
        ("""if: $(eval "'$(var robot_ip)' == ''")""", '', True),
        ("""if: $(eval "'$(var robot_ip)' == ''")""", '10.0.0.1', False),
        ("""unless: $(eval "'$(var robot_ip)' == ''")""", '', False),
        ("""if: $(eval "not '$(var robot_ip)' == 'a' and 'b' != 'c'")""", '', True),
        ('if: true', '', True),
        ('unless: "1"', '', False),
    ],
)
def test_conditions_decide_which_nodes_start(
    tmp_path: Path, condition: str, robot_ip: str, started: bool
) -> None:
    """`if` and `unless` follow the argument."""
    description = describe(
        tmp_path, f'\n  - arg: {{name: robot_ip, default: ""}}{NODE}      {condition}\n'
    )
    assert bool(description.started({'robot_ip': robot_ip}).calls()) is started


@pytest.mark.parametrize(
    ('text', 'complaint'),
    [
        ('\n  - group: {if: true}', r"tag 'group', expected one of arg, node, include"),
        ('\n  - include: {file: x}', r"got file 'x', expected one of a package"),
        ('\n  - include: {file: $(find-pkg-share a)/b, let: []}', r"attribute 'let'"),
        (NODE + '      respawn: true', r"attribute 'respawn', expected one of pkg"),
        (NODE + '      output: both', r"output 'both', expected one of screen, log"),
        (NODE + '      param: [{name: a, param: [{name: b}]}]', r"attribute 'param'"),
        (NODE + '      param: [{name: a, value: 1, type: list_of_int}]', r"type 'list_of_int'"),
        (NODE + '      if: $(eval "1 + 1 == 2")', r'expected == or != between quoted texts'),
        (NODE + '      if: $(eval "__import__(\'os\')")', r'expected == or !='),
        (NODE + '      namespace: $(env HOME)', r"substitution 'env', expected var"),
        (NODE + '      namespace: $(var nothing)', r'var nothing.*declared before'),
        (NODE + '      namespace: $(var nothing', r'expected a closing bracket'),
        (NODE + '      if: perhaps', r"condition 'perhaps', expected true, false, 1 or 0"),
        ('\n  - node: {exec: a}', r"a node without 'pkg'"),
        (' 3', r'expected a list under the key'),
    ],
)
def test_what_is_not_implemented_is_refused_by_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    """Nothing of a launch file is skipped in silence."""
    with pytest.raises(ConfigError, match=complaint):
        describe(tmp_path, text).started({}).calls()


def test_a_node_gets_its_name_namespace_parameters_and_remappings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line is the one that ROS 2 launch writes, down to quoted parameter texts."""
    index = tmp_path / 'share/ament_index/resource_index/packages/some_package'
    executable = tmp_path / 'lib/some_package/some_node'
    for path in (index, executable):
        path.parent.mkdir(parents=True)
        path.touch(mode=0o755)
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    description = describe(
        tmp_path,
        NODE
        + """
      namespace: left/arm
      args: one --two "3 4"
      param:
        - {from: a.yaml}
        - {name: text, value: 3 "x", type: str}
        - {name: rate, value: 3, type: float}
      remap: [{from: /clock, to: clock}]
""",
    )
    (call,) = description.started({}).calls()
    words = command(call)
    assert words[:4] == [str(executable), 'one', '--two', '3 4']
    assert words[4:] == [
        *('--ros-args', '--disable-external-lib-logs'),
        *('-r', '__node:=some', '-r', '__ns:=/left/arm', '--params-file', 'a.yaml'),
        *('-p', 'text:="3 \\"x\\""', '-p', 'rate:=3.0', '-r', '/clock:=clock'),
    ]


def test_an_included_launch_file_follows_its_condition(tmp_path: Path) -> None:
    """It is known by its package, which need not be there to be asked for."""
    text = """
  - include:
      file: $(find-pkg-share some_stack)/launch/all.launch.py
      if: $(var with_it)
      arg: [{name: it, value: $(var with_it)}]
"""
    description = describe(tmp_path, text)
    (include,) = description.started({'with_it': 'true'}).includes
    assert (include.package, include.arguments) == ('some_stack', {'it': 'true'})
    assert description.started({'with_it': 'false'}).includes == []


def test_a_part_beside_the_file_stands_where_it_is_included(tmp_path: Path) -> None:
    """What a robot declares before it wins over the defaults of what all robots share."""
    part = tmp_path / 'parts/shared.launch.yaml'
    part.parent.mkdir()
    part.write_text(
        'launch:'
        + """
  - arg: {name: topic, default: neutral}
  - arg: {name: other, default: $(var topic)}
"""
        + NODE
        + '      remap: [{from: topic, to: $(var topic)}]\n'
    )
    include = '\n  - include: {file: $(dirname)/parts/shared.launch.yaml%s}\n'
    own = '\n  - arg: {name: topic, default: vendors}'
    description = describe(tmp_path, own + include % '' + NODE)
    assert [argument.name for argument in description.arguments] == ['topic', 'other']
    arguments = complete_arguments(description, {})
    assert arguments == {'topic': 'vendors', 'other': 'vendors'}
    started = description.started(arguments)
    assert [call.remappings for call in started.calls()] == [{'topic': 'vendors'}, {}]
    assert started.includes == []
    with pytest.raises(ConfigError, match="attribute 'if', expected one of file"):
        describe(tmp_path, include % ', if: true')
    part.unlink()
    with pytest.raises(ConfigError, match='No such file'):
        describe(tmp_path, include % '')


def test_a_missing_executable_is_named_before_anything_starts(tmp_path: Path) -> None:
    """Whoever forgot to build is told so."""
    (call,) = describe(tmp_path, NODE).started({}).calls()
    with pytest.raises(
        ConfigError, match=r"package 'some_package', expected one of those sourced"
    ):
        command(call)
