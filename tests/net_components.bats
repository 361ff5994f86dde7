#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Kinds of interfaces, each with traffic through it, in one rump kernel whose network
# namespaces are the hosts; nothing is loaded beforehand.

load lib
load net

@test "hosts that a cable joins: both families, TCP, and none sees the other's interfaces" {
	on_each_kernel network '
		two_hosts
		pings a 10.0.0.2
		pings b fd00::1
		transfer a b 10.0.0.2
		transfer b a fd00::1
		[ "$(ip -n a -br link | cut -d" " -f1 | sort | tr "\n" " ")" = "a0@if2 lo " ]
		[ "$(ip netns list | cut -d" " -f1 | sort | tr "\n" " ")" = "a b " ]
		[ "$(ip -br link | cut -d" " -f1)" = lo ]
		# removed with the namespace
		ip netns delete a
		! ip -n b link show b0 2>/dev/null || soon sh -c "! ip -n b link show b0 2>/dev/null"
	'
}

@test "bridge: three ports learn, a VLAN stays apart, traffic is copied whole" {
	on_each_kernel network '
		host a b c s
		for h in a b c; do
			cable $h e0 s p$h
		done
		ip -n s link add br0 type bridge stp_state 0 vlan_filtering 0
		for h in a b c; do
			ip -n s link set p$h master br0
		done
		ip -n s link set br0 up
		address a e0 10.0.0.1/24 fd00::1/64
		address b e0 10.0.0.2/24 fd00::2/64
		address c e0 10.0.0.3/24 fd00::3/64
		transfer a b 10.0.0.2
		transfer b c fd00::3
		# it has learned who is where
		mac=$(ip -n b -j link show e0 | python3 -c "import json, sys; print(json.load(sys.stdin)[0][\"address\"])")
		bridge -n s fdb show dev pb | grep -q "^$mac .*master br0"
		! bridge -n s fdb show dev pa | grep -q "^$mac " || false
		# b is taken to VLAN 7, and out of reach
		ip -n s link set br0 type bridge vlan_filtering 1
		bridge -n s vlan del dev pb vid 1
		bridge -n s vlan add dev pb vid 7 pvid untagged
		ip -n a neigh flush all
		! on a ping -n -c 1 -W 1 10.0.0.2 >/dev/null || false
		transfer a c 10.0.0.3
		# c follows it
		bridge -n s vlan del dev pc vid 1
		bridge -n s vlan add dev pc vid 7 pvid untagged
		transfer b c 10.0.0.3
		! on a ping -n -c 1 -W 1 10.0.0.3 >/dev/null || false
	'
}

@test "bridge: STP elects a root and breaks a loop" {
	on_each_kernel network '
		host s t
		cable s p1 t p1
		cable s p2 t p2
		for h in s t; do
			ip -n $h link add br0 type bridge stp_state 1 forward_delay 200 hello_time 100
			ip -n $h link set p1 master br0
			ip -n $h link set p2 master br0
			ip -n $h link set br0 up
		done
		address s br0 10.0.0.1/24
		address t br0 10.0.0.2/24
		is_broken() { { bridge -n s link; bridge -n t link; } | grep -q "state blocking"; }
		forwards() { [ "$({ bridge -n s link; bridge -n t link; } | grep -c "state forwarding")" = 3 ]; }
		soon is_broken
		soon forwards
		transfer s t 10.0.0.2
	'
}

@test "vlan: two networks on one cable, inner tags" {
	on_each_kernel network '
		host a b
		cable a a0 b b0
		for h in a b; do
			ip -n $h link add link ${h}0 name v5 type vlan id 5
			ip -n $h link add link ${h}0 name v6 type vlan id 6
			ip -n $h link add link v6 name v6.7 type vlan id 7
			for i in v5 v6 v6.7; do ip -n $h link set $i up; done
		done
		address a v5 10.5.0.1/24
		address b v5 10.5.0.2/24 10.6.0.9/32
		address a v6.7 fd67::1/64
		address b v6.7 fd67::2/64
		transfer a b 10.5.0.2
		transfer b a fd67::1
		# another tag is another network
		address a v6 10.6.0.1/24
		! on a ping -n -c 1 -W 1 10.6.0.9 >/dev/null || false
		ip -n a -d link show v5 | grep -q "vlan protocol 802.1Q id 5"
	'
}

# a has two cables to the bridge of b
two_cables='
		host a b
		cable a s1 b p1
		cable a s2 b p2
		ip -n b link add br0 type bridge
		ip -n b link set p1 master br0
		ip -n b link set p2 master br0
		ip -n b link set br0 up
'

