#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Traffic that is encrypted or filtered: wireguard, IPsec, nftables, iptables; in one rump
# kernel, by the host's own tools.

load lib
load net

@test "wireguard: a handshake, both families inside, nothing in clear outside" {
	needs=(wg tcpdump)
	on_each_kernel network '
		two_hosts
		for h in a b; do
			wg genkey >"$T/$h.key"
			wg pubkey <"$T/$h.key" >"$T/$h.pub"
			wg genpsk >"$T/psk"
			ip -n $h link add wg0 type wireguard
		done
		on a wg set wg0 listen-port 51820 private-key "$T/a.key" peer "$(cat "$T/b.pub")" \
			preshared-key "$T/psk" allowed-ips 10.7.0.2/32,fd07::2/128 endpoint 10.0.0.2:51821
		on b wg set wg0 listen-port 51821 private-key "$T/b.key" peer "$(cat "$T/a.pub")" \
			preshared-key "$T/psk" allowed-ips 10.7.0.1/32,fd07::1/128
		address a wg0 10.7.0.1/24 fd07::1/64
		address b wg0 10.7.0.2/24 fd07::2/64
		ip -n a link set wg0 up
		ip -n b link set wg0 up
		rm -f "$T/tcpdump"
		ip netns exec b timeout 120 tcpdump -Uni b0 -w "$T/outside" 2>"$T/tcpdump" &
		dump=$!
		soon grep -qs "listening on" "$T/tcpdump"
		yes secret-words | head -c 200000 >"$T/sent"
		transfer a b 10.7.0.2
		transfer b a fd07::1
		[ "$(on a wg show wg0 latest-handshakes | cut -f2)" -gt 0 ]
		# it has the endpoint from the packets
		[ "$(on b wg show wg0 endpoints | cut -f2)" = 10.0.0.1:51820 ]
		read -r _ in out < <(on a wg show wg0 transfer)
		[ "$in" -gt 200000 ] && [ "$out" -gt 200000 ]
		captured() { [ "$(tcpdump -nr "$T/outside" udp port 51820 2>/dev/null | wc -l)" -gt 50 ]; }
		soon captured
		kill $dump
		wait $dump || :
		! grep -q secret-words "$T/outside" || false
		# a stranger is not let in
		wg genkey >"$T/new.key"
		on a wg set wg0 private-key "$T/new.key"
		! on a ping -n -c 1 -W 1 10.7.0.2 >/dev/null || false
	'
}

# ESP in both directions, of mode $mode, by $algorithm
ipsec='
	two_hosts
	associations() {
		local h from to
		for h in a b; do
			ip -n $h xfrm state flush
			ip -n $h xfrm policy flush
			ip -n $h xfrm state add src $1 dst $2 proto ${proto:-esp} spi 0x100 mode $mode "${algorithm[@]}"
			ip -n $h xfrm state add src $2 dst $1 proto ${proto:-esp} spi 0x200 mode $mode "${algorithm[@]}"
		done
		policy a out "${3:-$1}" "${4:-$2}" $1 $2
		policy a in "${4:-$2}" "${3:-$1}" $2 $1
		policy b in "${3:-$1}" "${4:-$2}" $1 $2
		policy b out "${4:-$2}" "${3:-$1}" $2 $1
	}
	policy() {
		local ends=()
		[ $mode = transport ] || ends=(src $5 dst $6)
		ip -n $1 xfrm policy add src $3 dst $4 dir $2 tmpl "${ends[@]}" proto ${proto:-esp} mode $mode
	}
	# bytes that the association from $2 to $3 with SPI $4 has seen in $1
	seen() {
		ip -n $1 -s xfrm state get src $2 dst $3 proto ${proto:-esp} spi $4 |
			sed -n "/lifetime current/{ n; s/^[^0-9]*\([0-9]*\)(bytes).*/\1/p; }"
	}
	key() { printf 0x; head -c $1 /dev/urandom | od -An -v -tx1 | tr -d " \n"; }
'

@test "IPsec: ESP in transport mode, three ciphers, both families, counted" {
	on_each_kernel network "$ipsec"'
		mode=transport
		algorithm=(enc "cbc(aes)" $(key 16) auth "hmac(sha256)" $(key 32))
		associations 10.0.0.1 10.0.0.2
		transfer a b 10.0.0.2
		[ "$(seen b 10.0.0.1 10.0.0.2 0x100)" -gt 300000 ]
		algorithm=(aead "rfc4106(gcm(aes))" $(key 20) 128)
		associations fd00::1 fd00::2
		transfer b a fd00::1
		[ "$(seen a fd00::2 fd00::1 0x200)" -gt 300000 ]
		algorithm=(aead "rfc7539esp(chacha20,poly1305)" $(key 36) 128)
		associations 10.0.0.1 10.0.0.2
		transfer a b 10.0.0.2
		# the other key: nothing comes through
		ip -n b xfrm state flush
		! on a ping -n -c 1 -W 1 10.0.0.2 >/dev/null || false
	'
}

