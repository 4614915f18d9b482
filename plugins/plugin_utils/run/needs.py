# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The two libraries that the controller needs in addition to ansible-core, and what to say without them."""

from __future__ import annotations

from importlib.util import find_spec

REQUIRED = ("netaddr", "jsonschema")


def missing() -> str | None:
    """A sentence for the operator, or None if all is there."""
    absent = [name for name in REQUIRED if find_spec(name) is None]
    if not absent:
        return None
    return (
        f"portbook.firewall needs {' and '.join(absent)} on the controller, in the Python that runs "
        f"Ansible: install it with 'python -m pip install {' '.join(absent)}' "
        "(the collection's requirements.txt has the versions)"
    )
