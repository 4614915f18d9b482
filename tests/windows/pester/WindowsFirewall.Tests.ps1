# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The functions of WindowsFirewall.psm1, one at a time, on objects that are made up here: nothing of the machine's own firewall is changed.
# On a real Windows, from a checkout, without a controller:
#   Install-Module -Name Pester -MinimumVersion 5.0 -Scope CurrentUser -Force -SkipPublisherCheck
#   powershell -NoProfile -ExecutionPolicy Bypass -Command "Invoke-Pester -Path tests\windows\pester -Output Detailed"
# What it prints is what we ask for.

BeforeAll {
    Import-Module -Name ([IO.Path]::Combine($PSScriptRoot, '..', '..', '..', 'plugins', 'module_utils', 'WindowsFirewall.psm1')) -Force -DisableNameChecking
    $usual = @{ Name = 'theirs'; Protocol = 6; LocalPorts = '80'; RemotePorts = '*'; LocalAddresses = '*'; RemoteAddresses = '*'; Direction = 1
        Action = 1; Profiles = 2147483647; InterfaceTypes = 'All'; EdgeTraversalOptions = 0; SecureFlags = 0; Enabled = $true }

    # A rule as COM gives it: what was not set is null, and what fails throws.
    function New-Rule {
        param([hashtable]$With = @{}, [string[]]$Failing = @())
        $rule = New-Object -TypeName PSObject
        foreach ($p in (Get-FwProperty)) {
            $v = if ($With.ContainsKey($p)) { $With[$p] } else { $usual[$p] }
            if ($Failing -contains $p) { Add-Member -InputObject $rule -MemberType ScriptProperty -Name $p -Value { throw 'The RPC server is unavailable.' } }
            else { Add-Member -InputObject $rule -MemberType NoteProperty -Name $p -Value $v }
        }
        $rule
    }
    # A list that finds what is in -There by its name, and keeps count of what it was told.
    function New-Policy {
        param($Rules = @(), [int]$Fault = -2147024894, [switch]$Blind)
        $list = New-Object -TypeName PSObject -Property @{ told = (New-Object -TypeName System.Collections.ArrayList); all = $Rules; fault = $Fault; blind = [bool]$Blind }
        Add-Member -InputObject $list -MemberType ScriptMethod -Name Add -Value { param($rule) [void]$this.told.Add("Add $($rule.Name)") }
        Add-Member -InputObject $list -MemberType ScriptMethod -Name Remove -Value { param($name) [void]$this.told.Add("Remove $name") }
        Add-Member -InputObject $list -MemberType ScriptMethod -Name Item -Value {
            param($name)
            $one = @($this.all | Where-Object { $_.Name -eq $name })
            if ($one.Count -eq 0 -or $this.blind) { throw (New-Object -TypeName System.Runtime.InteropServices.COMException -ArgumentList 'Not that.', $this.fault) }
            $one[0]
        }
        $policy = New-Object -TypeName PSObject -Property @{ Rules = $list }
        foreach ($name in 'FirewallEnabled', 'BlockAllInboundTraffic') { Add-Member -InputObject $policy -MemberType ScriptMethod -Name $name -Value { param($bit) $bit -eq 4 } }
        foreach ($name in 'DefaultInboundAction', 'DefaultOutboundAction') { Add-Member -InputObject $policy -MemberType ScriptMethod -Name $name -Value { param($bit) 1 } }
        $policy
    }
    function Get-State {
        param($Rules, [hashtable]$How = @{ All = $true })
        $policy = New-Policy
        $policy.Rules = $Rules
        Get-FwState -Policy $policy -Prefix 'portbook: ' -Names 'portbook/' @How
    }
    function Get-Digest {
        param([hashtable]$With = @{})
        (Read-FwRule -Rule (New-Rule -With $With)).digest
    }
}

