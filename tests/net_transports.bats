#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Protocols and what happens to packets on their way: sctp, mptcp, bbr, queueing disciplines;
# in one rump kernel.

load lib
load net

@test "sctp: one to one, both families, by an unmodified program and by messages of streams" {
	needs=(socat sctp_test)
	on_each_kernel network '
		two_hosts
		head -c 200000 /dev/urandom >"$T/sent"
		for address in 10.0.0.2 "[fd00::2]"; do
			family=4
			[ "${address#[}" = "$address" ] || family=6
			ip netns exec b timeout 120 socat -u SCTP$family-LISTEN:5000,reuseaddr CREATE:"$T/got" &
			pid=$!
			soon sh -c "ip netns exec b ss -HSln | grep -q :5000"
			on a socat -u FILE:"$T/sent" SCTP$family:"$address":5000
			wait $pid
			cmp "$T/sent" "$T/got"
		done
		# messages keep their borders, in several streams; a second address takes over
		ip -n a address add 10.0.9.1/24 dev a0
		cat >"$T/sctp.py" <<-END
			import socket, sys
			listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
			listener.bind(("10.0.0.2", 5001))
			listener.listen(1)
			print("ready", flush=True)
			peer, address = listener.accept()
			sizes = []
			while data := peer.recv(65536): sizes.append(len(data))
			print(address[0], sizes)
		END
		ip netns exec b timeout 120 python3 "$T/sctp.py" >"$T/messages" &
		pid=$!
		soon grep -q ready "$T/messages"
		on a python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
s.connect((\"10.0.0.2\", 5001))
for size in 10, 1000, 1, 500:
    s.send(bytes(size))
s.close()"
		wait $pid
		grep -qx "10.0.0.1 \[10, 1000, 1, 500\]" "$T/messages"
	'
}

@test "congestion control: bbr by TCP_CONGESTION and as the default" {
	needs=(python3 ss)
	on_each_kernel network '
		two_hosts
		cat >"$T/bbr.py" <<-END
			import socket, subprocess, sys
			s = socket.socket()
			s.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"bbr")
			s.connect(("10.0.0.2", 5000))
			s.sendall(b"x" * 100000)
			print(subprocess.run(["ss", "-Hti", "dport = :5000"], capture_output=True, text=True).stdout)
		END
		ip netns exec b timeout 120 nc -l 5000 >"$T/got" </dev/null &
		pid=$!
		soon is_listening b 5000
		on a python3 "$T/bbr.py" >"$T/ss"
		wait $pid
		[ "$(stat -c %s "$T/got")" = 100000 ]
		grep -q "bbr.*bw:" "$T/ss"
		# known now, and by its name in sysctl for a whole namespace
		on a grep -qw bbr /proc/sys/net/ipv4/tcp_available_congestion_control
		on a sysctl -qw net.ipv4.tcp_congestion_control=bbr
		[ "$(on a sysctl -n net.ipv4.tcp_congestion_control)" = bbr ]
		transfer a b 10.0.0.2
	'
}

@test "netem: delay is seen, lost and doubled packets are not" {
	needs=(tc ethtool)
	on_each_kernel network '
		two_hosts
		# frames as on a cable: of whole segments too few would be lost
		on a ethtool -K a0 tso off gso off
		on b ethtool -K b0 tso off gso off
		tc -n a qdisc add dev a0 root netem delay 30ms
		rtt=$(on a ping -n -c 3 -i 0.05 10.0.0.2 | sed -n "s,.*= [0-9.]*/\([0-9]*\).*,\1,p")
		[ "$rtt" -ge 30 ]
		tc -n a qdisc change dev a0 root netem delay 2ms 1ms loss 5% duplicate 2% reorder 10% 50%
		tc -n b qdisc add dev b0 root netem loss 5%
		head -c 1000000 /dev/urandom >"$T/sent"
		transfer a b 10.0.0.2
		transfer b a fd00::1
		dropped=$(tc -n a -s -j qdisc show dev a0 | python3 -c "import json, sys; print(json.load(sys.stdin)[0][\"drops\"])")
		[ "$dropped" -gt 0 ]
		on a nstat -asz TcpRetransSegs | grep -qE "RetransSegs +[1-9]"
	'
}

@test "tbf, htb with filters, fq_codel, ingress policing: rates are kept" {
	needs=(tc)
	on_each_kernel network '
		two_hosts
		milliseconds() {
			local begin=${EPOCHREALTIME/[.,]/}
			"$@"
			took=$(((${EPOCHREALTIME/[.,]/} - begin) / 1000))
		}
		head -c 250000 /dev/urandom >"$T/sent"
		tc -n a qdisc add dev a0 root tbf rate 2mbit burst 10kb latency 100ms
		milliseconds transfer a b 10.0.0.2
		# 2 Mbit are a second of 2 Mbit/s; the last segment goes whole when its first byte may
		echo "tbf: $took ms"
		[ $took -ge 700 ]
		tc -n a qdisc replace dev a0 root handle 1: htb default 20
		tc -n a class add dev a0 parent 1: classid 1:10 htb rate 2mbit burst 10kb cburst 10kb
		tc -n a class add dev a0 parent 1: classid 1:20 htb rate 1gbit
		tc -n a qdisc add dev a0 parent 1:20 fq_codel
		tc -n a filter add dev a0 parent 1: protocol ip u32 match ip dst 10.0.0.2 flowid 1:10
		milliseconds transfer a b 10.0.0.2
		echo "htb, filtered: $took ms"
		[ $took -ge 700 ]
		sent() { tc -n a -s class show dev a0 classid $1 | sed -n "s/^ Sent \([0-9]*\) bytes.*/\1/p"; }
		slow=$(sent 1:10)
		[ $slow -gt 250000 ]
		[ $(sent 1:20) -lt 100000 ]
		# what no filter names goes by the fast one
		transfer a b fd00::2
		[ $(sent 1:20) -gt 250000 ]
		[ $(sent 1:10) -lt $((slow + 100000)) ]
		tc -n b qdisc add dev b0 ingress
		tc -n b filter add dev b0 ingress protocol ip matchall action police rate 1mbit burst 20k conform-exceed drop
		transfer a b 10.0.0.2
		tc -n b -s filter show dev b0 ingress | grep -q police
	'
}

@test "mptcp: a second path joins, and carries on alone when the first is cut" {
	needs=(mptcpize nstat)
	# not by mptcpize itself, which preloads its library instead of ours
	WRAP=$(echo /usr/lib/*/mptcpize/libmptcpwrap.so.0) on_each_kernel network '
		host a b
		cable a a0 b b0
		cable a a1 b b1
		address a a0 10.0.0.1/24
		address b b0 10.0.0.2/24
		address a a1 10.0.1.1/24
		address b b1 10.0.1.2/24
		for h in a b; do ip -n $h mptcp limits set subflow 2 add_addr_accepted 2; done
		ip -n b mptcp endpoint add 10.0.1.2 dev b1 signal
		ip -n b mptcp endpoint show | grep -q "10.0.1.2.*signal"
		multipath() { on "$1" timeout 100 env LD_PRELOAD="$WRAP:$LD_PRELOAD" nc "${@:2}"; }
		head -c 3000000 /dev/urandom >"$T/sent"
		multipath b -l 5000 >"$T/got" </dev/null &
		pid=$!
		listens() { on b ss -HMln | grep -q ":5000"; }
		soon listens
		joined() { on b nstat -asz MPTcpExtMPJoinAckRx | grep -qE "MPJoinAckRx +1 "; }
		arrived() { [ "$(stat -c %s "$T/got")" = $1 ]; }
		{
			head -c 1000 "$T/sent"
			soon joined
			tail -c +1001 "$T/sent" | head -c 1000000
			patience=40
			soon arrived 1001000
			on a ss -HMn state established >"$T/ss"
			ip -n a link set a0 down
			tail -c +1001001 "$T/sent"
		} | multipath a -N 10.0.0.2 5000
		wait $pid
		cmp "$T/sent" "$T/got"
		grep -q "10.0.0.2:5000" "$T/ss"
		on b nstat -asz MPTcpExtMPCapableACKRX | grep -qE "MPCapableACKRX +1 "
		! on b nstat -asz MPTcpExtMPCapableFallbackACK | grep -qE "FallbackACK +[1-9]" || false
		[ "$(ip -n b -j -s link show b1 | python3 -c "import json, sys
print(json.load(sys.stdin)[0][\"stats64\"][\"rx\"][\"bytes\"])")" -gt 1900000 ]
	'
}

@test "tc: mirrored and rewritten packets" {
	needs=(tc)
	on_each_kernel network '
		two_hosts
		ip -n b link add d0 type dummy
		ip -n b link set d0 up
		tc -n b qdisc add dev b0 clsact
		tc -n b filter add dev b0 ingress protocol ip flower ip_proto icmp action mirred egress mirror dev d0
		before=$(count b d0 | cut -d" " -f2)
		pings a 10.0.0.2
		[ "$(count b d0 | cut -d" " -f2)" -ge $((before + 3)) ]
		# another port
		tc -n b filter add dev b0 ingress protocol ip flower ip_proto tcp dst_port 4000 \
			action pedit ex munge tcp dport set 5000 pipe action csum ip and tcp
		tc -n b filter add dev b0 egress protocol ip flower ip_proto tcp src_port 5000 \
			action pedit ex munge tcp sport set 4000 pipe action csum ip and tcp
		on b timeout 60 nc -l 5000 >"$T/got" </dev/null &
		pid=$!
		soon is_listening b 5000
		head -c 100000 /dev/urandom >"$T/sent"
		on a timeout 60 nc -N 10.0.0.2 4000 <"$T/sent"
		wait $pid
		cmp "$T/sent" "$T/got"
	'
}