@test "IPsec: ESP in tunnel mode between two gateways; AH" {
	needs=(tcpdump)
	on_each_kernel network "$ipsec"'
		ip -n a address add 10.1.0.1/32 dev lo
		ip -n b address add 10.2.0.1/32 dev lo
		ip -n a route add 10.2.0.1 via 10.0.0.2 src 10.1.0.1
		ip -n b route add 10.1.0.1 via 10.0.0.1 src 10.2.0.1
		mode=tunnel
		algorithm=(enc "cbc(aes)" $(key 32) auth-trunc "hmac(sha1)" $(key 20) 96)
		associations 10.0.0.1 10.0.0.2 10.1.0.1/32 10.2.0.1/32
		# where it leaves: what arrives is seen there once more, decrypted
		rm -f "$T/tcpdump"
		ip netns exec a timeout 120 tcpdump -Uni a0 -w "$T/outside" 2>"$T/tcpdump" &
		dump=$!
		soon grep -qs "listening on" "$T/tcpdump"
		yes secret-words | head -c 200000 >"$T/sent"
		transfer a b 10.2.0.1
		captured() { [ "$(tcpdump -nr "$T/outside" esp 2>/dev/null | wc -l)" -gt 50 ]; }
		soon captured
		kill $dump
		wait $dump || :
		! grep -q secret-words "$T/outside" || false
		proto=ah mode=transport
		algorithm=(auth "hmac(sha256)" $(key 32))
		associations 10.0.0.1 10.0.0.2
		transfer a b 10.0.0.2
		[ "$(seen b 10.0.0.1 10.0.0.2 0x100)" -gt 200000 ]
	'
}

