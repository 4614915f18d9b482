# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator's folder for each test, and one run that many tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from playbook_runs import SITE, Desk, Run


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """With the small SIEM as its inventory."""
    made = Desk(tmp_path)
    made.inventory(SITE)
    return made


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The small SIEM planned by the collection's own playbook, without anything special."""
    made = Desk(tmp_path_factory.mktemp("plain"))
    made.inventory(SITE)
    return made.run().ok()
