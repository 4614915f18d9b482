#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# container.sh up|down NAME: a container's network on a bridge as Docker's, with UTMStack's ports published to it.
set -eu
PATH=$PATH:/usr/sbin:/sbin
note=/run/portbook-lab-container-$2
down() {
    [ ! -e "$note" ] || kill "$(cat "$note")" 2>/dev/null || true
    rm -f "$note"
    nft delete table ip docker-like 2>/dev/null || true
    ip link delete docker0 2>/dev/null || true
}
down
[ "$1" = up ] || exit 0
# In a session of its own: it stays when the terminal that Ansible ran this in goes.
setsid unshare --net sleep 900 </dev/null >/dev/null 2>&1 &
inside=$!
while [ "$(readlink "/proc/$inside/ns/net")" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
echo "$inside" >"$note"
ip link add docker0 type bridge
ip address add 172.31.9.1/24 dev docker0
ip link set docker0 up
ip link add veth-c1 type veth peer name eth0 netns "$inside"
ip link set veth-c1 master docker0 up
nsenter --target "$inside" --net sh -ec '
    ip link set lo up
    ip link set eth0 up
    ip address add 172.31.9.2/24 dev eth0
    ip route add default via 172.31.9.1'
nft -f - <<'RULES'
table ip docker-like {
    chain prerouting {
        type nat hook prerouting priority dstnat; policy accept;
        iifname != "docker0" fib daddr type local tcp dport { 443, 514, 1470, 1514-1516, 2056, 5044, 8089, 9000, 55000 } dnat to 172.31.9.2
        iifname != "docker0" fib daddr type local udp dport { 514, 2055 } dnat to 172.31.9.2
    }
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr 172.31.9.0/24 oifname != "docker0" masquerade
    }
}
RULES
