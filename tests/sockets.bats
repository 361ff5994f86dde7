#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Whose a socket is: each word of socket=, netlink by its protocols, requests about interfaces,
# descriptors that travel; and the files that tell of a network, net=.

load lib
load report

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" perl python3 ip netstat ifconfig route mke2fs
	# all families, with types; what came of it
	cat >"$BATS_FILE_TMPDIR/families.pl" <<-'END'
		use Errno;
		for my $family (1 .. 46) {
			my @results;
			for my $type (1, 2, 3) {
				my $error = socket(my $socket, $family, $type, 0) ? "works" : 0;
				$error ||= (grep { $!{$_} } qw(EAFNOSUPPORT EPROTONOSUPPORT ESOCKTNOSUPPORT ENODEV))[0] || $! + 0;
				push @results, $error;
			}
			print "$family @results\n";
		}
	END
	export FAMILIES=$BATS_FILE_TMPDIR/families.pl
}

teardown() {
	end_kernels
}

# the families of which the rump kernel got sockets, as the log tells
routed() {
	local family
	for family in $(sed -nE 's/^[0-9]+ socket\((0x[0-9a-f]+|[0-9]), .*/\1/p' "$T/log"); do
		echo $((family))
	done | sort -nu | tr '\n' ' '
}

# makes $1 its list, and the program's output $T/out
families_of() {
	rm -f "$T/log"
	rump_with "$1,log=$T/log" perl "$FAMILIES" >"$T/out"
	touch "$T/log"
	routed
}

@test "each family by its name, taken and left" {
	local name number all
	all="$(seq -s" " 1 46) "
	while read -r name number; do
		[ "$(families_of "socket=$name")" = "$number " ] || { echo "$name"; routed; return 1; }
	done <<-END
		local 1
		unix 1
		inet 2
		ax25 3
		ipx 4
		appletalk 5
		netrom 6
		atmpvc 8
		x25 9
		inet6 10
		rose 11
		decnet 12
		key 15
		netlink 16
		route 16
		packet 17
		atmsvc 20
		rds 21
		pppox 24
		llc 26
		ib 27
		mpls 28
		can 29
		tipc 30
		bluetooth 31
		iucv 32
		rxrpc 33
		isdn 34
		phonet 35
		ieee802154 36
		caif 37
		alg 38
		nfc 39
		vsock 40
		kcm 41
		qipcrtr 42
		smc 43
		xdp 44
		mctp 45
	END
	while read -r name number; do
		[ "$(families_of "socket=no$name")" = "${all/"$number "/}" ] || { echo "no$name"; routed; return 1; }
	done <<-END
		local 1
		inet6 10
		netlink 16
		packet 17
		bluetooth 31
		vsock 40
	END
	[ "$(families_of socket=all)" = "$all" ]
	[ "$(families_of socket=all:nolocal:noinet)" = "${all#1 2 }" ]
	[ "$(families_of socket=none,path=/rump)" = "" ]
	diff <(perl "$FAMILIES") "$T/out"
	# without a word at all
	[ "$(families_of trap=on)" = "${all#1 }" ]
}

@test "a family that the rump kernel has not is told as on a host without it" {
	families_of socket=all:nolocal
	cat "$T/out"
	# x25, ipx: no kernel of today's
	grep -x '4 EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT' "$T/out"
	grep -x '9 EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT' "$T/out"
	# some hosts have it, the rump kernel not: the host must not answer
	grep -x '40 EAFNOSUPPORT EAFNOSUPPORT EAFNOSUPPORT' "$T/out"
	grep -x '2 works works EPROTONOSUPPORT' "$T/out"
	grep -x '17 ESOCKTNOSUPPORT works works' "$T/out"
}

@test "netlink: what is of a network is the rump kernel's, what is of the machine the host's" {
	rump_with "socket=all:nolocal,log=$T/log" python3 -c '
import socket
for protocol in range(22):
    try:
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol).close()
    except OSError:
        pass'
	# not selinux 7, audit 9, connector 11, uevents 15, scsi 18, ecryptfs 19
	[ "$(for n in $(sed -nE 's/.* socket\(0x10, [^,]*, (0x[0-9a-f]+|[0-9])\).*/\1/p' "$T/log"); do
		echo $((n)); done | tr '\n' ' ')" = \
		"0 1 2 3 4 5 6 8 10 12 13 14 16 17 20 21 " ]
	# as libudev does
	rump_with socket=all:nolocal python3 -c '
import socket
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 15)
s.bind((0, 2))
try:
    s.recv(10)
except BlockingIOError:
    print("no device came")' | grep -x 'no device came'
}