@test "IPsec: an xfrm interface" {
	on_each_kernel network "$ipsec"'
		mode=tunnel
		for h in a b; do
			for ends in "10.0.0.1 10.0.0.2" "10.0.0.2 10.0.0.1"; do
				read -r from to <<<"$ends"
				ip -n $h xfrm state add src $from dst $to proto esp spi 0x1${from##*.} mode tunnel if_id 5 \
					aead "rfc4106(gcm(aes))" 0x0102030405060708090a0b0c0d0e0f1011121314 128
			done
			ip -n $h link add xf0 type xfrm dev ${h}0 if_id 5
			ip -n $h link set xf0 up
		done
		for ends in "a 10.0.0.1 10.0.0.2" "b 10.0.0.2 10.0.0.1"; do
			read -r h me peer <<<"$ends"
			ip -n $h xfrm policy add dir out if_id 5 tmpl src $me dst $peer proto esp mode tunnel
			ip -n $h xfrm policy add dir in if_id 5 tmpl src $peer dst $me proto esp mode tunnel
		done
		address a xf0 10.8.0.1/24
		address b xf0 10.8.0.2/24
		transfer a b 10.8.0.2
		[ "$(count b xf0 | cut -d" " -f1)" -gt 20 ]
	'
}

# a - r - b, r routes
router='
	host a r b
	cable a a0 r ra
	cable r rb b b0
	address a a0 10.0.1.1/24 fd01::1/64
	address r ra 10.0.1.2/24 fd01::2/64
	address r rb 10.0.2.1/24 fd02::1/64
	address b b0 10.0.2.2/24 fd02::2/64
	ip -n a route add default via 10.0.1.2
	ip -n a route add default via fd01::2
	ip -n b route add 10.0.1.0/24 via 10.0.2.1
	ip -n b route add fd01::/64 via fd02::1
	on r sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward; echo 1 >/proc/sys/net/ipv6/conf/all/forwarding"
	is_closed() { ! on a nc -z -w 2 "$1" 5000; }
'

@test "nftables: filter, counters, sets, reject, limits" {
	needs=(nft)
	on_each_kernel network "$router"'
		transfer a b 10.0.2.2
		on r nft -f - <<-END
			table inet filter {
				set closed {
					type inet_service
					flags interval
					elements = { 5000-5010 }
				}
				counter refused { }
				chain forward {
					type filter hook forward priority 0; policy accept;
					ct state established,related accept
					tcp dport @closed counter name refused reject with tcp reset
					icmp type echo-request limit rate over 1/hour burst 1 packets drop
				}
			}
		END
		! on a nc -N 10.0.2.2 5000 </dev/null 2>"$T/refused" || false
		! on a nc -vN fd02::2 5000 </dev/null 2>"$T/refused" || false
		grep -q refused "$T/refused"
		[ "$(on r nft -j list counter inet filter refused | python3 -c "
import json, sys
print(json.load(sys.stdin)[\"nftables\"][1][\"counter\"][\"packets\"])")" -ge 2 ]
		on r nft delete element inet filter closed "{ 5000-5010 }"
		transfer a b fd02::2
		on a ping -n -c 1 -W 5 10.0.2.2 >/dev/null
		! on a ping -n -c 1 -W 1 10.0.2.2 >/dev/null || false
		on r nft list ruleset | grep -q "type filter hook forward"
		on r nft flush ruleset
		pings a 10.0.2.2
	'
}

@test "nftables: masquerading and a forwarded port; conntrack shows both" {
	needs=(nft conntrack)
	on_each_kernel network "$router"'
		ip -n b route del 10.0.1.0/24
		on r nft -f - <<-END
			table ip nat {
				chain post {
					type nat hook postrouting priority srcnat;
					oifname "rb" masquerade
				}
				chain pre {
					type nat hook prerouting priority dstnat;
					iifname "rb" tcp dport 8080 dnat to 10.0.1.1:5000
				}
			}
		END
		# whom b sees
		ip netns exec b timeout 120 socat -u TCP-LISTEN:5001,reuseaddr SYSTEM:"cat >/dev/null; echo \$SOCAT_PEERADDR" >"$T/peer" &
		pid=$!
		soon is_listening b 5001
		echo x | on a nc -N 10.0.2.2 5001
		wait $pid
		[ "$(cat "$T/peer")" = 10.0.2.1 ]
		transfer a b 10.0.2.2
		# and from outside in, by the router
		head -c 100000 /dev/urandom >"$T/sent"
		ip netns exec a timeout 120 nc -l 5000 >"$T/got" </dev/null &
		pid=$!
		soon is_listening a 5000
		on b nc -N 10.0.2.1 8080 <"$T/sent"
		wait $pid
		cmp "$T/sent" "$T/got"
		on r conntrack -L >"$T/list" 2>/dev/null
		grep -q "src=10.0.1.1 dst=10.0.2.2 .*src=10.0.2.2 dst=10.0.2.1 .*ASSURED" "$T/list"
		grep -q "dst=10.0.2.1 .*dport=8080 src=10.0.1.1 .*sport=5000" "$T/list"
		[ "$(on r conntrack -C)" -ge 3 ]
		on r conntrack -F 2>/dev/null
		[ "$(on r conntrack -C)" = 0 ]
		on r conntrack -S | grep -q "cpu=0"
	'
}

@test "iptables by nft_compat: matches, targets, NAT, both families" {
	needs=(iptables ip6tables)
	on_each_kernel network "$router"'
		on r iptables -A FORWARD -p tcp -m multiport --dports 5000,5001 -m conntrack --ctstate NEW \
			-m comment --comment closed -j REJECT --reject-with tcp-reset
		on r ip6tables -A FORWARD -p tcp --dport 5000 -j DROP
		! on a nc -vN 10.0.2.2 5000 </dev/null 2>"$T/refused" || false
		grep -q refused "$T/refused"
		is_closed fd02::2
		on r iptables -L FORWARD -nvx | awk "/REJECT/ { found = \$1 } END { exit !found }"
		on r iptables -F FORWARD
		on r ip6tables -F
		transfer a b 10.0.2.2
		transfer a b fd02::2
		on r iptables -t nat -A POSTROUTING -o rb -j MASQUERADE
		on r iptables -t nat -A PREROUTING -i ra -p tcp --dport 7777 -j DNAT --to-destination 10.0.2.2:5000
		ip netns exec b timeout 120 nc -l 5000 >"$T/got" </dev/null &
		pid=$!
		soon is_listening b 5000
		on a nc -N 10.0.1.2 7777 <"$T/sent"
		wait $pid
		cmp "$T/sent" "$T/got"
		on r iptables-save | grep -q -- "-A PREROUTING -i ra -p tcp -m tcp --dport 7777 -j DNAT"
		# nothing of it on the host
		! grep -q 7777 <(env -u LD_PRELOAD iptables-save 2>/dev/null) || false
	'
}
