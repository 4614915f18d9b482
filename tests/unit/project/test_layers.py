# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The layers of the code: an import that goes backwards is noticed, and named."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
PACKAGE = "ansible_collections.portbook.firewall.plugins"


@pytest.fixture
def plugins(tmp_path: Path) -> Path:
    """A copy of the code, below the names by which it is imported."""
    pytest.importorskip("grimp", reason="import-linter is not in the environments of the matrix")
    copied = tmp_path / "ansible_collections" / "portbook" / "firewall" / "plugins"
    shutil.copytree(CHECKOUT / "plugins", copied, ignore=shutil.ignore_patterns("__pycache__", "books"))
    return copied


def layers(plugins: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/layers.py", "--collections", str(plugins.parents[3])]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_the_code_keeps_its_layers_and_every_module_is_named(plugins: Path) -> None:
    done = layers(plugins)
    assert done.returncode == 0, done.stdout
    named = done.stdout.rpartition("modules: ")[2].strip().split(", ")
    assert len(named) >= 60
    assert {path.stem for path in plugins.rglob("*.py")} - {"__init__"} <= {name.split(".")[-1] for name in named}


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("plugin_utils/net/ports.py", "plugin_utils.plan.planner"),
        ("plugin_utils/problems.py", "plugin_utils.net.ports"),
        ("plugin_utils/run/show.py", "plugin_utils.backends.outcome"),
        ("plugin_utils/plan/file.py", "action.plan"),
        ("plugin_utils/run/cache.py", "modules.nftables"),
        ("modules/nftables.py", "plugin_utils.problems"),
        ("module_utils/nftables/kernel.py", "plugin_utils.problems"),
        ("module_utils/intervals.py", "module_utils.linux.state"),
    ],
)
def test_an_import_backwards_is_noticed(file: str, imported: str, plugins: Path) -> None:
    with (plugins / file).open("a", encoding="utf-8") as code:
        code.write(f"\nimport {PACKAGE}.{imported}  # noqa\n")
    done = layers(plugins)
    assert done.returncode == 1, done.stdout
    importer = file.removesuffix(".py").replace("/", ".")
    told = "".join(done.stdout.split())
    assert f"{PACKAGE}.{importer}->{PACKAGE}.{imported}" in told


def test_a_module_without_a_layer_is_noticed(plugins: Path) -> None:
    (plugins / "plugin_utils" / "odds_and_ends.py").write_text("", encoding="utf-8")
    done = layers(plugins)
    assert done.returncode == 1
    assert "odds_and_ends" in done.stdout.partition("modules: ")[0]


def test_no_code_is_no_success(plugins: Path) -> None:
    for path in plugins.rglob("*_utils/*/*.py"):
        if path.name != "__init__.py":
            path.unlink()
    done = layers(plugins)
    assert done.returncode == 1
    assert "fewer than the 100" in done.stdout


# The backend's package and module, the registry's line, the choices of the variables, and the users' documentation.
NAMED_IN = (
    *("module_utils/nftables/", "modules/nftables.py", "backends/registry.py", "inventory/variables.py"),
    *("modules/apply.py", "module_utils/firewalld/", "modules/firewalld.py", "modules/host_facts.py"),
)


def test_no_backend_of_linux_is_named_elsewhere() -> None:
    plugins = Path(__file__).parents[3] / "plugins"
    texts = {path.relative_to(plugins).as_posix(): path.read_text(encoding="utf-8") for path in plugins.rglob("*.py")}
    named = {path for path, text in texts.items() if re.search("nftables|firewalld", text)}
    assert len(texts) > 60
    assert sorted(path for path in named if not any(one in path for one in NAMED_IN)) == []


def test_a_run_without_windows_hosts_imports_nothing_for_them() -> None:
    program = (
        "import sys\n"
        "from ansible_collections.portbook.firewall.plugins.action import apply, host_facts, plan, summary\n"
        "print([name for name in sys.modules if 'plugin_utils.backends.windows' in name])\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT / ".venv" / "collections")}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
