# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# What the firewall of this machine says, and how fast. It reads and changes nothing; WindowsFirewall.Tests.ps1 says how to run it.

BeforeAll {
    Import-Module -Name ([IO.Path]::Combine($PSScriptRoot, '..', '..', '..', 'plugins', 'module_utils', 'WindowsFirewall.psm1')) -Force -DisableNameChecking
    $policy = New-Object -ComObject HNetCfg.FwPolicy2
    $how = @{ Policy = $policy; Prefix = 'portbook: '; Names = 'portbook/'; All = $true }
    $watch = [Diagnostics.Stopwatch]::StartNew()
    $state = Get-FwState @how
    $seconds = $watch.Elapsed.TotalSeconds
    $rules = @($state.entries | ForEach-Object { $_.record })
}

Describe 'The firewall of this machine' {
    It 'says' {
        $off = @($rules | Where-Object { -not $_['Enabled'] }); $windows = @($rules | Where-Object { $_['Grouping'].StartsWith('@') })
        $facts = [ordered]@{
            PowerShell = $PSVersionTable.PSVersion.ToString(); Windows = [Environment]::OSVersion.Version.ToString(); Culture = (Get-Culture).Name
            Rules = $rules.Count; Off = $off.Count; 'Of Windows or packages' = $windows.Count; Seconds = [Math]::Round($seconds, 2)
            Unreadable = $state.unreadable.Count
            'Lacking' = (@($state.unreadable | ForEach-Object { $_.properties } | Group-Object | ForEach-Object { "$($_.Name) $($_.Count)" }) -join ', ')
            'Names that are not resolved' = @($rules | Where-Object { $_['Name'].StartsWith('@') }).Count
            'Names that occur twice' = @($rules | Group-Object -Property { $_['Name'] } | Where-Object { $_.Count -gt 1 }).Count
            'Ids that differ by a number only' = @($rules | Where-Object { $_['id'] -like '*#*' }).Count
            'Profiles in use' = [int]$policy.CurrentProfileTypes; 'Modify state' = [int]$policy.LocalPolicyModifyState
        }
        foreach ($name in $facts.Keys) { Write-Host "    ${name}: $($facts[$name])" }
        $rules.Count | Should -BeGreaterThan 0
    }
    It 'gives every property of every rule' { @($state.unreadable | ForEach-Object { "$($_.name): $($_.properties)" }) | Should -BeNullOrEmpty }
    It 'says the same twice' {
        $again = Get-FwState @how
        @($again.live.Keys | Sort-Object) | Should -Be @($state.live.Keys | Sort-Object)
        $again.fingerprint | Should -BeExactly $state.fingerprint
    }
    It 'says of what is off in brief the same as whole' {
        $brief = Get-FwState @how -Brief 'nothing of ours says this'
        @($brief.entries).Count | Should -Be $rules.Count
        @($brief.entries | Where-Object { $_.record['Enabled'] }).Count | Should -Be @($rules | Where-Object { $_['Enabled'] }).Count
    }
    It 'finds a rule by its name' {
        $named = @($rules | Where-Object { $_['Name'] -and -not $_['Name'].StartsWith('@') -and $_['Name'] -notlike '*ms-resource:*' })[0]
        $policy.Rules.Item($named['Name']).Name | Should -BeExactly $named['Name']
    }
    It 'does not find one that is not there, with the number that we expect' {
        $fault = try { $policy.Rules.Item('portbook/nobody has this name') } catch { Get-FwFault -Fault $_ }
        $fault | Should -BeLike '*0x80070002*'
    }
}
