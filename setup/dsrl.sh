#!/usr/bin/env bash
# The `dsrl` command on the PATH of the virtual environment; setup/setup.sh copies it there.
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../setup/env.sh" || exit 1
exec python -m dsrl_ros.cli.main "$@"
