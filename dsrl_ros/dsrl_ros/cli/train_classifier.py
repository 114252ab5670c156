"""`dsrl train-classifier`: learn from images what success looks like, for the reward node.

The folder holds two: `success` and `failure`, with PNG or JPEG images. `dsrl export-images` fills
them from a recorded run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

from rich.progress import Progress

from dsrl_ros.cli.run_options import add_arguments
from dsrl_ros.core.errors import ClassifierError
from dsrl_ros.core.options import from_mapping, to_mapping
from dsrl_ros.learning.success_classifier.classifier import SuccessClassifier, save_classifier
from dsrl_ros.learning.success_classifier.images import LabelledImages, hold_out, read_images
from dsrl_ros.learning.success_classifier.training import (
    Accuracy,
    ClassifierOptions,
    SuccessNet,
    accuracy,
    train_classifier,
)


def main(arguments: Sequence[str]) -> int:
    """Run the command; return its exit code.

    Raises:
        DsrlError: an option out of range, or images that are missing, of one class or damaged.
    """
    parser = argparse.ArgumentParser(prog='dsrl train-classifier', description=__doc__)
    parser.add_argument('folder', type=Path, help='holds success/ and failure/')
    parser.add_argument('--out', type=Path, help='weights [FOLDER/classifier.safetensors]')
    add_arguments(parser, ClassifierOptions)
    given = vars(parser.parse_args(arguments))
    folder: Path = given.pop('folder')
    out: Path = given.pop('out') or folder / 'classifier.safetensors'
    if out.suffix != '.safetensors':
        raise ClassifierError(f'--out: got {out}, expected a file ending in .safetensors.')
    options = from_mapping(ClassifierOptions, given, 'command line')

    data = read_images(folder, options.size)
    held = hold_out(data, options.held_out, options.seed)
    learned, kept = data.select(~held), data.select(held)
    print(f'{folder}: {_count(learned)} to learn from, {_count(kept)} held out')
    net = _trained(learned, options)
    classifier = SuccessClassifier(net.tensors(), options.size)
    measured = accuracy(classifier, kept) if len(kept) else None
    notes = {
        'options': to_mapping(options),
        'learned_from': _count(learned),
        'held_out': None if measured is None else dataclasses.asdict(measured),
    }
    save_classifier(out, net.tensors(), options.size, notes)
    _report(measured)
    file = json.dumps(str(out.absolute()))  # quoted: a path may hold what means something in YAML
    print(f'{out}: written. The reward node takes it by this line of a parameter file:')
    print(f'/**/reward: {{ros__parameters: {{sources: [classifier], classifier: {file}}}}}')
    return 0


def _trained(data: LabelledImages, options: ClassifierOptions) -> SuccessNet:
    with Progress(transient=True) as progress:
        task = progress.add_task('training', total=options.epochs)

        def on_epoch(done: int, loss: float) -> None:
            progress.update(task, completed=done, description=f'training, loss {loss:.3f}')
            if not progress.console.is_terminal and done % max(1, options.epochs // 10) == 0:
                print(f'epoch {done}/{options.epochs}: loss {loss:.3f}')

        return train_classifier(data, options, on_epoch)


def _report(measured: Accuracy | None) -> None:
    if measured is None:
        print('held out: nothing, so nobody knows how good it is')
        return
    print(f'held out: right on {measured.together}')
    print(f'    success: {measured.success}')
    print(f'    failure: {measured.failure}')


def _count(data: LabelledImages) -> str:
    return f'{int(data.success.sum())} success and {int((~data.success).sum())} failure'
