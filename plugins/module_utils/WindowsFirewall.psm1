# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# In the order of writing: Protocol goes before ports and ICMP types, Direction and Action before what depends on them.
$script:Writable = @('Name', 'Grouping', 'Description', 'ApplicationName', 'serviceName', 'Protocol', 'LocalPorts', 'RemotePorts', 'IcmpTypesAndCodes',
    'LocalAddresses', 'RemoteAddresses', 'Direction', 'Action', 'Profiles', 'InterfaceTypes', 'Interfaces', 'EdgeTraversalOptions', 'SecureFlags',
    'LocalAppPackageId', 'LocalUserOwner', 'LocalUserAuthorizedList', 'RemoteUserAuthorizedList', 'RemoteMachineAuthorizedList', 'Enabled')
$script:Integer = @('Protocol', 'Direction', 'Action', 'Profiles', 'EdgeTraversalOptions', 'SecureFlags')
$script:Usual = @{ Protocol = 256; LocalAddresses = '*'; RemoteAddresses = '*'; InterfaceTypes = 'All'; Profiles = 2147483647
    EdgeTraversalOptions = 0; SecureFlags = 0 }
$script:Sha = [Security.Cryptography.SHA256]::Create()

function Get-FwProperty { , $script:Writable }

# The innermost message, with the HRESULT where there is one: 0x8013 is .NET's own and says nothing.
function Get-FwFault {
    param($Fault)
    $e = $Fault.Exception
    while ($null -ne $e.InnerException) { $e = $e.InnerException }
    $code = '0x{0:X8}' -f $e.HResult
    if ($code -like '0x8013*' -or $e.Message -like "*$code*") { return $e.Message }
    $e.Message + ' (' + $code + ')'
}

function Get-FwHash {
    param([string[]]$Line)
    $sorted = [string[]]@($Line)
    [Array]::Sort($sorted, [StringComparer]::Ordinal)
    $bytes = $script:Sha.ComputeHash([Text.Encoding]::UTF8.GetBytes([string]::Join([string][char]29, $sorted)))
    [BitConverter]::ToString($bytes).Replace('-', '').Substring(0, 32).ToLowerInvariant()
}

# A record holds no nulls: an absent text is '', an absent list an empty array. A line has all but Enabled.
function Read-FwRule {
    param($Rule, [string]$Name, [string]$Grouping)
    $record = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    $parts = foreach ($p in $script:Writable) {
        if ($p -ceq 'Name') { $v = $Name } elseif ($p -ceq 'Grouping') { $v = $Grouping } else { $v = $Rule.$p }
        # PowerShell gives null where reading a property of a COM object failed
        if ($null -eq $v -and $p -in 'Direction', 'Enabled') { throw "the rule '$Name' cannot be read" }
        # @($null) would be a list of one null
        if ($p -ceq 'Interfaces' -and $null -eq $v) { $record[$p] = [string[]]@() }
        elseif ($p -ceq 'Interfaces') { $record[$p] = [string[]]@($v) }
        elseif ($p -ceq 'Enabled') { $record[$p] = [bool]$v; continue }
        elseif ($script:Integer -ccontains $p) { $record[$p] = [int]$v }
        elseif ($p -clike '*Ports') { $record[$p] = ([string]$v).TrimEnd(',') }
        else { $record[$p] = [string]$v }
        # sorted, since the order of addresses is Windows' own; Sort-Object follows the culture
        $items = [string[]]@($record[$p])
        if ($p -clike '*Addresses') { $items = $items[0].Split([char]',') }
        [Array]::Sort($items, [StringComparer]::Ordinal)
        $p + '=' + [string]::Join([string][char]31, $items)
    }
    $line = [string]::Join([string][char]30, $parts)
    @{ rule = $Rule; record = $record; line = $line; digest = (Get-FwHash -Line $line) }
}

