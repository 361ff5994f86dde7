# SPDX-License-Identifier: BSD-2-Clause
# Buses: kernels that reach each other through a file.
# timeout: 240

load lib

setup() {
	declare -gA SERVERS=()
	BUS=$T/bus
	limit=30
}

teardown() {
	end_kernels
}

# member NAME INTERFACE-WORDS [ADDRESS]: a server with shmif0 on a bus, up
member() {
	local name=$1 words=$2 address=${3:-}
	printf 'interface shmif0 %s\n' "$words" >"$T/$name.conf"
	start_server -f "$T/$name.conf" || return
	SERVERS[$name]=$RUMP_SERVER
	SERVERS[$name.pid]=$SERVER_PID
	unset RUMP_SERVER
	[ -z "$address" ] || on "$name" ip address add "$address" dev shmif0 nodad
	on "$name" ip link set shmif0 up
}

# on NAME COMMAND...: in that kernel
on() {
	RUMP_SERVER=${SERVERS[$1]} socket=all client "${@:2}"
}

@test "two kernels on a bus reach each other, by IPv4 and IPv6" {
	require ping ip
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	on a ip address add fd00::1/64 dev shmif0 nodad
	on b ip address add fd00::2/64 dev shmif0 nodad
	on a ping -c 3 -i 0.1 -W 5 10.0.0.2
	on b ping -c 3 -i 0.1 -W 5 10.0.0.1
	on a ping -c 3 -i 0.1 -W 5 fd00::2
}
