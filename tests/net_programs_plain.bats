#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# nc and socat in a rump network; programs that are given a socket as their input and output.

load lib
load net_programs

setup_file() {
	load lib
	load net_programs
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" nc socat openssl ip python3 \
		systemd-socket-activate
	make_net_data
	make_net_keys
	cat "$KEYS/cert.pem" "$KEYS/key.pem" >"$KEYS/both.pem"
}

teardown() {
	end_kernels
}

@test "nc: TCP and UDP, one connection and many, a scan" {
	# shellcheck disable=SC2016
	in_network '
		listens() { ss -Hln "sport = :$1" | grep -q .; }
		port=1000
		for address in $ADDRESSES; do
			port=$((port + 1))
			start "got.$port" nc -l -N "$address" $port
			server=$STARTED
			within 20 listens $port
			nc -N "$address" $port <"$DATA/random"
			wait $server
			cmp "got.$port" "$DATA/random"
		done
		# what the server sends
		nc -l -N ::1 1010 <"$DATA/big" &
		within 20 listens 1010
		nc -d ::1 1010 | cmp - "$DATA/big"
		wait $!
		start many nc -lk 10.1.0.1 1011
		within 20 listens 1011
		for n in 1 2 3 4 5; do echo "$n" | nc -N 10.1.0.1 1011; done
		all() { [ "$(tr -d "\n" <many)" = 12345 ]; }
		within 20 all
		for address in 127.0.0.1 fd01::1; do
			port=$((port + 1))
			start "udp.$port" nc -u -l "$address" $port
			within 20 listens $port
			echo datagram | nc -u -w1 "$address" $port
			within 20 grep -q datagram "udp.$port"
		done
		! nc -z 10.1.0.1 1099 || false
		nc -z -v 10.1.0.1 1009-1012 2>&1 | grep succeeded >scan
		[ "$(wc -l <scan)" = 1 ]
		grep -q " 1011 port" scan
	'
}

@test "socat: TCP, UDP, TLS, children, terminals, a relay, limits of size" {
	# shellcheck disable=SC2016
	in_network '
		# a full queue would mean SYN cookies, with which Linux may lose a first segment of 3 bytes
		start echo4 socat -t 20 TCP4-LISTEN:2001,backlog=64,fork,reuseaddr EXEC:cat
		start echo6 socat -t 20 TCP6-LISTEN:2002,fork,reuseaddr,ipv6only SYSTEM:"tr a-z A-Z"
		start relay socat -t 20 TCP4-LISTEN:2003,fork,reuseaddr "TCP6:[fd01::1]:2002"
		start udp socat -t 20 UDP6-RECVFROM:2004,fork EXEC:"tr a-z A-Z"
		start tls socat -t 20 OPENSSL-LISTEN:2005,fork,reuseaddr,cert="$KEYS/both.pem",verify=0 OPEN:"$DATA/random"
		start pty socat -t 20 TCP4-LISTEN:2006,fork,reuseaddr EXEC:tty,pty,stderr
		start direct socat -t 20 TCP4-LISTEN:2007,fork,reuseaddr EXEC:"sha256sum",nofork
		for port in 2001 2003 2005 2006 2007; do opens $port; done
		opens 2002 ::1
		socat -t 20 - TCP4:10.1.0.1:2001 <"$DATA/big" | cmp - "$DATA/big"
		socat -t 20 - "TCP6:[::1]:2002" <"$DATA/folder/below/deep" | grep -x DEEP
		tr 0-9 a-j <"$DATA/big" | socat -t 20 - TCP4:127.0.0.1:2003 | cmp - <(tr 0-9 A-J <"$DATA/big")
		answered() { [ "$(echo datagram | socat -t 3 - "UDP6:[::1]:2004")" = DATAGRAM ]; }
		within 20 answered
		! socat -u "OPENSSL:localhost:2005,cafile=$KEYS/ca.pem,commonname=other.test" - >/dev/null 2>&1 || false
		socat -u "OPENSSL:localhost:2005,cafile=$KEYS/ca.pem" - | cmp - "$DATA/random"
		socat -t 20 - TCP4:10.1.0.1:2006 </dev/null | grep -q ^/dev/pts/
		# the connection itself is the input and output of that program
		[ "$(socat -t 20 - TCP4:10.1.0.1:2007 <"$DATA/random" | cut -d" " -f1)" = \
			"$(sha256sum "$DATA/random" | cut -d" " -f1)" ]
		for n in $(seq 20); do
			echo "$n" | socat -t 20 - TCP4:127.0.0.1:2001 >"many.$n" &
			pids[n]=$!
		done
		for pid in "${pids[@]}"; do wait "$pid"; done
		for n in $(seq 20); do [ "$(cat "many.$n")" = "$n" ]; done
	'
}

@test "programs that get their sockets: from systemd, as input and output, from a shell" {
	# shellcheck disable=SC2016
	in_network '
		# what it starts has an environment of its own
		keep=()
		for name in LD_PRELOAD LD_LIBRARY_PATH RUMPHIJACK RUMP_SERVER RUMP_TEST_TAG; do
			[ -z "${!name:-}" ] || keep+=(-E "$name")
		done
		start activated systemd-socket-activate "${keep[@]}" -l 10.1.0.1:3001 -l "[::1]:3002" python3 -c "
import os, select, socket
assert os.environ[\"LISTEN_FDS\"] == \"2\"
listening = [socket.socket(fileno=3), socket.socket(fileno=4)]
for n in range(2):
    s = select.select(listening, [], [])[0][0].accept()[0]
    s.sendall(repr((s.family.name, s.getsockname()[1])).encode())
    s.close()"
		start inetd systemd-socket-activate "${keep[@]}" --inetd -a -l 10.1.0.1:3003 sha256sum
		start worker systemd-socket-activate "${keep[@]}" -a -l "[fd01::1]:3004" python3 -c "
import socket
s = socket.socket(fileno=3)
s.sendall(s.recv(100).upper())"
		listens() { ss -Hltn "sport = :$1" | grep -q .; }
		for port in 3001 3002 3003 3004; do within 20 listens $port; done
		[ "$(nc -N 10.1.0.1 3001 </dev/null)" = "('"'AF_INET'"', 3001)" ]
		[ "$(nc -N ::1 3002 </dev/null)" = "('"'AF_INET6'"', 3002)" ]
		for n in 1 2 3; do
			[ "$(nc -N 10.1.0.1 3003 <"$DATA/big")" = "$(sha256sum <"$DATA/big")" ]
			[ "$(echo text | nc -N fd01::1 3004)" = TEXT ]
		done
		# by redirections: the numbers that a program knows
		start upper socat -t 20 TCP4-LISTEN:3005,fork,reuseaddr SYSTEM:"tr a-z A-Z"
		opens 3005
		exec 5<>/dev/tcp/10.1.0.1/3005
		(echo from a child >&5)
		head -n 1 <&5 >got 2>&1 &
		python3 -c "
import os, socket
s = socket.socket(fileno=5)
s.shutdown(socket.SHUT_WR)
s.detach()"
		wait $!
		[ "$(cat got)" = "FROM A CHILD" ]
		exec 5>&-
	'
}
