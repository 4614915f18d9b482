# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PowerShell of the collection, checked where there is no PowerShell: its tree, its names, its documentation."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from windows.fake.powershell import (
    Script,
    doubtful_commands,
    doubtful_methods,
    doubtful_types,
    doubtful_variables,
    not_ascii,
    specification,
    twice_in_a_hashtable,
    wrong_syntax,
)

CHECKOUT = Path(__file__).resolve().parent.parent.parent
MODULES = sorted((CHECKOUT / "plugins/modules").glob("*.ps1"))
UTILS = sorted((CHECKOUT / "plugins/module_utils").glob("*.psm1"))
EVERY = [*MODULES, *UTILS]
PESTER = sorted((CHECKOUT / "tests/windows/pester").glob("*.ps1"))
AT_MOST = 450

# What Windows PowerShell 5.1 has, with the parameters that are used. NetTCPIP is there from Server 2012 on.
COMMANDS: dict[str, list[str]] = {
    "ForEach-Object": [],
    "Get-CimInstance": ["ClassName", "Filter"],
    "Get-NetTCPConnection": ["State", "ErrorAction"],
    "Get-NetUDPEndpoint": ["ErrorAction"],
    "Get-Service": ["ErrorAction"],
    "New-Object": ["TypeName", "ComObject"],
    "Sort-Object": ["Unique"],
    "Start-Sleep": ["Milliseconds"],
    "Where-Object": [],
}

# What .NET Framework 4.6 has, with the static members that are used.
TYPES: dict[str, list[str]] = {
    "Ansible.Basic.AnsibleModule": ["Create", "GetParams"],
    "Array": ["Sort"],
    "BitConverter": ["ToString"],
    "Environment": ["ExpandEnvironmentVariables", "GetEnvironmentVariable", "OSVersion"],
    "Guid": ["NewGuid"],
    "IO.File": ["Exists"],
    "Microsoft.Win32.Registry": ["LocalMachine"],
    "Net.Dns": ["GetHostAddresses"],
    "Net.IPAddress": [],
    "Net.NetworkInformation.IPGlobalProperties": ["GetIPGlobalProperties"],
    "Security.Cryptography.SHA256": ["Create"],
    "StringComparer": ["Ordinal"],
    "StringComparison": ["Ordinal"],
    "Text.Encoding": ["UTF8"],
    "bool": [],
    "char": [],
    "int": [],
    "object": [],
    "ordered": [],
    "string": ["Join"],
    "switch": [],
    "void": [],
    # made by New-Object
    "HNetCfg.FWRule": [],
    "HNetCfg.FwPolicy2": [],
    "HNetCfg.FwProducts": [],
    "System.Collections.ArrayList": [],
    "System.Collections.Specialized.OrderedDictionary": [],
}

METHODS = {
    "Ansible.Basic.AnsibleModule": "ExitJson FailJson",
    "Guid, Version, IPAddress": "ToString",
    "HashAlgorithm, Encoding": "ComputeHash GetBytes",
    "IPAddress (.NET 4.5)": "MapToIPv4",
    "IPGlobalProperties": "GetActiveTcpConnections",
    "INetFwPolicy2": "BlockAllInboundTraffic DefaultInboundAction DefaultOutboundAction FirewallEnabled",
    "INetFwPolicy2, what may be missing": "ExcludedInterfaces",
    "INetFwRules": "Add Item Remove",
    "RegistryKey": "GetSubKeyNames GetValue GetValueNames OpenSubKey",
    "collections": "Add Clear Contains ContainsKey RemoveAt",
    "string": "Replace Split StartsWith Substring ToLowerInvariant TrimEnd",
}


def allowed_methods() -> set[str]:
    return {name for names in METHODS.values() for name in names.split()}


def shared() -> dict[str, frozenset[str]]:
    """The functions that the modules have from what they require."""
    return {name: parameters for path in UTILS for name, parameters in script(path).functions.items()}


def script(path: Path) -> Script:
    return Script(path.read_text(encoding="utf-8"))


