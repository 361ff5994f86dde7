#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The host's own tools show and change the rump kernel's network, and nothing of the host's.
# See net_tools.bats for more of them.

load lib
load net

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" "$RUMP_MODULES/modules.index"
	# what is the host's stays as it is
	host_network >"$BATS_FILE_TMPDIR/before"
}

teardown_file() {
	host_network | diff "$BATS_FILE_TMPDIR/before" -
}

# but for what other tests make meanwhile, whose names begin with rump-
host_network() {
	{
		ip -o link | sed 's/ state .*//; s/^[0-9]*: //'
		ip -o address | sed 's/valid_lft.*//; s/^[0-9]*: //'
		ip route
		ip rule
		ls /run/netns 2>/dev/null | sort
	} | sed '/rump-/d'
}

@test "ip monitor tells of what others do" {
	on_each_kernel network '
		timeout 120 ip monitor link address route >"$T/monitor" &
		monitor=$!
		soon sh -c "ip link add d0 type dummy 2>/dev/null; ip link del d0; [ -s \"$T/monitor\" ]"
		ip link add d1 type dummy
		ip link set d1 up
		ip address add 10.1.1.1/24 dev d1
		soon grep -q "10.1.1.0/24 dev d1" "$T/monitor"
		grep -q "inet 10.1.1.1/24 .*d1" "$T/monitor"
		kill $monitor
		wait $monitor || :
		ip link del d1
	'
}

@test "ip netns: add, exec, list, identify, delete; unshare and nsenter; /sys and /proc follow" {
	needs=(unshare nsenter)
	on_each_kernel network '
		ip netns add red
		ip -n red link add only-here type dummy
		[ "$(ip netns exec red ls /sys/class/net | sort | tr "\n" " ")" = "lo only-here " ]
		ip netns exec red grep -q only-here /proc/net/dev
		! grep -q only-here /proc/net/dev || false
		! ls /sys/class/net | grep -q only-here || false
		ip netns exec red sh -c "ip link set lo up; cat /sys/class/net/lo/operstate" | grep -q unknown
		[ "$(ip netns identify)" = "" ]
		[ "$(ip netns exec red ip netns identify)" = red ]
		# one without a name: only its processes have it
		unshare -n sh -c "ip link add quiet type dummy; ip -br link" >"$T/quiet"
		grep -q "^quiet " "$T/quiet"
		! grep -q only-here "$T/quiet" || false
		! ip link show quiet 2>/dev/null || false
		[ "$(nsenter --net=/run/netns/red ls /sys/class/net | wc -l)" = 2 ]
		ip netns delete red
		[ -z "$(ip netns list)" ]
	'
	# the host knows none of them
	! ip netns list | grep -qw -e red -e blue || false
}

@test "ethtool, sysctl, tc, bridge on interfaces that the host has not" {
	needs=(ethtool sysctl tc bridge)
	more_words=,sysctl=yes
	on_each_kernel network '
		ip link add v0 type veth peer name v1
		ip link set v0 up
		ethtool -i v0 | grep -qx "driver: veth"
		ethtool -k v0 | grep -qx "tcp-segmentation-offload: on"
		ethtool -K v0 tso off
		ethtool -k v0 | grep -qx "tcp-segmentation-offload: off"
		ethtool v0 | grep -q "Link detected: no"
		ip link set v1 up
		ethtool v0 | grep -q "Link detected: yes"
		ethtool -S v0 | grep -q peer_ifindex
		[ "$(sysctl -n net.ipv4.conf.v0.forwarding)" = 0 ]
		sysctl -qw net.ipv4.conf.v0.forwarding=1
		[ "$(cat /proc/sys/net/ipv4/conf/v0/forwarding)" = 1 ]
		[ ! -e /proc/sys/net/ipv4/conf/eth0 ]
		tc qdisc show dev v0 | grep -q "qdisc noqueue"
		[ -z "$(bridge link)" ]
		! ethtool -i eth0 2>/dev/null || false
	'
}

@test "arping, traceroute, tracepath: who answers on the way" {
	needs=(arping traceroute)
	on_each_kernel network '
		host a r s b
		cable a a0 r ra
		cable r rs s sr
		cable s sb b b0
		address a a0 10.0.1.1/24 fd01::1/64
		address r ra 10.0.1.2/24 fd01::2/64
		address r rs 10.0.2.1/24 fd02::1/64
		address s sr 10.0.2.2/24 fd02::2/64
		address s sb 10.0.3.1/24 fd03::1/64
		address b b0 10.0.3.2/24 fd03::2/64
		ip -n a route add default via 10.0.1.2
		ip -n a route add default via fd01::2
		ip -n r route add 10.0.3.0/24 via 10.0.2.2
		ip -n r route add fd03::/64 via fd02::2
		ip -n s route add 10.0.1.0/24 via 10.0.2.1
		ip -n s route add fd01::/64 via fd02::1
		ip -n b route add default via 10.0.3.1
		ip -n b route add default via fd03::1
		for h in r s; do
			on $h sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
		done
		mac=$(ip -n r -j link show ra | python3 -c "import json, sys; print(json.load(sys.stdin)[0][\"address\"])")
		on a arping -c 2 -i a0 10.0.1.2 | grep -qi "$mac"
		! on a arping -c 1 -w 1 -i a0 10.0.1.99 >/dev/null || false
		for kind in -I -U -T; do
			on a traceroute -n -q 1 -w 20 $kind 10.0.3.2 >"$T/trace"
			[ "$(awk "NR > 1 { print \$2 }" "$T/trace" | tr "\n" " ")" = "10.0.1.2 10.0.2.2 10.0.3.2 " ]
		done
		on a traceroute -6 -n -q 1 -w 20 fd03::2 >"$T/trace"
		[ "$(awk "NR > 1 { print \$2 }" "$T/trace" | tr "\n" " ")" = "fd01::2 fd02::2 fd03::2 " ]
	'
}

