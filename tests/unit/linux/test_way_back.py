# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A run that meets a change that still waits says whose it is, and until when."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import pytest
from pages import CHECKOUT, printed

from ansible_collections.portbook.firewall.plugins.module_utils.linux import clock, way_back

PAGE = CHECKOUT / "docs" / "way-back.md"
NOW = "2026-11-26 10:41:26"
SINCE_BOOT = 1000.0


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    of_day = time.mktime(time.strptime(NOW, "%Y-%m-%d %H:%M:%S"))
    stopped = SimpleNamespace(time=lambda: of_day, localtime=time.localtime, strftime=time.strftime)
    monkeypatch.setattr(clock, "time", stopped)
    monkeypatch.setattr(way_back, "time", SimpleNamespace(monotonic=lambda: SINCE_BOOT))


def test_it_is_reported_in_the_words_of_the_page() -> None:
    note = {"client": "192.0.2.1 port 50022", "until": SINCE_BOOT + 41}
    assert way_back.described(note) == printed(PAGE, "waits").words


@pytest.mark.parametrize("note", [{}, {"until": "soon"}, {"until": SINCE_BOOT - 1}])
def test_without_a_time_it_is_to_be_tried_again_in_a_minute(note: dict[str, Any]) -> None:
    assert way_back.described(note).endswith("is being taken back. Run again in a minute")
