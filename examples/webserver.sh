#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# A web server with an address of its own, on a network that is a file; as any user.
wire="interface=shmif0 ${1:-/tmp/wire}"
rump_hijack -o "$wire,address=shmif0 10.0.0.1/24" python3 -u -m http.server 80 &
rump_hijack -o "$wire,address=shmif0 10.0.0.2/24" \
	curl -sS --retry 30 --retry-delay 1 --retry-all-errors http://10.0.0.1/
kill $!