@test "tools for protocols that nobody has loaded say so, or find nothing" {
	needs=(iw wg conntrack)
	on_each_kernel network '
		[ -z "$(iw dev)" ]
		[ -z "$(wg show)" ]
		[ "$(conntrack -L 2>/dev/null)" = "" ]
		[ -z "$(ip l2tp show tunnel)" ]
		[ -z "$(ip mptcp endpoint)" ]
		[ -z "$(ip xfrm state)" ]
		[ -z "$(ip -f mpls route)" ]
		[ -z "$(nft list ruleset)" ]
		! ip link add x0 type nonesuch 2>"$T/err" || false
		grep -qE "Unknown device type|not supported" "$T/err"
	'
}

@test "ss -K ends a connection; what it looked at before is gone" {
	on_each_kernel network '
		two_hosts
		ip netns exec b timeout 60 nc -l 10.0.0.2 5000 </dev/null >"$T/got" &
		server=$!
		soon is_listening b 5000
		rm -f "$T/input"
		mkfifo "$T/input"
		ip netns exec a timeout 60 nc 10.0.0.2 5000 <"$T/input" &
		exec 8>"$T/input"
		is_established() { on b ss -Htn state established | grep -q "10.0.0.2:5000 .*10.0.0.1:"; }
		soon is_established
		[ -z "$(on b ss -HK dst 10.0.0.99)" ]
		is_established
		on b ss -K dst 10.0.0.1 | grep -q "ESTAB.*10.0.0.2:5000"
		wait $server || :
		[ -z "$(on b ss -Htn)" ]
		exec 8>&-
	'
}

@test "an interface goes to the namespace of a process by its pid, whoever started it" {
	needs=(unshare)
	on_each_kernel network '
		# from here on the shell is a process of the kernel, and its children are copies of it
		read -r _ </proc/net/dev
		mkfifo "$T/go"
		for way in "exec unshare -n" "unshare -n" "unshare -nf"; do
			rm -f "$T/pid"
			# the program, or a shell that never calls the kernel itself
			( $way sh -c "echo \$\$ >$T/pid.new; mv $T/pid.new $T/pid
				read -r _ <$T/go; ip -br link; ip link del right" >"$T/links"; : ) &
			soon [ -s "$T/pid" ]
			ip link add left type veth peer name right
			ip link set right netns "$(<"$T/pid")"
			! ip link show right 2>/dev/null || false
			echo >"$T/go"
			wait $!
			grep -q "^right" "$T/links"
			! ip link show left 2>/dev/null || false
		done
		# a child that runs no other program, and makes no call
		( read -r _ <"$T/go" ) &
		soon [ -e "/rump/proc/$!" ]
		echo >"$T/go"
		wait $!
		rm "$T/go"
	'
}

@test "network namespaces that are made faster than they end: no call is refused, none is left" {
	needs=(unshare python3)
	cat >unshare.py <<-"EOF"
		import ctypes, errno, sys
		libc = ctypes.CDLL(None, use_errno=True)
		def unshare():
		    return 0 if not libc.unshare(0x40000000) else ctypes.get_errno()
		assert not any(unshare() for _ in range(1000))
		# those that somebody has are in nobody's way but their own
		held = []
		while not (error := unshare()):
		    held.append(open("/proc/thread-self/ns/net"))
		assert error == errno.ENOSPC, error
		assert 8 <= len(held) <= 16, len(held)
	EOF
	on_each_kernel network '
		echo 16 >/rump/proc/sys/user/max_net_namespaces
		timeout 120 python3 unshare.py
		for i in {1..100}; do
			unshare -n true
		done
	'
}

@test "ss -p names the program whose socket it is, and its pid" {
	needs=(python3 nc)
	on_each_kernel network '
		# the shell is known to the kernel: its children are copies of it
		read -r _ </proc/net/dev
		nc -l 127.0.0.1 5000 </dev/null >/dev/null &
		nc=$!
		# a worker that runs no other program has the socket with its parent
		timeout 120 python3 -c "
import os, socket, time
s = socket.create_server((\"127.0.0.1\", 5001))
pid = os.fork()
if not pid:
    s.getsockname()
    time.sleep(100)
open(\"$T/worker.new\", \"w\").write(str(pid))
os.rename(\"$T/worker.new\", \"$T/worker\")
os.wait()" &
		python=$!
		is_there() { ss -Htln "sport = :5000" | grep -q LISTEN; }
		soon is_there
		soon [ -s "$T/worker" ]
		worker=$(<"$T/worker")
		ss -Htlnp "sport = :5000" >"$T/nc"
		ss -Htlnp "sport = :5001" >"$T/python"
		cat "$T/nc" "$T/python"
		grep -q "users:((\"nc\",pid=$nc,fd=[0-9]*))" "$T/nc"
		grep -q "(\"python3\",pid=$worker,fd=" "$T/python"
		[ "$(grep -o "\"python3\",pid=" "$T/python" | wc -l)" = 2 ]
		kill $worker $nc
		wait $python || :
		wait $nc || :
		rm "$T/worker"
	'
}
