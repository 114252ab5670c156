#!/usr/bin/env bash
# The `dsrl` command on the PATH of the virtual environment; setup/setup.sh copies it there.
root="$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."
if [[ ":${AMENT_PREFIX_PATH:-}:" != *":$(readlink -f "$root")/install:"* ]]; then
    source "$root/setup/env.sh" || exit 1
fi
exec "$root/.venv/bin/python" -m dsrl_ros.cli.main "$@"
