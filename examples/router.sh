#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Three kernels, two wires: left - router - right.  The router hides left's network behind its
# own address; the last lines show what it has carried.
set -e
cd "$(mktemp -d)"
cat >left.conf <<-END
	interface shmif0 wire1
	address shmif0 10.1.0.1/24
	route default 10.1.0.254
END
cat >router.conf <<-END
	interface shmif0 wire1
	interface shmif1 wire2
	address shmif0 10.1.0.254/24
	address shmif1 10.2.0.254/24
	sysctl net.ipv4.ip_forward=1
END
cat >right.conf <<-END
	interface shmif0 wire2
	address shmif0 10.2.0.1/24
END
for host in left router right; do
	rump_server -f $host.conf unix://$host
done
trap 'for host in left router right; do rump.halt unix://$host; done; rm -r "$PWD"' EXIT
on() {
	host=$1
	shift
	RUMP_SERVER=unix://$PWD/$host rump_hijack "$@"
}

on router nft add table ip nat
on router nft add chain ip nat post '{ type nat hook postrouting priority srcnat; }'
on router nft add rule ip nat post oifname shmif1 counter masquerade
on left ping -c 3 -i 0.2 10.2.0.1
on router nft list chain ip nat post
