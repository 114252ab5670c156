"""Build of the library and the nodes, as colcon runs it, and of the library alone for pip.

With ROS the nodes take their libraries from rosdep and setup/requirements.txt; without it
`pip install './dsrl_ros[bench]'` brings what `dsrl train` and the learner need.
"""

from pathlib import Path

from setuptools import find_packages, setup

NAME = 'dsrl_ros'
NODES = (
    'policy',
    'steering',
    'reward',
    'trainer',
    'driver',
    'motion_planner',
    'twin',
    'mock_gripper',
    'recorder',
    'monitor',
)
# Robot and scene models: every file beside the code that is not code.
MODELS = [
    str(path.relative_to(NAME))
    for folder in (Path(NAME, 'robots', 'model', 'mjcf'), Path(NAME, 'tasks', 'scenes', 'mjcf'))
    for path in sorted(folder.rglob('*'))
    if path.is_file()
]

setup(
    name=NAME,
    version='0.1.0',
    packages=find_packages(exclude=('test',)),
    package_data={NAME: ['py.typed', *MODELS]},
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (f'share/{NAME}', ['package.xml']),
    ],
    python_requires='>=3.10',
    install_requires=[
        'daqp',  # quadratic programs of mink
        'gymnasium>=1.0',
        'matplotlib>=3.5',
        'mink>=1.3',
        'mujoco>=3.17',
        'numpy>=1.26',
        'pillow>=9',
        'pyyaml>=6',
        'rich>=13',
        'safetensors>=0.4.3',
        'torch>=2.3',
    ],
    extras_require={'bench': ['stable-baselines3>=2.4', 'tensorboard>=2.16']},
    zip_safe=False,
    maintainer='DSRL for ROS 2 maintainers',
    maintainer_email='maintainers@dsrl.invalid',
    description='Steer a frozen diffusion or flow policy by learning its starting noise.',
    license='Apache-2.0',
    entry_points={
        'console_scripts': [
            'dsrl = dsrl_ros.cli.main:main',
            *(f'{node}_node = dsrl_ros.nodes.{node}.node:main' for node in NODES),
        ],
    },
)
