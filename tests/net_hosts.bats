#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Networks of several rump kernels: routers, address translation, bad lines, tunnels, VLANs, and
# what happens when one of them goes away.

bats_require_minimum_version 1.5.0

setup() {
	load lib
	load hosts
	require ip socat ping ss
	# shellcheck disable=SC2034
	limit=150
}

teardown() { end_hosts; }

# left (10.1.0.1) - router - right (10.2.0.1), the router on both buses; $1: options of the buses
three_hosts() {
	host left "interface shmif0 $T/bus1 ${1:-}" "address shmif0 10.1.0.1/24" \
		"address shmif0 fd01::1/64" "route default 10.1.0.254" "route default fd01::254"
	host router "interface shmif0 $T/bus1 ${1:-}" "interface shmif1 $T/bus2 ${1:-}" \
		"address shmif0 10.1.0.254/24" "address shmif1 10.2.0.254/24" \
		"address shmif0 fd01::254/64" "address shmif1 fd02::254/64" \
		"sysctl net.ipv4.ip_forward=1" "sysctl net.ipv6.conf.all.forwarding=1"
	host right "interface shmif0 $T/bus2 ${1:-}" "address shmif0 10.2.0.1/24" \
		"address shmif0 fd02::1/64" "$([ "${2:-}" = "without a way back" ] ||
		printf 'route default 10.2.0.254\nroute default fd02::254\n')"
}

@test "a router of three kernels: IPv4 and IPv6" {
	three_hosts
	carries left right 10.2.0.1
	carries right left 10.1.0.1
	carries left right fd02::1
	run -0 on left ping -c 2 -i 0.2 -W 5 10.2.0.1
	[[ $output == *"ttl=63"* ]]
	run -0 on left ping -c 2 -i 0.2 -W 5 fd02::1
	[[ $output == *"ttl=63"* ]]
	# it was the router that carried it
	on router ip -j -s link show shmif1 | jq -e '.[0].stats64.tx.bytes > 1000000'
	end_host router
	run ! on left ping -c 1 -W 1 10.2.0.1
	end_host left
	end_host right
}

@test "address translation: the server sees the router" {
	require nft
	three_hosts "" "without a way back"
	run ! on left ping -c 1 -W 1 10.2.0.1
	on router nft -f - <<-'END'
		table ip nat {
			chain post {
				type nat hook postrouting priority srcnat
				oifname "shmif1" masquerade
			}
		}
	END
	carries left right 10.2.0.1
	grep -q "accepting connection from AF=2 10.2.0.254:" "$T/socat.log"
}

@test "TCP delivers over a router that loses and delays" {
	require tc jq
	# real: frames of the MTU's size, so that there are enough to be lost
	three_hosts real
	for dev in shmif0 shmif1; do
		on router tc qdisc add dev $dev root netem loss 3% delay 5ms limit 10000
	done
	carries left right 10.2.0.1
	on router tc -j -s qdisc show dev shmif1 | jq -e '.[0].drops > 0'
}

@test "wireguard between two kernels: what passes on the bus is no plain text" {
	require wg "$RUMP_BUILD/tools/shmif_dumpbus"
	local name peer
	host a "interface shmif0 $T/bus" "address shmif0 10.1.0.1/24"
	host b "interface shmif0 $T/bus" "address shmif0 10.1.0.2/24"
	for name in a b; do
		(umask 077 && wg genkey >"$T/$name.key")
		wg pubkey <"$T/$name.key" >"$T/$name.public"
	done
	for name in a b; do
		[ $name = a ] && peer=b || peer=a
		on $name ip link add wg0 type wireguard
		on $name wg set wg0 listen-port 51820 private-key "$T/$name.key" peer "$(<"$T/$peer.public")" \
			allowed-ips 0.0.0.0/0 endpoint "10.1.0.$([ $peer = a ] && echo 1 || echo 2):51820"
		on $name ip address add "192.168.9.$([ $name = a ] && echo 1 || echo 2)/24" dev wg0
		on $name ip link set wg0 up
	done
	yes 'attack at dawn' | head -c 100000 >"$T/data"
	carries a b 192.168.9.2
	on a wg show wg0 latest-handshakes | grep -qv '[[:space:]]0$'
	"$RUMP_BUILD/tools/shmif_dumpbus" -w "$T/pcap" "$T/bus"
	[ "$(stat -c %s "$T/pcap")" -gt 100000 ]
	run ! grep -qa 'attack at dawn' "$T/pcap"
	# which would be seen
	carries a b 10.1.0.2
	"$RUMP_BUILD/tools/shmif_dumpbus" -w "$T/pcap" "$T/bus"
	grep -qa 'attack at dawn' "$T/pcap"
}

@test "VLANs over a bus keep apart" {
	local name n=0
	for name in a b; do
		n=$((n + 1))
		host $name "interface shmif0 $T/bus" "up shmif0"
		on $name ip link add link shmif0 name shmif0.5 type vlan id 5
		on $name ip address add 10.5.0.$n/24 dev shmif0.5
		on $name ip link set shmif0.5 up
	done
	carries a b 10.5.0.2
	on b ip link del shmif0.5
	on b ip link add link shmif0 name shmif0.6 type vlan id 6
	on b ip address add 10.5.0.2/24 dev shmif0.6
	on b ip link set shmif0.6 up
	run ! on a ping -c 1 -W 1 10.5.0.2
}

