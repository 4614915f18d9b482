# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Fake Windows Firewall COM objects for PowerShell 7 away from Windows; see FakeFirewall.cs.
# Importing it compiles FakeFirewall.cs once (the DLL is kept in FAKEFW_CACHE or the temp
# directory, keyed by its hash) and puts a New-Object function before the cmdlet.

$source = [IO.File]::ReadAllText([IO.Path]::Combine($PSScriptRoot, 'FakeFirewall.cs'))
$sha = [Security.Cryptography.SHA256]::Create()
$hash = [BitConverter]::ToString($sha.ComputeHash([Text.Encoding]::UTF8.GetBytes($source + $PSVersionTable.PSVersion))).Replace('-', '').Substring(0, 16)
$cache = if ($env:FAKEFW_CACHE) { $env:FAKEFW_CACHE } else { [IO.Path]::GetTempPath() }
$dll = [IO.Path]::Combine($cache, "FakeFirewall-$hash.dll")
if (-not ('FakeFirewall.Store' -as [type])) {
    if (-not [IO.File]::Exists($dll)) {
        $part = "$dll.$PID"
        Add-Type -TypeDefinition $source -OutputAssembly $part -OutputType Library -IgnoreWarnings
        [IO.File]::Move($part, $dll, $true)
    }
    [void][Reflection.Assembly]::LoadFrom($dll)
}

# A home-made pwsh may lack an assembly that Ansible.Basic refers to; one put beside it is loaded.
$extra = [IO.Path]::Combine($PSHOME, 'System.Diagnostics.EventLog.dll')
if ([IO.File]::Exists($extra)) { [void][Reflection.Assembly]::LoadFrom($extra) }

# What programs on Windows expect of the environment.
foreach ($pair in @(@('SystemRoot', 'C:\Windows'), @('windir', 'C:\Windows'), @('ProgramFiles', 'C:\Program Files'), @('SystemDrive', 'C:'))) {
    if (-not [Environment]::GetEnvironmentVariable($pair[0])) { [Environment]::SetEnvironmentVariable($pair[0], $pair[1]) }
}

function New-Object {
    [CmdletBinding(DefaultParameterSetName = 'Net')]
    param(
        [Parameter(ParameterSetName = 'Net', Mandatory, Position = 0)][string]$TypeName,
        [Parameter(ParameterSetName = 'Net', Position = 1)][Alias('Args')][object[]]$ArgumentList,
        [Parameter(ParameterSetName = 'Com', Mandatory, Position = 0)][string]$ComObject,
        [Parameter(ParameterSetName = 'Com')][switch]$Strict,
        [System.Collections.IDictionary]$Property
    )
    if ($PSCmdlet.ParameterSetName -eq 'Com') {
        switch ($ComObject) {
            'HNetCfg.FwPolicy2' { return [FakeFirewall.FwPolicy2]::new() }
            'HNetCfg.FWRule' { return [FakeFirewall.FWRule]::new() }
            'HNetCfg.FwProducts' { if ([FakeHost.Host]::Known) { return , @((Get-FakeHost).products | Where-Object { $_ } | ForEach-Object { [pscustomobject]$_ }) } }
        }
        throw [FakeFirewall.Hr]::Make(2147746132)
    }
    # by its type: the qualified name leads back to this function where it is a nested module of Utility
    $cmdlet = $ExecutionContext.InvokeCommand.GetCmdletByTypeName('Microsoft.PowerShell.Commands.NewObjectCommand')
    & $cmdlet @PSBoundParameters
}

# Stand-ins for the two NetSecurity cmdlets that ansible.windows.win_firewall uses.
if (-not ('Microsoft.PowerShell.Cmdletization.GeneratedTypes.NetSecurity.GpoBoolean' -as [type])) {
    $enums = [IO.Path]::Combine($cache, "FakeNetSecurity-$hash.dll")
    if (-not [IO.File]::Exists($enums)) {
        $part = "$enums.$PID"
        Add-Type -OutputAssembly $part -OutputType Library -TypeDefinition @'
namespace Microsoft.PowerShell.Cmdletization.GeneratedTypes.NetSecurity {
    public enum GpoBoolean : ushort { False = 0, True = 1, NotConfigured = 2 }
    public enum Action : ushort { NotConfigured = 0, Allow = 2, Block = 4 }
}
'@
        [IO.File]::Move($part, $enums, $true)
    }
    [void][Reflection.Assembly]::LoadFrom($enums)
}
$profileBits = @{ Domain = 1; Private = 2; Public = 4 }