Describe 'Read-FwRule' {
    It 'misses <p> where COM gives null' -ForEach @(
        @{ p = 'Name' }, @{ p = 'Protocol' }, @{ p = 'LocalPorts' }, @{ p = 'RemotePorts' }, @{ p = 'LocalAddresses' }, @{ p = 'RemoteAddresses' }, @{ p = 'Direction' },
        @{ p = 'Action' }, @{ p = 'Profiles' }, @{ p = 'InterfaceTypes' }, @{ p = 'EdgeTraversalOptions' }, @{ p = 'SecureFlags' }, @{ p = 'Enabled' }
    ) {
        (Read-FwRule -Rule (New-Rule -With @{ $p = $null })).lacks | Should -Be @($p)
    }
    It 'misses <p> where reading it fails' -ForEach @(@{ p = 'Name' }, @{ p = 'Action' }, @{ p = 'RemoteAddresses' }) {
        (Read-FwRule -Rule (New-Rule -Failing $p)).lacks | Should -Be @($p)
    }
    It 'names all that it misses, in their order' {
        (Read-FwRule -Rule (New-Rule -With @{ Enabled = $null; Action = $null } -Failing 'Protocol')).lacks | Should -Be @('Protocol', 'Action', 'Enabled')
    }
    It 'misses no ports where the protocol has none' {
        (Read-FwRule -Rule (New-Rule -With @{ Protocol = 1; LocalPorts = $null; RemotePorts = $null })).lacks.Count | Should -Be 0
    }
    It 'gives a text for a text that was not set, and an empty list for no interfaces' {
        $entry = Read-FwRule -Rule (New-Rule) -Owned $true
        $entry.lacks.Count | Should -Be 0
        $entry.record['Description'] | Should -BeExactly ''
        , $entry.record['Interfaces'] | Should -BeOfType [string[]]
        $entry.record['Interfaces'].Count | Should -Be 0
    }
    It 'keeps a single interface a list' {
        $interfaces = (Read-FwRule -Rule (New-Rule -With @{ Interfaces = @('Ethernet') }) -Owned $true).record['Interfaces']
        , $interfaces | Should -BeOfType [string[]]
        $interfaces.Count | Should -Be 1
    }
    It 'drops the comma after a lone port keyword' {
        (Read-FwRule -Rule (New-Rule -With @{ LocalPorts = 'RPC,' })).record['LocalPorts'] | Should -BeExactly 'RPC'
    }
    It 'knows a rule whatever the order of its addresses and whether it is enabled' {
        Get-Digest -With @{ RemoteAddresses = '10.0.0.2,10.0.0.1'; Enabled = $false } | Should -Be (Get-Digest -With @{ RemoteAddresses = '10.0.0.1,10.0.0.2' })
    }
    It 'knows another rule by <p>' -ForEach @(@{ p = 'Name' }, @{ p = 'Description' }, @{ p = 'serviceName' }, @{ p = 'LocalAppPackageId' }) {
        Get-Digest -With @{ $p = 'another' } | Should -Not -Be (Get-Digest)
    }
    It 'knows what Windows made in any language' {
        $german = @{ Name = 'Remotedesktop'; Description = 'Eingehende Regel'; Grouping = '@FirewallAPI.dll,-28752' }
        Get-Digest -With $german | Should -Be (Get-Digest -With @{ Name = 'Remote Desktop'; Description = 'Inbound rule'; Grouping = '@FirewallAPI.dll,-28752' })
    }
    It 'gives the id that every version of PowerShell gives' {
        $text = 'Fu' + [char]0xDF + ' ' + [char]0x20AC
        Get-Digest -With @{ Description = $text; RemoteAddresses = 'LocalSubnet,10.0.0.0/255.0.0.0' } | Should -BeExactly 'c2cafbd940a2e69dc99357b30c361d0b'
    }
    It 'reads no more than it is asked for' {
        $entry = Read-FwRule -Rule (New-Rule -Failing 'Protocol', 'Action') -Property 'Name', 'Grouping', 'Enabled'
        $entry.lacks.Count | Should -Be 0
        $entry.digest | Should -BeExactly ''
    }
}

Describe 'Join-FwText' {
    It 'sorts as bytes and not as a language does' { Join-FwText -Text 'b', 'A', 'a', 'B' -By ([char]44) | Should -BeExactly 'A,B,a,b' }
}

