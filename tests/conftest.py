# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the checkout importable as `ansible_collections.portbook.firewall`, wherever it lies.

A namespace package cannot be imported from a folder of another name, so each test process makes
a folder with the right names and a link to the checkout in it.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

CHECKOUT = Path(__file__).resolve().parent.parent
COLLECTIONS = Path(tempfile.mkdtemp(prefix="portbook-tests-"))

_link = COLLECTIONS / "ansible_collections" / "portbook" / "firewall"
_link.parent.mkdir(parents=True)
_link.symlink_to(CHECKOUT, target_is_directory=True)
sys.path.insert(0, str(COLLECTIONS))
os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(COLLECTIONS)

# A busy machine is no reason for a property to fail.
settings.register_profile("unhurried", settings.default, deadline=None)
settings.load_profile("unhurried")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the files of what is expected from what there is")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "more: takes long and finds little that the others miss: `make test-all` has it")
    config.addinivalue_line("markers", "longer: tries PORTBOOK_FUZZ times as much, which `make test-all` sets")
    config.addinivalue_line("markers", "once: no Debian does it in another way, so the machines of one run it")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """By a name of its own, or where all is asked for, such a test runs."""
    if os.environ.get("PORTBOOK_MORE") or config.option.markexpr or any("::" in one for one in config.args):
        return
    left = [one for one in items if one.get_closest_marker("more")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [one for one in items if not one.get_closest_marker("more")]


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update"))


def pytest_unconfigure() -> None:
    shutil.rmtree(COLLECTIONS, ignore_errors=True)