@test "bonding: active-backup goes on when a cable is cut" {
	on_each_kernel network "$two_cables"'
		ip -n a link add bond0 type bond mode active-backup miimon 20
		for i in s1 s2; do
			ip -n a link set $i down
			ip -n a link set $i master bond0
		done
		ip -n a link set bond0 up
		address a bond0 10.0.0.1/24
		address b br0 10.0.0.2/24
		active() { on a cat /sys/class/net/bond0/bonding/active_slave; }
		is_active() { [ "$(active)" = "$1" ]; }
		soon is_active s1
		grep -q "Currently Active Slave: s1" <(on a cat /proc/net/bonding/bond0)
		transfer a b 10.0.0.2
		ip -n b link set p1 down
		soon is_active s2
		transfer a b 10.0.0.2
		pings b 10.0.0.1
		ip -n b link set p1 up
		ip -n b link set p2 down
		soon is_active s1
		transfer b a 10.0.0.1
	'
}

# of each kind: what makes it on both ends, and that the outer frames are of that kind
tunnels='
	two_hosts
	through() {
		local kind=$1 net=$2
		shift 2
		ip -n a link add t0 type "$kind" local 10.0.0.1 remote 10.0.0.2 "$@"
		ip -n b link add t0 type "$kind" local 10.0.0.2 remote 10.0.0.1 "$@"
		used "$kind" "$net"
	}
	used() {
		local kind=$1 net=$2 before
		for h in a b; do ip -n $h link set t0 up; done
		case $net in
		4) address a t0 192.168.0.1/24; address b t0 192.168.0.2/24; to=192.168.0.2 ;;
		6) address a t0 fd11::1/64; address b t0 fd11::2/64; to=fd11::2 ;;
		esac
		before=$(count b t0 | cut -d" " -f1)
		transfer a b $to
		[ "$(count b t0 | cut -d" " -f1)" -gt $((before + 5)) ]
		for h in a b; do ip -n $h link del t0; done
		echo "$kind works"
	}
'

@test "tunnels over IPv4: ipip, sit, gre, gretap" {
	on_each_kernel network "$tunnels"'
		through ipip 4
		through sit 6
		through gre 4
		through gre 6 ttl 64 key 42
		through gretap 4
	'
}

@test "tunnels over IPv6: ip6tnl of both kinds, ip6gre, ip6gretap" {
	on_each_kernel network "$tunnels"'
		over6() {
			local net=$2
			ip -n a link add t0 type "$1" local fd00::1 remote fd00::2 "${@:3}"
			ip -n b link add t0 type "$1" local fd00::2 remote fd00::1 "${@:3}"
			used "$1" "$net"
		}
		over6 ip6tnl 4 mode ipip6
		over6 ip6tnl 6 mode ip6ip6
		over6 ip6gre 4
		over6 ip6gretap 6
	'
}

@test "vxlan, geneve" {
	on_each_kernel network "$tunnels"'
		ip -n a link add t0 type vxlan id 7 local 10.0.0.1 remote 10.0.0.2 dstport 4789
		ip -n b link add t0 type vxlan id 7 local 10.0.0.2 remote 10.0.0.1 dstport 4789
		used vxlan 4
		ip -n a link add t0 type geneve id 9 remote 10.0.0.2
		ip -n b link add t0 type geneve id 9 remote 10.0.0.1
		used geneve 6
	'
}

@test "mpls: labels are pushed, swapped and popped" {
	on_each_kernel network '
		host a r b
		cable a a0 r ra
		cable r rb b b0
		address a a0 10.0.1.1/24
		address r ra 10.0.1.2/24
		address r rb 10.0.2.1/24
		address b b0 10.0.2.2/24
		ip -n a address add 10.1.0.1/32 dev lo
		ip -n b address add 10.2.0.1/32 dev lo
		# both ways; the router has no route to these addresses
		ip -n a route add 10.2.0.1/32 encap mpls 100 via 10.0.1.2 src 10.1.0.1
		ip -n b route add 10.1.0.1/32 encap mpls 200 via 10.0.2.1 src 10.2.0.1
		for h in a r b; do
			on $h sh -c "echo 1000 >/proc/sys/net/mpls/platform_labels"
		done
		on r sh -c "echo 1 >/proc/sys/net/mpls/conf/ra/input; echo 1 >/proc/sys/net/mpls/conf/rb/input"
		on b sh -c "echo 1 >/proc/sys/net/mpls/conf/b0/input"
		on a sh -c "echo 1 >/proc/sys/net/mpls/conf/a0/input"
		ip -n r -f mpls route add 100 as 101 via inet 10.0.2.2
		ip -n b -f mpls route add 101 dev lo
		ip -n r -f mpls route add 200 via inet 10.0.1.1
		[ -z "$(ip -n r route get 10.2.0.1 2>/dev/null)" ]
		transfer a b 10.2.0.1
		transfer b a 10.1.0.1
		ip -n r -f mpls route | grep -q "100 as to 101 via inet 10.0.2.2 dev rb"
	'
}

