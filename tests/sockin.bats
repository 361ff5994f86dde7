# SPDX-License-Identifier: BSD-2-Clause
#
# PF_INET and PF_INET6 by the host's sockets: unmodified programs with a kernel that has sockin,
# and a peer that has none, over the host's loopback.

setup() {
	load lib
	load open_libraries
	require "$LIBRUMP" "$LIBRUMPHIJACK" python3 curl
	# of client
	socket=inet:inet6
}

teardown() {
	# what serves ends with the test
	kill_tagged
	end_kernels
}

# COMMAND with sockin on $kernel; with server each one has a server of its own
hosted() {
	RUMP_TEST_KERNEL=$kernel tagged rump_with "path=/rump,socket=inet:inet6,component=sockin" "$@"
}

# each BODY...: with $kernel local, spawn, server
each() {
	local kernel failed=()
	for kernel in $KERNELS; do
		set +e
		(
			set -e
			"$@"
		) || failed+=("$kernel")
		set -e
	done
	[ ${#failed[@]} = 0 ] || { echo "failed on: ${failed[*]}"; return 1; }
}

# start_on_host COMMAND...: its first line of output is PORT
start_on_host() {
	rm -f "$T/port"
	tagged "$@" >"$T/port" 2>"$T/errors" 3>&- &
	wait_until 20 test -s "$T/port" || { cat "$T/errors"; return 1; }
	PORT=$(head -n 1 "$T/port")
}

echo_server() {
	python3 - <<-'END'
		import socket, threading
		listener = socket.create_server(("127.0.0.1", 0))
		print(listener.getsockname()[1], flush=True)
		def serve(peer):
		    with peer:
		        while data := peer.recv(65536):
		            peer.sendall(data)
		while True:
		    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
	END
}

web_server() {
	cd "$1" && python3 -u -c '
import http.server, functools
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()'
}

@test "curl in a kernel with sockin gets files from a server of the host" {
	mkdir "$T/www"
	head -c 3000000 /dev/urandom >"$T/www/large"
	echo small >"$T/www/small"
	start_on_host web_server "$T/www"
	get() {
		hosted curl -sS --max-time 100 "http://127.0.0.1:$PORT/large" -o "$T/got" \
			"http://127.0.0.1:$PORT/small" -o "$T/got.small"
		cmp "$T/www/large" "$T/got"
		cmp "$T/www/small" "$T/got.small"
	}
	each get
}

@test "a server in a kernel with sockin serves a curl of the host" {
	mkdir "$T/www"
	head -c 3000000 /dev/urandom >"$T/www/large"
	kernel=spawn hosted python3 -u -c '
import http.server, os, sys
os.chdir(sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port, flush=True)
server.serve_forever()' "$T/www" >"$T/port" 2>"$T/errors" 3>&- &
	wait_until 20 test -s "$T/port"
	for i in 1 2 3; do
		timeout -k 5 120 curl -sS --max-time 100 "http://127.0.0.1:$(<"$T/port")/large" -o "$T/got"
		cmp "$T/www/large" "$T/got"
	done
}

@test "data both ways, UDP, both families, errors of connect" {
	start_on_host echo_server
	talk() {
		hosted python3 - "$PORT" <<-'END'
			import errno, socket, sys, threading
			address = ("127.0.0.1", int(sys.argv[1]))
			s = socket.create_connection(address, timeout=90)
			assert s.getpeername() == address
			# SO_ATTACH_BPF of a file is what tells sockin from the host
			try:
			    s.setsockopt(socket.SOL_SOCKET, 50, 0)
			    assert False, "not hosted"
			except OSError as error:
			    assert error.errno == errno.ENOPROTOOPT
			data = bytes(range(256)) * 4000
			threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()
			got = b""
			while piece := s.recv(100000):
			    got += piece
			assert got == data
			for family, host in (socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"):
			    with socket.socket(family, socket.SOCK_DGRAM) as a, \
			         socket.socket(family, socket.SOCK_DGRAM) as b:
			        a.bind((host, 0))
			        b.bind((host, 0))
			        b.sendto(b"x" * 5000, a.getsockname())
			        a.settimeout(90)
			        got, sender = a.recvfrom(10000)
			        assert got == b"x" * 5000 and sender == b.getsockname()
			# a port that nobody listens on
			with socket.socket() as free:
			    free.bind(("127.0.0.1", 0))
			    with socket.socket() as s:
			        assert s.connect_ex(free.getsockname()) == errno.ECONNREFUSED
			    with socket.socket() as s:
			        s.setblocking(False)
			        result = s.connect_ex(free.getsockname())
			        assert result == errno.EINPROGRESS, result
			        import select
			        assert select.select([], [s], [], 90)[1] == [s]
			        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNREFUSED
			        assert s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
		END
	}
	each talk
}

@test "what calls give is what they give on the host" {
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -pthread -o "$T/sockets" \
		"$RUMP_TOP/tests/prog/sockets.c"
	cat >"$T/all" <<-'END'
		for name in create addresses connecting streams broken_pipe waits full datagrams \
			control options inherited epolls ends signal_driven threads; do
			echo "case $name"
			timeout -k 5 30 "$1" "$name" / || echo "status $?"
		done
	END
	compare() {
		bash "$T/all" "$T/sockets" >"$T/want" 2>&1 3>&-
		! grep '^status' "$T/want" || false
		hosted bash "$T/all" "$T/sockets" 2>&1 3>&- </dev/null |
			sed '/^rumphijack: rump kernel: process [0-9]* waits for /d' >"$T/got"
		diff "$T/want" "$T/got"
	}
	each compare
	# where the memory is another process's, data has gone when it turns out to be bad
	timeout -k 5 120 "$T/sockets" bad_memory / >"$T/want"
	kernel=local hosted "$T/sockets" bad_memory / | diff "$T/want" -
}

@test "sockin and a network of its own exclude each other, in either order" {
	refused() {
		local want=$1
		shift
		printf '%s\n' "$@" >"$T/conf"
		run rump_with "strict=yes,socket=inet,conf=$(escape_word "$T/conf")" python3 -c 'import socket; socket.socket()'
		[ "$status" != 0 ]
		[[ $output == *"$T/conf:$want"* ]] || { echo "$output"; return 1; }
	}
	refused '2: address: lo: this kernel uses the host'"'"'s sockets (sockin)' sockin \
		'address lo 10.0.0.1/8'
	refused '2: interface: shmif0: this kernel uses the host'"'"'s sockets (sockin)' sockin \
		"interface shmif0 $T/bus"
	refused '2: sockin: there is the interface shmif0: a kernel has either' \
		"interface shmif0 $T/bus" sockin
}

@test "sockin after a socket of the native stack was opened is refused" {
	cat >"$T/late.c" <<-'END'
		#include <rump/rump.h>
		#include <errno.h>
		#include <stdio.h>
		#include <stdlib.h>
		#include <string.h>
		#include <sys/socket.h>
		#include <sys/syscall.h>
		static const char *has_sockin(void)
		{
			static char text[16384];
			int fd = rump_syscall(SYS_open, (long)"/proc/net/protocols", 0, 0, 0, 0, 0);
			if (rump_syscall(SYS_read, fd, (long)text, sizeof(text) - 1, 0, 0, 0) <= 0)
				return "nothing";
			rump_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
			return strstr(text, "SOCKIN") ? "sockin" : "none";
		}
		int main(void)
		{
			if (rump_init())
				return 2;
			int fd = rump_syscall(SYS_socket, AF_INET, SOCK_DGRAM, 0, 0, 0, 0);
			int busy = rump_pub_component_load("sockin");
			rump_syscall(SYS_close, fd, 0, 0, 0, 0, 0);
			printf("%s\n%s\n", strerror(busy), has_sockin());
			int done = rump_pub_component_load("sockin");
			printf("%d\n%s\n", done, has_sockin());
			fflush(stdout);
			return system("cat /proc/$PPID/task/*/comm | grep -c rump-ready");
		}
	END
	${CC:-gcc} -D_GNU_SOURCE -I"$RUMP_TOP/include" -o "$T/late" "$T/late.c" \
		-L"$RUMP_LIBRARIES" -Wl,-rpath,"$RUMP_LIBRARIES" -lrump -lrumpuser
	run timeout -k 5 120 "$T/late"
	# who is refused leaves nothing behind
	[ "$output" = $'Device or resource busy\nnone\n0\nsockin\n1' ] || { echo "$output"; return 1; }
}

@test "iperf3 as client and as server, nc both ways" {
	require iperf3 nc
	local port
	port=$(free_port)
	tagged iperf3 -s -p "$port" -1 --forceflush >"$T/iperf" 2>&1 3>&- &
	wait_until 10 grep -q listening "$T/iperf"
	kernel=local hosted iperf3 -c 127.0.0.1 -p "$port" -n 200M -P 3 -J >"$T/sent"
	jq -e '.end.sum_sent.bytes >= 200000000' "$T/sent"

	port=$(free_port)
	kernel=local hosted iperf3 -s -p "$port" -1 --forceflush >"$T/iperf" 2>&1 3>&- &
	wait_until 20 grep -q listening "$T/iperf"
	timeout -k 5 120 iperf3 -c 127.0.0.1 -p "$port" -R -n 200M -J >"$T/sent"
	jq -e '.end.sum_sent.bytes >= 200000000' "$T/sent"

	head -c 1000000 /dev/urandom >"$T/data"
	nc_listens() {
		ss -Hltn "sport = :$port" | grep -q .
	}
	port=$(free_port)
	kernel=local hosted nc -l -N 127.0.0.1 "$port" <"$T/data" >"$T/got" 3>&- &
	wait_until 20 nc_listens
	timeout -k 5 120 nc -N 127.0.0.1 "$port" <"$T/data" >"$T/got.host"
	wait $!
	cmp "$T/data" "$T/got"
	cmp "$T/data" "$T/got.host"
}

@test "1000 connections at once, asyncio on both sides, either side hosted" {
	cat >"$T/many.py" <<-'END'
		import asyncio, sys
		COUNT = 1000
		async def echo(reader, writer):
		    while data := await reader.read(1000):
		        writer.write(data)
		        await writer.drain()
		    writer.close()
		async def serve():
		    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=COUNT)
		    print(server.sockets[0].getsockname()[1], flush=True)
		    await server.serve_forever()
		async def talk():
		    pairs = []
		    for i in range(COUNT):
		        pairs.append(await asyncio.open_connection("127.0.0.1", int(sys.argv[2])))
		    for round in range(3):
		        for i, (reader, writer) in enumerate(pairs):
		            writer.write(b"%08d" % (i * 10 + round))
		        for i, (reader, writer) in enumerate(pairs):
		            assert await reader.readexactly(8) == b"%08d" % (i * 10 + round)
		    for reader, writer in pairs:
		        writer.close()
		    for reader, writer in pairs:
		        assert await reader.read(1) == b""
		    print("all", COUNT)
		asyncio.run(serve() if sys.argv[1] == "serve" else talk())
	END
	ulimit -n 8192
	start_on_host python3 "$T/many.py" serve
	[ "$(kernel=local hosted python3 "$T/many.py" talk "$PORT")" = 'all 1000' ]
	kernel=local hosted python3 "$T/many.py" serve >"$T/port2" 2>"$T/errors" 3>&- &
	wait_until 20 test -s "$T/port2"
	[ "$(timeout -k 5 120 python3 "$T/many.py" talk "$(<"$T/port2")")" = 'all 1000' ]
}

@test "a server that forks, descriptors that run out, a peer that is killed" {
	kernel=local hosted python3 - <<-'END'
		import errno, os, resource, signal, socket, subprocess, sys
		# each child serves one connection, as a client of this kernel
		listener = socket.create_server(("127.0.0.1", 0))
		address = listener.getsockname()
		children = []
		for i in range(3):
		    if not (pid := os.fork()):
		        peer = listener.accept()[0]
		        with peer:
		            peer.sendall(b"from " + str(os.getpid()).encode())
		        os._exit(0)
		    children.append(pid)
		told = set()
		for i in range(3):
		    with socket.create_connection(address, timeout=90) as s:
		        text = b""
		        while piece := s.recv(100):
		            text += piece
		        told.add(int(text.split()[1]))
		assert told == set(children), (told, children)
		for pid in children:
		    assert os.waitpid(pid, 0)[1] == 0
		# EMFILE, and then there is room again
		soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
		resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
		open_ones = []
		try:
		    while True:
		        open_ones.append(socket.socket())
		        assert len(open_ones) < 100
		except OSError as error:
		    assert error.errno == errno.EMFILE, error
		for s in open_ones:
		    s.close()
		for i in range(200):
		    socket.socket().close()
		resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
	END
	cat >"$T/dies.py" <<-'END'
		import os, signal, socket, sys
		listener = socket.create_server(("127.0.0.1", 0))
		print(listener.getsockname()[1], flush=True)
		peers = [listener.accept()[0] for i in range(2)]
		for peer in peers:
		    peer.sendall(b"here")
		peers[0].recv(4, socket.MSG_WAITALL)
		os.kill(os.getpid(), signal.SIGKILL)
	END
	start_on_host python3 "$T/dies.py"
	kernel=local hosted python3 - "$PORT" <<-'END'
		import socket, sys, threading
		a, b = [socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=90) for i in range(2)]
		results = []
		def read(s):
		    s.recv(4, socket.MSG_WAITALL)
		    try:
		        results.append(s.recv(1))
		    except ConnectionResetError:
		        results.append(b"")
		threads = [threading.Thread(target=read, args=(s,)) for s in (a, b)]
		for t in threads:
		    t.start()
		a.sendall(b"die!")
		for t in threads:
		    t.join(90)
		assert results == [b"", b""], results
	END
}

@test "a server kernel with sockin: clients share it, its peers see its end" {
	echo sockin >"$T/conf"
	start_server -f "$T/conf"
	start_on_host echo_server
	client_talks() {
		client python3 -c '
import socket, sys
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=90)
data = bytes(range(256)) * 2000
import threading
threading.Thread(target=s.sendall, args=(data,)).start()
got = b""
while len(got) < len(data):
    got += s.recv(70000)
assert got == data' "$PORT"
	}
	client_talks &
	local first=$!
	client_talks
	wait $first
	# a client of it waits for one of the host, and the kernel is killed
	client python3 -u -c '
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1])
peer = listener.accept()[0]
peer.sendall(b"here")
try:
    peer.recv(100)
