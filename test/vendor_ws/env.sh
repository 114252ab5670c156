# Sourced by `make test` after setup/env.sh, from the root of the clone: builds the messages in this
# folder that are not installed, when they have changed, and puts them on the paths of this shell.
_vendor_missing=()
for _vendor_package in control_msgs controller_manager_msgs franka_msgs interbotix_xs_msgs \
    moveit_msgs object_recognition_msgs octomap_msgs tf2_msgs; do
    python -c "import $_vendor_package" 2>/dev/null ||
        _vendor_missing+=("test/vendor_ws/$_vendor_package")
done
if ((${#_vendor_missing[@]})); then
    _vendor_build=build/vendor_ws
    _vendor_stamp="$(cat .venv/.setup-stamp test/vendor_ws/env.sh 2>/dev/null | sha256sum) $(
        find "${_vendor_missing[@]}" -type f -exec sha256sum {} + | sort | sha256sum)"
    if [[ "$(cat $_vendor_build/.stamp 2>/dev/null)" != "$_vendor_stamp" ]]; then
        echo "test: building ${_vendor_missing[*]##*/}"
        rm -rf $_vendor_build && mkdir -p $_vendor_build
        if ! (
            unset PYTHONPATH COLCON_PREFIX_PATH
            colcon --log-base $_vendor_build/log build --merge-install \
                --build-base $_vendor_build/build --install-base $_vendor_build/install \
                --base-paths "${_vendor_missing[@]}" \
                --cmake-args -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$(command -v python)" \
                >$_vendor_build/colcon.log 2>&1
        ); then
            tail -n 40 $_vendor_build/colcon.log >&2
            echo "test: the build failed; the whole output is in $PWD/$_vendor_build/colcon.log." >&2
            return 1
        fi
        echo "$_vendor_stamp" >$_vendor_build/.stamp
    fi
    # shellcheck disable=SC1091
    source $_vendor_build/install/local_setup.bash
fi
unset _vendor_missing _vendor_package _vendor_build _vendor_stamp
