#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Plan the example and run the demo, with the first that there is of: the .venv of `make setup`, the ansible-core of the
# ansible-playbook on the path if it has netaddr and jsonschema, a .venv-demo with these three. None is ever emptied.
# With --which it only prints the Python that it would take.
set -eu
cd "$(dirname "$0")/.."

PLAN=build/plan.json
LINK=ansible_collections/portbook/firewall
PATH="$PATH:/usr/sbin:/sbin"

missing=
for one in unshare:util-linux ip:iproute2 nft:nftables mount:mount; do
    command -v "${one%%:*}" >/dev/null || missing="$missing, ${one%%:*} (package ${one##*:})"
done
if [ -n "$missing" ] && [ "${1:-}" != --which ]; then
    echo "demo: missing: ${missing#, }" >&2
    exit 1
fi

# Whether a Python has all that is needed, and its ansible-playbook beside it.
has_all() {
    [ -x "$1" ] && "$1" - <<'CHECK' >/dev/null 2>&1
import importlib, os, sys
for name in ("jsonschema", "netaddr", "yaml"):
    importlib.import_module(name)
from ansible.release import __version__
core = tuple(int(part) for part in __version__.split(".")[:2])
beside = os.path.join(os.path.dirname(sys.executable), "ansible-playbook")
sys.exit(not (sys.version_info >= (3, 11) and core >= (2, 18) and os.access(beside, os.X_OK)))
CHECK
}

on_path=$(command -v ansible-playbook || true)
[ -z "$on_path" ] || on_path=$(sed -n '1s/^#! *//p' "$on_path")

if has_all .venv/bin/python && [ -e ".venv/collections/$LINK" ]; then
    python=.venv/bin/python
elif [ -n "$on_path" ] && has_all "$on_path"; then
    python=$on_path
else
    python=.venv-demo/bin/python
fi
if [ "${1:-}" = --which ]; then
    echo "$python"
    exit 0
fi

if [ "$python" = .venv-demo/bin/python ] && ! has_all "$python"; then
    base=${PYTHON:-$(scripts/pythons.sh | sed -n '1s/^[^ ]* //p')}
    if [ -z "$base" ]; then
        echo 'demo: no Python >= 3.11 that can make a virtual environment. On Debian and Ubuntu: apt-get install python3-venv' >&2
        exit 1
    fi
    echo "Making .venv-demo with ansible-core, netaddr and jsonschema"
    "$base" -m venv .venv-demo
    .venv-demo/bin/python -m pip install -qq --disable-pip-version-check 'ansible-core>=2.18' -r requirements.txt
fi
if [ "$python" != .venv/bin/python ]; then
    mkdir -p ".venv-demo/collections/${LINK%/*}"
    ln -sfn ../../../.. ".venv-demo/collections/$LINK"
fi

mkdir -p build
ANSIBLE_CONFIG=ansible.cfg "$(dirname "$python")/ansible-playbook" portbook.firewall.plan -i examples/inventory \
    -e portbook_plan_file=$PLAN >"${PLAN%.json}.txt"
echo "The example's plan: ${PLAN%.json}.txt to read, $PLAN as data"
exec "$python" demo/run.py
