"""Promises of a node process: how it ends, with which exit code, and what it says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

SCRIPT = """
import os, signal
from dataclasses import dataclass
from pathlib import Path
from rclpy.node import Node
from dsrl_ros.ros.params import declare_config
from dsrl_ros.ros.run_node import run_node
from dsrl_ros.core.errors import PolicyLoadError
from dsrl_ros.core.options import check, option

@dataclass(frozen=True)
class Config:
    fail: str = option('', 'what goes wrong', choices=('', 'load', 'defect', 'later', 'done'))

class Toy(Node):
    def __init__(self):
        super().__init__('toy')
        fail = declare_config(self, Config).fail
        if fail == 'load':
            raise PolicyLoadError('policy a.safetensors: no such file.')
        if fail == 'defect':
            raise KeyError('defect')
        self.create_timer(0.01, lambda: self.tick(fail))

    def tick(self, fail):
        if fail == 'later':
            raise PolicyLoadError('lost')
        if fail == 'done':
            raise SystemExit(0)
        print('ready', os.nice(0), flush=True)

    def destroy_node(self):
        print('closed', flush=True)
        super().destroy_node()

class Impatient:
    def __del__(self):  # after Python has put its signal handlers away
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)

impatient = Impatient()
run_node(Toy, niceness=3)
"""


def start(*ros_args: str) -> subprocess.Popen[str]:
    words = [sys.executable, '-c', SCRIPT, '--ros-args', *ros_args]
    return subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1
    )


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_cleanly_within_two_seconds(number):
    """Whoever asks again, as a launcher does that waits, does not make it an error."""
    process = start()
    assert process.stdout.readline() == f'ready {os.nice(0) + 3}\n'
    process.send_signal(number)
    begin = time.monotonic()
    out, err = process.communicate(timeout=10)
    assert time.monotonic() - begin < 2.0
    assert process.returncode == 0
    assert out.endswith('closed\n')
    assert 'Traceback' not in err


def test_an_error_that_a_user_can_mend_is_one_line_and_code_1():
    process = start('-p', 'fail:=load')
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert err.count('\n') == 1
    assert 'policy a.safetensors: no such file.' in err


def test_a_defect_shows_its_traceback_and_code_1():
    process = start('-p', 'fail:=defect')
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert 'Traceback' in err
    assert 'KeyError' in err


@pytest.mark.parametrize(('fail', 'code'), [('later', 1), ('done', 0)])
def test_a_node_ends_itself_from_a_callback(fail, code):
    process = start('-p', f'fail:={fail}')
    out, err = process.communicate(timeout=10)
    assert process.returncode == code
    assert out == 'closed\n'
    assert ('lost' in err) == (code == 1)


@pytest.mark.parametrize('text', ['toy: {ros__parameters: {fial: load}}', 'toy: [1, {'])
def test_a_bad_parameter_file_is_named_in_one_line(tmp_path, text):
    path = tmp_path / 'toy.yaml'
    path.write_text(text)
    process = start('--params-file', str(path))
    _, err = process.communicate(timeout=10)
    assert process.returncode == 1
    assert str(path) in err.splitlines()[-1]
    assert 'Traceback' not in err
