#!/bin/sh
# lab.sh up|down: the machines of the inventory, an agent and a stranger, as network namespaces of this one (root).
# A machine has a kernel's firewall of its own, and folders of its own, but no systemd.
set -eu
PATH=$PATH:/usr/sbin:/sbin
here=$(cd "$(dirname "$0")" && pwd)
machines="siem-1=192.0.2.10 probe-1=192.0.2.11 agent=192.0.2.70 stranger=192.0.2.200"

for machine in lan $machines; do
    name=${machine%%=*}
    ip netns list | grep -qw "portbook-$name" || continue
    # What still listens in there.
    ip netns pids "portbook-$name" | xargs -r kill
    ip netns delete "portbook-$name"
done
rm -rf "$here/machines"
rmdir /var/lib/portbook 2>/dev/null || true
[ "$1" = up ] || exit 0

mkdir -p /var/lib/portbook
ip netns add portbook-lan
ip -n portbook-lan link add lan type bridge
ip -n portbook-lan link set lan up
for machine in $machines; do
    name=${machine%%=*} space=portbook-${machine%%=*} folder=$here/machines/${machine%%=*}
    ip netns add "$space"
    ip -n portbook-lan link add "$name" type veth peer name eth0 netns "$space"
    ip -n portbook-lan link set "$name" master lan up
    ip -n "$space" link set lo up
    ip -n "$space" link set eth0 up
    ip -n "$space" address add "${machine#*=}/24" dev eth0
    mkdir -p "$folder/run" "$folder/portbook" "$folder/systemd"
    cat >"$folder/enter" <<INSIDE
mount --bind '$folder/portbook' /var/lib/portbook
mount --bind '$folder/systemd' /etc/systemd
mount --bind '$folder/run' /run
exec python3 "\$@"
INSIDE
    # What Ansible starts in here with the same interpreter (async) is in the machine already.
    cat >"$folder/python" <<OUTSIDE
#!/bin/sh
[ "\${INSIDE-}" != '$name' ] || exec python3 "\$@"
INSIDE='$name' exec ip netns exec '$space' sh -e '$folder/enter' "\$@"
OUTSIDE
    chmod +x "$folder/python"
done
