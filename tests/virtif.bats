#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# virt0: a rump kernel's Ethernet on taps, macvtaps, packet sockets, passt, sockets.
# All traffic stays in network namespaces that the tests make.

load lib
load open_libraries

setup() {
	is_root || skip_or_fail "root, for network namespaces"
	require ip ping nc ethtool /dev/net/tun
	NS=rump-virtif-$$-$BATS_TEST_NUMBER
	ip netns add "$NS"
	in_ns ip link set lo up
	SERVERS=()
	PIDS=()
}

teardown() {
	local pid
	for pid in "${PIDS[@]}"; do
		kill "$pid" 2>/dev/null || :
	done
	end_kernels
	ip netns del "$NS" 2>/dev/null || :
	ip netns del "$NS-b" 2>/dev/null || :
}

in_ns() {
	ip netns exec "$NS" timeout -k 5 "$limit" "$@"
}

# background NAME COMMAND...: in the namespace, ends with the test; its output in $T/NAME
background() {
	local name=$1
	shift
	ip netns exec "$NS" timeout -k 5 "$limit" "$@" >"$T/$name" 2>&1 3>&- </dev/null &
	PIDS+=($!)
}

# a server in the namespace whose kernel starts with the lines of stdin
serve() {
	cat >"$T/rump.conf"
	SERVER_AS=(ip netns exec "$NS")
	start_server -f "$T/rump.conf"
}

# refused WORDS TEXT [PREFIX...]: an interface that is not made says TEXT, in one line
refused() {
	local words=$1 text=$2 folder
	shift 2
	folder=$(short_folder)
	chmod 777 "$folder"
	echo "interface virt0 $words" >"$folder/conf"
	run ip netns exec "$NS" "$@" timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		RUMP_MODULES="$RUMP_MODULES" "$SERVER_PROGRAM" --log "$folder/log" -f "$folder/conf" "unix://$folder/s"
	rm -rf "$folder"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"virt0: "*"$text"* ]]
}

rump_net() {
	RUMP_TEST_TAG=$T rump_with "path=/rump,socket=all" "$@"
}

# up ADDRESS/LENGTH...
up() {
	local address
	for address; do
		rump_net ip addr add "$address" dev virt0 ${nodad:+nodad}
	done
	rump_net ip link set virt0 up
}

pings() {
	rump_net ping -q -c 3 -i 0.2 -W 5 "$@"
}

has_carrier() {
	! rump_net ip link show "${1:-virt0}" | grep -q NO-CARRIER
}

has_no_carrier() {
	! has_carrier "$@"
}

counter() {
	rump_net ethtool -S "${2:-virt0}" | awk -v name="$1:" '$1 == name { print $2 }'
}

host_listens() {
	in_ns ss -Hltn "sport = :$1" | grep -q .
}

rump_listens() {
	rump_net ss -Hltn "sport = :$1" | grep -q .
}

# a file that no two runs have alike in all its pages
make_data() {
	[ -e "$T/data" ] || seq 1 3000000 >"$T/data"
}

# to_host ADDRESS, from_host ADDRESS: $T/data, compared where it arrives
to_host() {
	make_data
	background got nc -l "$1" 5000
	wait_until 20 host_listens 5000
	rump_net nc -N "$1" 5000 <"$T/data"
	wait_until 20 cmp -s "$T/got" "$T/data"
}

from_host() {
	local pid
	make_data
	rump_net nc -l "$1" 5001 >"$T/arrived" 3>&- </dev/null &
	pid=$!
	wait_until 20 rump_listens 5001
	in_ns nc -N "$1" 5001 <"$T/data"
	wait "$pid"
	cmp "$T/arrived" "$T/data"
}

make_tap() {
	in_ns ip tuntap add tap0 mode tap "$@"
	in_ns ip addr add 10.99.0.1/24 dev tap0
	in_ns ip addr add fd99::1/64 dev tap0 nodad
	in_ns ip link set tap0 up
}

no_trouble() {
	[ "$(counter rx_bad_header)" = 0 ]
	[ "$(counter rx_bad_frame)" = 0 ]
	[ "$(counter tx_bad_header)" = 0 ]
	[ "$(counter tx_host_error)" = 0 ]
}

