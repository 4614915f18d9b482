#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Print every Python >= 3.11 that can make a virtual environment, newest first: "3.13 /path/to/python".
# Interpreters are run, not just looked up: a pyenv shim exists also for versions that are not active.

probe='import sys, venv, ensurepip
if sys.version_info >= (3, 11):
    print("%d.%d" % sys.version_info[:2], getattr(sys, "_base_executable", "") or sys.executable)'

{
    for name in python3.14 python3.13 python3.12 python3.11 python3; do
        "$name" -c "$probe" 2>/dev/null
    done
    if [ -n "${PYENV_ROOT:-}" ]; then
        for path in "$PYENV_ROOT"/versions/*/bin/python3; do
            "$path" -c "$probe" 2>/dev/null
        done
    fi
} | sort -s -k1,1Vr | awk '!seen[$1]++'