function Get-NetFirewallProfile {
    [CmdletBinding()]
    param([Parameter(Position = 0)][string[]]$Name = @('Domain', 'Private', 'Public'))
    $ns = 'Microsoft.PowerShell.Cmdletization.GeneratedTypes.NetSecurity'
    $fw = [FakeFirewall.FwPolicy2]::new()
    foreach ($n in $Name) {
        $bit = $profileBits[$n]
        [pscustomobject]@{
            Name = $n
            Enabled = ("$ns.GpoBoolean" -as [type])::"$($fw.FirewallEnabled($bit))"
            DefaultInboundAction = ("$ns.Action" -as [type])::"$(@('Block', 'Allow')[$fw.DefaultInboundAction($bit)])"
            DefaultOutboundAction = ("$ns.Action" -as [type])::"$(@('Block', 'Allow')[$fw.DefaultOutboundAction($bit)])"
        }
    }
}

function Set-NetFirewallProfile {
    [CmdletBinding(SupportsShouldProcess)]
    param([Parameter(Position = 0)][Alias('Profile')][string[]]$Name, [string]$Enabled, [string]$DefaultInboundAction, [string]$DefaultOutboundAction)
    $fw = [FakeFirewall.FwPolicy2]::new()
    foreach ($n in $Name) {
        $bit = $profileBits[$n]
        if (-not $PSCmdlet.ShouldProcess($n)) { continue }
        if ($Enabled) { $fw.FirewallEnabled($bit) = $Enabled -eq 'True' }
        if ($DefaultInboundAction) { $fw.DefaultInboundAction($bit) = [int]($DefaultInboundAction -eq 'Allow') }
        if ($DefaultOutboundAction) { $fw.DefaultOutboundAction($bit) = [int]($DefaultOutboundAction -ne 'Block') }
    }
}

# The rest of a host, from the JSON file that FAKEHOST names: HKLM, services, products, connections, tcp, udp, domain, and CIM classes.
$accelerators = [psobject].Assembly.GetType('System.Management.Automation.TypeAccelerators')
foreach ($pair in @(@('Microsoft.Win32.Registry', [FakeHost.Registry]), @('Net.NetworkInformation.IPGlobalProperties', [FakeHost.Network]))) {
    if (-not $accelerators::Get.ContainsKey($pair[0])) { [void]$accelerators::Add($pair[0], $pair[1]) }
}
function Get-FakeHost { if ($env:FAKEHOST) { ConvertFrom-Json ([IO.File]::ReadAllText($env:FAKEHOST)) -AsHashtable } else { @{} } }
function Get-CimInstance {
    param([string]$ClassName, [string]$Filter)
    if (-not $env:FAKEHOST) { throw "no CIM here" }
    $name = if ($Filter -match "^Name = '(.+)'$") { $Matches[1] }
    foreach ($one in (Get-FakeHost)[$ClassName]) { if ($one -and ($null -eq $name -or $one.Name -eq $name)) { [pscustomobject]$one } }
}
function Get-Service {
    [CmdletBinding()]
    param([string]$Name)
    if (-not $env:FAKEHOST -or $null -eq (Get-FakeHost).services) { throw "no services here" }
    foreach ($one in (Get-FakeHost).services) { [pscustomobject]@{ Name = $one } }
}
function Get-NetTCPConnection {
    [CmdletBinding()]
    param($State)
    foreach ($one in (Get-FakeHost).tcp) { if ($one) { [pscustomobject]$one } }
}
function Get-NetUDPEndpoint {
    [CmdletBinding()]
    param()
    foreach ($one in (Get-FakeHost).udp) { if ($one) { [pscustomobject]$one } }
}
Export-ModuleMember -Function @('Get-CimInstance', 'Get-Service', 'Get-NetTCPConnection', 'Get-NetUDPEndpoint', 'New-Object', 'Get-NetFirewallProfile', 'Set-NetFirewallProfile')
