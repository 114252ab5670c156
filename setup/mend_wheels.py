"""Mend what the ROS wheels get wrong, in the environment that runs this. Idempotent.

Any later `pip install` of a ROS package may undo it, so it runs last.
"""

from __future__ import annotations

import re
import sys
import sysconfig
from pathlib import Path

import numpy

# Pure Python, on no index, packaged by Debian and Ubuntu.
AMENT_PACKAGE = Path('/usr/lib/python3/dist-packages/ament_package')

# Where the machine that built the wheels kept its headers; CMake refuses a path that is not there.
BUILDER = r'/opt/python/cp3\d+-cp3\d+'
PYTHON_HEADERS = re.compile(BUILDER + r'/include/python3\.\d+')
NUMPY_HEADERS = re.compile(BUILDER + r'/lib/python3\.\d+/site-packages/numpy/_core/include')


def link_ament_package() -> None:
    """Make the one package that is on no index importable here."""
    link = Path(sysconfig.get_path('purelib'), AMENT_PACKAGE.name)
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(AMENT_PACKAGE)


def mend_headers() -> None:
    """Let the exported CMake targets name the headers of this interpreter and its numpy."""
    for path in Path(sys.prefix, 'share').glob('*/cmake/*.cmake'):
        text = path.read_text()
        mended = PYTHON_HEADERS.sub(sysconfig.get_path('include'), text)
        mended = NUMPY_HEADERS.sub(numpy.get_include(), mended)
        if mended != text:
            path.write_text(mended)


if __name__ == '__main__':
    link_ament_package()
    mend_headers()
