# SPDX-License-Identifier: BSD-2-Clause
# Buses: kernels that reach each other through a file.

load lib
load programs

setup_file() {
	build_program shmif_hostile shmif_hostile.c
}

setup() {
	declare -gA SERVERS=()
	BUS=$T/bus
	limit=120
}

teardown() {
	[ -z "${STOPPED:-}" ] || kill -CONT "$STOPPED" || :
	end_kernels
}

# ---- kernels on a bus ----

# member NAME INTERFACE-WORDS [ADDRESS]: a server with shmif0 on a bus, up
member() {
	local name=$1 words=$2 address=${3:-}
	printf 'interface shmif0 %s\n' "$words" >"$T/$name.conf"
	start_server -f "$T/$name.conf" || return
	SERVERS[$name]=$RUMP_SERVER
	SERVERS[$name.pid]=$SERVER_PID
	SERVERS[$name.log]=$SERVER_LOG
	unset RUMP_SERVER
	[ -z "$address" ] || on "$name" ip address add "$address" dev shmif0
	on "$name" ip link set shmif0 up
}

# on NAME COMMAND...: in that kernel
on() {
	RUMP_SERVER=${SERVERS[$1]} socket=all client "${@:2}"
}

# reaches NAME ADDRESS: in a moment, if not at once
reaches() {
	# by any of its questions: a bus may lose one
	on "$1" ping -q -c 1 -w "${3:-20}" "$2" >/dev/null
}

# count NAME COUNTER: one of ethtool's
count() {
	on "$1" ethtool -S shmif0 | awk -v name="$2:" '$1 == name { print $2 }'
}

# carry FROM TO ADDRESS MIB: a stream arrives as it was sent
carry() {
	local port=$((20000 + RANDOM % 20000)) server listen=TCP4-LISTEN
	[[ $3 != *:* ]] || listen=TCP6-LISTEN
	head -c "${4}M" /dev/urandom >"$T/sent"
	on "$2" socat -u "$listen:$port,bind=$3" - >"$T/arrived" 3>&- &
	server=$!
	wait_until 20 listens "$2" "$port"
	on "$1" socat -u - "TCP:$3:$port" <"$T/sent"
	wait "$server"
	cmp "$T/sent" "$T/arrived"
}

listens() {
	on "$1" ss -Hltn "sport = :$2" | grep -q .
}

dump() {
	timeout -k 5 "$limit" "$RUMP_LIBRARIES/shmif_dumpbus" "$@"
}

pcapin() {
	timeout -k 5 "$limit" "$RUMP_LIBRARIES/shmif_pcapin" "$@"
}

hostile() {
	timeout -k 5 "$limit" "$PROGRAMS/shmif_hostile" "$@"
}

# ---- traffic ----

@test "two kernels on a bus reach each other, by IPv4 and IPv6, with whole segments" {
	require ping ip socat ethtool tcpdump
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	on a ip address add fd00::1/64 dev shmif0 nodad
	on b ip address add fd00::2/64 dev shmif0 nodad
	on a ping -c 3 -i 0.1 -W 5 10.0.0.2
	on a ping -c 3 -i 0.1 -W 5 fd00::2
	carry a b 10.0.0.2 24
	carry b a '[fd00::1]' 24
	[ "$(count a rx_bad_frames)" = 0 ]
	[ "$(count b rx_bad_frames)" = 0 ]
	[ "$(count b rx_lapped)" = 0 ]
	dump "$BUS" >"$T/capture" 2>"$T/told"
	cat "$T/told"
	grep -Eq ' [1-9][0-9]* are whole segments' "$T/told"
	tcpdump -K -n -r "$T/capture" 2>/dev/null | grep -Eq 'length ([2-9][0-9]{3}|[0-9]{5})$'
}

@test "real: frames of the MTU with whole checksums; mtu=, mac=" {
	require ping ip socat tcpdump
	member a "$BUS real mtu=1400" 10.0.0.1/24
	member b "$BUS mac=02:00:00:00:00:0b mtu=1400" 10.0.0.2/24
	on b ip link show shmif0 | grep -q 'link/ether 02:00:00:00:00:0b'
	on b ip link show shmif0 | grep -q 'mtu 1400'
	carry b a 10.0.0.1 4
	carry a b 10.0.0.2 4
	dump "$BUS" >"$T/capture" 2>"$T/told"
	cat "$T/told"
	grep -q 'of which 0 are whole segments and 0 have no checksum yet' "$T/told"
	tcpdump -n -vv -r "$T/capture" tcp 2>/dev/null >"$T/text"
	grep -q 'cksum.*(correct)' "$T/text"
	! grep -q incorrect "$T/text" || false
	# of the IP packets
	sed -nE 's/.* length ([0-9]+)\)$/\1/p' "$T/text" | sort -n | tail -n 1 >"$T/longest"
	[ "$(<"$T/longest")" = 1400 ]
}