CHECKS: dict[str, Callable[[Script], list[str]]] = {
    "it parses, and 5.1 knows all of it": wrong_syntax,
    "it is ASCII": not_ascii,
    "its commands exist in 5.1": lambda one: doubtful_commands(one, {**COMMANDS, **shared()}),
    "its types exist in .NET Framework 4.6": lambda one: doubtful_types(one, TYPES),
    "its methods are known": lambda one: doubtful_methods(one, allowed_methods()),
    "its variables are set": doubtful_variables,
    "its hashtables name a key once": twice_in_a_hashtable,
}


def named(path: Path) -> str:
    return path.name


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("path", EVERY, ids=named)
def test_the_powershell_is_sound(path: Path, check: Callable[[Script], list[str]]) -> None:
    assert check(script(path)) == []


def test_the_powershell_stays_thin() -> None:
    assert sum(len(path.read_text().splitlines()) for path in EVERY) <= AT_MOST


@pytest.mark.parametrize("path", EVERY, ids=named)
def test_nothing_is_compiled_but_what_ansible_itself_has(path: Path) -> None:
    source = path.read_text()
    assert re.findall(r"(?i)#\s*AnsibleRequires\s+-CSharpUtil\s+(\S+)", source) in ([], ["Ansible.Basic"])
    assert not re.search(r"(?i)\b(Add-Type|Add-CSharpType|Invoke-Expression|DllImport|Reflection\.Emit)\b", source)


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_a_module_requires_what_is_there(path: Path) -> None:
    source = path.read_text()
    assert source.startswith("#!powershell\n")
    wanted = re.findall(r"(?m)^#AnsibleRequires -PowerShell \.\.module_utils\.(\w+)$", source)
    assert wanted == [one.stem for one in UTILS]


def test_the_fake_of_the_store_parses() -> None:
    fake = Path(__file__).resolve().parent / "pwsh/fake"
    source = script(fake / "FakeFirewall.psm1")
    assert wrong_syntax(source) + twice_in_a_hashtable(source) + not_ascii(source) == []
    subprocess.run(["sh", "-n", str(fake / "make-fake-pwsh.sh")], check=True)


@pytest.mark.parametrize("path", PESTER, ids=named)
def test_what_others_run_on_their_windows_is_parsed_by_5_1(path: Path) -> None:
    source = script(path)
    assert wrong_syntax(source) + twice_in_a_hashtable(source) + not_ascii(source) == []


def test_no_function_is_there_twice_or_for_nothing() -> None:
    defined = [name for path in EVERY for name in script(path).functions]
    called = {name for path in EVERY for _line, name, _given in script(path).commands}
    assert len(defined) == len(set(defined))
    assert set(defined) <= called


def test_no_name_on_the_lists_is_unused() -> None:
    """So that what the modules need of a Windows can be read off the lists."""
    scripts = [script(path) for path in EVERY]
    assert set(COMMANDS) == {name for one in scripts for _line, name, _given in one.commands} - set().union(
        *(one.functions for one in scripts)
    )
    named_types = {
        found.split("[")[1].split("]")[0] for one in scripts for found in doubtful_types(one, {}) if "[" in found
    }
    made = {found.split()[3] for one in scripts for found in doubtful_types(one, {}) if ": New-Object -" in found}
    assert set(TYPES) == named_types | made
    used = {re.split(r"[.(]", found)[1] for one in scripts for found in doubtful_methods(one, [])}
    assert allowed_methods() == used


KEPT = ("type", "elements", "required", "choices", "default")


def documented(options: dict[str, Any]) -> dict[str, Any]:
    found = {}
    for name, option in options.items():
        found[name] = {key: option[key] for key in KEPT if key in option}
        if "suboptions" in option:
            found[name]["options"] = documented(option["suboptions"])
    return found


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_documentation_has_the_options_of_the_module(path: Path) -> None:
    page = yaml.safe_load(path.with_suffix(".yml").read_text())
    spec = specification(script(path))
    given = spec["options"]
    for option in given.values():
        option.pop("required_if", None)
    assert documented(page["DOCUMENTATION"]["options"]) == given
    assert spec["supports_check_mode"] is True
    assert page["DOCUMENTATION"]["attributes"]["check_mode"]["support"] == "full"
    assert page["DOCUMENTATION"]["module"] == path.stem


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_the_documentation_has_the_results_of_the_module(path: Path) -> None:
    source = path.read_text()
    page = yaml.safe_load(path.with_suffix(".yml").read_text())
    named_in_loops = {
        name
        for names in re.findall(r"foreach \(\$k in ([^)]*)\) { \$result\[\$k\]", source)
        for name in re.findall(r"'(\w+)'", names)
    }
    written = set(re.findall(r"\$result\.(\w+) =", source)) | named_in_loops
    assert set(page["RETURN"]) == written - {"changed"}


