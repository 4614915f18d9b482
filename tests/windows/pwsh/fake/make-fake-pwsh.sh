#!/bin/sh
# Copyright (c) 2026, the portbook.firewall authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Makes a PowerShell home in which every runspace of every process sees the fake firewall.
#   PWSH_HOME=... FAKE_PWSH_HOME=... [EVENTLOG_DLL=...] ./make-fake-pwsh.sh
# The copy is made of hard links; only the manifest of Microsoft.PowerShell.Utility is new: it
# loads FakeFirewall.psm1 as a nested module, so New-Object is a function (which wins over the
# cmdlet) wherever that module is loaded. EVENTLOG_DLL: System.Diagnostics.EventLog.dll, where
# the PowerShell at hand lacks it (the official builds have it; Ansible.Basic needs it).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${PWSH_HOME:?}" "${FAKE_PWSH_HOME:?}"
rm -rf "$FAKE_PWSH_HOME"
cp -al "$PWSH_HOME" "$FAKE_PWSH_HOME" 2>/dev/null || cp -a "$PWSH_HOME" "$FAKE_PWSH_HOME"
mkdir -p "$FAKE_PWSH_HOME/fakefw"
if [ -n "${EVENTLOG_DLL:-}" ]; then cp "$EVENTLOG_DLL" "$FAKE_PWSH_HOME/"; fi
cp "$here/FakeFirewall.psm1" "$here/FakeFirewall.cs" "$FAKE_PWSH_HOME/fakefw/"

# compile once, before the patched manifest is in force
FAKEFW_CACHE="$FAKE_PWSH_HOME/fakefw" NO_COLOR=1 TERM=dumb "$FAKE_PWSH_HOME/pwsh" -NoProfile -NonInteractive \
    -Command "Import-Module '$FAKE_PWSH_HOME/fakefw/FakeFirewall.psm1'"

psd1="$FAKE_PWSH_HOME/Modules/Microsoft.PowerShell.Utility/Microsoft.PowerShell.Utility.psd1"
sed -e "s|^FunctionsToExport = .*|FunctionsToExport = @('New-Object', 'Get-NetFirewallProfile', 'Set-NetFirewallProfile')|" \
    -e "s|^NestedModules = @(\(.*\))|NestedModules = @(\1, '$FAKE_PWSH_HOME/fakefw/FakeFirewall.psm1')|" "$psd1" > "$psd1.new"
rm "$psd1"; mv "$psd1.new" "$psd1"
grep -q fakefw/FakeFirewall.psm1 "$psd1" && grep -q "'New-Object', 'Get-Net" "$psd1"

# The interpreter to name in ansible_pwsh_interpreter. It lies in the same directory as pwsh:
# Ansible starts a second process when the directories differ.
cat > "$FAKE_PWSH_HOME/fakepwsh" <<'EOS'
#!/bin/sh
home=$(dirname "$0")
NO_COLOR=1 TERM=dumb POWERSHELL_TELEMETRY_OPTOUT=1 FAKEFW_CACHE=$home/fakefw exec "$home/pwsh" "$@"
EOS
chmod +x "$FAKE_PWSH_HOME/fakepwsh"
echo "$FAKE_PWSH_HOME/fakepwsh"
