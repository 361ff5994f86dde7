#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
#
# Packet sockets: what programs do with them (net_packet.py), tcpdump, tshark and arping, inside
# of one kernel and from one kernel to others.
#
# A capture has ended when its last packet is in the file.  Before that a signal to tcpdump loses
# what is in its ring, on every Linux: blocks of TPACKET_V3 are told after a second or two.

load lib
load net
load hosts

setup() {
	needs=()
	limit=200
	cd "$T"
}

teardown() {
	end_hosts
}

CABLE='
	ip link add v0 type veth peer name v1
	ip link set v0 up
	ip link set v1 up
'

# packet CASE...: of net_packet.py
packet() {
	needs=(python3)
	on_each_kernel network "$CABLE"'
		[ "$(python3 "$RUMP_TOP/tests/net_packet.py" "$@")" = "$(printf "%s\n" "$@")" ]
	' "$@"
}

@test "raw and cooked frames, addresses, lengths, errors" {
	packet plain
}

@test "filters: what passes, what is cut off, locked ones, how many had no room" {
	packet filters
}

@test "fanout: in turn, and by flows" {
	packet fanout
}

@test "rings in mapped memory, all three versions: in, out, overrun" {
	packet rings_in rings_out
}

@test "the same on the host" {
	is_root || skip_or_fail "root, for a network namespace"
	require python3 unshare ip
	unshare -n timeout -k 5 "$limit" bash -eu -c "$CABLE"'python3 "$RUMP_TOP/tests/net_packet.py" "$@"' \
		bash plain filters fanout rings_in rings_out
}

# capture INTERFACE FILE OPTION...: tcpdump in b, $dump
# has FILE NUMBER FILTER: so many packets of the file, or more, are like that
# end: of the capture, which lost nothing
CAPTURES='
	cd "$(mktemp -d "$T/XXXXXX")"
	capture() {
		# what an earlier one said is not this one
		rm -f "$2" tcpdump
		ip netns exec b tcpdump -Uni "$1" -w "$2" "${@:3}" 2>tcpdump &
		dump=$!
		soon grep -q "listening on" tcpdump
	}
	has() { [ "$(tcpdump -nr "$1" "$3" 2>/dev/null | wc -l)" -ge "$2" ]; }
	end() {
		kill -INT $dump
		wait $dump
		grep -qx "0 packets dropped by kernel" tcpdump || { cat tcpdump; false; }
	}
'

@test "tcpdump: filters run in the kernel, captures have every byte" {
	needs=(tcpdump tshark xxd arping)
	on_each_kernel network "$CAPTURES"'
		two_hosts
		ip -n b link set lo up
		# a ring of the third version, then one that tells of each packet; that has a place of
		# a snapshot for each, eight of them if nothing is said
		for mode in "" "--immediate-mode -s 70000 -B 16384"; do
			capture b0 filtered $mode "tcp port 5000"
			on b ss -0 --bpf | grep -q "bpf filter.* 5000,"
			pings a 10.0.0.2
			transfer a b 10.0.0.2
			soon has filtered 2 "tcp[tcpflags] & tcp-fin != 0"
			end
			tcpdump -nr filtered >text 2>/dev/null
			grep -q "10.0.0.1.* > 10.0.0.2.5000: Flags \[S\]" text
			! grep ICMP text || false
			tshark -r filtered -q -z follow,tcp,raw,0 >raw 2>/dev/null
			sed -n "/^[0-9a-f]*\$/p" raw | tr -d "\n" | xxd -r -p | cmp - "$T/sent"
		done
		# the first that it sees is the first that is meant
		capture any other "tcp port 5001"
		transfer a b 10.0.0.2
		! on a nc -z 10.0.0.2 5001 || false
		soon has other 2 tcp
		end
		[ "$(tcpdump -nr other 2>/dev/null | grep -cv "\.5001[: ]")" = 0 ]
		capture lo own icmp6
		pings b fd00::2
		soon has own 3 "icmp6[0] = 129"
		end
		capture b0 arps arp
		on a arping -c 3 -W 0.1 -w 20 -I a0 10.0.0.2 >arping
		grep -qE "^3 packets transmitted, +[1-3] packets received" arping
		soon has arps 3 "arp[6:2] = 2"
		end
	'
}

@test "tcpdump and tshark know the interfaces of the kernel, and no others" {
	needs=(tcpdump tshark)
	# the host's, and those of another namespace
	(ls /sys/class/net && echo a0) | grep -vx lo >others
	on_each_kernel network "$CAPTURES"'
		two_hosts
		on b tcpdump -D | sed "s/^[0-9]*\.\([^ ]*\).*/\1/" >interfaces
		grep -qx b0 interfaces
		grep -qx lo interfaces
		! grep -xf "$T/others" interfaces || false
		ip netns exec b tshark -l -n -i b0 -c 2 -f "icmp[icmptype] = icmp-echo" >shark 2>shark.log &
		shark=$!
		soon grep -q "Capturing on" shark.log
		# it says so before it looks
		pings_end_it() {
			on a ping -n -c 1 -W 1 10.0.0.2 >/dev/null
			! kill -0 $shark 2>/dev/null
		}
		soon pings_end_it
		wait $shark
		[ "$(grep -c "10.0.0.1 .* 10.0.0.2 .*ICMP.*request" shark)" = 2 ]
	'
}

# ---- from kernel to kernel ----

# sends FROM TO ADDRESS PORT
sends() {
	rm -f got
	in_background on "$2" socat -u "TCP-LISTEN:$4,reuseaddr" CREATE:"$T/got"
	local pid=$!
	wait_until 50 listens "$2" "$4"
	on "$1" socat -u FILE:"$T/data" "TCP:$3:$4"
	wait $pid
	cmp data got
}

# captured FILE COUNT FILTER: that many packets are in the file
captured() {
	[ "$(tcpdump -nr "$1" "$3" 2>/dev/null | wc -l)" -ge "$2" ]
}

# watches HOST INTERFACE: while a sends to b at port 81, then at 80
watches() {
	local dump
	rm -f capture tcpdump
	in_background on "$1" tcpdump -Uni "$2" -w "$T/capture" "tcp port 80" 2>tcpdump
	dump=$!
	wait_until 50 grep -q "listening on" tcpdump
	size=200000 data
	sends a b 10.0.0.2 81
	sends a b 10.0.0.2 80
	wait_until 50 captured capture 2 "tcp[tcpflags] & tcp-fin != 0"
	end_program $dump
	[ "$(tcpdump -nr capture 2>/dev/null | grep -cv "\.80[: ]")" = 0 ]
	tshark -r capture -q -z follow,tcp,raw,0 2>/dev/null | sed -n '/^[0-9a-f]*$/p' |
		tr -d '\n' | xxd -r -p | cmp - data
}

@test "a kernel on a bus sees port 80 of two others, and nothing else" {
	require socat tcpdump tshark xxd
	host a "interface shmif0 $T/bus" "address shmif0 10.0.0.1/24"
	host b "interface shmif0 $T/bus" "address shmif0 10.0.0.2/24"
	host c "interface shmif0 $T/bus" "up shmif0"
	watches c shmif0
}

@test "tcpdump -i virt0, at either end of the line" {
	require socat tcpdump tshark xxd
	local folder
	folder=$(short_folder)
	SERVER_FOLDERS+=("$folder")
	host a "interface virt0 dgram:$folder/b,$folder/a" "address virt0 10.0.0.1/24"
	host b "interface virt0 dgram:$folder/a,$folder/b" "address virt0 10.0.0.2/24"
	watches a virt0
	watches b virt0
}