BAD = [
    (wrong_syntax, "$a = $b ? 1 : 2"),
    (wrong_syntax, "$a ?? 3"),
    (wrong_syntax, "$a ??= 3"),
    (wrong_syntax, "$a?.b"),
    (wrong_syntax, "$a?[0]"),
    (wrong_syntax, "New-Object -TypeName A && New-Object -TypeName B"),
    (wrong_syntax, "New-Object -TypeName A || New-Object -TypeName B"),
    (wrong_syntax, "class A { }"),
    (wrong_syntax, "enum E { A }"),
    (wrong_syntax, "if ($a) { 1 "),
    (wrong_syntax, '"a`u{1F600}"'),
    (wrong_syntax, '"$name: text"'),
    (not_ascii, "'caf\N{LATIN SMALL LETTER E WITH ACUTE}'"),
    ("commands", "using namespace System"),
    ("commands", "1, 2 | ForEach-Object -Parallel { 1 }"),
    ("commands", "Get-ComputerInfo"),
    ("commands", "Add-Type -TypeDefinition 'x'"),
    ("commands", "Where-Object -Property a"),
    ("commands", "Get-FwSate -Policy 1"),
    ("commands", "Get-FwState -Polcy 1"),
    ("commands", "$h = 10uy"),
    ("types", "[IO.Path]::GetTempPath()"),
    ("types", "[IO.File]::ReadAllText('x')"),
    ("types", "$a -is [Net.IPEndPoint]"),
    ("types", "New-Object -TypeName System.Random"),
    ("types", "New-Object -ComObject Shell.Application"),
    ("types", "New-Object -TypeName $name"),
    ("methods", "$a.Where({ $_ })"),
    ("methods", "$policy.RestoreLocalFirewallDefaults()"),
    (doubtful_variables, "$resutl = 1; $result"),
    (doubtful_variables, "$pid = 3"),
    (doubtful_variables, "foreach ($input in 1, 2) { }"),
    (doubtful_variables, "function A { param($Host) $Host }"),
    (doubtful_variables, '"of $nobody"'),
    (twice_in_a_hashtable, "@{ name = 1; Name = 2 }"),
]

LISTED: dict[str, Callable[[Script], list[str]]] = {
    "commands": CHECKS["its commands exist in 5.1"],
    "types": CHECKS["its types exist in .NET Framework 4.6"],
    "methods": CHECKS["its methods are known"],
}


@pytest.mark.parametrize(("check", "source"), BAD, ids=[source for _check, source in BAD])
def test_a_bad_script_is_noticed(check: str | Callable[[Script], list[str]], source: str) -> None:
    chosen = LISTED[check] if isinstance(check, str) else check
    assert chosen(Script(source)) != []


def test_a_specification_is_read_as_powershell_has_it() -> None:
    source = """$spec = @{
        options = @{ a = @{ choices = 'x', 'y'; default = @() }; b = @{ required = $true } }
        required_if = @(, @('a', 'x', @('b')))
    }"""
    assert specification(Script(source)) == {
        "options": {"a": {"choices": ["x", "y"], "default": []}, "b": {"required": True}},
        "required_if": [["a", "x", ["b"]]],
    }


def test_a_specification_that_is_not_written_out_is_refused() -> None:
    with pytest.raises((KeyError, ValueError)):
        specification(Script("$spec = @{ options = Get-Options }"))
    with pytest.raises((KeyError, ValueError)):
        specification(Script("$spec = @{ options = $options }"))