@test "VLANs, broadcast and multicast" {
	require ping ip socat
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	for name in a b; do
		on "$name" ip link add link shmif0 name shmif0.7 type vlan id 7 || skip_or_fail "VLANs"
		on "$name" ip link set shmif0.7 up
	done
	on a ip address add 10.7.0.1/24 dev shmif0.7
	on b ip address add 10.7.0.2/24 dev shmif0.7
	carry a b 10.7.0.2 4
	# the sender, which hears itself, does not answer
	on b sh -c 'echo 0 >/rump/proc/sys/net/ipv4/icmp_echo_ignore_broadcasts'
	on a ping -b -c 1 -W 5 10.0.0.255 | grep -q 'from 10.0.0.2'
	on a ping -c 1 -W 5 -I shmif0 224.0.0.1 | grep -q 'from 10.0.0.2'
}

@test "ten kernels, each with all others" {
	require ping ip
	local i
	for i in {1..10}; do
		member "k$i" "$BUS" "10.0.0.$i/24"
	done
	for i in {2..10}; do
		reaches k1 "10.0.0.$i"
		reaches "k$i" "10.0.0.$((i - 1))"
	done
	for i in {1..10}; do
		[ "$(count "k$i" rx_bad_frames)" = 0 ]
	done
}

@test "a kernel of its own in each process" {
	require nc ip
	printf 'interface shmif0 %s\n' "$BUS" >"$T/conf"
	member a "$BUS" 10.0.0.1/24
	# shellcheck disable=SC2016
	tagged rump_with "path=/rump,socket=all,conf=$(escape_word "$T/conf")" sh -c '
		ip address add 10.0.0.2/24 dev shmif0 && ip link set shmif0 up &&
		ping -c 1 -W 5 10.0.0.1'
}

# ---- members that go, stop, or never come ----

@test "members are killed under traffic: the others go on" {
	require ping ip iperf3
	local i pid
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	on a iperf3 -s -1 >"$T/iperf" 3>&- &
	wait_until 10 listens a 5201
	on b iperf3 -c 10.0.0.1 -t 8 -J >"$T/result" 3>&- &
	pid=$!
	for i in {1..6}; do
		member "v$i" "$BUS" "10.0.0.1$i/24"
		on "v$i" ping -q -f -w 2 10.0.0.2 >/dev/null 2>&1 3>&- &
		on "v$i" ping -q -f -w 2 10.0.0.1 >/dev/null 2>&1 3>&- &
		sleep "0.$((RANDOM % 4))"
		kill -9 "${SERVERS[v$i.pid]}"
		reaches b 10.0.0.1
	done
	wait "$pid"
	python3 -c 'import json, sys
bytes = json.load(open(sys.argv[1]))["end"]["sum_received"]["bytes"]
print(bytes)
assert bytes > 10000000' "$T/result"
	carry a b 10.0.0.2 4
}

@test "a stopped member holds up nobody, and comes back" {
	require ping ip socat
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	member c "$BUS" 10.0.0.3/24
	reaches a 10.0.0.3
	STOPPED=${SERVERS[c.pid]}
	kill -STOP "$STOPPED"
	# more than its ring holds
	on a ping -q -f -s 8000 -c 2000 -w 5 10.0.0.3 >/dev/null 2>&1 3>&- &
	pid=$!
	carry a b 10.0.0.2 16
	carry b a 10.0.0.1 16
	wait "$pid" || :
	kill -CONT "$STOPPED"
	STOPPED=
	wait_until 10 reaches a 10.0.0.3 1
	reaches c 10.0.0.2
	carry a c 10.0.0.3 4
}

@test "hostile members: all others stay, and no memory grows" {
	require ping ip socat
	local how before after
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	carry a b 10.0.0.2 2
	before=$(awk '/^VmRSS/ { print $2 }' "/proc/${SERVERS[a.pid]}/status")
	for how in frames rings noise bells; do
		hostile "$BUS" "${RUMP_TEST_SEED:-$RANDOM}" 3 "$how" 3>&- &
		pid=$!
		on a ping -q -f -w 4 10.0.0.2 >/dev/null 2>&1 || :
		wait "$pid"
		is_alive "${SERVERS[a.pid]}"
		is_alive "${SERVERS[b.pid]}"
		# what bells say is doubted by who sends
		[ "$how" != bells ] || wait_until 20 reaches a 10.0.0.2 1
		# as long as the frames that are left of it; noise may have left a slot without its flags
		on a ip link set shmif0 down
		on b ip link set shmif0 down
		on a ip link set shmif0 up
		on b ip link set shmif0 up
		wait_until 20 reaches a 10.0.0.2 1
	done
	after=$(awk '/^VmRSS/ { print $2 }' "/proc/${SERVERS[a.pid]}/status")
	echo "$before KiB, then $after"
	[ $((after - before)) -lt 24000 ]
}

@test "the file becomes shorter: the interface ends, the kernel does not" {
	require ping ip
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	reaches a 10.0.0.2
	truncate -s 4096 "$BUS"
	! reaches a 10.0.0.2 1 || false
	on a ip link show shmif0 | grep -q NO-CARRIER
	grep 'became shorter' "${SERVERS[a.log]}"
	on a ip link del shmif0
	on b ip link del shmif0
	is_alive "${SERVERS[a.pid]}"
	on a ping -c 1 -W 5 127.0.0.1
}

