# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# In the order of writing: Protocol goes before ports and ICMP types, Direction and Action before what depends on them.
$script:Writable = @('Name', 'Grouping', 'Description', 'ApplicationName', 'serviceName', 'Protocol', 'LocalPorts', 'RemotePorts', 'IcmpTypesAndCodes',
    'LocalAddresses', 'RemoteAddresses', 'Direction', 'Action', 'Profiles', 'InterfaceTypes', 'Interfaces', 'EdgeTraversalOptions', 'SecureFlags',
    'LocalAppPackageId', 'LocalUserOwner', 'LocalUserAuthorizedList', 'RemoteUserAuthorizedList', 'RemoteMachineAuthorizedList', 'Enabled')
# A text that was not set is null, and so is what could not be read: of these only the latter, and ports where there may be any.
$script:Kind = @{ Name = 'must'; InterfaceTypes = 'must'; LocalAddresses = 'list'; RemoteAddresses = 'list'; LocalPorts = 'ports'; RemotePorts = 'ports'
    Interfaces = 'array'; Enabled = 'flag' }
foreach ($p in 'Protocol', 'Direction', 'Action', 'Profiles', 'EdgeTraversalOptions', 'SecureFlags') { $script:Kind[$p] = 'number' }
$script:Usual = @{ Protocol = 256; LocalAddresses = '*'; RemoteAddresses = '*'; InterfaceTypes = 'All'; Profiles = 2147483647; EdgeTraversalOptions = 0; SecureFlags = 0 }
$script:Sha = [Security.Cryptography.SHA256]::Create()

function Get-FwProperty { , $script:Writable }

# The innermost message, with the HRESULT where there is one: 0x8013 is .NET's own and says nothing.
function Get-FwFault {
    param($Fault)
    $e = $Fault.Exception; while ($null -ne $e.InnerException) { $e = $e.InnerException }
    $code = '0x{0:X8}' -f $e.HResult
    if ($code -like '0x8013*' -or $e.Message -like "*$code*") { return $e.Message }
    $e.Message + ' (' + $code + ')'
}

function Join-FwText {
    param([string[]]$Text, [char]$By)
    $sorted = [string[]]@($Text); [Array]::Sort($sorted, [StringComparer]::Ordinal)
    [string]::Join([string]$By, $sorted)
}

function Get-FwHash {
    param([string]$Text)
    $bytes = $script:Sha.ComputeHash([Text.Encoding]::UTF8.GetBytes($Text))
    [BitConverter]::ToString($bytes).Replace('-', '').Substring(0, 32).ToLowerInvariant()
}

# A record holds no nulls: an absent text is '', an absent list an empty array. A line has all but Enabled. $Known has what was read before.
function Read-FwRule {
    param($Rule, $Known = @{}, [string[]]$Property = $script:Writable, [bool]$Owned, [bool]$Slim)
    $record = [ordered]@{}; $lacks = @(); $ofWindows = $false
    $parts = foreach ($p in $Property) {
        $v = $null; $kind = $script:Kind[$p]
        # where reading a property of a COM object fails PowerShell gives null, or throws
        if ($Known.ContainsKey($p)) { $v = $Known[$p] } else { try { $v = $Rule.$p } catch { $lacks += $p } }
        $needed = $kind -and $kind -cne 'array' -and ($kind -cne 'ports' -or $record['Protocol'] -in 6, 17)
        if ($null -eq $v -and $needed -and $lacks -cnotcontains $p) { $lacks += $p }
        if ($kind -ceq 'flag') { $record[$p] = [bool]$v; continue }
        # @($null) would be a list of one null
        if ($kind -ceq 'array') { $items = @(); if ($null -ne $v) { $items = @($v) }; $record[$p] = [string[]]$items }
        elseif ($kind -ceq 'number') { $record[$p] = $v = [int]$v }
        elseif ($kind -ceq 'ports') { $record[$p] = $v = ([string]$v).TrimEnd(',') }
        else { $record[$p] = $v = [string]$v }
        # sorted, since the order of addresses is Windows' own; Sort-Object follows the culture
        if ($kind -ceq 'list') { $items = $v.Split([char]',') }
        if ($kind -in 'list', 'array') { $v = Join-FwText -Text $items -By ([char]31) }
        # what Windows itself made is named in the language of who asks, so it counts by its group
        if ($p -ceq 'Grouping') { $ofWindows = $v.StartsWith('@', [StringComparison]::Ordinal); if (-not $ofWindows) { 'Name=' + $record['Name'] } }
        if ($p -ceq 'Name' -or ($ofWindows -and $p -ceq 'Description')) { continue }
        $p + '=' + $v
    }
    $line = [string]::Join([string][char]30, $parts)
    $entry = @{ rule = $Rule; record = $record; grouping = $record['Grouping']; lacks = [string[]]$lacks; line = $line; digest = '' }
    if ($record.Count -eq $script:Writable.Count) { $entry.digest = Get-FwHash -Text $line }
    # of others there may be thousands, so no more is kept than is asked of them
    if (-not $Owned) { $entry.line = ''; $entry.record = Select-FwRecord -Record $record }
    if (-not $Owned -and $Slim) { $entry.record = @{ Name = $record['Name']; Enabled = $record['Enabled'] } }
    $entry.record['owned'] = $Owned; $entry
}

