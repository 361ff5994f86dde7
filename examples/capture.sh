#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What has passed on a bus, seen from outside: the file still has it when its members are gone.
bus=$(mktemp -d)/bus
"$(dirname "$0")/webserver.sh" "$bus" >/dev/null 2>&1
shmif_dumpbus "$bus" | tcpdump -Knr - 'tcp port 80 and tcp[tcpflags] & (tcp-syn|tcp-push) != 0'
rm -r "${bus%/*}"
