#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# The network's set-up by rump.conf and by RUMPHIJACK: what ip(8) then shows, and what
# mistakes get.

bats_require_minimum_version 1.5.0

setup() {
	load lib
	load hosts
	require ip jq
}

teardown() { end_hosts; }

# set_up WORDS COMMAND...: with a local kernel
set_up() {
	local words=$1
	shift
	rump_with "path=/rump,socket=all,$words" "$@"
}

# refused WORDS TEXT: the program goes on without a kernel, which is told in one line
refused() {
	local out
	out=$(set_up "$1" cat /rump/nothing 2>&1) && return 1
	[[ $out == *"$2"* ]] || { echo "$out"; return 1; }
}

@test "one string gives a program an address, a route and a name" {
	set_up "interface=shmif0 $T/bus,address=shmif0 10.0.0.1/24,address=shmif0 fd00::1/64,route=default 10.0.0.254,route=fd01::/48 fd00::9" \
		ip -j address show shmif0 >"$T/address"
	jq -e '.[0].flags | index("UP")' "$T/address"
	[ "$(jq -r '.[0].addr_info[] | "\(.local)/\(.prefixlen)"' "$T/address" | grep -v ^fe80)" = \
		$'10.0.0.1/24\nfd00::1/64' ]
	# usable at once: no duplicate address detection for an address that was written down
	run ! jq -e '.[0].addr_info[] | select(.local == "fd00::1" and .tentative)' "$T/address"
	[ "$(jq -r '.[0].addr_info[] | select(.family == "inet") | .broadcast' "$T/address")" = 10.0.0.255 ]
}

@test "routes, in the order of the lines" {
	set_up "interface=dummy0,address=dummy0 10.0.0.1/24,route=default 10.0.0.254,route=10.9.0.0/16 10.0.0.7 dummy0" \
		ip -j route >"$T/route"
	[ "$(jq -r '.[] | select(.gateway) | "\(.dst) \(.gateway)"' "$T/route" | sort)" = \
		$'10.9.0.0/16 10.0.0.7\ndefault 10.0.0.254' ]
	set_up "interface=dummy0,address=dummy0 fd00::1/64,route=default fe80::1 dummy0" \
		ip -j -6 route show default >"$T/route"
	jq -e '.[0].gateway == "fe80::1" and .[0].dev == "dummy0"' "$T/route"
}

@test "a bridge, its ports and an mtu" {
	set_up "interface=dummy0,interface=veth0 veth1,bridge=br0 dummy0 veth1,up=veth0 mtu=1400" \
		ip -j link >"$T/link"
	[ "$(jq -r '.[] | select(.master == "br0") | .ifname' "$T/link" | sort | xargs)" = "dummy0 veth1" ]
	jq -e '.[] | select(.ifname == "veth0") | .mtu == 1400 and (.flags | index("UP"))' "$T/link"
	jq -e '.[] | select(.ifname == "br0") | .flags | index("UP")' "$T/link"
}

@test "rump.conf, relative names in it, and a server by -f" {
	cat >"$T/net.conf" <<-'END'
		interface shmif0 "a bus"   # beside this file
		address shmif0 10.1.0.1/16
		autoconf6 shmif0
		sysctl net.ipv4.ip_forward=1
	END
	set_up "conf=$T/net.conf" ip -j -4 address show shmif0 | jq -e '.[0].addr_info[0].local == "10.1.0.1"'
	[ -f "$T/a bus" ]
	set_up "conf=$T/net.conf" cat /rump/proc/sys/net/ipv6/conf/shmif0/accept_ra | grep -qx 2
	start_server -f "$T/net.conf"
	socket=inet:inet6:netlink client ip -j -4 address show shmif0 |
		jq -e '.[0].addr_info[0].local == "10.1.0.1"'
	socket=inet:inet6:netlink client ping -c 1 -W 5 10.1.0.1
	stop_server
}

@test "nameservers and hosts are files of the rump root" {
	local words="nameserver=10.0.0.53 fd00::53,host=10.0.0.9 server server.example.org"
	[ "$(set_up "$words" cat /rump/etc/resolv.conf)" = $'nameserver 10.0.0.53\nnameserver fd00::53' ]
	set_up "$words" cat /rump/etc/hosts >"$T/hosts"
	grep -qx $'10.0.0.9\tserver server.example.org' "$T/hosts"
	grep -qx $'127.0.0.1\tlocalhost' "$T/hosts"
}