except OSError as error:
    print(error.strerror)' >"$T/waits" 2>"$T/errors" 3>&- &
	local waits=$!
	wait_until 20 test -s "$T/waits"
	python3 -u - "$(<"$T/waits")" "$SERVER_PID" <<-'END'
		import os, signal, socket, sys
		s = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=90)
		assert s.recv(4, socket.MSG_WAITALL) == b"here"
		os.kill(int(sys.argv[2]), signal.SIGKILL)
		try:
		    assert s.recv(1) == b""
		except ConnectionResetError:
		    pass
	END
	wait $waits || :
	grep -qx 'Transport endpoint is not connected' "$T/waits" || { cat "$T/waits" "$T/errors"; false; }
}

@test "who is not root in the rump kernel gets no more than on a host, though the server is root" {
	is_root || skip_or_fail "root, who can be any user"
	use_open_libraries
	chmod 755 "$T"
	echo sockin >"$T/conf"
	open_folder() {
		chmod 711 "$1"
	}
	prepare_folder=open_folder
	start_server -f "$T/conf" --group 61100
	cat >"$T/rights.py" <<-'END'
		import errno, socket
		def tell(what, call):
		    try:
		        call()
		        print(what, "works")
		    except OSError as error:
		        print(what, errno.errorcode[error.errno])
		s = socket.socket()
		tell("low port", lambda: s.bind(("127.0.0.1", 997)))
		tell("raw", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
		tell("mark", lambda: s.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 5))
		tell("transparent", lambda: s.setsockopt(socket.IPPROTO_IP, 19, 1))
		tell("any port", lambda: s.bind(("127.0.0.1", 0)))
	END
	chmod 644 "$T/rights.py"
	cd /
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	run client setpriv --reuid=61002 --regid=61002 --groups=61100 python3 "$T/rights.py"
	[ "$output" = $'low port EACCES\nraw EPERM\nmark EPERM\ntransparent EPERM\nany port works' ] ||
		{ echo "$output"; return 1; }
	run client python3 "$T/rights.py"
	[[ $output == $'low port works\nraw works\nmark works\ntransparent works\nany port EINVAL' ]] ||
		{ echo "$output"; return 1; }
}
