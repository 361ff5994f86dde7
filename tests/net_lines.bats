#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Lines that programs carry, and those of providers: tun, tap, ppp, PPPoE, L2TP; in one rump
# kernel.

load lib
load net

@test "tun and tap: a program is the cable" {
	needs=(socat)
	on_each_kernel network '
		host a b
		n=0
		for kind in tun tap; do
			n=$((n + 1))
			rm -f "$T/line"
			# packets keep their borders: SOCK_SEQPACKET
			ip netns exec a timeout 100 socat TUN:10.$n.0.1/24,tun-name=$kind,iff-up,tun-type=$kind UNIX-LISTEN:"$T/line",type=5 &
			left=$!
			soon test -S "$T/line"
			ip netns exec b timeout 100 socat TUN:10.$n.0.2/24,tun-name=$kind,iff-up,tun-type=$kind UNIX-CONNECT:"$T/line",type=5 &
			right=$!
			has_carrier() { ip -n b link show $kind up 2>/dev/null | grep -q LOWER_UP; }
			soon has_carrier
			ip -n b tuntap show | grep -q "^$kind: $kind"
			soon pings a 10.$n.0.2
			transfer b a 10.$n.0.1
			kill $left $right
			wait $left $right || :
		done
		ip -n a tuntap add tap7 mode tap
		ip -n a tuntap show | grep -q "^tap7: tap"
		ip -n a tuntap del tap7 mode tap
		! ip -n a link show tap7 2>/dev/null || false
	'
}

# pppd is for root, and writes to /run
ppp='
	options=(nodetach noauth noipdefault nodefaultroute noccp maxfail 1)
	has_peer() { ip -n "$1" -br address | grep -q "$2 peer $3"; }
	has_no_peer() { ! has_peer "$@"; }
	told() { cat "$T"/*.log; false; }
'

@test "ppp: two pppd over a terminal line" {
	needs=(pppd socat)
	is_root || skip_or_fail "root"
	# the line has to be a terminal of the kernel that has ppp
	rump_words=,blanket=/dev/ptmx:/dev/pts
	on_each_kernel network "$ppp"'
		host a b
		timeout 120 socat pty,raw,echo=0,link="$T/left" pty,raw,echo=0,link="$T/right" &
		line=$!
		soon test -L "$T/right"
		ip netns exec a timeout 100 pppd "$(readlink "$T/left")" local ktune nolock "${options[@]}" 10.4.0.1:10.4.0.2 >"$T/a.log" 2>&1 &
		one=$!
		ip netns exec b timeout 100 pppd "$(readlink "$T/right")" local ktune nolock "${options[@]}" >"$T/b.log" 2>&1 &
		two=$!
		soon has_peer b 10.4.0.2 10.4.0.1 || told
		transfer a b 10.4.0.2
		transfer b a 10.4.0.1
		kill $one $two
		wait $one $two || :
		soon has_no_peer b 10.4.0.2 10.4.0.1
		kill $line
	'
}

@test "pppoe: a server is found, answers, and goes" {
	needs=(pppd pppoe-server pppoe)
	is_root || skip_or_fail "root"
	# the server gives its pppd a terminal, too
	rump_words=,blanket=/dev/ptmx:/dev/pts
	on_each_kernel network "$ppp"'
		host a b
		cable a a0 b b0
		echo noauth >"$T/options"
		ip netns exec b timeout 100 pppoe-server -F -I b0 -L 10.4.0.1 -R 10.4.0.2 -N 1 -O "$T/options" >"$T/b.log" 2>&1 &
		server=$!
		ip netns exec a timeout 100 pppd plugin rp-pppoe.so nic-a0 "${options[@]}" maxfail 5 persist holdoff 1 >"$T/a.log" 2>&1 &
		client=$!
		patience=30
		soon has_peer a 10.4.0.2 10.4.0.1 || told
		# one session, of the kernel
		[ "$(on a cat /proc/net/pppoe | wc -l)" = 2 ]
		transfer a b 10.4.0.1
		transfer b a 10.4.0.2
		kill $client
		wait $client || :
		soon has_no_peer a 10.4.0.2 10.4.0.1
		kill $server
		wait $server || :
	'
}

@test "l2tp version 3: Ethernet in UDP and in IPv6" {
	on_each_kernel network '
		two_hosts
		tunnel() {
			local at=$1 own=$2 peer=$3
			shift 3
			ip -n $at l2tp add tunnel tunnel_id $own peer_tunnel_id $peer "$@"
			ip -n $at l2tp add session name l$peer$own tunnel_id $own session_id $own peer_session_id $peer
			ip -n $at link set l$peer$own up
		}
		tunnel a 10 20 encap udp local 10.0.0.1 remote 10.0.0.2 udp_sport 1701 udp_dport 1702
		tunnel b 20 10 encap udp local 10.0.0.2 remote 10.0.0.1 udp_sport 1702 udp_dport 1701
		address a l2010 10.5.0.1/24
		address b l1020 10.5.0.2/24
		transfer a b 10.5.0.2
		tunnel a 11 21 encap ip local fd00::1 remote fd00::2
		tunnel b 21 11 encap ip local fd00::2 remote fd00::1
		address a l2111 fd05::1/64
		address b l1121 fd05::2/64
		transfer b a fd05::1
		[ "$(ip -n a l2tp show tunnel | grep -c "encap \(UDP\|IP\)")" = 2 ]
		[ "$(count b l1121 | cut -d" " -f1)" -gt 20 ]
	'
}

@test "l2tp version 2: xl2tpd on both ends, sessions and ppp are the kernel's" {
	needs=(xl2tpd pppd)
	is_root || skip_or_fail "root"
	on_each_kernel network "$ppp"'
		two_hosts
		for h in a b; do
			mkdir -p "$T/$h"
			printf "noauth\nnoccp\nnoipdefault\nnodefaultroute\n" >"$T/$h/ppp"
		done
		sed -i "/^no[id]/d" "$T/b/ppp"
		cat >"$T/b/conf" <<-END
			[global]
			listen-addr = 10.0.0.2
			auth file = /dev/null
			[lns default]
			ip range = 10.6.0.2-10.6.0.2
			local ip = 10.6.0.1
			require authentication = no
			pppoptfile = $T/b/ppp
		END
		cat >"$T/a/conf" <<-END
			[global]
			auth file = /dev/null
			[lac l]
			lns = 10.0.0.2
			autodial = yes
			redial = yes
			redial timeout = 1
			require authentication = no
			pppoptfile = $T/a/ppp
		END
		daemons=()
		for h in b a; do
			ip netns exec $h timeout 100 xl2tpd -D -c "$T/$h/conf" -p "$T/$h/pid" -C "$T/$h/control" >"$T/$h.log" 2>&1 &
			daemons+=($!)
		done
		patience=40
		soon has_peer a 10.6.0.2 10.6.0.1 || told
		grep -q "Using l2tp kernel support" "$T/a.log"
		ip -n a l2tp show tunnel | grep -q "From 10.0.0.1 to 10.0.0.2"
		transfer a b 10.6.0.1
		transfer b a 10.6.0.2
		kill "${daemons[@]}"
		wait "${daemons[@]}" || :
		soon has_no_peer a 10.6.0.2 10.6.0.1
	'
}
