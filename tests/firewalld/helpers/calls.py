# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on a machine, broken at one of its calls of firewalld that write.

Every Python of the machine reads this at its start, and looks whether there is an order. D-Bus is called by a library
in C, of which Python tells nobody: so its binding is wrapped when it is loaded."""

from __future__ import annotations

from dataclasses import dataclass

from lab.machine import Machine

_FOLDER = "/run/calls"
_PACKAGES = "/usr/lib/python3/dist-packages"
_HOOK = r"""
import importlib.util, os, sys

FOLDER = "/run/calls"
WRITES = {"reload", "setPolicySettings", "addEntry", "removeEntry", "setEntries", "addIPSet", "addService2",
          "addPolicy", "update", "update2", "remove"}
count = 0

def is_module():
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.endswith("module_utils/firewalld/daemon.py"):
            return True
        frame = frame.f_back
    return False

def see(method):
    global count
    with open(FOLDER + "/calls", "a") as file:
        print(method, file=file)
    with open(FOLDER + "/order") as file:
        wanted, _space, does = file.read().partition(" ")
    if count == int(wanted):
        os.unlink(FOLDER + "/order")
        os.system(does)
    count += 1

def wrap(connection):
    call = connection.call_blocking
    def call_blocking(self, name, path, interface, method, *more, **options):
        if method in WRITES and is_module() and os.path.exists(FOLDER + "/order"):
            see(method)
        return call(self, name, path, interface, method, *more, **options)
    connection.call_blocking = call_blocking

class Finder:
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name != "dbus.connection":
            return None
        sys.meta_path.remove(cls)
        spec = importlib.util.find_spec(name)
        load = spec.loader.exec_module
        def exec_module(module):
            load(module)
            wrap(module.Connection)
        spec.loader.exec_module = exec_module
        return spec

if os.path.exists(FOLDER + "/order"):
    sys.meta_path.insert(0, Finder)
"""
_NEVER = 10_000
MODULE = "kill -KILL $PPID"
"""Whoever runs it ends the module."""


@dataclass(frozen=True)
class Calls:
    machine: Machine

    def install(self) -> None:
        self.machine.write(f"{_PACKAGES}/portbook_calls.py", _HOOK)
        self.machine.write(f"{_PACKAGES}/portbook_calls.pth", "import portbook_calls\n")

    def order(self, number: int, does: str) -> None:
        """Before that call of the next module that comes to it, counted from 0."""
        self.machine.run("rm", "-rf", _FOLDER)
        self.machine.run("mkdir", "-p", _FOLDER)
        self.machine.write(f"{_FOLDER}/order", f"{number} {does}\n")

    def count(self) -> None:
        self.order(_NEVER, "true")

    def taken(self) -> list[str]:
        """Those that came since the order, which ends with this."""
        told = self.machine.run("cat", f"{_FOLDER}/calls", check=False).split()
        self.machine.run("rm", "-rf", _FOLDER)
        return told
