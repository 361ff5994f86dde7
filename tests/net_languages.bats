#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# What the libraries of python, node and perl do with a network, as client and as server, IPv4 and
# IPv6, on each kind of kernel: what the same scripts print on the host (net_python.py, net_node.js,
# net_perl.pl, which compare what arrives with what was sent).

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3 node perl openssl ip
	# not a shell script in front of it
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON
}

setup() {
	socket=all:nolocal
	limit=150
	cd "$T"
}

teardown() {
	end_kernels
}

# both kinds of addresses in one process' kernel, one of them with a server of either kind
_script() {
	local address addresses=(127.0.0.1 ::1)
	case $kernel in
	spawn) addresses=(::1) ;;
	server) addresses=(127.0.0.1) ;;
	esac
	for address in "${addresses[@]}"; do
		same "${@:1:$#-1}" "${@: -1}" "$address" || { echo "$*, $address"; return 1; }
	done
}

python() {
	on_each_kernel _script "$PYTHON" "$RUMP_TOP/tests/net_python.py" "$1"
}

node_js() {
	on_each_kernel _script node "$RUMP_TOP/tests/net_node.js" "$1"
}

perl_pl() {
	on_each_kernel _script perl "$RUMP_TOP/tests/net_perl.pl" "$1"
}

_same_port_twice() {
	# what is bound on the host is free in the rump kernel
	client "$PYTHON" -c 'import socket, sys
s = socket.create_server(("127.0.0.1", int(sys.argv[1])))
socket.create_connection(s.getsockname()).sendall(b"here")
print(s.accept()[0].recv(10).decode())' "$1"
}

@test "a port of the host's loopback is another one than the rump kernel's" {
	local port host_pid
	coproc HOST { exec timeout -k 5 100 "$PYTHON" -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1], flush=True)
input()' 3>&-; }
	host_pid=$HOST_PID
	read -r port <&"${HOST[0]}"
	on_each_kernel _same_port_twice "$port"
	kill "$host_pid"
}

@test "python: socket" { python tcp; }
@test "python: datagrams" { python udp; }
@test "python: socket options, out of band data" { python options; }
@test "python: recvmsg and what comes beside the data, the error queue" { python ancillary; }
@test "python: socketserver with threads and with processes" { python socketserver; }
@test "python: asyncio, streams and datagrams, a child beside them" { python asyncio; }
@test "python: selectors of each kind" { python selectors; }
@test "python: http.server, urllib, http.client" { python http; }
@test "python: ssl, and with asyncio" { python ssl; }
@test "python: multiprocessing with sockets, by fork, spawn and forkserver" { python multiprocessing; }
@test "python: sendfile and splice of files of both sides" { python sendfile; }

_packet() {
	client sh -c 'ip addr replace 10.9.9.9/32 dev lo && exec "$@"' sh "$PYTHON" \
		"$RUMP_TOP/tests/net_python.py" packet 10.9.9.9 >"$T/got" || return
	diff - "$T/got" <<-END
		server got b'crafted' ('192.0.2.1', 1234)
		seen True lo 0x800
		filtered b'seen'
		icmp b'\x00\x00' b'\x12g\x00\x01ping'
	END
}

@test "python: frames and packets of its own, a filter" { on_each_kernel _packet; }

@test "node: net" { node_js net; }
@test "node: http with keep-alive, fetch" { node_js http; }
@test "node: http2, in the clear and with TLS" { node_js http2; }
@test "node: tls" { node_js tls; }
@test "node: dgram" { node_js dgram; }
@test "node: cluster, handed out and shared" { node_js cluster; }
@test "node: a connection as a message to a child" { node_js handle; }

@test "perl: IO::Socket, a child for each connection" { perl_pl fork_server; }
@test "perl: IO::Select" { perl_pl select; }
@test "perl: HTTP::Tiny" { perl_pl http; }
@test "perl: datagrams" { perl_pl datagrams; }