@test "an http server in one kernel, curl in another, both plain programs" {
	require curl python3
	local url=http://10.1.0.1:8000/data words="path=/rump,socket=all:nolocal,interface=shmif0 $T/bus" pid
	data
	in_background tagged rump_with "$words,address=shmif0 10.1.0.1/24" \
		python3 -m http.server --directory "$T" 8000 >"$T/server.log" 2>&1
	pid=$!
	rump_with "$words,address=shmif0 10.1.0.2/24" \
		curl -sS --retry 50 --retry-delay 1 --retry-all-errors -o "$T/got" "$url"
	cmp "$T/data" "$T/got"
	grep '10.1.0.2 .*GET /data' "$T/server.log"
	end_program $pid
}

@test "two hosts with one address: it is seen, and nothing hangs" {
	require arping
	host a "interface shmif0 $T/bus" "address shmif0 10.1.0.1/24"
	host b "interface shmif0 $T/bus" "address shmif0 10.1.0.2/24"
	# what a new host asks, from no address yet: 1 is taken, 9 is free
	run -0 on b arping -0 -C 1 -c 30 -w 30 -i shmif0 10.1.0.1
	run -1 on b arping -0 -c 2 -w 3 -i shmif0 10.1.0.9
	host c "interface shmif0 $T/bus" "address shmif0 10.1.0.1/24"
	run on b arping -c 4 -w 10 -i shmif0 10.1.0.1
	[ "$(grep -Eo '([0-9a-f]{2}:){5}[0-9a-f]{2}' <<<"$output" | sort -u | wc -l)" = 2 ]
	end_host c
	carries b a 10.1.0.1
}

@test "an interface is removed under traffic" {
	local pid
	host a "interface shmif0 $T/bus" "address shmif0 10.1.0.1/24"
	host b "interface shmif0 $T/bus" "address shmif0 10.1.0.2/24"
	in_background on b socat -u TCP-LISTEN:7000,reuseaddr,fork /dev/null
	listens b 7000
	in_background on a socat -u -T 20 /dev/zero TCP:10.1.0.2:7000
	pid=$!
	_flows() { on b ss -Htn state established "sport = :7000" | grep -q .; }
	wait_until 20 _flows
	on a ip link del shmif0
	run ! on a ip link show shmif0
	# its peer goes on, and so does the kernel that has lost it
	end_program $pid
	run -0 on a ip -j link
	host c "interface shmif0 $T/bus" "address shmif0 10.1.0.3/24"
	run -0 on c ping -c 2 -i 0.2 -W 5 10.1.0.2
	end_host a
	kill_tagged
	end_host b
	end_host c
}

@test "a host is killed in the middle of a transfer; the others go on" {
	local pid status=0
	host a "interface shmif0 $T/bus" "address shmif0 10.1.0.1/24"
	host b "interface shmif0 $T/bus" "address shmif0 10.1.0.2/24"
	host c "interface shmif0 $T/bus" "address shmif0 10.1.0.3/24"
	in_background on b socat -u TCP-LISTEN:7001,reuseaddr,fork /dev/null
	listens b 7001
	in_background on a socat -u /dev/zero TCP:10.1.0.2:7001,setsockopt-int=6:18:2000
	pid=$!
	_flows() { on a ss -Htn state established "dport = :7001" | grep -q .; }
	wait_until 20 _flows
	kill -9 "${HOST_PID[b]}"
	carries a c 10.1.0.3
	# who talked to it gets an error in the time that it wanted, TCP_USER_TIMEOUT
	wait "$pid" || status=$?
	[ $status = 1 ]
	host b "interface shmif0 $T/bus" "address shmif0 10.1.0.2/24"
	carries a b 10.1.0.2
}

@test "a program that ends with its kernel inside and a socket open says so, and what it sent arrives" {
	local pid
	host a "interface shmif0 $T/bus" "address shmif0 10.1.0.1/24"
	in_background on a python3 -c '
import socket, time
listener = socket.create_server(("10.1.0.1", 7000))
connection, _ = listener.accept()
time.sleep(0.5)		# most of it waits on the other side meanwhile
got = 0
while data := connection.recv(65536):
    got += len(data)
print("got", got)' >"$T/got"
	pid=$!
	listens a 7000
	rump_with "socket=inet,interface=shmif0 $T/bus,address=shmif0 10.1.0.2/24" python3 -c '
import ctypes, socket
connection = socket.create_connection(("10.1.0.1", 7000))
connection.setblocking(False)
sent = 0
try:
    while True:
        sent += connection.send(bytes(65536))
except BlockingIOError:
    print("got", sent, flush=True)
ctypes.CDLL(None).exit(0)' >"$T/sent"
	wait $pid
	grep -Ex "got [1-9][0-9]+" "$T/sent"
	diff "$T/sent" "$T/got"
}