@test "hosts without futex_waitv" {
	require ping ip
	export RUMP_FUTEX_WAITV=no
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	reaches a 10.0.0.2
	carry a b 10.0.0.2 4
}

# ---- files ----

# refused FILE PATTERN: as the bus of a server
refused() {
	printf 'interface shmif0 %s\n' "$1" >"$T/refused.conf"
	run env LD_LIBRARY_PATH="$RUMP_LIBRARIES" timeout -k 5 "$limit" "$SERVER_PROGRAM" -s \
		-f "$T/refused.conf" "unix://$T/refused"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	[[ $output == *"$2"* ]]
}

@test "what is no bus file is told in one line" {
	mkdir "$T/folder"
	mkfifo "$T/fifo"
	head -c 1000000 /dev/urandom >"$T/other"
	truncate -s 0 "$T/empty"
	printf 'rmp' >"$T/short"
	member a "$BUS"
	cp --sparse=always "$BUS" "$T/version"
	printf '\x09' | dd of="$T/version" bs=1 seek=8 conv=notrunc status=none
	head -c 100000 "$BUS" >"$T/cut"
	refused "$T/folder" "a folder"
	refused "$T/fifo" "not a regular file"
	refused "$T/other" "not a bus file"
	refused "$T/short" "not a bus file"
	refused "$T/version" "a bus of version 9, this is for version 1"
	refused "$T/cut" "cut off at 100000 bytes"
	refused "$T/none/bus" "no such folder"
	refused "$BUS nonsense" "nonsense"
	refused "$BUS mtu=1" "mtu"
	# an empty one is taken for one that somebody has just made
	member b "$T/empty"
}

@test "kernels that make the bus at once, and one that died half-way" {
	require ping ip
	local i
	for i in {1..6}; do
		printf 'interface shmif0 %s\n' "$BUS" >"$T/$i.conf"
	done
	for i in {1..6}; do
		LD_LIBRARY_PATH=$RUMP_LIBRARIES timeout -k 5 "$limit" "$SERVER_PROGRAM" \
			-f "$T/$i.conf" --pidfile "$T/$i.pid" "unix://$T/$i" >"$T/$i.out" 2>&1 3>&- &
	done
	wait
	cat "$T"/*.out
	for i in {1..6}; do
		SERVERS[$i]=unix://$T/$i
		on "$i" ip address add "10.0.0.$i/24" dev shmif0
		on "$i" ip link set shmif0 up
	done
	reaches 1 10.0.0.6
	reaches 5 10.0.0.2
	for i in {1..6}; do
		kill "$(<"$T/$i.pid")"
	done
	# all but the magic number
	dd if=/dev/zero of="$BUS" bs=8 count=1 conv=notrunc status=none
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	reaches a 10.0.0.2
}

# ---- tools ----

@test "a capture is sent on a bus and captured again" {
	require tcpdump tshark
	member a "$BUS" 10.0.0.1/24
	member b "$BUS" 10.0.0.2/24
	on a ping -q -c 20 -i 0.01 10.0.0.2
	dump -w "$T/first" "$BUS"
	tcpdump -n -r "$T/first" 'icmp[icmptype] = icmp-echo' 2>/dev/null | grep -c . >"$T/count"
	[ "$(<"$T/count")" = 20 ]
	dump -f -c 20 -w "$T/second" "$T/other" 3>&- &
	wait_until 10 test -s "$T/second"
	tcpdump -n -r "$T/first" -w "$T/requests" 'icmp[icmptype] = icmp-echo' 2>/dev/null
	pcapin -f "$T/other" "$T/requests"
	wait
	diff <(tshark -r "$T/requests" -T fields -e icmp.seq -e data 2>/dev/null) \
		<(tshark -r "$T/second" -T fields -e icmp.seq -e data 2>/dev/null)
	# a kernel answers what it is sent
	before=$(on b ip -s -j link show shmif0 | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])')
	pcapin "$BUS" "$T/requests"
	wait_until 10 received_more b "$before" 20
}

# received_more NAME BEFORE PACKETS
received_more() {
	[ "$(on "$1" ip -s -j link show shmif0 | python3 -c 'import json, sys
print(json.load(sys.stdin)[0]["stats64"]["rx"]["packets"])')" -ge $(($2 + $3)) ]
}

@test "the tools refuse what they cannot use" {
	run dump
	[ "$status" = 2 ]
	run dump -w "$T/x" "$T/none"
	[ "$status" = 2 ]
	[[ $output == *"no such bus file"* ]]
	head -c 70000 /dev/zero >"$T/zeroes"
	run dump -w "$T/x" "$T/zeroes"
	[ "$status" = 2 ]
	run pcapin "$BUS" "$T/zeroes"
	[ "$status" = 2 ]
	[[ $output == *"neither a pcap nor a pcapng file"* ]]
	run pcapin -c x "$BUS" "$T/zeroes"
	[ "$status" = 2 ]
}