@test "a tap: TCP both ways over IPv4 and IPv6, whole segments, a large MTU" {
	make_tap
	serve <<<'interface virt0 tap0 mac=02:00:00:00:00:99'
	up 10.99.0.2/24
	nodad=1 up fd99::2/64
	pings 10.99.0.1
	pings fd99::1
	rump_net ip link show virt0 | grep -q 'mtu 1500'
	rump_net ip link show virt0 | grep -q 02:00:00:00:00:99
	rump_net ethtool -i virt0 | grep -qx 'bus-info: tap tap0'
	rump_net ethtool virt0 | grep -q 'Link detected: yes'
	to_host 10.99.0.1
	from_host 10.99.0.2
	[ "$(counter tx_gso)" -gt 50 ]
	[ "$(counter rx_gso)" -gt 50 ]
	[ "$(counter rx_csum_partial)" -gt 50 ]
	to_host fd99::1
	from_host fd99::2
	no_trouble

	# without offloads the stack does the work
	rump_net ethtool -K virt0 tso off tx off gso off
	local before
	before=$(counter tx_gso)
	to_host 10.99.0.1
	[ "$(counter tx_gso)" = "$before" ]

	in_ns ip link set tap0 mtu 9000
	rump_net ip link set virt0 mtu 9000
	pings -M do -s 8972 10.99.0.1
	rump_net ip link set virt0 down
	rump_net ip link set virt0 address 02:00:00:00:00:98
	rump_net ip link set virt0 up
	pings 10.99.0.1
	in_ns ip neigh show 10.99.0.2 | grep -q 02:00:00:00:00:98
	no_trouble
	stop_server
}

@test "a tap: its thread goes to the CPU of the program that reads a stream" {
	[ "$(nproc)" -gt 1 ] || skip_or_fail "two CPUs"
	make_tap
	cat >"$T/tap.conf" <<-'END'
		interface virt0 tap0
		address virt0 10.99.0.2/24
	END
	cat >"$T/sender.py" <<-'END'
		import socket
		listener = socket.create_server(("10.99.0.1", 5000))
		one = listener.accept()[0]
		try:
		    while True:
		        one.sendall(bytes(1 << 16))
		except ConnectionError:
		    pass
	END
	cat >"$T/receiver.py" <<-'END'
		import os, socket, time
		s = socket.create_connection(("10.99.0.1", 5000))
		thread, = [int(t) for t in os.listdir("/proc/self/task")
		           if open(f"/proc/self/task/{t}/comm").read() == "virt0\n"]
		first, second = sorted(os.sched_getaffinity(0))[:2]
		for cpu in first, second, first:
		    os.sched_setaffinity(0, {cpu})
		    end = time.monotonic() + 30
		    while os.sched_getaffinity(thread) != {cpu}:
		        assert time.monotonic() < end, (cpu, os.sched_getaffinity(thread))
		        assert s.recv(1 << 18)
	END
	background sender python3 "$T/sender.py"
	wait_until 20 host_listens 5000
	in_ns env RUMPHIJACK="path=/rump,socket=all,net=no,kernel=local,conf=$T/tap.conf" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" LD_PRELOAD="$LIBRUMPHIJACK" \
		python3 "$T/receiver.py"
}

@test "a tap: down, deleted, made again; the interface goes under traffic, and comes again" {
	make_tap
	serve <<<'interface virt0 tap:tap0'
	nodad=1 up 10.99.0.2/24
	wait_until 10 has_carrier
	in_ns ip link set tap0 down
	# the host tells at the next frame
	rump_net ping -q -c 1 -W 1 10.99.0.1 || :
	wait_until 10 has_no_carrier
	in_ns ip link set tap0 up
	wait_until 10 has_carrier
	pings 10.99.0.1

	in_ns ip link del tap0
	wait_until 10 has_no_carrier
	rump_net dd if=/rump/dev/kmsg iflag=nonblock bs=8k 2>/dev/null | grep -q 'virt0: link is down: virt0: tap tap0: has gone; it is tried again'
	make_tap
	wait_until 20 has_carrier
	pings 10.99.0.1

	rump_net ping -q -f -w 60 10.99.0.1 >/dev/null 2>&1 3>&- &
	local pid=$!
	background sink nc -lk 10.99.0.1 5000
	wait_until 20 host_listens 5000
	rump_net nc 10.99.0.1 5000 </dev/zero >/dev/null 2>&1 3>&- &
	wait_until 20 eval '[ "$(counter tx_gso)" -gt 20 ]'
	rump_net ip link del virt0
	! rump_net ip link show virt0 || false
	kill_tagged
	wait "$pid" || :
	stop_server
}