Describe 'Get-FwFault' {
    It 'gives the innermost message with its number' {
        $inner = New-Object -TypeName System.Runtime.InteropServices.COMException -ArgumentList 'No such rule.', -2147024894
        $fault = try { throw (New-Object -TypeName System.Exception -ArgumentList 'outer', $inner) } catch { $_ }
        Get-FwFault -Fault $fault | Should -BeExactly 'No such rule. (0x80070002)'
    }
    It 'leaves out numbers of .NET, which say nothing' {
        $fault = try { throw 'plain' } catch { $_ }
        Get-FwFault -Fault $fault | Should -BeExactly 'plain'
    }
}

Describe 'Get-FwState' {
    It 'owns rules by their group and by their name' {
        $state = Get-State -Rules @((New-Rule), (New-Rule -With @{ Grouping = 'portbook: a' }), (New-Rule -With @{ Name = 'portbook/b' }))
        @($state.entries | ForEach-Object { $_.record['owned'] }) | Should -Be @($false, $true, $true)
    }
    It 'tells rules that are alike apart, the enabled ones first' {
        $state = Get-State -Rules @((New-Rule -With @{ Enabled = $false }), (New-Rule))
        $state.entries[0].record['id'] | Should -BeExactly ($state.entries[1].record['id'] + '#2')
    }
    It 'has one fingerprint of our rules, whatever their order and whatever rules others have' {
        $one = New-Rule -With @{ Grouping = 'portbook: a' }; $other = New-Rule -With @{ Grouping = 'portbook: b' }
        (Get-State -Rules @($one, $other)).fingerprint | Should -Be (Get-State -Rules @((New-Rule), $other, $one)).fingerprint
    }
    It 'has another fingerprint where one of ours was switched off' {
        $off = New-Rule -With @{ Grouping = 'portbook: a'; Enabled = $false }
        (Get-State -Rules @($off)).fingerprint | Should -Not -Be (Get-State -Rules @(New-Rule -With @{ Grouping = 'portbook: a' })).fingerprint
    }
    It 'reads five properties and the package of what is off' {
        $state = Get-State -Rules @(New-Rule -With @{ Enabled = $false } -Failing 'Protocol', 'Description') -How @{ All = $true; Brief = 'known' }
        $state.entries.Count | Should -Be 1
        $state.entries[0].record.Contains('id') | Should -BeFalse
    }
    It 'reads it whole where a description of ours asks for that' {
        $known = New-Rule -With @{ Grouping = 'portbook: memory'; Description = 'it is known' }
        $state = Get-State -Rules @((New-Rule -With @{ Enabled = $false }), $known) -How @{ All = $true; Brief = 'known' }
        $state.live.Count | Should -Be 2
    }
    It 'lists what cannot be read beside the rules, and goes on' {
        $state = Get-State -Rules @((New-Rule -With @{ Name = 'bad'; Action = $null; Grouping = 'g' }), (New-Rule))
        $state.entries.Count | Should -Be 1
        $state.unreadable.Count | Should -Be 1
        $state.unreadable[0].name | Should -BeExactly 'bad'
        $state.unreadable[0].grouping | Should -BeExactly 'g'
        $state.unreadable[0].owned | Should -BeFalse
    }
    It 'reads of others those that are wanted by name only' {
        $state = Get-State -Rules @((New-Rule -With @{ Name = 'wanted' }), (New-Rule -Failing 'Protocol')) -How @{ Wanted = @('wanted') }
        @($state.entries | ForEach-Object { $_.record['Name'] }) | Should -Be @('wanted')
    }
    It 'tells rules of Windows that only names tell apart as one that reads all of them' {
        $rules = @('one', 'two') | ForEach-Object { New-Rule -With @{ Name = $_; Grouping = '@FirewallAPI.dll,-1' } }
        $id = (Get-State -Rules $rules).entries[1].record['id']
        (Get-State -Rules $rules -How @{ Wanted = @('two') }).live[$id].record['Name'] | Should -BeExactly 'two'
    }
    It 'says so where Windows gives no list' { { Get-State -Rules $null } | Should -Throw -ExpectedMessage 'Windows gives no list of rules' }
    It 'reads three profiles, and no excluded interfaces where there is no such thing' {
        $state = Get-State -Rules @()
        @($state.profiles | ForEach-Object { $_.profile }) | Should -Be @(1, 2, 4)
        @($state.profiles | ForEach-Object { $_.FirewallEnabled }) | Should -Be @($false, $false, $true)
        $state.profiles[0].ExcludedInterfaces.Count | Should -Be 0
    }
}