function Get-FwProfile {
    param($Policy, [int]$Bit)
    $one = @{ profile = $Bit; FirewallEnabled = [bool]$Policy.FirewallEnabled($Bit); BlockAllInboundTraffic = [bool]$Policy.BlockAllInboundTraffic($Bit)
        DefaultInboundAction = [int]$Policy.DefaultInboundAction($Bit); DefaultOutboundAction = [int]$Policy.DefaultOutboundAction($Bit) }
    try { $one.ExcludedInterfaces = [string[]]@($Policy.ExcludedInterfaces($Bit) | Where-Object { $_ }) } catch { $one.ExcludedInterfaces = [string[]]@() }
    $one
}

# One enumeration. Of unmanaged rules -All are read, with -Brief those that are off in brief unless a description of this collection has the pattern;
# or those of -Wanted names, with those of Windows in their groups, which may be alike but for their names.
function Get-FwState {
    param($Policy, [string]$Prefix, [string]$Names, [switch]$All, [string]$Brief, [string[]]$Wanted)
    # first, since a call says why the service does not answer, and reading a property gives null
    $profiles = foreach ($bit in 1, 2, 4) { Get-FwProfile -Policy $Policy -Bit $bit }
    $rules = $Policy.Rules; if ($null -eq $rules) { throw 'Windows gives no list of rules' }
    $named = @{}; $groups = @{}; $live = @{}; $counts = @{}; $unreadable = @(); $lines = @()
    foreach ($name in $Wanted) { if ($name) { $named[$name] = $true } }
    $found = New-Object -TypeName System.Collections.ArrayList; $entries = New-Object -TypeName System.Collections.ArrayList
    $first = if ($All) { 'Name', 'Grouping', 'Enabled' } else { 'Name', 'Grouping' }
    foreach ($rule in $rules) {
        $known = @{}
        foreach ($p in $first) { try { $known[$p] = $rule.$p } catch { $known.Remove($p) } }
        $name = [string]$known['Name']; $group = [string]$known['Grouping']
        $mine = $group.StartsWith($Prefix, [StringComparison]::Ordinal) -or ($Names -and $name.StartsWith($Names, [StringComparison]::Ordinal))
        $ofWindows = $group.StartsWith('@', [StringComparison]::Ordinal)
        if ($mine -or $named.ContainsKey($name) -or ($All -and ($known['Enabled'] -or -not $Brief))) {
            [void]$found.Add((Read-FwRule -Rule $rule -Known $known -Owned $mine -Slim (-not $All)))
            if ($ofWindows) { $groups[$group] = $true }
            if ($mine -and $Brief -and $found[-1].record['Description'] -match $Brief) { $Brief = '' }
        }
        elseif ($All -or $ofWindows) { [void]$found.Add(@{ rule = $rule; known = $known }) }
    }
    foreach ($entry in $found) {
        if ($entry.known) {
            $how = @{ Rule = $entry.rule; Known = $entry.known; Slim = -not $All }
            if ($All -and $Brief) { $how.Property = 'Name', 'Grouping', 'Direction', 'Action', 'LocalAppPackageId', 'Enabled' }
            elseif (-not ($All -or $groups.ContainsKey($how.Known['Grouping']))) { continue }
            $entry = Read-FwRule @how
        }
        $record = $entry.record
        $lacking = @{ name = $record['Name']; grouping = $entry.grouping; owned = $record['owned']; properties = $entry.lacks }
        if ($entry.lacks.Count -gt 0) { $unreadable += $lacking; continue }
        if ($record['owned']) { $lines += $entry.line + [string][char]30 + [string]$record['Enabled'] }
        [void]$entries.Add($entry)
    }
    # of rules that are alike the enabled ones come first
    foreach ($on in $true, $false) {
        foreach ($entry in $entries) {
            $id = $entry.digest
            if ($id -ceq '' -or $entry.record['Enabled'] -ne $on) { continue }
            $counts[$id] = 1 + [int]$counts[$id]
            if ($counts[$id] -gt 1) { $id = $id + '#' + [string]$counts[$id] }
            $entry.record['id'] = $id; $live[$id] = $entry
        }
    }
    @{ entries = $entries; live = $live; unreadable = $unreadable; profiles = @($profiles)
        fingerprint = (Get-FwHash -Text (Join-FwText -Text $lines -By ([char]29))) }
}