@test "what cannot be opened is told in one line, with the remedy" {
	use_open_libraries
	make_tap user 1
	in_ns ip tuntap add tap1 mode tap user 65534
	refused tap0 "tap0: belongs to another user; make it with: ip tuntap add tap0 mode tap user 65534" \
		setpriv --reuid=65534 --regid=65534 --clear-groups
	refused tap7 "tap7: does not exist; make it with: ip tuntap add tap7 mode tap user 65534" \
		setpriv --reuid=65534 --regid=65534 --clear-groups
	refused packet:lo "packet sockets need CAP_NET_RAW" setpriv --reuid=65534 --regid=65534 --clear-groups
	refused packet:nowhere "nowhere: the host has no such interface"
	refused macvtap:nowhere "nowhere: does not exist; make it with: ip link add link"
	refused lo "lo: is no tap of the host"
	refused "stream:$T/nobody" "nobody listens there; start it first"
	refused fd:99 "fd:99: no open descriptor"
	refused fd:0 "fd:0: neither a tap nor a socket for frames"
	mkdir "$T/bin"
	ln -s "$(command -v env)" "$(command -v timeout)" "$T/bin/"
	refused user "user: there is no program passt" env PATH="$T/bin"
	refused user,tcp=99999 "user: passt does not start: "
	# another user's own tap works
	serve <<<'interface virt0 tap0'
	refused tap0 "tap0: another program has this tap open"
	stop_server
}

@test "a macvtap, a packet socket: the host's other end answers" {
	ip netns add "$NS-b"
	ip link add va netns "$NS" type veth peer name vb netns "$NS-b"
	ip netns exec "$NS-b" ip addr add 10.98.0.1/24 dev vb
	ip netns exec "$NS-b" ip addr add fd98::1/64 dev vb nodad
	ip netns exec "$NS-b" ip link set vb up
	in_ns ip link set va up
	serve <<<'interface virt0 packet:va'
	nodad=1 up 10.98.0.2/24 fd98::2/64
	pings 10.98.0.1
	pings fd98::1
	NS=$NS-b to_host 10.98.0.1
	NS=$NS-b from_host 10.98.0.2
	no_trouble
	stop_server

	in_ns ip link add link va name mv0 type macvtap mode bridge
	in_ns ip link set mv0 up
	local index major
	index=$(in_ns cat /sys/class/net/mv0/ifindex)
	major=$(in_ns sh -c 'cat /sys/class/net/mv0/tap*/dev')
	[ -e "/dev/tap$index" ] || mknod "/dev/tap$index" c "${major%:*}" "${major#*:}"
	serve <<<'interface virt0 macvtap:mv0'
	nodad=1 up 10.98.0.2/24 fd98::2/64
	pings 10.98.0.1
	pings fd98::1
	NS=$NS-b to_host 10.98.0.1
	NS=$NS-b from_host 10.98.0.2
	no_trouble
	stop_server
}

# what passt takes for the way out
make_uplink() {
	in_ns ip link add eth0 type veth peer name eth1
	in_ns ip link set eth1 up
	in_ns ip addr add 10.77.0.2/24 dev eth0
	in_ns ip link set eth0 up
	in_ns ip route add default via 10.77.0.1
	make_data
	background http python3 -m http.server --bind 127.0.0.1 --directory "$T" 8000
	wait_until 20 host_listens 8000
}

passts() {
	ip netns pids "$NS" | while read -r pid; do
		# it has variants for processors
		! grep -qs '^passt' "/proc/$pid/comm" || echo "$pid"
	done
}

no_passt() {
	[ -z "$(passts)" ]
}

