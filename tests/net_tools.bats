#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Tools of networks in a rump network: iperf3, busybox, openssl, name servers, ping, traceroute,
# captures, 1,000 connections.

load lib
load net_programs

setup_file() {
	load lib
	load net_programs
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" iperf3 busybox openssl dnsmasq dig ping \
		traceroute tcpdump arping nginx wrk ab python3 ip ss
	make_net_data
	make_net_keys
	chmod -R a+rX "$DATA"
}

teardown() {
	end_kernels
}

# what was received is what was sent, and more than nothing
# shellcheck disable=SC2016
IPERF='
	measure() {
		iperf3 -s -1 -J -p 5201 >server.json 2>&1 &
		within 20 eval "ss -Hltn sport = :5201 | grep -q ."
		iperf3 -J -p 5201 -t 1 -c "$@" >client.json 2>&1
		wait $!
		python3 - "$@" <<-PYTHON
			import json, sys
			client, server = (json.load(open(name + ".json")) for name in ("client", "server"))
			assert "error" not in client and "error" not in server, (client.get("error"), server.get("error"))
			udp = "-u" in sys.argv
			backwards = "-R" in sys.argv
			both = "--bidir" in sys.argv
			ends = client["end"]
			for suffix in ("", "_bidir_reverse") if both else ("",):
			    sent = ends["sum_sent" + suffix]["bytes"]
			    received = ends["sum_received" + suffix]["bytes"]
			    assert sent > 100000, sent
			    # what is on its way when the second is over is not counted
			    assert received >= sent * (0.5 if udp else 0.9) - 30e6, (sent, received)
			    assert received <= sent * 1.01 + 30e6, (sent, received)
			if not both and not udp and not backwards:
			    # each side has counted what it did itself
			    assert server["end"]["sum_received"]["bytes"] == ends["sum_received"]["bytes"]
			if "-P" in sys.argv:
			    assert len(ends["streams"]) == 8
		PYTHON
	}
'

@test "iperf3: TCP, IPv4 and IPv6, eight at once, backwards, both ways, sendfile, UDP" {
	# shellcheck disable=SC2016
	in_network "$IPERF"'
		measure 127.0.0.1
		measure fd01::1 -P 8
		measure ::1 -R
		measure 10.1.0.1 --bidir
		measure 127.0.0.1 -Z
		measure ::1 -u -b 50M
		measure 10.1.0.1 -u -b 50M -R -l 8000
	'
}

@test "wrk and ab with 1,000 connections at once: none fails" {
	# shellcheck disable=SC2016
	in_network '
		ulimit -n "$(ulimit -H -n)"
		cat >nginx.conf <<-CONF
			daemon off;
			'"$(is_root && echo 'user root;')"'
			pid nginx.pid;
			error_log error.log warn;
			worker_processes 2;
			worker_rlimit_nofile 4000;
			events { worker_connections 3000; }
			http {
				access_log off;
				client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
				uwsgi_temp_path uwsgi; scgi_temp_path scgi;
				keepalive_requests 100000;
				server { listen 80 backlog=2000; listen [::]:80 backlog=2000; root $DATA; }
			}
		CONF
		echo 2000 >/rump/proc/sys/net/core/somaxconn
		start nginx nginx -p "$W/" -c nginx.conf
		opens 80
		ab -s 90 -q -k -n 4000 -c 1000 "http://[::1]/hello" >ab.out
		grep -x "Failed requests: *0" ab.out
		grep -x "Complete requests: *4000" ab.out
		# hundreds of connections end at once
		ab -s 90 -q -n 3000 -c 1000 http://127.0.0.1/hello >ab.out
		grep -x "Failed requests: *0" ab.out
		grep -x "Complete requests: *3000" ab.out
		wrk -t 2 -c 1000 -d 2s --timeout 100s http://127.0.0.1/hello >wrk.out
		! grep -E "Socket errors|Non-2xx" wrk.out || false
		grep -E "[1-9][0-9]* requests in" wrk.out
	'
}

@test "busybox: httpd, wget, a shell over nc, ping" {
	# shellcheck disable=SC2016
	in_network '
		start httpd busybox httpd -f -p "[::]:8080" -h "$DATA"
		opens 8080
		for address in $ADDRESSES; do
			busybox wget -q -O got "http://$(url $address):8080/random"
			cmp got "$DATA/random"
		done
		! busybox wget -q -O none http://127.0.0.1:8080/none || false
		start shell busybox nc -ll -p 8082 -e sh
		within 20 eval "ss -Hltn sport = :8082 | grep -q ."
		for n in 1 2 3; do
			echo "echo from \$((20 + $n)); exit" | busybox nc 10.1.0.1 8082 >answer
			[ "$(cat answer)" = "from 2$n" ]
		done
		busybox ping -c 2 -i 0.2 10.1.0.1 | grep "2 packets received"
	'
}

