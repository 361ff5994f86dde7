#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Two hosts on one wire: two servers and a file.  Programs choose their host by RUMP_SERVER.
set -e
cd "$(mktemp -d)"
for n in 1 2; do
	cat >host$n.conf <<-END
		hostname host$n
		interface shmif0 wire
		address shmif0 10.0.0.$n/24
		host 10.0.0.1 host1
		host 10.0.0.2 host2
	END
	rump_server -f host$n.conf unix://host$n
done
trap 'rump.halt unix://host1; rump.halt unix://host2; rm -r "$PWD"' EXIT

export RUMP_SERVER
RUMP_SERVER=unix://$PWD/host1 rump_hijack ping -c 2 -i 0.2 host2
RUMP_SERVER=unix://$PWD/host2 rump_hijack ip neighbour
