# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Networks inside one rump kernel: hosts are its network namespaces, cables its veth pairs.
#
#	load net			after lib, in the .bats file
#	network 'two_hosts; transfer a b 10.0.0.2'
#					a script in a shell under the preload, on the kernel $kernel;
#					bash, with -eu and the functions below
#	on_each_kernel network '...'	on each of them
#
# The file's setup and teardown are here, too.
#
# In a script, T is a folder of the host, and:
#
#	host NAME...			new namespaces, lo up
#	cable A IF_A B IF_B		a veth pair between two hosts, both ends up
#	on HOST COMMAND...		ip netns exec
#	ip -n HOST ...			as ever
#	two_hosts			a and b, a0 10.0.0.1/24 fd00::1/64, b0 10.0.0.2/24 fd00::2/64
#	transfer FROM TO ADDRESS	a file by TCP, and it must be the same
#	pings HOST ADDRESS [OPTION...]	three echoes, none lost
#	soon COMMAND...			the command succeeds within a minute
#	count HOST IF			packets that came to and went from an interface

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" "$RUMP_MODULES/modules.index"
}

setup() {
	needs=()
	limit=150
	cd "$T"
}

teardown() {
	end_kernels
}

# shellcheck disable=SC2016
NET_PRELUDE='
set -eu
PATH=$PATH:/usr/sbin:/sbin
soon() {
	local end=$((SECONDS + 60))
	until "$@"; do
		[ $SECONDS -lt $end ] || { echo "not within 60 seconds: $*"; return 1; }
		sleep 0.05
	done
}
on() { ip netns exec "$@"; }
host() {
	local name
	for name; do
		ip netns add "$name"
		ip -n "$name" link set lo up
	done
}
cable() {
	ip link add "$2" netns "$1" type veth peer name "$4" netns "$3"
	ip -n "$1" link set "$2" up
	ip -n "$3" link set "$4" up
}
address() {
	local at=$1 interface=$2
	shift 2
	local each
	for each; do
		case $each in
		*:*) ip -n "$at" address add "$each" dev "$interface" nodad ;;
		*) ip -n "$at" address add "$each" dev "$interface" ;;
		esac
	done
}
two_hosts() {
	host a b
	cable a a0 b b0
	address a a0 10.0.0.1/24 fd00::1/64
	address b b0 10.0.0.2/24 fd00::2/64
}
is_listening() { on "$1" ss -Htln "sport = :$2" | grep -q LISTEN; }
transfer() {
	local pid
	rm -f "$T/got"
	[ -s "$T/sent" ] || head -c 300000 /dev/urandom >"$T/sent"
	on "$2" timeout 120 nc -l "$3" 5000 >"$T/got" </dev/null &
	pid=$!
	soon is_listening "$2" 5000
	on "$1" timeout 120 nc -N "$3" 5000 <"$T/sent" >/dev/null
	wait $pid
	cmp "$T/sent" "$T/got"
}
pings() {
	local at=$1 to=$2
	shift 2
	on "$at" ping -n -i 0.05 -c 3 -W 5 "$@" "$to" >"$T/ping" || { cat "$T/ping"; return 1; }
	grep -q " 0% packet loss" "$T/ping"
}
count() { ip -n "$1" -j -s link show "$2" | python3 -c "
import json, sys
s = json.load(sys.stdin)[0][\"stats64\"]
print(s[\"rx\"][\"packets\"], s[\"tx\"][\"packets\"])"; }
'

# what a kernel of the own starts with: ",component=wifi"
more_words=
# what the preload is told with each kernel
rump_words=

# network SCRIPT [ARGUMENT...]
network() {
	local script=$1
	shift
	require ip nc ping ss "${needs[@]}" || return
	local words=path=/rump,socket=all$rump_words
	[ -n "${RUMP_SERVER:-}" ] || words+=$more_words
	T=$T tagged rump_with "$words" bash -c "$NET_PRELUDE$script" network "$@"
}