# A property with an argument can be set only by its literal name.
function Set-FwValue {
    param($Policy, $On, [string]$What, [int]$Value)
    switch ($What) {
        'Add' { [void]$Policy.Rules.Add($On) }
        'Enabled' { $On.Enabled = [bool]$Value }
        'FirewallEnabled' { $Policy.FirewallEnabled($On) = [bool]$Value }
        'BlockAllInboundTraffic' { $Policy.BlockAllInboundTraffic($On) = [bool]$Value }
        'DefaultInboundAction' { $Policy.DefaultInboundAction($On) = $Value }
        'DefaultOutboundAction' { $Policy.DefaultOutboundAction($On) = $Value }
    }
}

# Remove takes the first rule of a name, so it gets a name of its own with the prefix; off before, since it may not be found by that.
# One that was never added is not found either: -Sure says that it was.
function Remove-FwRule {
    param($Policy, $Rule, [string]$Names, [bool]$Sure)
    $name = $Names + 'doomed-' + [Guid]::NewGuid().ToString('N')
    if ($Rule.Enabled) { $Rule.Enabled = $false }
    $Rule.Name = $name
    foreach ($wait in 200, 1000, 0) {
        try { [void]$Policy.Rules.Item($name); [void]$Policy.Rules.Remove($name); return }
        catch { $fault = Get-FwFault -Fault $_ }
        if ($fault -notlike '*0x80070002*') { throw $fault }
        if (-not $Sure) { return }
        Start-Sleep -Milliseconds $wait
    }
    throw "it is off, but does not go: it is not found by its name $name ($fault)"
}

# A rule object not yet in the store; $Record may lack properties, which keep Windows' defaults.
function ConvertFrom-FwRecord {
    param($Record)
    $rule = New-Object -ComObject HNetCfg.FWRule
    foreach ($p in $script:Writable) {
        $v = if ($Record.ContainsKey($p)) { $Record[$p] }
        # an empty text cannot be written to some properties, and is the default of all
        if ($null -eq $v -or ($v -is [string] -and $v -ceq '')) { continue }
        if ($p -ceq 'Enabled') { $rule.Enabled = [bool]$v }
        elseif ($script:Kind[$p] -ceq 'number') { $rule.$p = [int]$v }
        elseif ($p -cne 'Interfaces') { $rule.$p = [string]$v }
        elseif (@($v).Count -gt 0) { $rule.Interfaces = [object[]]@($v) }
    }
    $rule
}

# Without what is usual; in brief what was read so, and of packages what is off.
function Select-FwRecord {
    param($Record)
    $kept = [ordered]@{}; foreach ($p in 'Name', 'Grouping', 'Enabled', 'Direction', 'Action') { $kept[$p] = $Record[$p] }
    $more = $script:Writable
    if (-not $Record['Enabled'] -and ($Record['LocalAppPackageId'] -or -not $Record.Contains('Protocol'))) { $kept['brief'] = $true; $more = 'LocalAppPackageId' }
    # as texts, since the number 0 equals '' in PowerShell
    foreach ($p in $more) { if ([string]$Record[$p] -cne [string]$script:Usual[$p]) { $kept[$p] = $Record[$p] } }
    $kept
}