@test "macvlan, ipvlan, macvtap" {
	on_each_kernel network '
		two_hosts
		host m i
		ip -n b link add link b0 name mv type macvlan mode bridge
		ip -n b link set mv netns m up
		address m mv 10.0.0.30/24
		transfer a m 10.0.0.30
		ip -n b link add link b0 name mt type macvtap mode bridge
		ip -n b link set mt up
		[ -c "/dev/tap$(on b cat /sys/class/net/mt/ifindex)" ] || ip -n b -d link show mt | grep -q macvtap
		ip -n a link add link a0 name iv type ipvlan mode l2
		ip -n a link set iv netns i up
		address i iv 10.0.0.40/24
		transfer b i 10.0.0.40
	'
}

@test "vrf: the same addresses in two tables; dummy" {
	on_each_kernel network '
		host a r b
		cable a e0 r ra
		cable b e0 r rb
		for v in red:10:ra blue:20:rb; do
			IFS=: read -r name table port <<<"$v"
			ip -n r link add $name type vrf table $table
			ip -n r link set $name up
			ip -n r link set $port master $name
			address r $port 10.0.0.1/24
		done
		address a e0 10.0.0.2/24
		address b e0 10.0.0.2/24
		ip -n r vrf show | grep -q red
		on r ping -n -c 1 -W 5 -I red 10.0.0.2 >/dev/null
		on r ping -n -c 1 -W 5 -I blue 10.0.0.2 >/dev/null
		[ "$(ip -n r route show vrf red 10.0.0.0/24 | grep -c ra)" = 1 ]
		ip -n a link add dummy0 type dummy
		ip -n a link set dummy0 up
		address a dummy0 10.9.0.1/24
		# the other table has no way there
		ip -n r route add 10.9.0.0/24 via 10.0.0.2 vrf red
		on r ping -n -c 1 -W 5 -I red 10.9.0.1 >/dev/null
		! on r ping -n -c 1 -W 1 -I blue 10.9.0.1 >/dev/null 2>&1 || false
	'
}

@test "fou, gue: ipip, sit and gre in UDP" {
	on_each_kernel network "$tunnels"'
		# what the port takes, the kind of UDP, and of the tunnel
		in_udp() {
			for h in a b; do ip -n $h fou add port 5555 $1; done
			through "$3" "$4" encap "$2" encap-sport auto encap-dport 5555
			for h in a b; do ip -n $h fou del port 5555; done
		}
		in_udp "ipproto 4" fou ipip 4
		in_udp "ipproto 41" fou sit 6
		in_udp "ipproto 47" fou gre 4
		for kind in ipip gre; do
			in_udp gue gue $kind 4
		done
		in_udp gue gue sit 6
	'
}

@test "fou, gue over IPv6: ip6tnl and ip6gre in UDP" {
	on_each_kernel network "$tunnels"'
		in_udp() {
			for h in a b; do ip -n $h fou add port 5555 $1 -6; done
			ip -n a link add t0 type $3 local fd00::1 remote fd00::2 encap $2 encap-sport auto encap-dport 5555 "${@:5}"
			ip -n b link add t0 type $3 local fd00::2 remote fd00::1 encap $2 encap-sport auto encap-dport 5555 "${@:5}"
			used $3 $4
			for h in a b; do ip -n $h fou del port 5555 -6; done
		}
		in_udp "ipproto 4" fou ip6tnl 4 mode ipip6
		in_udp "ipproto 41" fou ip6tnl 6 mode ip6ip6
		in_udp gue gue ip6tnl 6 mode ip6ip6
		in_udp gue gue ip6gre 4
	'
}

@test "team: goes on by the other cable" {
	needs=(teamnl)
	on_each_kernel network "$two_cables"'
		# one address for all, which is what teamd sees to
		ip -n a link add team0 address 02:00:00:00:00:01 type team
		on a teamnl team0 setoption mode activebackup
		for i in s1 s2; do
			ip -n a link set $i down address 02:00:00:00:00:01
			ip -n a link set $i master team0
			on a teamnl team0 setoption --port $i enabled true
		done
		ip -n a link set team0 up
		address a team0 10.0.0.1/24
		address b br0 10.0.0.2/24
		uses() { on a teamnl team0 setoption activeport "$(on a cat /sys/class/net/$1/ifindex)"; }
		uses s1
		[ "$(on a teamnl team0 ports | grep -c "s[12]: up")" = 2 ]
		transfer a b 10.0.0.2
		ip -n b link set p1 down
		! on a ping -n -c 1 -W 1 10.0.0.2 >/dev/null || false
		uses s2
		transfer a b 10.0.0.2
		pings b 10.0.0.1
	'
}
