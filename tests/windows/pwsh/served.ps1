# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Runs our modules as they are, one call after another: a line of JSON in, their answer out. A PowerShell for each call
# would take a second and more. See session.py.
param([string]$Ansible, [string]$Plugins)
$ErrorActionPreference = 'Stop'
Import-Module -Name ([IO.Path]::Combine($Ansible, 'module_utils/powershell/Ansible.ModuleUtils.AddType.psm1')) -DisableNameChecking
Add-CSharpType -References ([IO.File]::ReadAllText([IO.Path]::Combine($Ansible, 'module_utils/csharp/Ansible.Basic.cs'))) -IgnoreWarnings
Import-Module -Name ([IO.Path]::Combine($Plugins, 'module_utils/WindowsFirewall.psm1')) -DisableNameChecking

$modules = @{}
foreach ($name in 'windows_read', 'windows_write') {
    $modules[$name] = [ScriptBlock]::Create([IO.File]::ReadAllText([IO.Path]::Combine($Plugins, "modules/$name.ps1")))
}
# A module ends its process; here it ends by throwing, with what it would have printed put aside.
$global:answer = $null
[Ansible.Basic.AnsibleModule]::WriteLine = { param([string]$line) $global:answer = $line; $global:quiet = $module.NoLog }
[Ansible.Basic.AnsibleModule]::Exit = { param([int]$rc) throw "exit $rc" }

[Console]::Out.WriteLine('ready')
while ($null -ne ($line = [Console]::In.ReadLine())) {
    $asked = ConvertFrom-Json -InputObject $line
    foreach ($one in $asked.environment.PSObject.Properties) { [Environment]::SetEnvironmentVariable($one.Name, $one.Value) }
    [FakeFirewall.Store]::Reset()
    $global:answer = $null
    $fault = 'it ended without an answer'
    try { & $modules[$asked.module] $asked.arguments | Out-Null } catch { $fault = "$_ $($_.ScriptStackTrace)" }
    $ErrorActionPreference = 'Stop'
    [FakeFirewall.Store]::Close()
    if ($null -eq $global:answer) { $global:answer = ConvertTo-Json -Compress -InputObject @{ failed = $true; msg = $fault } }
    foreach ($one in $asked.environment.PSObject.Properties) { [Environment]::SetEnvironmentVariable($one.Name, $null) }
    if ($asked.quiet) { $global:answer = ConvertTo-Json -InputObject ([bool]$global:quiet) }
    [Console]::Out.WriteLine($global:answer)
}
