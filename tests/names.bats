#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Names are looked up in the rump network: dnsmasq there answers, nobody of the host does; the
# files that say how are the rump kernel's when it has them.

load lib
load report

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" dnsmasq dig getent python3 ip "${CC:-gcc}"
	export PROGRAMS=$BATS_FILE_TMPDIR
	cat >"$PROGRAMS/query.c" <<-'END'
		#include <arpa/nameser.h>
		#include <netdb.h>
		#include <resolv.h>
		#include <stdio.h>

		/* the address by res_query() and by gethostbyname() */
		int main(int argc, char **argv)
		{
			unsigned char answer[512];
			int length = res_query(argv[1], C_IN, T_A, answer, sizeof(answer));
			struct hostent *host = gethostbyname(argv[1]);
			const unsigned char *a = answer + length - 4;

			if (length < 16 || !host || argc != 2)
				return 1;
			printf("%d.%d.%d.%d\n", a[0], a[1], a[2], a[3]);
			a = (unsigned char *)host->h_addr;
			printf("%d.%d.%d.%d\n", a[0], a[1], a[2], a[3]);
			return 0;
		}
	END
	${CC:-gcc} -o "$PROGRAMS/query" "$PROGRAMS/query.c" -lresolv
}

setup() {
	# what the shells below start with
	cat >"$T/network.sh" <<-'END'
		set -e
		ip link add names0 type dummy
		ip link set names0 up
		ip addr add 10.7.0.1/24 dev names0
		dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --no-resolv \
			--no-hosts --no-daemon --listen-address=10.7.0.1 --bind-interfaces \
			--host-record=www.test,10.7.0.80 --host-record=here.test,10.7.0.1 \
			--host-record=both.test,10.7.0.9,2001:db8::9 >"$T/dnsmasq" 2>&1 &
		dns=$!
		trap 'kill $dns; wait' EXIT
		for _ in $(seq 100); do
			[ "$(dig +short +time=1 +tries=1 @10.7.0.1 www.test)" != 10.7.0.80 ] || break
			sleep 0.1
		done
		echo 'nameserver 10.7.0.1' >/etc/resolv.conf
	END
	export T PROGRAMS
	socket=all:nolocal
}

teardown() {
	end_kernels
}

