#!powershell
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#AnsibleRequires -CSharpUtil Ansible.Basic
#AnsibleRequires -PowerShell ..module_utils.WindowsFirewall

$spec = @{
    options = @{
        prefix = @{ type = 'str'; required = $true }; names = @{ type = 'str'; default = '' }; unlogged = @{ type = 'bool'; default = $false }
        expect = @{ type = 'str'; required = $true }; expect_profiles = @{ type = 'list'; elements = 'dict'; default = @() }
        operations = @{
            type = 'list'; elements = 'dict'; required = $true
            options = @{
                op = @{ type = 'str'; required = $true; choices = 'create', 'change', 'delete', 'disable', 'enable', 'profile' }
                id = @{ type = 'str' }; name = @{ type = 'str' }; rules = @{ type = 'list'; elements = 'list' }; rule = @{ type = 'dict' }
                stays = @{ type = 'bool'; default = $false }; may_stay = @{ type = 'bool'; default = $false }
                profile = @{ type = 'int'; choices = 1, 2, 4 }; value = @{ type = 'int'; choices = 0, 1 }
                setting = @{ type = 'str'; choices = 'FirewallEnabled', 'DefaultInboundAction', 'DefaultOutboundAction', 'BlockAllInboundTraffic' }
            }
            required_if = @(, @('op', 'profile', @('profile', 'setting', 'value')))
        }
    }
    supports_check_mode = $true
}
# Of the event log only: it takes no more than 31,839 characters, and Ansible needs minutes to put millions in words.
$spec.no_log = [bool][Ansible.Basic.AnsibleModule]::GetParams($args)['unlogged']
$module = [Ansible.Basic.AnsibleModule]::Create($args, $spec)
$asked = $module.Params; $result = $module.Result; $result.done = 0; $result.undone = $null
foreach ($k in 'not_undone', 'leftover', 'stays') { $result[$k] = New-Object -TypeName System.Collections.ArrayList }
# of unmanaged rules thousands are named at once, each time a name and the ids of all that have it
$operations = foreach ($op in $asked.operations) {
    if ($null -eq $op.rules) { $op; continue }
    foreach ($named in $op.rules) {
        for ($i = 1; $i -lt $named.Count; $i++) { @{ op = $op.op; id = $named[$i]; name = $named[0]; may_stay = $op.may_stay } }
    }
}
$undo = New-Object -TypeName System.Collections.ArrayList; $doomed = New-Object -TypeName System.Collections.ArrayList

# The way back is put down before the write: one that throws may have been made all the same.
function Invoke-FwStep {
    param([string]$What, $On, $Values, [int]$To, [string]$About, [bool]$Stays, [bool]$MayStay)
    $from = [int]$Values[$What]
    if ($from -eq $To) { return }
    $result.changed = $true; $Values[$What] = $To
    if ($module.CheckMode) { return }
    $step = @{ what = $What; on = $On; from = $from; about = $About; stays = $Stays; sure = $false }
    [void]$undo.Add($step)
    try { Set-FwValue -Policy $policy -On $On -What $What -Value $To; $step.sure = $true }
    catch {
        # one rule that may not be changed does not stop all the others
        if (-not $MayStay -or (Get-FwFault -Fault $_) -notlike '*0x80070005*' -or [int]$On.$What -ne $from) { throw }
        $undo.RemoveAt($undo.Count - 1)
        [void]$result.stays.Add($About)
    }
}

