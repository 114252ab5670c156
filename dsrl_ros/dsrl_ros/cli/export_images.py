"""`dsrl export-images`: labelled images for `dsrl train-classifier` from the bags of a run.

The bags hold the camera where the recorder's option `camera` is true. The last frames of
successful episodes go to FOLDER/success; frames of failed ones, and of successful ones before
their last seconds, to FOLDER/failure. Look through them: a wrong label teaches a wrong thing.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from dsrl_ros.core.errors import ConfigError
from dsrl_ros.learning.success_classifier.images import FAILURE, SUCCESS, image_name
from dsrl_ros.nodes.recorder.bag_frames import Selection, labelled_frames


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        ConfigError: no folder of a run, or none of its bags holds a camera.
        ShapeMismatchError: an image in an encoding that is not known.
    """
    parser = argparse.ArgumentParser(prog='dsrl export-images', description=__doc__)
    parser.add_argument('run', type=Path, help='folder of a run of the graph')
    parser.add_argument('folder', type=Path, help='where success/ and failure/ are filled')
    parser.add_argument('--last', type=_count, default=1, help='frames of each success [1]')
    parser.add_argument('--others', type=_count, default=4, help='others of each episode [4]')
    parser.add_argument(
        '--margin',
        type=_seconds,
        default=2.0,
        help='time before the end of a success whose frames get no label: a person who judged it '
        'took a while [2.0 s]; the simulator does not',
    )
    given = parser.parse_args(arguments)
    selection = Selection(given.last, given.others, round(given.margin * 1e9))
    bags = sorted(path for path in (given.run / 'episodes').glob('*') if path.is_dir())
    if not bags:
        raise ConfigError(
            f'{given.run}: got no episodes/, expected the bags of a run. Give the folder of a run '
            'that was recorded (record:=true).'
        )
    written: Counter[str] = Counter()
    left_out = 0
    for label in (SUCCESS, FAILURE):
        (given.folder / label).mkdir(parents=True, exist_ok=True)
    for bag in bags:
        frames = labelled_frames(bag, selection)
        if frames is None:
            left_out += 1
            continue
        for frame in frames:
            label = SUCCESS if frame.success else FAILURE
            name = image_name(frame.run[:8], frame.episode, frame.number)
            Image.fromarray(frame.image).save(given.folder / label / name)
            written[label] += 1
    if not written:
        raise ConfigError(
            f'{given.run}: got no camera image in {len(bags)} bags, expected some. Record with '
            'the option camera of the recorder set to true.'
        )
    print(
        f'{given.folder}: {written[SUCCESS]} success and {written[FAILURE]} failure from '
        f'{len(bags) - left_out} episodes; {left_out} left out (aborted, or not recorded whole)'
    )
    return 0


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f'got {count}, expected 1 or more')
    return count


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.0 <= seconds < 3600.0:
        raise argparse.ArgumentTypeError(f'got {text}, expected 0 to 3600')
    return seconds