@test "openssl: s_server and s_client, each version, a file, a client's certificate" {
	# shellcheck disable=SC2016
	in_network '
		start server openssl s_server -accept 4433 -cert "$KEYS/cert.pem" -key "$KEYS/key.pem" \
			-CAfile "$KEYS/ca.pem" -Verify 1 -WWW -quiet
		within 20 eval "ss -Hltn sport = :4433 | grep -q ."
		ln -s "$DATA/big" big
		for version in -tls1_2 -tls1_3; do
			printf "GET /big HTTP/1.0\r\n\r\n" | openssl s_client -connect 127.0.0.1:4433 $version \
				-CAfile "$KEYS/ca.pem" -verify_return_error -verify_ip 127.0.0.1 -ign_eof -quiet \
				-cert "$KEYS/cert.pem" -key "$KEYS/key.pem" >answer 2>client
			sed "1,/^\r\$/d" answer | cmp - "$DATA/big"
		done
		! openssl s_client -connect 127.0.0.1:4433 -CAfile "$KEYS/ca.pem" -verify_return_error \
			-verify_hostname wrong.test -quiet </dev/null >none 2>&1 || false
	'
}

@test "names: dig, getent and host programs ask a name server of the rump network" {
	# shellcheck disable=SC2016
	in_network '
		mkdir -p /rump/etc
		echo "nameserver 10.1.0.1" >/rump/etc/resolv.conf
		start dnsmasq dnsmasq -k --conf-file=/dev/null --no-resolv --no-hosts --pid-file= --user= \
			--address=/one.test/192.0.2.1 --address=/six.test/2001:db8::6 --txt-record=text.test,words \
			--host-record=mail.test,192.0.2.25 --mx-host=test,mail.test,10 --listen-address=10.1.0.1 \
			--bind-interfaces --log-facility=-
		within 20 eval "ss -Hlun sport = :53 | grep -q ."
		[ "$(dig +short @10.1.0.1 one.test)" = 192.0.2.1 ]
		[ "$(dig +short +tcp @10.1.0.1 six.test AAAA)" = 2001:db8::6 ]
		[ "$(dig +short @10.1.0.1 test MX)" = "10 mail.test." ]
		[ "$(dig +short @10.1.0.1 text.test TXT)" = "\"words\"" ]
		dig @10.1.0.1 none.invalid | grep -q "status: \(NXDOMAIN\|REFUSED\)"
		[ "$(getent ahostsv4 one.test | awk "NR == 1 { print \$1 }")" = 192.0.2.1 ]
		[ "$(getent hosts six.test | awk "{ print \$1 }")" = 2001:db8::6 ]
		python3 -c "import socket
assert socket.gethostbyname(\"mail.test\") == \"192.0.2.25\""
	'
}

@test "ping: floods, sizes, IPv6, nobody there; arping; traceroute" {
	# shellcheck disable=SC2016
	in_network '
		ping -q -f -c 2000 127.0.0.1 | grep "2000 packets transmitted, 2000 received, 0% packet loss"
		ping -q -f -c 500 -s 20000 fd01::1 | grep "500 received, 0% packet loss"
		ping -q -c 1 -p deadbeef ::1 | grep "1 received"
		! ping -q -c 1 -W 1 10.1.0.77 >none || false
		grep "0 received" none
		! ping -q -c 1 192.0.2.1 >unreachable 2>&1 || false
		grep -i "unreachable" unreachable
		traceroute -n -m 3 10.1.0.1 | tail -n 1 | grep "^ *1 *10\.1\.0\.1 "
		traceroute -n -6 -I -m 3 fd01::1 | tail -n 1 | grep "^ *1 *fd01::1 "
		! arping -c 1 -w 1 -I net0 10.1.0.77 >none 2>&1 || false
	'
}

@test "tcpdump sees a transfer: filters, a capture that reads back" {
	# shellcheck disable=SC2016
	in_network '
		start dump tcpdump -i lo -n -U -w capture "tcp port 8080"
		within 20 grep -q "listening on lo" dump
		start httpd busybox httpd -f -p 8080 -h "$DATA"
		opens 8080
		python3 -c "import sys, urllib.request
data = urllib.request.urlopen(\"http://127.0.0.1:8080/hello\").read()
assert data == b\"hello\\n\", data"
		ping -q -c 3 -i 0.1 127.0.0.1 >ping.out
		within 20 eval "tcpdump -n -A -r capture 2>/dev/null | grep -q \"GET /hello\""
		within 20 eval "tcpdump -n -r capture 2>/dev/null | grep -q \"Flags .F\""
		kill -INT "$(pgrep -P "$$" -x tcpdump)"
		within 20 grep -q "packets captured" dump
		tcpdump -n -r capture >text 2>/dev/null
		grep -q "Flags \[S\]" text
		grep -q "Flags \[F" text
		! grep ICMP text || false
		grep -q "^0 packets dropped by kernel" dump
	'
}