$about = 'reading the firewall failed'
try {
    $policy = New-Object -ComObject HNetCfg.FwPolicy2
    $result.current_profiles = [int]$policy.CurrentProfileTypes
    $owner = @{ Policy = $policy; Prefix = $asked.prefix; Names = $asked.names }
    $others = @($operations | Where-Object { $_.op -in 'disable', 'enable' })
    $state = Get-FwState @owner -Wanted @($others | ForEach-Object { $_.name })
    if (@($others | Where-Object { -not $_.name -and -not $state.live.ContainsKey([string]$_.id) }).Count -gt 0) { $state = Get-FwState @owner -All }
    $result.fingerprint = $state.fingerprint
    $about = 'nothing was changed'
    if ($state.fingerprint -cne $asked.expect) { throw 'the owned rules are not the ones that were read. Run it again' }
    foreach ($one in $asked.expect_profiles) {
        $now = @($state.profiles | Where-Object { $_.profile -eq $one.profile })[0]; $name = @{ 1 = 'domain'; 2 = 'private'; 4 = 'public' }[$now.profile]
        foreach ($k in @($one.Keys | Where-Object { [int]$now[$_] -ne [int]$one[$_] })) {
            throw "the settings of profile $name are not the ones that were read ($k $([int]$one[$k]), now $([int]$now[$k])). Run it again"
        }
    }
    foreach ($op in $operations) {
        $about = "nothing was changed, since $($op.op) is refused"
        if ($op.op -in 'create', 'change') {
            foreach ($k in @($op.rule.Keys)) { if ((Get-FwProperty) -cnotcontains $k) { throw "unknown property '$k'" } }
            if (-not ([string]$op.rule['Grouping']).StartsWith($asked.prefix, [StringComparison]::Ordinal)) { throw 'Grouping lacks the prefix' }
        }
        if ($op.op -in 'create', 'profile') { continue }
        if (-not $state.live.ContainsKey([string]$op.id)) { throw "no rule has the id $($op.id) any more: '$($op.name)' was changed or removed. Run it again" }
        $entry = $state.live[$op.id]; $name = $entry.record['Name']
        # what somebody else did must not be taken for what this collection did, which is undone one day
        if ($op.op -eq 'disable' -and -not $entry.record['owned'] -and -not $entry.record['Enabled']) { throw "'$name' was disabled by somebody. Run it again" }
        if ($op.op -in 'disable', 'enable') { continue }
        if (-not $entry.record['owned'] -or $doomed.Contains($entry)) { throw "the rule '$name' is not of this collection, or named twice" }
        [void]$doomed.Add($entry)
    }
}
catch { $module.FailJson("${about}: $(Get-FwFault -Fault $_)", $_) }

try {
    foreach ($op in $operations) {
        if ($op.op -in 'create', 'change') {
            $about = $op.rule['Name']
            Invoke-FwStep -What 'Add' -On (ConvertFrom-FwRecord -Record $op.rule) -Values @{ Add = 0 } -To 1 -About $about -Stays $op.stays
        }
        if ($op.op -eq 'profile') {
            $about = "profile $($op.profile)"; $values = @($state.profiles | Where-Object { $_.profile -eq $op.profile })[0]
            Invoke-FwStep -What $op.setting -On $op.profile -Values $values -To $op.value -About $about
        }
        elseif ($op.op -ne 'create') {
            $values = $state.live[$op.id].record; $about = $values['Name']
            Invoke-FwStep -What 'Enabled' -On $state.live[$op.id].rule -Values $values -To ([int]($op.op -eq 'enable')) -About $about -MayStay $op.may_stay
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
            if ($step.what -ceq 'Add') { Remove-FwRule -Policy $policy -Rule $step.on -Names $asked.names -Sure $step.sure; continue }
            $now = if ($step.what -ceq 'Enabled') { $step.on.Enabled } else { (Get-FwProfile -Policy $policy -Bit $step.on)[$step.what] }
            if ($step.sure -or [int]$now -ne $step.from) { Set-FwValue -Policy $policy -On $step.on -What $step.what -Value $step.from }
        }
        catch { [void]$result.not_undone.Add("$($step.what) $($step.about): $(Get-FwFault -Fault $_)") }
    }
    $result.undone = $result.not_undone.Count -eq 0; $result.changed = -not $result.undone; $result.stays.Clear(); $doomed.Clear()
}

# Nothing is undone from here on: a rule that cannot be removed stays disabled and is named.
if (-not $module.CheckMode) {
    foreach ($entry in $doomed) {
        try { Remove-FwRule -Policy $policy -Rule $entry.rule -Names $asked.names -Sure $true }
        catch { [void]$result.leftover.Add("$($entry.record['Name']): $(Get-FwFault -Fault $_)") }
    }
    try { $result.fingerprint = (Get-FwState @owner).fingerprint } catch { $result.fingerprint = '' }
}
if ($null -ne $result.undone) { $module.FailJson("operation $($result.done + 1) ($($op.op) $about) failed: $(Get-FwFault -Fault $fault)", $fault) }
$module.ExitJson()
