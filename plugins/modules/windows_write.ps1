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
        expect = @{ type = 'str'; required = $true }
        operations = @{
            type = 'list'; elements = 'dict'; required = $true
            options = @{
                op = @{ type = 'str'; required = $true; choices = 'create', 'change', 'delete', 'disable', 'enable', 'profile' }
                id = @{ type = 'str' }; name = @{ type = 'str' }; rule = @{ type = 'dict' }; stays = @{ type = 'bool'; default = $false }
                profile = @{ type = 'int'; choices = 1, 2, 4 }; value = @{ type = 'int'; choices = 0, 1 }
                setting = @{ type = 'str'; choices = 'FirewallEnabled', 'DefaultInboundAction', 'DefaultOutboundAction', 'BlockAllInboundTraffic' }
            }
            required_if = @(, @('op', 'profile', @('profile', 'setting', 'value')))
        }
    }
    supports_check_mode = $true
}
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$asked = $module.Params; $result = $module.Result
foreach ($k in 'not_undone', 'leftover') { $result[$k] = New-Object -TypeName System.Collections.ArrayList }
$result.done = 0; $result.undone = $null
$undo = New-Object -TypeName System.Collections.ArrayList; $doomed = New-Object -TypeName System.Collections.ArrayList

# A property with an argument can be set only by its literal name.
function Set-FwValue {
    param($Step, [int]$Value)
    $on = $Step.on
    switch ($Step.what) {
        'Add' { [void]$policy.Rules.Add($on) }
        'Enabled' { $on.Enabled = [bool]$Value }
        'FirewallEnabled' { $policy.FirewallEnabled($on) = [bool]$Value }
        'BlockAllInboundTraffic' { $policy.BlockAllInboundTraffic($on) = [bool]$Value }
        'DefaultInboundAction' { $policy.DefaultInboundAction($on) = $Value }
        'DefaultOutboundAction' { $policy.DefaultOutboundAction($on) = $Value }
    }
}

# The way back is put down before the write: one that throws may have been made all the same.
function Invoke-FwStep {
    param([string]$What, $On, $Values, [int]$To, [string]$About, [bool]$Stays)
    $from = [int]$Values[$What]
    if ($from -eq $To) { return }
    $result.changed = $true
    $Values[$What] = $To
    if ($module.CheckMode) { return }
    $step = @{ what = $What; on = $On; from = $from; about = $About; stays = $Stays; sure = $false }
    [void]$undo.Add($step)
    Set-FwValue -Step $step -Value $To
    $step.sure = $true
}

# Remove takes the first rule of a name, so it gets a name of its own, that is still ours. One that was never added is not found.
function Remove-FwRule {
    param($Rule)
    $name = $asked.names + 'doomed-' + [Guid]::NewGuid().ToString('N')
    $Rule.Name = $name
    try { [void]$policy.Rules.Item($name) }
    catch { if ((Get-FwFault -Fault $_) -like '*0x80070002*') { return } }
    [void]$policy.Rules.Remove($name)
}

$about = 'reading the firewall failed'
try {
    $policy = New-Object -ComObject HNetCfg.FwPolicy2
    $result.current_profiles = [int]$policy.CurrentProfileTypes
    $owner = @{ Policy = $policy; Prefix = $asked.prefix; Names = $asked.names }
    $others = @($asked.operations | Where-Object { $_.op -in 'disable', 'enable' })
    $state = Get-FwState @owner -Wanted @($others | ForEach-Object { $_.name })
    $unknown = @($others | Where-Object { -not $_.name -and -not $state.live.ContainsKey([string]$_.id) })
    if ($unknown.Count -gt 0) { $state = Get-FwState @owner -All }
    $result.fingerprint = $state.fingerprint
    $about = 'nothing was changed'
    if ($state.fingerprint -cne $asked.expect) { throw 'the owned rules are not the ones that were read' }
    foreach ($op in $asked.operations) {
        $about = "nothing was changed, since $($op.op) is refused"
        if ($op.op -in 'create', 'change') {
            foreach ($k in @($op.rule.Keys)) { if ((Get-FwProperty) -cnotcontains $k) { throw "unknown property '$k'" } }
            if (-not ([string]$op.rule['Grouping']).StartsWith($asked.prefix, [StringComparison]::Ordinal)) { throw 'Grouping lacks the prefix' }
        }
        if ($op.op -in 'create', 'profile') { continue }
        if (-not $state.live.ContainsKey([string]$op.id)) { throw "no rule has the id $($op.id)" }
        if ($op.op -in 'disable', 'enable') { continue }
        $entry = $state.live[$op.id]
        if (-not $entry.record['owned'] -or $doomed.Contains($entry)) { throw "the rule '$($entry.record['Name'])' is not ours, or named twice" }
        [void]$doomed.Add($entry)
    }
}
catch {
    $module.FailJson("${about}: $(Get-FwFault -Fault $_)", $_)
}

try {
    foreach ($op in $asked.operations) {
        if ($op.op -in 'create', 'change') { Invoke-FwStep -What 'Add' -On (ConvertFrom-FwRecord -Record $op.rule) -Values @{ Add = 0 } -To 1 -About $op.rule['Name'] -Stays $op.stays }
        if ($op.op -eq 'profile') {
            $values = @($state.profiles | Where-Object { $_.profile -eq $op.profile })[0]
            Invoke-FwStep -What $op.setting -On $op.profile -Values $values -To $op.value -About "profile $($op.profile)"
        }
        elseif ($op.op -ne 'create') {
            $values = $state.live[$op.id].record
            Invoke-FwStep -What 'Enabled' -On $state.live[$op.id].rule -Values $values -To ([int]($op.op -eq 'enable')) -About $values['Name']
            if ($op.op -eq 'delete') { $result.changed = $true }
        }
        $result.done++
    }
}
catch {
    $fault = $_
    for ($i = $undo.Count - 1; $i -ge 0; $i--) {
        $step = $undo[$i]
        try {
            if ($step.stays -and $result.not_undone.Count -gt 0) { continue }
            if ($step.what -ceq 'Add') { Remove-FwRule -Rule $step.on; continue }
            if ($step.what -ceq 'Enabled') { $now = $step.on.Enabled }
            else { $now = (Get-FwProfile -Policy $policy -Bit $step.on)[$step.what] }
            if ($step.sure -or [int]$now -ne $step.from) { Set-FwValue -Step $step -Value $step.from }
        }
        catch { [void]$result.not_undone.Add("$($step.what) $($step.about): $(Get-FwFault -Fault $_)") }
    }
    $result.undone = $result.not_undone.Count -eq 0
    $result.changed = $result.not_undone.Count -gt 0
    $doomed.Clear()
}

# Nothing is undone from here on: a rule that cannot be removed stays disabled and is named.
if (-not $module.CheckMode) {
    foreach ($entry in $doomed) {
        try { Remove-FwRule -Rule $entry.rule }
        catch { [void]$result.leftover.Add("$($entry.record['Name']): $(Get-FwFault -Fault $_)") }
    }
    try { $result.fingerprint = (Get-FwState @owner).fingerprint } catch { $result.fingerprint = '' }
}
if ($null -ne $result.undone) { $module.FailJson("operation $($result.done + 1) ($($op.op)) failed: $(Get-FwFault -Fault $fault)", $fault) }
$module.ExitJson()