function Get-FwProfile {
    param($Policy, [int]$Bit)
    $one = @{ profile = $Bit }
    $one.FirewallEnabled = [bool]$Policy.FirewallEnabled($Bit)
    $one.DefaultInboundAction = [int]$Policy.DefaultInboundAction($Bit)
    $one.DefaultOutboundAction = [int]$Policy.DefaultOutboundAction($Bit)
    $one.BlockAllInboundTraffic = [bool]$Policy.BlockAllInboundTraffic($Bit)
    try { $one.ExcludedInterfaces = [string[]]@($Policy.ExcludedInterfaces($Bit) | Where-Object { $_ }) } catch { $one.ExcludedInterfaces = [string[]]@() }
    $one
}

# One enumeration. Of a rule that is not ours two properties are read, unless it is -Wanted by its name, or -All are.
function Get-FwState {
    param($Policy, [string]$Prefix, [string]$Names, [switch]$All, [string[]]$Wanted)
    # first, since a call says why the service does not answer, and reading a property gives null
    $profiles = foreach ($bit in 1, 2, 4) { Get-FwProfile -Policy $Policy -Bit $bit }
    $rules = $Policy.Rules
    if ($null -eq $rules) { throw 'Windows gives no list of rules' }
    $entries = New-Object -TypeName System.Collections.ArrayList
    $owned = New-Object -TypeName System.Collections.ArrayList
    foreach ($rule in $rules) {
        $name = [string]$rule.Name; $grouping = [string]$rule.Grouping
        $mine = $grouping.StartsWith($Prefix, [StringComparison]::Ordinal)
        if ($Names -cne '' -and $name.StartsWith($Names, [StringComparison]::Ordinal)) { $mine = $true }
        if (-not ($All -or $mine -or ($Wanted -ccontains $name))) { continue }
        $entry = Read-FwRule -Rule $rule -Name $name -Grouping $grouping
        $entry.record['owned'] = $mine
        if ($mine) { [void]$owned.Add($entry.line + [string][char]30 + [string]$entry.record['Enabled']) }
        [void]$entries.Add($entry)
    }
    $live = @{}; $counts = @{}
    # of rules that are alike the enabled ones come first
    $ordered = @($entries | Where-Object { $_.record['Enabled'] }) + @($entries | Where-Object { -not $_.record['Enabled'] })
    foreach ($entry in $ordered) {
        $id = $entry.digest
        $counts[$id] = 1 + [int]$counts[$id]
        if ($counts[$id] -gt 1) { $id = $id + '#' + [string]$counts[$id] }
        $entry.record['id'] = $id
        $live[$id] = $entry
    }
    @{ entries = $entries; live = $live; profiles = @($profiles); fingerprint = (Get-FwHash -Line ([string[]]$owned)) }
}

# A rule object not yet in the store; $Record may lack properties, which keep Windows' defaults.
function ConvertFrom-FwRecord {
    param($Record)
    $rule = New-Object -ComObject HNetCfg.FWRule
    foreach ($p in $script:Writable) {
        if (-not $Record.ContainsKey($p)) { continue }
        $v = $Record[$p]
        # an empty text cannot be written to some properties, and is the default of all
        if ($null -eq $v -or ($v -is [string] -and $v -ceq '')) { continue }
        if ($p -ceq 'Enabled') { $rule.Enabled = [bool]$v }
        elseif ($script:Integer -ccontains $p) { $rule.$p = [int]$v }
        elseif ($p -cne 'Interfaces') { $rule.$p = [string]$v }
        elseif (@($v).Count -gt 0) { $rule.Interfaces = [object[]]@($v) }
    }
    $rule
}

# Ours whole, others without what is usual, those that are disabled in brief.
function Select-FwRecord {
    param($Record)
    if ($Record['owned']) { return $Record }
    $kept = New-Object -TypeName System.Collections.Specialized.OrderedDictionary
    foreach ($p in 'id', 'owned', 'Name', 'Grouping', 'Enabled', 'Direction', 'Action') { $kept[$p] = $Record[$p] }
    if (-not $Record['Enabled']) { $kept['brief'] = $true; return $kept }
    # as texts, since the number 0 equals '' in PowerShell
    foreach ($p in $script:Writable) { if ([string]$Record[$p] -cne [string]$script:Usual[$p]) { $kept[$p] = $Record[$p] } }
    $kept
}
