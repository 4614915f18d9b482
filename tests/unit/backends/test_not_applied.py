# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host whose backend this version does not know is planned only, and says so."""

from __future__ import annotations

from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.apply import _not_applied
from ansible_collections.portbook.firewall.plugins.plugin_utils.backends.outcome import Outcome

LATER = "the backend pf comes with a later version"


def test_it_is_said_in_a_warning() -> None:
    done = _not_applied(Outcome(), "pf", "warn")
    assert (done.failed, done.msg) == (False, LATER)
    assert done.warnings == (f"not applied: {LATER}. The rules are planned only",)


def test_it_is_an_error_where_that_is_asked_for() -> None:
    done = _not_applied(Outcome(), "pf", "fail")
    assert (done.failed, done.msg) == (True, f"not applied: {LATER} (portbook_unsupported is fail)")


def test_none_is_what_was_asked_for() -> None:
    done = _not_applied(Outcome(), "none", "fail")
    assert (done.failed, done.msg, done.warnings) == (False, "portbook_backend is none", ())