local_sockets() {
	socket=$1 client python3 - "$2" <<-'END'
		import os, socket, sys
		a, b = socket.socketpair()
		a.sendall(b"pair")
		assert b.recv(10) == b"pair"
		name = "\0rump-test-%d" % os.getpid()
		listening = socket.socket(socket.AF_UNIX)
		listening.bind(name)
		listening.listen()
		# the other side has a name space of its own
		on_host = name.encode()[1:] in open("/proc/1/net/unix", "rb").read()
		if os.fork() == 0:
		    c = socket.socket(socket.AF_UNIX)
		    c.connect(name)
		    c.sendall(b"abstract")
		    os._exit(0)
		c = listening.accept()[0]
		assert c.recv(10) == b"abstract"
		os.wait()
		print("host" if on_host else "rump")
	END
}

@test "socketpair and abstract names are of the kernel that has the family" {
	# socket= without inet, so that /proc/1/net is the host's
	_local() {
		[ "$(local_sockets local)" = rump ]
		[ "$(local_sockets netlink)" = host ]
	}
	on_each_kernel _local
}

_travel() {
	socket=all:nolocal client python3 - <<-'END'
		# a connection goes to another process over a socket of the host
		import os, socket
		listening = socket.create_server(("::1", 0), family=socket.AF_INET6)
		here, there = socket.socketpair()
		if os.fork() == 0:
		    here.close()
		    listening.close()
		    data, fds, _, _ = socket.recv_fds(there, 10, 3)
		    assert data == b"take" and len(fds) == 2
		    accepted, file = socket.socket(fileno=fds[0]), os.fdopen(fds[1])
		    assert accepted.family == socket.AF_INET6
		    accepted.sendall(file.read(5).encode() + accepted.recv(10))
		    os._exit(0)
		there.close()
		c = socket.create_connection(listening.getsockname()[:2])
		c.sendall(b"-sent")
		accepted = listening.accept()[0]
		read, write = os.pipe()
		os.write(write, b"piped")
		socket.send_fds(here, [b"take"], [accepted.fileno(), read])
		accepted.close()
		assert c.recv(20) == b"piped-sent"
		assert c.recv(20) == b""
		assert os.wait()[1] == 0
	END
}

@test "a connection travels to another process" { on_each_kernel _travel; }

