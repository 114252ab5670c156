"""`dsrl judge`: a person marks the running episode.

Keys: s success, f failure, a abort, q quit; while a reset waits for the scene: r ready, n cannot
be arranged. On a terminal one key is enough. Elsewhere it reads lines (`echo s | dsrl judge`),
ends with its input, and returns 1 if a mark was refused. The reward node must have `person` among
its sources. An abort ends the episode after the current chunk: it is no emergency stop.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future
from std_srvs.srv import Trigger

from dsrl_msgs.msg import Reward, RewardStatus
from dsrl_ros.console.keys import Keys
from dsrl_ros.core.types import RewardSource
from dsrl_ros.nodes.reward.reward_publisher import MARKS
from dsrl_ros.ros import names, qos
from dsrl_ros.ros.executor import LeanExecutor
from dsrl_ros.tasks.reward.limits import Verdict

_HELP = 's success, f failure, a abort, r scene ready, n scene not ready, q quit'
# Each word and the service of the reward node that takes it.
_SERVICES = {mark.value: name for name, mark in MARKS.items()} | {
    'ready': names.SCENE_READY,
    'not ready': names.SCENE_NOT_READY,
}
_WORDS = {word: word for word in _SERVICES} | {word[0]: word for word in _SERVICES}
# A key pressed this soon was meant for the episode before [s].
_FRESH_S = 0.7


class Judge:
    """Shows the state of the episode and sends a person's marks to the reward node.

    Args:
        node: owns subscriptions and clients.
        keys: what the person types.
        wait_s: longest wait for the reward node [s].

    Attributes:
        refused: whether any mark did not count.
    """

    def __init__(self, node: Node, keys: Keys, wait_s: float) -> None:
        self._node = node
        self._keys = keys
        self._wait_s = wait_s
        self.refused = False
        self._state: RewardStatus | None = None
        self._began = 0.0
        self._decisions = 0
        self._request: tuple[str, float] | None = None  # a word, and its deadline
        self._reply: Future | None = None
        self._clients = {
            word: node.create_client(Trigger, name) for word, name in _SERVICES.items()
        }
        node.create_subscription(RewardStatus, names.REWARD_STATUS, self._on_status, qos.STATUS)
        node.create_subscription(Reward, names.REWARD, self._on_reward, qos.DECISION)
        self._say(f'{node.get_namespace()}: {_HELP}')

    def step(self) -> bool:
        """Handle one key or one reply; return False when the person has quit."""
        if self._reply is not None:
            self._read_reply()
        elif self._request is not None:
            self._send(*self._request)
        elif (word := self._keys.take()) is not None:
            if word.lower() in ('q', 'quit'):
                return False
            self._on_typed(word.lower())
        elif self._keys.ended:
            return False
        self._show()
        return True

    def _on_typed(self, typed: str) -> None:
        word = _WORDS.get(typed)
        if word is None:
            if typed.strip():
                self._refuse(f'{typed!r} means nothing. {_HELP}')
            return
        fresh = time.monotonic() - self._began < _FRESH_S
        if self._keys.is_terminal and self._running() and fresh:
            self._refuse(f'{word}: left out, this episode has only just begun. Press again.')
            return
        self._request = word, time.monotonic() + self._wait_s

    def _send(self, word: str, until: float) -> None:
        client = self._clients[word]
        if client.service_is_ready():
            self._reply = client.call_async(Trigger.Request())
        elif time.monotonic() > until:
            self._request = None
            name = self._node.resolve_service_name(client.srv_name)
            domain = self._node.context.get_domain_id()
            self._refuse(
                f'{word}: no reward node serves {name} in ROS domain {domain}. Check '
                '--namespace and --domain, and that `person` is among the sources of the reward '
                'node.'
            )

    def _read_reply(self) -> None:
        assert self._reply is not None and self._request is not None
        if self._reply.done():
            answer: Trigger.Response = self._reply.result()
            (self._say if answer.success else self._refuse)(answer.message)
        elif time.monotonic() > self._request[1]:
            self._reply.cancel()
            self._refuse(f'{self._request[0]}: the reward node did not answer.')
        else:
            return
        self._reply = self._request = None

    def _on_status(self, status: RewardStatus) -> None:
        before, self._state = self._state, status
        if before is not None and _moment(before) == _moment(status):
            return
        if before is None or before.id.episode != status.id.episode or not self._running():
            self._began, self._decisions = time.monotonic(), 0
        bell = '\a' if self._keys.is_terminal else ''
        if status.state == RewardStatus.STATE_AWAITING_PERSON:
            self._say(f'{bell}{status.message} {status.remaining:.0f} s left.')
        elif status.state == RewardStatus.STATE_RESET_WAITS:
            self._say(f'{bell}Reset: {status.message}')
        elif status.state == RewardStatus.STATE_RUNNING or before is None:
            self._say(status.message)

    def _on_reward(self, reward: Reward) -> None:
        self._decisions = reward.id.decision + 1
        if reward.terminated or reward.truncated:
            source = RewardSource(reward.source).name.lower()
            verdict = Verdict(reward.value, reward.terminated, reward.truncated, reward.success)
            self._say(f'Episode {reward.id.episode} has ended: {verdict.outcome}, by {source}.')

    def _running(self) -> bool:
        return self._state is not None and self._state.state == RewardStatus.STATE_RUNNING

    def _refuse(self, text: str) -> None:
        self.refused = True
        self._say(text)

    def _say(self, text: str) -> None:
        print(f'\r\x1b[K{text}' if self._keys.is_terminal else text, flush=True)

    def _show(self) -> None:
        """Draw the line at the bottom of a terminal."""
        if not self._keys.is_terminal or self._state is None:
            return
        if self._state.state == RewardStatus.STATE_AWAITING_PERSON:
            text = f'{self._state.remaining:.0f} s left'
        elif self._state.state == RewardStatus.STATE_RESET_WAITS:
            text = 'a reset waits'
        elif self._running():
            text = f'episode {self._state.id.episode}, {self._decisions} decisions'
        else:
            text = 'no episode runs'
        print(f'\r\x1b[K  {text}  [{_HELP}] ', end='', flush=True)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        KeyboardInterrupt: Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog='dsrl judge', description=__doc__)
    parser.add_argument('--namespace', default='', help='of the graph [none]')
    parser.add_argument(
        '--domain', type=int, help='ROS domain, as `dsrl launch` prints it [ROS_DOMAIN_ID]'
    )
    parser.add_argument(
        '--wait', type=float, default=10.0, help='longest wait for the reward node [10 s]'
    )
    given = parser.parse_args(arguments)
    rclpy.init(domain_id=given.domain, signal_handler_options=SignalHandlerOptions.NO)
    try:
        with Keys(sys.stdin.fileno()) as keys:
            executor = LeanExecutor()
            node = Node('judge', namespace=given.namespace)
            executor.add_node(node)
            judge = Judge(node, keys, given.wait)
            while judge.step():
                executor.spin_once(timeout_sec=0.05)
            if keys.is_terminal:
                print()
            return int(judge.refused and not keys.is_terminal)
    finally:
        rclpy.try_shutdown()


def _moment(status: RewardStatus) -> tuple[int, int]:
    return status.state, status.id.episode