@test "an image shows them, too, and is not changed" {
	require mke2fs debugfs
	mkdir -p "$T/tree/etc"
	echo 'nameserver 192.0.2.1' >"$T/tree/etc/resolv.conf"
	printf '192.0.2.2\told' >"$T/tree/etc/hosts"
	make_image ext4 "$T/disk" 16m "$T/tree"
	local words="image=$T/disk,nameserver=10.0.0.53,host=10.0.0.9 server"
	[ "$(set_up "$words" cat /rump/etc/resolv.conf)" = 'nameserver 10.0.0.53' ]
	[ "$(set_up "$words" cat /rump/etc/hosts)" = $'192.0.2.2\told\n10.0.0.9\tserver' ]
	[ "$(debugfs -R 'cat /etc/resolv.conf' "$T/disk" 2>/dev/null)" = 'nameserver 192.0.2.1' ]
	[ "$(debugfs -R 'cat /etc/hosts' "$T/disk" 2>/dev/null)" = $'192.0.2.2\told' ]
	check_image ext4 "$T/disk"
	# without the file there is nothing to mount over
	make_image ext4 "$T/bare" 16m
	refused "image=$T/bare,nameserver=10.0.0.53" 'has no file /etc/resolv.conf to mount ours over: make one'
}

@test "mistakes name the line, the word and what would be right" {
	refused 'address=virt7 10.0.0.1/24' "address: 'virt7': there is no such interface: make it first"
	refused 'interface=dummy0,route=default 10.0.0.1' 'route: no interface is in the network of the gateway 10.0.0.1'
	refused 'interface=dummy0,interface=dummy0' "'dummy0': there is an interface of that name"
	refused 'interface=dummy0,address=dummy0 10.0.0.1/24,route=default 10.0.0.2,route=default 10.0.0.3' \
		'route: there is such a route already, this one by 10.0.0.3'
	refused 'interface=dummy0,bridge=br0 dummy0 nothing0' "bridge: 'nothing0': there is no such interface"
	refused "interface=shmif0 $T/no/bus" "interface: "
	refused 'interface=dummy0,up=dummy0 mtu=99,autoconf6=dummy0' "autoconf6: 'dummy0' has no IPv6"
	refused 'up=lo,nameserver=10.0.0.x' "nameserver=: '10.0.0.x': want an address"
	printf '\ninterface dummy0\nroute 10.0.0.0/8 10.1.1.1\n' >"$T/bad.conf"
	refused "conf=$T/bad.conf" "$T/bad.conf:3: route: no interface is in the network"
}

_from_router() {
	on client ip -j -6 address show shmif0 |
		jq -e 'any(.[0].addr_info[]; (.local | startswith("fd00:5:")) and (.tentative | not))' &&
		on client ip -6 route show default | grep -q 'proto ra'
}

@test "autoconf6 follows a router's advertisements" {
	require dnsmasq
	host router "interface shmif0 $T/bus" "address shmif0 fd00:5::1/64" "sysctl net.ipv6.conf.all.forwarding=1"
	in_background on router dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts \
		--port=0 --user="$(id -un)" --pid-file= --log-facility=- --interface=shmif0 --bind-interfaces \
		--enable-ra --dhcp-range=::,constructor:shmif0,ra-only,64,10m >"$T/dnsmasq" 2>&1
	host client "interface shmif0 $T/bus" "autoconf6 shmif0" "sysctl net.ipv6.conf.all.forwarding=1"
	wait_until 30 _from_router
	on client ping -c 1 -W 5 fd00:5::1
}

@test "any user may have a network" {
	load open_libraries
	is_root || skip_or_fail "root, to be somebody else"
	use_open_libraries
	local folder words
	folder=$(mktemp -d "$BATS_FILE_TMPDIR/any.XXXXXX")
	chmod 777 "$folder"
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR"
	words="interface=shmif0 $folder/bus,address=shmif0 10.0.0.1/24,route=default 10.0.0.254"
	timeout -k 5 60 setpriv --reuid=65534 --regid=65534 --clear-groups env RUMPHIJACK="$words" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMP_MODULES="$RUMP_MODULES" \
		LD_PRELOAD="${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME:}$LIBRUMPHIJACK" ip -j route show default >"$T/route"
	jq -e '.[0].gateway == "10.0.0.254"' "$T/route"
	[ "$(stat -c %u "$folder/bus")" = 65534 ]
}
