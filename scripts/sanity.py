# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test's sanity tests on a copy of the checkout that lies where ansible-test wants it.

ansible-test asks for a path that ends in ansible_collections/portbook/firewall and for a git
repository of its own. It also bootstraps pip from a site that need not be in reach, so it gets a
stand-in that uses Python's own ensurepip. Both live in a home folder below .venv, which leaves the
user's untouched and keeps ansible-test's environments from one run to the next.
"""

from __future__ import annotations

import ast
import configparser
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import yaml

CHECKOUT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
HOME = CHECKOUT / ".venv" / "ansible-test-home"

# ansible-core 2.18 and 2.19 ask for the first, 2.20 and later for the second.
PIP_VERSIONS = ("24_2", "25_2")

GET_PIP = """\
import subprocess, sys
ensure = [sys.executable, "-m", "ensurepip", "--default-pip"]
subprocess.check_call(ensure, stdout=subprocess.DEVNULL)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "-q", *wanted]))
"""


def pip_settings() -> configparser.RawConfigParser:
    """The settings that pip has here: ansible-test passes on neither PIP_* nor the user's file."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    settings = configparser.RawConfigParser()
    for line in listed.splitlines():
        name, value = line.split("=", 1)
        section, option = name.rsplit(".", 1)
        section = "global" if section == ":env:" else section
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, option, str(ast.literal_eval(value)).replace("\n", " "))
    return settings


def prepare_home() -> None:
    cache = HOME / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in PIP_VERSIONS:
        (cache / f"get_pip_{version}.py").write_text(GET_PIP)
    settings = pip_settings()
    settings.read_dict({"install": {"quiet": "2"}})
    pip_conf = HOME / ".config" / "pip" / "pip.conf"
    pip_conf.parent.mkdir(parents=True, exist_ok=True)
    with pip_conf.open("w") as file:
        settings.write(file)


def left_out() -> set[str]:
    """Files and folders of the top that no archive has: users get none of it, and ruff and mypy read it."""
    ignored: list[str] = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text())["build_ignore"]
    return {name for name in ignored if "/" not in name}


def copy_checkout(target: Path, without: Collection[str] = ()) -> None:
    """Copy what git knows or would add."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        source = CHECKOUT / name
        deleted = not source.exists()  # and not yet committed
        if deleted or Path(name).parts[0] in without:
            continue
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target / name)
    subprocess.run(["git", "init", "--quiet"], cwd=target, check=True)


def arguments(collection: Path) -> list[str]:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    chosen = ["sanity", "--color", "no", "--python", version]
    # validate-modules needs PowerShell for these, and without it ends the whole run.
    for script in sorted(collection.glob("plugins/modules/*.ps1")):
        chosen += ["--exclude", str(script.relative_to(collection))]
    return chosen


def main() -> int:
    prepare_home()
    environment = os.environ | {
        "HOME": str(HOME),
        "PATH": f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
    }
    with tempfile.TemporaryDirectory(prefix="portbook-sanity-") as folder:
        collection = Path(folder) / "ansible_collections" / "portbook" / "firewall"
        copy_checkout(collection, left_out())
        return subprocess.run(
            [str(BIN / "ansible-test"), *arguments(collection), *sys.argv[1:]],
            cwd=collection,
            env=environment,
            check=False,
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