@test "user: passt gives an ordinary user the way out, and in; it comes again when it dies" {
	require passt python3 curl
	use_open_libraries
	make_uplink
	chmod a+rx "$T"
	serve <<-'END'
		interface virt0 user,tcp=8080:80,address=10.77.0.2,gateway=10.77.0.1
		address virt0 10.77.0.2/24
		route default 10.77.0.1
	END
	wait_until 10 has_carrier
	rump_net ip link show virt0 | grep -q 'mtu 65520'
	rump_net curl -sS -m 100 -o "$T/fetched" http://10.77.0.1:8000/data
	cmp "$T/fetched" "$T/data"
	rump_net python3 -m http.server --directory "$T" 80 >/dev/null 2>&1 3>&- &
	wait_until 20 rump_listens 80
	in_ns curl -sS -m 100 -o "$T/out" http://127.0.0.1:8080/data
	cmp "$T/out" "$T/data"
	no_trouble
	kill_tagged

	local pid
	pid=$(passts)
	kill "$pid"
	wait_until 10 has_no_carrier
	wait_until 20 has_carrier
	[ "$(passts)" != "$pid" ]
	rump_net curl -sS -m 100 -o "$T/again" http://10.77.0.1:8000/data
	cmp "$T/again" "$T/data"
	stop_server
	wait_until 10 no_passt

	# nobody's own kernel
	in_ns setpriv --reuid=65534 --regid=65534 --clear-groups env LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		RUMP_MODULES="$RUMP_MODULES" LD_PRELOAD="$LIBRUMPHIJACK" \
		RUMPHIJACK="socket=all,kernel=local,conf=$T/rump.conf" \
		curl -sS -m 100 http://10.77.0.1:8000/data >"$T/nobody"
	cmp "$T/nobody" "$T/data"
	wait_until 10 no_passt
}

@test "stream: passt --socket, which comes again" {
	require passt curl
	make_uplink
	local folder
	folder=$(short_folder)
	chmod 777 "$folder"
	background passt passt --quiet --one-off --foreground --socket "$folder/s"
	wait_until 20 test -S "$folder/s"
	serve <<<"interface virt0 stream:$folder/s mtu=9000"
	nodad=1 up 10.77.0.2/24
	rump_net ip route add default via 10.77.0.1
	rump_net curl -sS -m 100 -o "$T/fetched" http://10.77.0.1:8000/data
	cmp "$T/fetched" "$T/data"
	kill "${PIDS[-1]}"
	wait_until 10 has_no_carrier
	rm -f "$folder/s"
	background passt passt --quiet --one-off --foreground --socket "$folder/s"
	wait_until 20 has_carrier
	rump_net curl -sS -m 100 -o "$T/again" http://10.77.0.1:8000/data
	cmp "$T/again" "$T/data"
	stop_server
	rm -rf "$folder"
}

@test "dgram: two rump kernels, one comes later" {
	local folder first first_pid first_folder
	folder=$(short_folder)
	serve <<<"interface virt0 dgram:$folder/b,$folder/a"
	nodad=1 up 10.96.0.1/24
	has_no_carrier
	first=$RUMP_SERVER first_pid=$SERVER_PID first_folder=$SERVER_FOLDER
	serve <<<"interface virt0 dgram:$folder/a,$folder/b mtu=9000"
	nodad=1 up 10.96.0.2/24
	RUMP_SERVER=$first wait_until 20 has_carrier
	pings 10.96.0.1
	RUMP_SERVER=$first rump_net ip link set virt0 mtu 9000
	make_data
	RUMP_SERVER=$first rump_net nc -l 10.96.0.1 5000 >"$T/arrived" 3>&- </dev/null &
	local pid=$!
	RUMP_SERVER=$first wait_until 20 rump_listens 5000
	rump_net nc -N 10.96.0.1 5000 <"$T/data"
	wait "$pid"
	cmp "$T/arrived" "$T/data"
	stop_server
	export RUMP_SERVER=$first
	wait_until 10 has_no_carrier
	stop_server "$first_pid" "$first_folder"
	# its socket's file is left, and in nobody's way
	[ -S "$folder/a" ]
	serve <<<"interface virt0 dgram:$folder/b,$folder/a"
	stop_server
	rm -rf "$folder"
}

