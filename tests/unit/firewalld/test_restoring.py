# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have at runtime only is restored after a reload, and the run says what it was."""

from __future__ import annotations

from typing import Any

import pytest
from pages import CHECKOUT, printed
from unit.firewalld.test_looking import PERMISSION, Asked, Tables

from ansible_collections.portbook.firewall.plugins.module_utils.firewalld import opener
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.drift import Configuration
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.objects import wanted
from ansible_collections.portbook.firewall.plugins.module_utils.firewalld.opener import Opener
from ansible_collections.portbook.firewall.plugins.module_utils.linux import programs
from ansible_collections.portbook.firewall.plugins.module_utils.linux.engine import EngineError
from ansible_collections.portbook.firewall.plugins.module_utils.linux.model import Local

PAGE = CHECKOUT / "docs" / "firewalld.md"
NEW = wanted([PERMISSION], Local())


class Reloading(Asked):
    """With a port of an administrator's, until it is reloaded."""

    ports: tuple[tuple[str, str], ...] = (("8888", "tcp"),)

    def configuration(self) -> tuple[Configuration, Configuration]:
        def of(*ports: tuple[str, str]) -> Configuration:
            return Configuration(zones={"public": {"ports": [list(one) for one in ports]}})

        return of(*self.ports), of()

    def reload(self) -> None:
        self.ports = ()

    def ignored(self, *_words: Any) -> None:
        """Of no matter here."""

    keep_ipset = keep_service = keep_policy = set_rules = ignored


@pytest.fixture
def daemon(monkeypatch: pytest.MonkeyPatch) -> Reloading:
    made = Reloading()

    def run(words: list[str], **_more: Any) -> programs.Done:
        if words == ["firewall-cmd", "--quiet", "--zone=public", "--add-port=8888/tcp"]:
            made.ports = Reloading.ports
        return programs.Done(0, "", "")

    monkeypatch.setattr(opener, "has_systemd", lambda: False)
    monkeypatch.setattr(programs, "run", run)
    return made


def test_it_is_reported_in_the_words_of_the_page(daemon: Reloading) -> None:
    opened = Opener(Tables(), daemon)
    opened.open(NEW)
    assert opened.notes == [printed(PAGE, "restored").words]
    assert daemon.ports == Reloading.ports


def test_without_a_loss_nothing_is_reported(daemon: Reloading) -> None:
    daemon.ports = ()
    opened = Opener(Tables(), daemon)
    opened.open(NEW)
    assert opened.notes == []


def test_what_cannot_be_restored_is_an_error(daemon: Reloading, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "run", lambda *_words, **_more: programs.Done(1, "", "refused"))
    monkeypatch.setattr(opener, "_READY_WITHIN", 0.0)
    with pytest.raises(EngineError, match=r"could not be restored: zone=public add-port=8888/tcp\."):
        Opener(Tables(), daemon).open(NEW)