Describe 'Select-FwRecord' {
    It 'leaves out of the rules of others what is usual' {
        $kept = (Get-State -Rules @(New-Rule)).entries[0].record
        @($kept.Keys) -join ' ' | Should -BeExactly 'Name Grouping Enabled Direction Action Protocol LocalPorts RemotePorts owned id'
    }
    It 'tells the package of what is off, and nothing more' {
        $off = New-Rule -With @{ Enabled = $false; LocalAppPackageId = 'S-1-15-2-1' }
        $kept = (Get-State -Rules @($off)).entries[0].record
        @($kept.Keys) -join ' ' | Should -BeExactly 'Name Grouping Enabled Direction Action brief LocalAppPackageId owned id'
    }
}

Describe 'ConvertFrom-FwRecord' {
    # a rule that is never added to the firewall, so it may be Windows' own object
    It 'makes a rule with what the record has, and leaves the rest to Windows' {
        $rule = ConvertFrom-FwRecord -Record @{ Name = 'web'; Grouping = 'portbook: a'; Description = ''; Protocol = 6; LocalPorts = '80'; Interfaces = @(); Enabled = $true }
        $rule.Name | Should -BeExactly 'web'
        $rule.LocalPorts | Should -BeExactly '80'
        $rule.Enabled | Should -BeTrue
        $rule.RemoteAddresses | Should -BeExactly '*'
        [int]$rule.Profiles | Should -Be 2147483647
    }
}

Describe 'Set-FwValue' {
    It 'switches a rule off and on' {
        $rule = New-Rule
        Set-FwValue -Policy $null -On $rule -What Enabled -Value 0
        $rule.Enabled | Should -BeFalse
        Set-FwValue -Policy $null -On $rule -What Enabled -Value 1
        $rule.Enabled | Should -BeTrue
    }
    It 'adds a rule' {
        $policy = New-Policy
        Set-FwValue -Policy $policy -On (New-Rule) -What Add -Value 1
        $policy.Rules.told | Should -Be @('Add theirs')
    }
}

Describe 'Remove-FwRule' {
    BeforeAll { Mock -ModuleName WindowsFirewall -CommandName Start-Sleep -MockWith { $null } }
    It 'switches it off, and removes it by a name that no other has' {
        $rule = New-Rule; $policy = New-Policy -Rules @($rule)
        Remove-FwRule -Policy $policy -Rule $rule -Names 'portbook/' -Sure $true
        $rule.Enabled | Should -BeFalse
        $rule.Name | Should -Match '^portbook/doomed-[0-9a-f]{32}$'
        $policy.Rules.told | Should -Be @("Remove $($rule.Name)")
    }
    It 'leaves one alone that was never added' {
        $rule = New-Rule; $policy = New-Policy
        Remove-FwRule -Policy $policy -Rule $rule -Names 'portbook/' -Sure $false
        $policy.Rules.told.Count | Should -Be 0
    }
    It 'looks again for one that has to be there, and says that it is off and stays' {
        $rule = New-Rule; $policy = New-Policy -Rules @($rule) -Blind
        { Remove-FwRule -Policy $policy -Rule $rule -Names 'portbook/' -Sure $true } | Should -Throw -ExpectedMessage 'it is off, but does not go*0x80070002*'
        $rule.Enabled | Should -BeFalse
        Should -Invoke -ModuleName WindowsFirewall -CommandName Start-Sleep -Times 3 -Exactly
    }
    It 'passes on what else is the matter' {
        $rule = New-Rule; $policy = New-Policy -Fault -2147024891
        { Remove-FwRule -Policy $policy -Rule $rule -Names 'portbook/' -Sure $true } | Should -Throw -ExpectedMessage '*0x80070005*'
    }
}