@test "fd: a tap that the program was given; its children do not keep it" {
	make_tap
	cat >"$T/fd.conf" <<-'END'
		interface virt0 fd:9
		address virt0 10.99.0.2/24
	END
	cat >"$T/script.py" <<-'END'
		import os, signal, socket, time
		def taps(pid):
		    links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")
		             if os.path.islink(f"/proc/{pid}/fd/{fd}")]
		    return links.count("/dev/net/tun")
		s = socket.create_connection(("10.99.0.1", 5000))
		assert not os.path.exists("/proc/self/fd/9")
		child = os.fork()
		if not child:
		    os._exit(0 if taps(os.getppid()) == 1 else 3)
		assert os.waitpid(child, 0)[1] == 0
		child = os.fork()
		if not child:
		    signal.pause()
		end = time.monotonic() + 90
		while (kept := taps(child)) and time.monotonic() < end:
		    time.sleep(0.05)
		os.kill(child, signal.SIGKILL)
		os.waitpid(child, 0)
		assert kept == 0, kept
		s.sendall(b"hello")
		s.close()
	END
	background got nc -l 10.99.0.1 5000
	wait_until 20 host_listens 5000
	# the descriptors of the host are looked at, of another process, too
	# shellcheck disable=SC2016
	in_ns env RUMPHIJACK="path=/rump,socket=all,net=no,kernel=local,conf=$T/fd.conf" \
		LD_LIBRARY_PATH="$RUMP_LIBRARIES" python3 "$RUMP_TOP/tests/virtif_peer.py" with_tap tap0 9 \
		env LD_PRELOAD="$LIBRUMPHIJACK" python3 "$T/script.py"
	wait_until 20 grep -q hello "$T/got"
	# it is free again
	serve <<<'interface virt0 tap0'
	stop_server
}

@test "DHCP: an unmodified client finds a server on the tap" {
	require dnsmasq udhcpc
	make_tap
	serve <<<'interface virt0 tap0'
	background dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --port=0 --interface=tap0 \
		--bind-interfaces --dhcp-range=10.99.0.50,10.99.0.60,1h --dhcp-leasefile="$T/leases" --user=root
	cat >"$T/udhcpc" <<-'END'
		#!/bin/sh
		[ "$1" != bound ] || ip addr add "$ip/24" dev "$interface"
	END
	chmod +x "$T/udhcpc"
	rump_net ip link set virt0 up
	rump_net udhcpc -f -q -n -t 60 -T 1 -i virt0 -s "$T/udhcpc"
	rump_net ip -4 addr show virt0 | grep -qE 'inet 10\.99\.0\.(5[0-9]|60)/24'
	pings 10.99.0.1
	stop_server
}

@test "DHCP: a line of rump.conf, over a tap; the lease is given back at the end" {
	require dnsmasq
	make_tap
	background dnsmasq dnsmasq --no-daemon --conf-file=/dev/null --no-resolv --port=0 --interface=tap0 \
		--bind-interfaces --dhcp-range=10.99.0.70,10.99.0.70,1h --dhcp-leasefile="$T/leases" \
		--dhcp-option=option:router,10.99.0.1 --no-ping --log-dhcp --user=root
	wait_until 20 grep -q 'sockets bound' "$T/dnsmasq"
	serve <<-'END'
		interface virt0 tap0
		dhcp virt0 timeout=100
	END
	rump_net ip -4 addr show virt0 | grep -q 'inet 10\.99\.0\.70/24'
	rump_net ip route show default | grep -q 'via 10\.99\.0\.1 dev virt0 proto dhcp'
	pings 10.99.0.1
	stop_server
	wait_until 10 grep -q 'DHCPRELEASE(tap0) 10\.99\.0\.70' "$T/dnsmasq"
}

free_kib() {
	rump_net awk '/^MemAvailable/ { print $2 }' /rump/proc/meminfo
}

@test "garbage from every side: nothing hangs, nothing is kept" {
	require python3
	local folder before after
	folder=$(short_folder)
	make_tap
	python3 "$RUMP_TOP/tests/virtif_peer.py" garbage stream "$folder/s" 1 >"$T/stream" 2>&1 3>&- &
	PIDS+=($!)
	wait_until 20 grep -q ready "$T/stream"
	serve <<-END
		interface virt0 tap0
		interface virt1 stream:$folder/s
		interface virt2 dgram:$folder/b,$folder/a
	END
	nodad=1 up 10.99.0.2/24
	rump_net ip link set virt1 up
	rump_net ip link set virt2 up
	pings 10.99.0.1
	before=$(free_kib)
	in_ns python3 "$RUMP_TOP/tests/virtif_peer.py" garbage tap tap0 2
	timeout -k 5 "$limit" python3 "$RUMP_TOP/tests/virtif_peer.py" garbage dgram "$folder/b" "$folder/a" 3
	wait_until 60 grep -q done "$T/stream"
	wait_until 20 has_carrier virt1
	[ "$(counter rx_bad_frame virt1)" -gt 100 ]
	[ "$(counter rx_bad_frame virt2)" -gt 100 ]
	pings 10.99.0.1
	after=$(free_kib)
	echo "available: $before KiB before, $after KiB after"
	[ $((before - after)) -lt 4096 ]
	stop_server
	rm -rf "$folder"
}
