# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option that rewrites the golden files."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite tests/golden/expected from what the code gives")


@pytest.fixture
def update(request: pytest.FixtureRequest) -> bool:
    # Without this folder among the arguments, pytest has not heard of the option.
    return bool(request.config.getoption("--update", default=False))
