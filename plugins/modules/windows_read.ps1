#!powershell
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.WindowsFirewall

$spec = @{
    options = @{
        prefix = @{ type = 'str'; required = $true }
        names = @{ type = 'str'; default = '' }
        services = @{ type = 'list'; elements = 'str'; default = @() }
        programs = @{ type = 'list'; elements = 'str'; default = @() }
        ports = @{ type = 'list'; elements = 'int'; default = @() }
        domain = @{ type = 'bool'; default = $false }
        sockets = @{ type = 'bool'; default = $false }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$asked = $module.Params; $result = $module.Result
$result.format = 1
foreach ($k in 'rules', 'policy_rules', 'products', 'services_missing', 'connections', 'sockets') { $result[$k] = New-Object -TypeName System.Collections.ArrayList }

function Get-PlainAddress {
    param($Address)
    $plain = New-Object -TypeName System.Collections.ArrayList
    foreach ($one in $Address) {
        if ($one -is [Net.IPAddress] -and $one.IsIPv4MappedToIPv6) { $one = $one.MapToIPv4() }
        $text = $one.ToString().Split([char]'%')[0]
        if (-not $plain.Contains($text)) { [void]$plain.Add($text) }
    }
    , $plain
}

try {
    $policy = New-Object -ComObject HNetCfg.FwPolicy2
    $state = Get-FwState -Policy $policy -Prefix $asked.prefix -Names $asked.names -All
    foreach ($entry in $state.entries) { [void]$result.rules.Add((Select-FwRecord -Record $entry.record)) }
    $result.profiles = $state.profiles
    $result.fingerprint = $state.fingerprint
    $result.current_profiles = [int]$policy.CurrentProfileTypes
    $result.modify_state = [int]$policy.LocalPolicyModifyState
}
catch {
    $module.FailJson("reading the firewall failed: $(Get-FwFault -Fault $_)", $_)
}

# What follows may be missing on an older Windows, and says so by being empty.
$result.policy = @{}
try {
    $root = [Microsoft.Win32.Registry]::LocalMachine.OpenSubKey('SOFTWARE\Policies\Microsoft\WindowsFirewall')
    # no policy at all is no root, which throws
    foreach ($name in 'DomainProfile', 'StandardProfile', 'PublicProfile', 'FirewallRules') {
        $key = $root.OpenSubKey($name)
        if ($null -eq $key) { continue }
        if ($name -ceq 'FirewallRules') {
            foreach ($k in $key.GetValueNames()) { [void]$result.policy_rules.Add([string]$key.GetValue($k)) }
            continue
        }
        $values = @{}
        foreach ($k in 'EnableFirewall', 'DefaultInboundAction', 'DefaultOutboundAction', 'DoNotAllowExceptions', 'AllowLocalPolicyMerge') {
            if ($key.GetValue($k) -is [int]) { $values[$k] = $key.GetValue($k) }
        }
        $result.policy[$name] = $values
    }
}
catch { $result.policy = @{}; $result.policy_rules.Clear() }
try {
    $products = New-Object -ComObject HNetCfg.FwProducts
    foreach ($product in $products) { [void]$result.products.Add([string]$product.DisplayName) }
}
catch { $result.products.Clear() }
try {
    if ($asked.services.Count -gt 0) { $there = @(Get-Service -ErrorAction SilentlyContinue | ForEach-Object { $_.Name }) }
    foreach ($name in $asked.services) { if ($there -notcontains $name) { [void]$result.services_missing.Add($name) } }
}
catch { $result.services_missing = $null }
# not a hashtable, which would take two paths that differ in case for one
$result.programs = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
foreach ($program in $asked.programs) {
    $path = [Environment]::ExpandEnvironmentVariables($program)
    $result.programs[$program] = @{ path = $path; exists = [IO.File]::Exists($path) }
}
$result.ssh_connection = [string][Environment]::GetEnvironmentVariable('SSH_CONNECTION')
try {
    $seen = @{}
    foreach ($connection in [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpConnections()) {
        $port = $connection.LocalEndPoint.Port
        if ($connection.State -ne 'Established' -or $asked.ports -notcontains $port) { continue }
        $pair = @($port, (Get-PlainAddress -Address $connection.RemoteEndPoint.Address)[0])
        if (-not $seen.ContainsKey("$pair")) { [void]$result.connections.Add($pair) }
        $seen["$pair"] = $true
    }
}
catch { $result.connections.Clear() }
if (-not $asked.domain) { $result.domain = @{} } else {
    $domain = @{ name = ''; member = $null; addresses = @() }
    try { $domain.name = [string][Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().DomainName } catch { $domain.name = '' }
    try { $domain.member = [bool](Get-CimInstance -ClassName Win32_ComputerSystem).PartOfDomain } catch { $domain.member = $null }
    # an empty name would resolve to the host's own addresses
    try { if ($domain.name -cne '') { $domain.addresses = Get-PlainAddress -Address ([Net.Dns]::GetHostAddresses($domain.name)) } } catch { $domain.addresses = @() }
    $result.domain = $domain
}
try {
    if ($asked.sockets) {
        $programs = @{}
        foreach ($process in (Get-CimInstance -ClassName Win32_Process)) { $programs[[int]$process.ProcessId] = [string]$process.ExecutablePath }
        $services = @{}
        foreach ($service in (Get-CimInstance -ClassName Win32_Service -Filter 'ProcessId > 0')) { $services[[int]$service.ProcessId] += @($service.Name) }
        $sockets = @{ tcp = @(Get-NetTCPConnection -State Listen -ErrorAction SilentlyContinue); udp = @(Get-NetUDPEndpoint -ErrorAction SilentlyContinue) }
        foreach ($protocol in 'tcp', 'udp') {
            foreach ($socket in $sockets[$protocol]) {
                $number = [int]$socket.OwningProcess
                $one = @{ protocol = $protocol; address = (Get-PlainAddress -Address $socket.LocalAddress)[0]; port = [int]$socket.LocalPort }
                $one += @{ pid = $number; program = [string]$programs[$number]; services = @($services[$number] | Where-Object { $_ }) }
                [void]$result.sockets.Add($one)
            }
        }
    }
}
catch { $result.sockets.Clear() }
$result.powershell = $PSVersionTable.PSVersion.ToString(); $result.os = [Environment]::OSVersion.Version.ToString()
$module.ExitJson()
