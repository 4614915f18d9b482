# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of this collection: files for systemd that come, change and go with what they bring back."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from shlex import quote
from typing import Dict, List, Tuple

from . import causes, on_disk, programs

FOLDER = "/etc/systemd/system"


@dataclass(frozen=True)
class Service:
    name: str
    path: str
    wanted_by: str
    restarts_for: Tuple[str, ...] = ()
    """Files that it runs from its start on. None: it is for the host's next start only."""

    @property
    def link(self) -> str:
        """That `systemctl enable` makes."""
        return f"{os.path.dirname(self.path)}/{self.wanted_by}.wants/{self.name}"


@dataclass(frozen=True)
class Units:
    """All files for systemd that this collection may have, and the services among them, in the order of their start."""

    files: Tuple[str, ...]
    services: Tuple[Service, ...]
    drop_ins: Tuple[str, ...] = ()
    """Folders that go when they are empty."""

    def present(self) -> Dict[str, str]:
        return {path: on_disk.read(path) or "" for path in self.files if os.path.lexists(path)}

    def as_wanted(self, files: Dict[str, str]) -> bool:
        return not self._differs(files) and all(_at_work(one) for one in self.services if one.path in files)

    def bring(self, files: Dict[str, str]) -> None:
        """Exactly these files, and their units at work. Where systemd refuses, what it refused is raised at the
        end: files and links are as wanted even so, or nothing could be put back while it does."""
        changed = self._differs(files)
        refused: List[OSError] = []

        def ask(*arguments: str) -> bool:
            # One that gives no answer costs the time of a run, so it is asked once.
            if any(isinstance(error, programs.Silent) for error in refused):
                return False
            try:
                _systemctl(*arguments)
            except OSError as error:
                refused.append(error)
                return False
            return True

        for one in reversed(self.services):
            if one.path in files:
                continue
            # One that was active at the host's start would be so without its file.
            if os.path.lexists(one.path) and not ask("disable", "--now", one.name) and one.restarts_for:
                ask("stop", one.name)
            # Left where systemd refused, or where somebody had deleted the unit's file before.
            _unlink(one.link)
        for path in self.files:
            for left in (f"{path}.new", *(() if path in files else (path,))):
                _unlink(left)
        for path in changed:
            if path in files:
                _write(path, files[path])
        for folder in self.drop_ins:
            with suppress(OSError):
                os.rmdir(folder)
        ask("daemon-reload")
        for one in self.services:
            if one.path in files:
                if not ask("enable", one.name):
                    _make_link(one)
                if one.restarts_for:
                    ask("restart" if {one.path, *one.restarts_for} & set(changed) else "start", one.name)
        folders = {os.path.dirname(path) for path in (*self.files, *(one.link for one in self.services))}
        for folder in sorted(folders | {os.path.dirname(one.path) for one in self.services}):
            on_disk.sync(folder)
        if refused:
            raise refused[0]

    def written_for(self, files: Dict[str, str]) -> List[str]:
        """What `bring` would write or remove."""
        links = [one.link for one in self.services if (one.path in files) != os.path.lexists(one.link)]
        return [*self._differs(files), *links]

    def commands_for(self, files: Dict[str, str], copies: Dict[str, str]) -> List[str]:
        """What `bring` would do now, for a shell; the texts are in copies of the files."""
        if self.as_wanted(files):
            return []
        changed = [path for path in self._differs(files) if path in files]
        lines = []
        for one in reversed(self.services):
            if one.path not in files and os.path.lexists(one.path):
                lines.append(f"limited systemctl --quiet disable --now {quote(one.name)}")
        gone = [path for path in self.files if path not in files]
        lines += [f"rm -f {quote(path)}" for path in gone]
        for path in changed:
            draft = f"{quote(path)}.new"
            lines.append(f"mkdir -p {quote(os.path.dirname(path))}")
            lines.append(f"cp {quote(copies[path])} {draft} && chmod 644 {draft} && mv -f {draft} {quote(path)}")
        lines += [f"rmdir {quote(folder)} 2>/dev/null" for folder in self.drop_ins]
        lines.append("limited systemctl --quiet daemon-reload")
        for one in self.services:
            if one.path in files:
                lines.append(f"limited systemctl --quiet enable {quote(one.name)}")
                if one.restarts_for:
                    lines.append(f"limited systemctl --quiet restart {quote(one.name)}")
        return lines

    def stop(self) -> None:
        """Before what they bring back goes for good."""
        for one in self.services:
            if one.restarts_for and os.path.lexists(one.path):
                _systemctl("stop", one.name)

    def _differs(self, files: Dict[str, str]) -> List[str]:
        """Files that are not as wanted, those that are not wanted included."""
        there = self.present()
        return [path for path in self.files if files.get(path) != there.get(path)]


def _at_work(one: Service) -> bool:
    """On at every start, and running if it has something to watch."""
    return os.path.lexists(one.link) and (not one.restarts_for or _asks("is-active", one.name))


def has_systemd() -> bool:
    return os.path.isdir("/run/systemd/system")


def condition(service: str) -> str:
    """running, enabled (though not running) or absent."""
    if not has_systemd():
        return "absent"
    if _asks("is-active", service):
        return "running"
    return "enabled" if _asks("is-enabled", service) else "absent"


def _asks(*question: str) -> bool:
    return programs.run(["systemctl", "--quiet", *question]).code == 0


def outlive_session(process: int) -> None:
    """logind can be configured to end all that a user has started when he leaves (KillUserProcesses): be no part of
    it."""
    manager = ("org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager")
    scope = (f"portbook-way-back-{process}.scope", "fail", "1", "PIDs", "au", "1", str(process), "0")
    if has_systemd():
        # Without the bus there is no logind either.
        with suppress(OSError):
            programs.run(["busctl", "--system", "call", *manager, "StartTransientUnit", "ssa(sv)a(sa(sv))", *scope])


def _systemctl(*arguments: str) -> None:
    done = programs.run(["systemctl", "--quiet", *arguments])
    if done.code:
        raise OSError(causes.of_systemctl(" ".join(arguments), done.err))


def _unlink(path: str) -> None:
    """A file system that is read-only says so of what is not there, too."""
    if os.path.lexists(path):
        os.unlink(path)


def _make_link(one: Service) -> None:
    """As `systemctl enable` does, where systemd does not do it now."""
    if not os.path.lexists(one.link):
        on_disk.make_folder(os.path.dirname(one.link), 0o755)
        os.symlink(one.path, one.link)


def _write(path: str, text: str) -> None:
    try:
        _written(path, text)
    except OSError as error:
        with suppress(OSError):
            _unlink(f"{path}.new")
        raise OSError(causes.not_written(path, error)) from None


def _written(path: str, text: str) -> None:
    on_disk.make_folder(os.path.dirname(path), 0o755)
    on_disk.write(path, f"{path}.new", text, 0o644)
