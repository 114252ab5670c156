"""Write setup/constraints/python3.X.txt: every version, direct or not, that a fresh set-up takes.

Run it with each supported Python when a requirement changes, then run the tests:
`python3.11 setup/lock.py`. torch is left out, because a user may bring a build of their own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

SETUP = Path(__file__).resolve().parent


def main() -> None:
    """Resolve the requirement files in an empty environment and write what pip chose."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True, upgrade_deps=True)
        report = Path(folder, 'report.json')
        command = [f'{folder}/bin/pip', 'install', '--quiet', '--dry-run', '--report', str(report)]
        for path in sorted(SETUP.glob('requirements*.txt')):
            if path.name == 'requirements-bench.txt':
                continue  # pinned there, and installed without what it asks for
            command += ['-r', str(path)]
        subprocess.run(command, check=True)
        found = [item['metadata'] for item in json.loads(report.read_text())['install']]
    lines = sorted(f'{item["name"].lower()}=={item["version"]}\n' for item in found)
    target = SETUP / 'constraints' / f'python3.{sys.version_info.minor}.txt'
    target.parent.mkdir(exist_ok=True)
    target.write_text(f'# Written by setup/lock.py; do not edit.\n{"".join(lines)}')
    print(f'{target}: {len(lines)} versions')


if __name__ == '__main__':
    main()
