"""Build of the launch files, the configuration and the demo's policy, as colcon runs it."""

from pathlib import Path

from setuptools import setup

NAME = 'dsrl_bringup'


def shared(folder: str) -> list[tuple[str, list[str]]]:
    """Return the entries that install `folder` with its subfolders under the package's share."""
    files_by_folder: dict[Path, list[str]] = {}
    for path in sorted(Path(folder).rglob('*')):
        if path.is_file() and '__pycache__' not in path.parts:
            files_by_folder.setdefault(path.parent, []).append(str(path))
    return [(f'share/{NAME}/{parent}', files) for parent, files in files_by_folder.items()]


setup(
    name=NAME,
    version='0.1.0',
    packages=[],
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
        *shared('launch'),
        *shared('config'),
        *shared('layouts'),
        *shared('policies'),
    ],
    install_requires=['setuptools'],
    zip_safe=True,
    maintainer='DSRL for ROS 2 maintainers',
    maintainer_email='maintainers@dsrl.invalid',
    description='Launch files, configuration and the policy of the demo.',
    license='Apache-2.0',
)
