# Environment of the suite in this clone, for bash: `source setup/env.sh`.
# Set up with `make setup` first. What the caller has set already wins, where it is a choice.
_dsrl_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

if [[ ! -f "$_dsrl_root/install/setup.bash" ]]; then
    echo "setup/env.sh: $_dsrl_root/install is missing; run 'make setup' first." >&2
    return 1
fi

# The wheels do not say so, but the virtual environment is the prefix of the ROS packages in it.
export AMENT_PREFIX_PATH="$_dsrl_root/.venv" CMAKE_PREFIX_PATH="$_dsrl_root/.venv"
unset PYTHONPATH PYTHONHOME
export VIRTUAL_ENV="$_dsrl_root/.venv" PATH="$_dsrl_root/.venv/bin:$PATH"
export ROS_DISTRO=jazzy ROS_VERSION=2 ROS_PYTHON_VERSION=3
# shellcheck disable=SC1091
source "$_dsrl_root/install/setup.bash"

# The demo and the tests stay on this machine; on a robot, set what the robot needs.
export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
export RMW_IMPLEMENTATION="${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}"
export MUJOCO_GL="${MUJOCO_GL:-egl}" # draws in software without a display

# Eight processes share the cores: one that takes two threads halves the speed of the others.
for _dsrl_name in OMP_NUM_THREADS OPENBLAS_NUM_THREADS MKL_NUM_THREADS NUMEXPR_NUM_THREADS; do
    export "$_dsrl_name=${!_dsrl_name:-1}"
done
unset _dsrl_root _dsrl_name