_interfaces() {
	# if_nametoindex() asks by a socket of AF_UNIX
	socket=$1 client "$BASH" -ec 'ip link add only0 type dummy 2>/dev/null || [ "$2" ]
		python3 -c "
import fcntl, socket, struct
def index(name):
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0
def ask(family):
    s = socket.socket(family, socket.SOCK_DGRAM)
    try:
        return struct.unpack(\"16si\", fcntl.ioctl(s, 0x8933, struct.pack(\"16si\", b\"only0\", 0))[:20])[1]
    except OSError as e:
        return e.strerror
print(index(\"only0\") > 0, index(\"lo\"), ask(socket.AF_UNIX) == index(\"only0\"), ask(socket.AF_UNIX))
n = index(\"only0\")
print(not n or socket.if_indextoname(n))
s = socket.socket(socket.AF_UNIX)
# of the socket itself: TIOCOUTQ, SIOCATMARK are not about interfaces
print(struct.unpack(\"i\", fcntl.ioctl(socket.socketpair()[0], 0x5411, b\"0000\"))[0])
"' bash $2
}

@test "requests about interfaces on a socket of the host" {
	_rump() {
		local lines
		mapfile -t lines < <(_interfaces all:nolocal)
		echo "${lines[@]}"
		[[ ${lines[0]} == "True 1 True "[1-9]* ]]
		[ "${lines[1]}" = only0 ]
		[ "${lines[2]}" = 0 ]
	}
	on_each_kernel _rump
	run _interfaces all:nolocal,net=no any
	echo "$output"
	[[ ${lines[0]} == "False 1 False No such device" ]]
	[ "${lines[1]}" = True ]
}

_files() {
	socket=all:nolocal client "$BASH" -eEc 'export LC_ALL=C
		trap '"'"'echo "line $LINENO: $BASH_COMMAND"'"'"' ERR
		ip link add files0 type dummy
		ip link set files0 up
		ip addr add 10.3.2.1/24 dev files0
		interfaces() { sed 1,2d "$1" | cut -d: -f1 | tr -d " " | sort | others; }
		# the module makes one of its own
		others() { grep -vx dummy0 | xargs; }
		[ "$(interfaces /proc/net/dev)" = "files0 lo" ]
		[ "$(interfaces /proc/self/net/dev)" = "files0 lo" ]
		[ "$(interfaces <(bash -c "read -r line </proc/net/dev; cat /proc/\$\$/net/dev; :"))" = "files0 lo" ]
		[ "$(ls /sys/class/net | others)" = "files0 lo" ]
		[ "$(cat /sys/class/net/files0/mtu)" = 1500 ]
		echo 1300 >/sys/class/net/files0/mtu
		[ "$(cat /sys/devices/virtual/net/files0/mtu)" = 1300 ]
		[ "$(readlink -f /sys/class/net/files0)" = /sys/devices/virtual/net/files0 ]
		echo 1 >/proc/sys/net/ipv4/ip_forward
		[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]
		netstat -in | grep -q ^files0
		[ "$(netstat -in | sed 1,2d | cut -d" " -f1 | others)" = "files0 lo" ]
		ifconfig files0 | grep -q "inet 10.3.2.1 "
		ifconfig files0 10.3.2.2 netmask 255.255.255.0
		route add -net 10.4.0.0/16 gw 10.3.2.9
		[ "$(route -n | sed 1,2d | cut -d" " -f1 | xargs)" = "10.3.2.0 10.4.0.0" ]
		python3 -m http.server --bind 10.3.2.2 80 >/dev/null 2>&1 &
		server=$!
		for n in $(seq 1200); do netstat -ltn | grep -q "10.3.2.2:80 .*LISTEN" && break; sleep 0.05; done
		netstat -ltn | grep -q "10.3.2.2:80 .*LISTEN"
		kill $server
		cd /proc/net
		[ "$(interfaces dev)" = "files0 lo" ]
		cd /sys/class/net/files0/statistics
		[ -e rx_bytes ]
		[ "$(/bin/pwd)" = /sys/devices/virtual/net/files0/statistics ] ||
			[ "$(/bin/pwd)" = /rump/sys/devices/virtual/net/files0/statistics ]
		# the rest is the host'"'"'s
		[ -d /sys/class/block ]
		grep -q ^MemTotal /proc/meminfo
	'
}

@test "/proc/net, /sys/class/net, /proc/sys/net: netstat, ifconfig, route" { on_each_kernel _files; }

@test "they need not be mounted in the rump kernel" {
	make_image ext4 "$T/disk" 48m
	[ "$(rump_with "image=$T/disk" ls /sys/class/net)" = lo ]
	[ "$(rump_with "image=$T/disk" sed -n '3s/:.*//p' /proc/net/dev | tr -d ' ')" = lo ]
}

@test "net=no: the host's" {
	[ "$(rump_with socket=all:nolocal,net=no ls /sys/class/net)" = "$(ls /sys/class/net)" ]
	[ "$(rump_with path=/rump ls /sys/class/net)" = "$(ls /sys/class/net)" ]
	[ "$(rump_with path=/rump,net=yes ls /sys/class/net)" = lo ]
	diff <(sed 's/:.*//' /proc/net/dev) \
		<(rump_with socket=all:nolocal,net=no sed 's/:.*//' /proc/net/dev)
}

_time() {
	socket=all:nolocal client python3 - <<-'END'
		import socket, struct, time
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("127.0.0.1", 0))
		s.setsockopt(socket.SOL_SOCKET, 29, 1)   # SO_TIMESTAMP
		for n in range(10):
		    before = time.time()
		    s.sendto(b"x", s.getsockname())
		    seconds, micro = struct.unpack("ll", s.recvmsg(10, 100)[1][0][2])
		    after = time.time()
		    # the one clock is read before the other
		    assert before - 2e-4 < seconds + micro / 1e6 < after + 2e-4, (before, seconds, micro, after)
	END
}

@test "the time of what arrives is the host's: not before it was sent" { on_each_kernel _time; }

# Those who find its module coming wait until it has come.
@test "a family whose module eight processes ask for at once" {
	cat >"$T/at_once.py" <<-'END'
		import multiprocessing, socket
		# Bluetooth's, then RFCOMM and BNEP; SCTP; UDP-Lite of IPv6
		kinds = [(31, 5, 0), (31, 1, 3), (31, 3, 4), (2, 1, 132), (10, 2, 136)]
		barrier = multiprocessing.Barrier(8)
		def ask():
		    for kind in kinds:
		        barrier.wait()
		        try:
		            socket.socket(*kind).close()
		        except OSError as error:
		            print(f"{kind}: {error}\n", end="")
		children = [multiprocessing.Process(target=ask) for _ in range(8)]
		for child in children:
		    child.start()
		for child in children:
		    child.join()
	END
	for _ in 1 2 3; do
		start_server
		socket=all:nolocal run client python3 "$T/at_once.py"
		echo "$output"
		[ "$status" = 0 ]
		[ -z "$output" ]
		stop_server
	done
}
