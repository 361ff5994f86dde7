#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# The kernel's DHCP client against dnsmasq, which runs in another rump kernel on a bus.

bats_require_minimum_version 1.5.0

setup() {
	load lib
	load hosts
	require ip dnsmasq jq
	# shellcheck disable=SC2034
	limit=150
}

teardown() { end_hosts; }

# a host with dnsmasq, whose log is $T/dnsmasq; $@: more of its options
dhcp_server() {
	host server "interface shmif0 $T/bus" "address shmif0 10.0.0.1/24"
	dnsmasq "$@"
}

dnsmasq() {
	in_background on server dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
		--no-hosts --port=0 --user="$(id -un)" --pid-file= --log-facility=- --log-dhcp --no-ping \
		--dhcp-leasefile="$T/leases" --interface=shmif0 --bind-interfaces --dhcp-authoritative \
		--dhcp-range="${range:-10.0.0.50,10.0.0.59}",2m --dhcp-option=option:dns-server,10.0.0.53 \
		--dhcp-option=option:router,10.0.0.254 --domain=example.org \
		--dhcp-option=option:mtu,1400 "$@" >"$T/dnsmasq" 2>&1
	DNSMASQ=$!
	wait_until 20 grep -q 'sockets bound' "$T/dnsmasq"
}

# with_lease COMMAND...: a program with a kernel of its own; $dhcp: options of the line
with_lease() {
	rump_with "path=/rump,socket=all:nolocal,interface=shmif0 $T/bus${words:+,$words},dhcp=shmif0${dhcp:+ $dhcp}" "$@"
}

@test "a lease: address, route, nameserver, MTU, and its lifetime" {
	dhcp_server --dhcp-option-force=12,box
	with_lease sh -c 'ip -j address show shmif0; ip -j route show default; cat /rump/proc/sys/kernel/hostname \
		/rump/etc/resolv.conf' >"$T/out"
	jq -e '.[0].mtu == 1400' <(sed -n 1p "$T/out")
	jq -e '.[0].addr_info[0] | (.local | startswith("10.0.0.5")) and .prefixlen == 24 and
		.valid_life_time <= 120 and .valid_life_time > 60' <(sed -n 1p "$T/out")
	jq -e '.[0] | .gateway == "10.0.0.254" and .protocol == "dhcp"' <(sed -n 2p "$T/out")
	# and given back, by a program that has said nothing else to the server
	wait_until 10 grep -q DHCPRELEASE "$T/dnsmasq"
	[ "$(sed -n '3,$p' "$T/out")" = $'box\nnameserver 10.0.0.53\nsearch example.org' ]
}

@test "classless routes take the place of the router; a gateway may be outside" {
	dhcp_server --dhcp-option=option:classless-static-route,10.7.0.0/16,10.0.0.7,0.0.0.0/0,192.0.2.1
	with_lease ip -j route >"$T/out"
	jq -e 'any(.[]; .dst == "10.7.0.0/16" and .gateway == "10.0.0.7")' "$T/out"
	jq -e 'any(.[]; .dst == "default" and .gateway == "192.0.2.1")' "$T/out"
}

_acks() { [ "$(grep -c DHCPACK "$T/dnsmasq")" -ge "$1" ]; }

@test "a server's kernel renews its lease, and gives it back at the end" {
	dhcp_server --dhcp-option=option:T1,3s
	host client "interface shmif0 $T/bus" "dhcp shmif0"
	on client ping -c 1 -W 20 10.0.0.1
	local asked
	asked=$(grep -c DHCPDISCOVER "$T/dnsmasq")
	# by a request to the server itself, which broadcasts are not
	wait_until 30 _acks 3
	[ "$(grep -c DHCPDISCOVER "$T/dnsmasq")" = "$asked" ]
	# the name by which it asks is what rump.conf says
	grep -q 'client provides name: client' "$T/dnsmasq"
	end_host client
	wait_until 10 grep -q DHCPRELEASE "$T/dnsmasq"
}

_address() { on client ip -j -4 address show shmif0 | jq -r '.[0].addr_info[].local'; }
_has() { [ "$(_address)" = "$1" ]; }

@test "a lease that the server takes back is dropped, and another one asked for" {
	dhcp_server --dhcp-option=option:T1,3s
	host client "interface shmif0 $T/bus" "dhcp shmif0"
	local old mac
	old=$(_address)
	mac=$(on client cat /sys/class/net/shmif0/address)
	end_program "$DNSMASQ"
	: >"$T/leases"
	# the same client has another address now: a NAK for the old one
	dnsmasq --dhcp-option=option:T1,3s --dhcp-host="$mac,10.0.0.99"
	wait_until 40 _has 10.0.0.99
	[ "$old" != 10.0.0.99 ]
	grep -q DHCPNAK "$T/dnsmasq"
}

@test "one lease by a call" {
	dhcp_server
	run -0 prog netconfig "$T/bus"
	[[ $output == 10.0.0.5? || $output == 10.0.0.60 ]]
	grep -q "DHCPACK(shmif0) $output" "$T/dnsmasq"
}

@test "an address that somebody has is declined" {
	range=10.0.0.50,10.0.0.51 dhcp_server
	host squatter "interface shmif0 $T/bus" "address shmif0 10.0.0.50/24" "address shmif0 10.0.0.51/24"
	dhcp=timeout=12
	run with_lease cat /rump/nothing
	[[ $output == *'no DHCP lease within 12 s: somebody else uses the address that the server offers'* ]]
	grep -q DHCPDECLINE "$T/dnsmasq"
}

@test "no server: the boot says so in time, or does not wait" {
	local start=$SECONDS
	dhcp=timeout=2
	run with_lease cat /rump/nothing
	[[ $output == *"dhcp: 'shmif0': no DHCP lease within 2 s: nobody answers (timeout=SECONDS waits longer"* ]]
	[ $((SECONDS - start)) -lt 40 ]
	dhcp=timeout=0
	with_lease ip -j link show shmif0 | jq -e '.[0].flags | index("UP")'
}

@test "the interface goes away while its client waits" {
	host client "interface shmif0 $T/bus" "dhcp shmif0 timeout=0"
	on client ip link del shmif0
	run ! on client ip link show shmif0
	end_host client
}
