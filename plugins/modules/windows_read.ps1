#!powershell
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.WindowsFirewall

$spec = @{
    options = @{
        prefix = @{ type = 'str'; required = $true }; names = @{ type = 'str'; default = '' }; whole = @{ type = 'str'; default = '' }
        services = @{ type = 'list'; elements = 'str'; default = @() }; programs = @{ type = 'list'; elements = 'str'; default = @() }
        domain = @{ type = 'bool'; default = $false }; sockets = @{ type = 'bool'; default = $false }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$asked = $module.Params; $result = $module.Result
foreach ($k in 'rules', 'products', 'services_missing', 'listeners', 'connections', 'sockets') { $result[$k] = New-Object -TypeName System.Collections.ArrayList }

function Get-PlainAddress {
    param($Address)
    foreach ($one in $Address) {
        if ($one -is [Net.IPAddress] -and $one.IsIPv4MappedToIPv6) { $one = $one.MapToIPv4() }
        $one.ToString().Split([char]'%')[0]
    }
}

try {
    $policy = New-Object -ComObject HNetCfg.FwPolicy2
    $state = Get-FwState -Policy $policy -Prefix $asked.prefix -Names $asked.names -All -Brief $asked.whole
    foreach ($entry in $state.entries) { [void]$result.rules.Add($entry.record) }
    $result.unreadable = $state.unreadable; $result.profiles = $state.profiles; $result.fingerprint = $state.fingerprint
    $result.current_profiles = [int]$policy.CurrentProfileTypes; $result.modify_state = [int]$policy.LocalPolicyModifyState
}
catch { $module.FailJson("reading the firewall failed: $(Get-FwFault -Fault $_)", $_) }

# What follows may be missing on an older Windows, and says so by being empty.
$machine = [Microsoft.Win32.Registry]::LocalMachine; $result.policy = @{ group = @{}; mdm = @{} }; $result.policy_rules = @{ group = @(); mdm = @() }
$group = 'SOFTWARE\Policies\Microsoft\WindowsFirewall\'; $mdm = 'SYSTEM\CurrentControlSet\Services\SharedAccess\Parameters\FirewallPolicy\Mdm\'
foreach ($kind in 'group', 'mdm') {
    # StandardProfile is what PrivateProfile was called
    foreach ($name in 'DomainProfile', 'PrivateProfile', 'StandardProfile', 'PublicProfile', 'FirewallRules') {
        try {
            $key = $machine.OpenSubKey($(if ($kind -ceq 'group') { $group } else { $mdm }) + $name); $values = @{}
            if ($null -eq $key) { continue }
            if ($name -ceq 'FirewallRules') { $result.policy_rules[$kind] = @($key.GetValueNames() | ForEach-Object { [string]$key.GetValue($_) }); continue }
            foreach ($k in 'EnableFirewall', 'DefaultInboundAction', 'DefaultOutboundAction', 'DoNotAllowExceptions', 'AllowLocalPolicyMerge') {
                if ($key.GetValue($k) -is [int]) { $values[$k] = $key.GetValue($k) }
            }
            $result.policy[$kind][$name] = $values
        }
        catch { continue }
    }
}
try {
    $products = New-Object -ComObject HNetCfg.FwProducts
    foreach ($product in $products) {
        $kinds = try { @($product.RuleCategories) } catch { @() }
        [void]$result.products.Add(@{ name = [string]$product.DisplayName; categories = @($kinds | Where-Object { $null -ne $_ } | ForEach-Object { [int]$_ }) })
    }
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
# By what operators come in: WinRM's listeners, that of a policy among them, and the sockets of sshd.
try {
    $root = $machine.OpenSubKey('SOFTWARE\Microsoft\Windows\CurrentVersion\WSMAN\Listener')
    foreach ($name in $root.GetSubKeyNames()) {
        $key = $root.OpenSubKey($name); $port = $key.GetValue('Port')
        if ($port -isnot [int]) { $port = if ($name -like '*+HTTPS') { 5986 } else { 5985 } }
        if ($key.GetValue('enabled') -ne 0) { [void]$result.listeners.Add(@('winrm', $port)) }
    }
}
catch { $result.listeners.Clear() }
try {
    $key = $machine.OpenSubKey('SOFTWARE\Policies\Microsoft\Windows\WinRM\Service')
    if ($null -ne $key -and $key.GetValue('AllowAutoConfig') -eq 1) { [void]$result.listeners.Add(@('winrm', 5985)) }
    $sshd = [int](Get-CimInstance -ClassName Win32_Service -Filter "Name = 'sshd'").ProcessId
    $own = @(if ($sshd) { Get-NetTCPConnection -State Listen -ErrorAction SilentlyContinue | Where-Object { $_.OwningProcess -eq $sshd } })
    foreach ($port in ($own | ForEach-Object { [int]$_.LocalPort } | Sort-Object -Unique)) { [void]$result.listeners.Add(@('ssh', $port)) }
}
catch { $sshd = 0 }
try {
    foreach ($connection in [Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().GetActiveTcpConnections()) {
        $local = $connection.LocalEndPoint; $remote = $connection.RemoteEndPoint
        $ends = @(Get-PlainAddress -Address $local.Address, $remote.Address)
        # both alike: the host speaks to itself
        if ($connection.State -ne 'Established' -or $ends[0] -ceq $ends[1]) { continue }
        [void]$result.connections.Add(@($ends[0], $local.Port, $ends[1], $remote.Port))
    }
}
catch { $result.connections.Clear() }
if (-not $asked.domain) { $result.domain = @{} } else {
    $domain = @{ name = ''; member = $null; addresses = @() }
    try { $domain.name = [string][Net.NetworkInformation.IPGlobalProperties]::GetIPGlobalProperties().DomainName } catch { $domain.name = '' }
    try { $domain.member = [bool](Get-CimInstance -ClassName Win32_ComputerSystem).PartOfDomain } catch { $domain.member = $null }
    # an empty name would resolve to the host's own addresses
    try { if ($domain.name -cne '') { $domain.addresses = @(Get-PlainAddress -Address ([Net.Dns]::GetHostAddresses($domain.name)) | Sort-Object -Unique) } }
    catch { $domain.addresses = @() }
    $result.domain = $domain
}
try {
    if ($asked.sockets) {
        $programs = @{}; $services = @{}
        foreach ($process in (Get-CimInstance -ClassName Win32_Process)) { $programs[[int]$process.ProcessId] = [string]$process.ExecutablePath }
        foreach ($service in (Get-CimInstance -ClassName Win32_Service -Filter 'ProcessId > 0')) { $services[[int]$service.ProcessId] += @($service.Name) }
        $sockets = @{ tcp = @(Get-NetTCPConnection -State Listen -ErrorAction SilentlyContinue); udp = @(Get-NetUDPEndpoint -ErrorAction SilentlyContinue) }
        foreach ($protocol in 'tcp', 'udp') {
            foreach ($socket in $sockets[$protocol]) {
                $number = [int]$socket.OwningProcess
                [void]$result.sockets.Add(@{ protocol = $protocol; address = (Get-PlainAddress -Address $socket.LocalAddress); port = [int]$socket.LocalPort
                        pid = $number; program = [string]$programs[$number]; services = @($services[$number] | Where-Object { $_ }) })
            }
        }
    }
}
catch { $result.sockets.Clear() }
$result.format = 2; $result.powershell = $PSVersionTable.PSVersion.ToString(); $result.os = [Environment]::OSVersion.Version.ToString()
$module.ExitJson()