programs_ask() {
	client "$BASH" -c '. "$T/network.sh"
		is() {
			local want=$1 got
			shift
			got=$("$@") || { echo "$*: status $?"; exit 1; }
			[ "$got" = "$want" ] || { echo "$*: $got"; exit 1; }
		}
		is 10.7.0.80 dig +short www.test
		is 10.7.0.80 dig +short +tcp www.test
		is www.test. dig +short -x 10.7.0.80
		is $'"'10.7.0.80\n10.7.0.80'"' "$PROGRAMS/query" www.test
		is 10.7.0.80 awk "{ print \$1 }" <(getent hosts www.test)
		is www.test awk "{ print \$2 }" <(getent hosts 10.7.0.80)
		is "10.7.0.80 STREAM www.test" awk "NR == 1 { print \$1, \$2, \$3 }" <(getent ahosts www.test)
		is "[10.7.0.80] www.test" python3 -c "import socket
print([i[4][0] for i in socket.getaddrinfo(\"www.test\", 80, type=socket.SOCK_STREAM)][:1].__str__().replace(chr(39), \"\"),
	socket.getnameinfo((\"10.7.0.80\", 80), 0)[0])"
		is 10.7.0.80 perl -MSocket -e "print inet_ntoa(scalar gethostbyname(\"www.test\"))"
		! getent hosts none.test || exit 1'
}

@test "dig, res_query, getaddrinfo, gethostbyname, getnameinfo, getent, perl, python" {
	require perl
	on_each_kernel programs_ask
}

@test "curl, wget, node with libc and with c-ares, Go with cgo" {
	require curl wget node go
	mkdir "$T/www"
	seq 10000 >"$T/www/file"
	cat >"$T/go.go" <<-'END'
		package main

		// #include <stdlib.h>
		import "C"

		import (
			"fmt"
			"net"
			"os"
		)

		func main() {
			addresses, err := net.LookupHost(os.Args[1])
			fmt.Println(addresses, err)
		}
	END
	HOME=$T GOCACHE=$T/cache GOFLAGS=-mod=mod GOTOOLCHAIN=local go build -o "$T/go" "$T/go.go"
	start_server
	run client "$BASH" -c '. "$T/network.sh"
		python3 -m http.server --bind 10.7.0.1 --directory "$T/www" 80 >"$T/http" 2>&1 &
		trap "kill $dns $!; wait" EXIT
		curl -s --retry 50 --retry-connrefused --retry-delay 1 http://here.test/file | cmp - "$T/www/file"
		wget -q -O - http://here.test/file | cmp - "$T/www/file"
		node -e "const dns = require(\"dns\");
			dns.lookup(\"www.test\", (e, a) => { console.log(\"libc\", e, a);
			dns.resolve4(\"www.test\", (e, a) => console.log(\"c-ares\", e, a[0])); })"
		GODEBUG=netdns=cgo "$T/go" www.test
		GODEBUG=netdns=go "$T/go" www.test'
	echo "$output"
	[ "$status" = 0 ]
	diff - <(echo "$output") <<-'END'
		libc null 10.7.0.80
		c-ares null 10.7.0.80
		[10.7.0.80] <nil>
		[10.7.0.80] <nil>
	END
	stop_server
}

@test "addresses are sorted by those that the rump kernel has" {
	start_server
	run client "$BASH" -c '. "$T/network.sh"
		first() { python3 -c "import socket
print(socket.getaddrinfo(\"both.test\", 80, type=socket.SOCK_STREAM)[0][4][0])"; }
		first
		ip addr add 2001:db8::1/64 nodad dev names0
		first
		ip -6 addr flush dev names0
		ip -6 addr flush dev lo
		# no address of that family: not even asked for
		! getent ahostsv6 both.test | grep -v ::ffff: || false
		python3 -c "import socket
print([i[4][0] for i in socket.getaddrinfo(\"both.test\", 80, type=socket.SOCK_STREAM,
	flags=socket.AI_ADDRCONFIG)])"'
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = 10.7.0.9 ]
	[ "${lines[1]}" = 2001:db8::9 ]
	[ "${lines[-1]}" = "['10.7.0.9']" ]
	stop_server
}

# in_sandbox COMMAND...: /etc/resolv.conf, /etc/hosts and /run of the host are others; the
# command may be one of these functions
in_sandbox() {
	export -f client tagged rump_with
	export LIBRUMPHIJACK RUMP_LIBRARIES limit socket
	unshare -m "$BASH" -ec 'mount --make-rprivate /
		mount --bind "$T/resolv.conf" /etc/resolv.conf
		mount --bind "$T/hosts" /etc/hosts
		mount -t tmpfs none /run
		"$@"' bash "$@"
}

make_sandbox() {
	needs_root
	require unshare
	echo 'nameserver 127.0.0.253' >"$T/resolv.conf"
	printf '127.0.0.1 localhost\n10.7.0.3 ofhost.test\n' >"$T/hosts"
	cp "$T/resolv.conf" "$T/resolv.conf.before"
	cp "$T/hosts" "$T/hosts.before"
}

files_of_names() {
	in_sandbox client "$BASH" -ec '
		# as long as the rump kernel has none
		diff "$T/resolv.conf" /etc/resolv.conf
		[ "$(getent hosts ofhost.test | cut -d" " -f1)" = 10.7.0.3 ]
		# what is appended comes behind what the host has, and stays here
		echo "10.7.0.4 ofrump.test" >>/etc/hosts
		getent hosts ofhost.test ofrump.test | wc -l
		cat /etc/hosts
		# as DHCP clients do
		echo "nameserver 10.7.0.5" >/etc/resolv.conf.new
		mv -f /etc/resolv.conf.new /etc/resolv.conf
		cat /etc/resolv.conf
		stat -c %s /etc/resolv.conf
		python3 -c "import os
os.remove(\"/etc/hosts\")
assert not open(\"/etc/hosts\").read().count(\"ofrump\")"
		rm /etc/resolv.conf
		diff "$T/resolv.conf" /etc/resolv.conf
		! rm /etc/resolv.conf 2>/dev/null' >"$T/out"
	diff - "$T/out" <<-'END'
		2
		127.0.0.1 localhost
		10.7.0.3 ofhost.test
		10.7.0.4 ofrump.test
		nameserver 10.7.0.5
		20
	END
	cmp "$T/resolv.conf" "$T/resolv.conf.before"
	cmp "$T/hosts" "$T/hosts.before"
}

@test "resolv.conf and hosts: the rump kernel's when it has them; the host's are never written" {
	make_sandbox
	on_each_kernel files_of_names
}

@test "resolver=no and blanket=: the one is never asked, the other alone" {
	make_sandbox
	start_server
	client mkdir -p /rump/etc
	client "$BASH" -c 'echo "nameserver 10.7.0.5" >/rump/etc/resolv.conf'
	[ "$(in_sandbox client cat /etc/resolv.conf)" = 'nameserver 10.7.0.5' ]
	socket=all:nolocal,resolver=no
	[ "$(in_sandbox client cat /etc/resolv.conf)" = 'nameserver 127.0.0.253' ]
	socket=none,resolver=yes
	[ "$(in_sandbox client cat /etc/resolv.conf)" = 'nameserver 10.7.0.5' ]
	socket=none
	[ "$(in_sandbox client cat /etc/resolv.conf)" = 'nameserver 127.0.0.253' ]
	socket=all:nolocal,blanket=/etc/hosts
	run in_sandbox client cat /etc/hosts
	[ "$status" = 1 ]
	stop_server
}

@test "nscd, systemd-resolved and avahi of the host are not asked" {
	make_sandbox
	cat >"$T/services.py" <<-'END'
		# says which of the services' sockets somebody has connected to; whoever connects to the
		# last one is told after all that connected before
		import os, select, socket, sys
		listening = {}
		for path in sys.argv[2:]:
		    os.makedirs(os.path.dirname(path), exist_ok=True)
		    s = socket.socket(socket.AF_UNIX)
		    s.bind(path)
		    os.chmod(path, 0o666)
		    s.listen()
		    s.setblocking(False)
		    listening[s.fileno()] = s, path
		if os.fork():
		    sys.exit(0)
		os.setsid()
		with open(sys.argv[1], "a") as log:
		    while True:
		        select.select(list(listening), [], [], 30)[0] or sys.exit(1)
		        for s, path in listening.values():
		            try:
		                while True:
		                    s.accept()[0].close()
		                    print(path, file=log, flush=True)
		            except BlockingIOError:
		                pass
	END
	cat >"$T/connect.py" <<-'END'
		import errno, socket, sys
		for path in sys.argv[1:]:
		    s = socket.socket(socket.AF_UNIX)
		    print(path, errno.errorcode.get(s.connect_ex(path), "connected"))
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		print(errno.errorcode[s.connect_ex(sys.argv[1])])
	END
	export SERVICES='/run/nscd/socket /run/systemd/resolve/io.systemd.Resolve /run/avahi-daemon/socket /run/other'
	start_server
	run tagged in_sandbox "$BASH" -ec 'python3 "$T/services.py" "$T/asked" $SERVICES >/dev/null 2>&1 3>&-
		told() { python3 "$T/connect.py" /run/other; until grep -q other "$T/asked"; do sleep 0.1; done; }
		getent hosts none.test || :
		told >/dev/null
		# the host asks nscd
		grep -c nscd "$T/asked" >/dev/null
		: >"$T/asked"
		client getent hosts none.test || :
		client getent passwd root
		client python3 "$T/connect.py" $SERVICES
		until grep -q other "$T/asked"; do sleep 0.1; done
		cat "$T/asked"'
	echo "$output"
	kill_tagged
	[ "$status" = 0 ]
	diff - <(sed 1d <<<"$output") <<-'END'
		/run/nscd/socket ECONNREFUSED
		/run/systemd/resolve/io.systemd.Resolve ECONNREFUSED
		/run/avahi-daemon/socket ECONNREFUSED
		/run/other connected
		ECONNREFUSED
		/run/other
	END
	stop_server
}
