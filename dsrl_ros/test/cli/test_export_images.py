"""Frames of recorded episodes become images under the label that the end of theirs gives."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('rclpy', reason='needs ROS')

from PIL import Image
from rclpy.serialization import serialize_message

from dsrl_msgs import msg
from dsrl_ros.cli import export_images
from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.success_classifier.images import read_images
from dsrl_ros.nodes.recorder.bag_frames import Selection, choose
from dsrl_ros.nodes.recorder.bag_writer import Definitions, EpisodeBags, Received
from dsrl_ros.ros import names
from dsrl_ros.ros.images import image_to_msg
from dsrl_ros.ros.stamps import header

RUN = uuid.uuid4()


@pytest.mark.parametrize(
    ('success', 'count', 'selection', 'labels'),
    [
        (False, 10, (1, 4, 5), {0: False, 3: False, 6: False, 9: False}),
        (False, 2, (1, 4, 5), {0: False, 1: False}),
        (True, 10, (1, 2, 5), {0: False, 4: False, 9: True}),
        (True, 10, (3, 1, 5), {0: False, 7: True, 8: True, 9: True}),
        (True, 10, (3, 20, 0), {**dict.fromkeys(range(7), False), 7: True, 8: True, 9: True}),
        (True, 3, (1, 4, 100), {2: True}),
        (True, 1, (1, 4, 0), {0: True}),
        (True, 0, (1, 4, 0), {}),
    ],
)
def test_the_end_of_an_episode_labels_its_frames(success, count, selection, labels):
    stamps = [*range(count), 1000, 1001]  # the last two show the next reset
    assert choose(stamps, max(0, count - 1), success, Selection(*selection)) == labels


@given(st.integers(0, 30), st.booleans(), st.builds(Selection, *[st.integers(1, 40)] * 3))
def test_no_frame_of_the_last_moments_of_a_success_counts_as_failure(count, success, selection):
    labels = choose(range(count), count - 1, success, selection)
    shown = [number for number, label in labels.items() if label]
    assert shown == (list(range(count))[-selection.num_last :] if success else [])
    failures = [number for number, label in labels.items() if not label]
    limit = count - selection.margin_ns if success else count
    assert len(failures) <= selection.num_others
    assert all(0 <= number < limit for number in failures)


class Run:
    """Bags as the recorder writes them."""

    def __init__(self, folder) -> None:
        self._bags = EpisodeBags(folder / 'episodes', Definitions())
        self._now_ns = 0
        self.change: dict[str, Callable[[bytes], bytes]] = {}  # of the bytes, by type

    def _write(self, topic: str, kind: str, message, episode: int | None) -> None:
        self._now_ns += 1
        data = self.change.get(kind, bytes)(serialize_message(message))
        self._bags.add(Received(topic, f'/left/{topic}', kind, data, self._now_ns), episode)

    def episode(self, number: int, frames: int = 6, camera: bool = True, **reward) -> None:
        """Write an episode of one decision, whose frames are as bright as their number."""
        for decision, stamp_ns in ((0, 0), (1, frames)):
            key = msg.DecisionId(robot='fr3', run=list(RUN.bytes), episode=number)
            key.decision = decision
            observation = msg.Observation(header=header(stamp_ns), id=key)
            self._write(names.OBSERVATION, 'dsrl_msgs/msg/Observation', observation, number)
            if decision == 0 and reward:
                told = msg.Reward(id=key, **reward)
                self._write(names.REWARD, 'dsrl_msgs/msg/Reward', told, number)
        for frame in range(frames + 2 if camera else 0):  # two come after its end
            image = np.full((8, 9, 3), 10 * frame, dtype=np.uint8)
            picture = image_to_msg(frame + 1, 'front', image)
            self._write(names.CAMERA, 'sensor_msgs/msg/Image', picture, None)

    def close(self) -> None:
        self._bags.close()


def test_bags_become_folders_that_a_classifier_learns_from(tmp_path, capsys):
    run = Run(tmp_path)
    run.episode(0, terminated=True, success=True, value=1.0, source=1)
    run.episode(1, truncated=True, source=msg.Reward.SOURCE_TIMEOUT)
    run.episode(2, terminated=True, source=msg.Reward.SOURCE_PERSON)  # a failure
    run.episode(3, truncated=True, source=msg.Reward.SOURCE_PERSON)  # aborted
    run.episode(4)  # cut off before its end
    run.episode(5, terminated=True, success=True, value=1.0, source=1)
    run.close()
    (tmp_path / 'episodes' / '0006').mkdir()  # the recorder was killed
    out = tmp_path / 'images'
    assert export_images.main([str(tmp_path), str(out), '--others', '2', '--margin', '3e-9']) == 0
    assert '2 success and 8 failure from 4 episodes; 3 left out' in capsys.readouterr().out
    shown = sorted(path.name for path in (out / 'success').iterdir())
    assert shown == [f'{RUN.hex[:8]}_e{episode:04d}_f0005.png' for episode in (0, 5)]
    with Image.open(out / 'success' / shown[0]) as image:
        assert (np.asarray(image) == 50).all()
    data = read_images(out, 16)
    assert data.success.sum() == 2 and len(set(data.groups)) == 4


def test_a_bag_is_read_by_its_own_definitions(tmp_path, capsys, monkeypatch):
    """One that was recorded when the messages had other fields than today."""
    own = Definitions.of

    def older(self: Definitions, name: str) -> tuple[str, str]:
        definition, digest = own(self, name)
        changed = definition.replace(
            'std_msgs/Header header', 'int64 gone\nstd_msgs/Header header'
        )
        return (changed if name.endswith('/Observation') else definition), digest

    monkeypatch.setattr(Definitions, 'of', older)
    run = Run(tmp_path)
    gone = b'\0\1\0\0' + bytes(8)  # the head of CDR, then the field of before
    run.change['dsrl_msgs/msg/Observation'] = lambda data: gone + data[4:]
    run.episode(0, terminated=True, success=True, value=1.0, source=1)
    run.close()
    out = tmp_path / 'images'
    assert export_images.main([str(tmp_path), str(out), '--others', '2', '--margin', '3e-9']) == 0
    assert '1 success and 2 failure from 1 episodes; 0 left out' in capsys.readouterr().out


def test_runs_without_a_camera_or_without_bags_are_refused(tmp_path):
    with pytest.raises(ConfigError, match='got no episodes/'):
        export_images.main([str(tmp_path), str(tmp_path / 'images')])
    run = Run(tmp_path)
    run.episode(0, camera=False, terminated=True, success=True)
    run.close()
    with pytest.raises(ConfigError, match='got no camera image in 1 bags'):
        export_images.main([str(tmp_path), str(tmp_path / 'images')])
