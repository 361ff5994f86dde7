#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# nginx in a rump network, curl, wget, ab and wrk as its clients.

load lib
load net_programs

setup_file() {
	load lib
	load net_programs
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" nginx curl wget ab wrk openssl ip nstat
	make_net_data
	make_net_keys
	# who reads the files: workers are another user's if root starts nginx
	chmod -R a+rX "$DATA"
}

setup() {
	cat >"$T/nginx.conf" <<-END
		daemon off;
		$(is_root && echo 'user root;')
		pid nginx.pid;
		error_log error.log warn;
		worker_processes 4;
		worker_shutdown_timeout 100s;
		events { worker_connections 2048; }
		http {
			types { text/plain txt; }
			access_log off;
			server_tokens off;
			client_max_body_size 100m;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			keepalive_requests 100000;
			server {
				listen 80;
				listen [::]:80;
				listen 443 ssl http2;
				listen [::]:443 ssl http2;
				ssl_certificate $KEYS/cert.pem;
				ssl_certificate_key $KEYS/key.pem;
				root $DATA;
				autoindex on;
				location /generation { return 200 "GENERATION\n"; }
				location /upload {
					root store;
					dav_methods PUT;
					create_full_put_path on;
				}
				location /proxied/ {
					proxy_pass http://[fd01::1]/;
					proxy_http_version 1.1;
				}
			}
		}
	END
	# a script's first lines
	# shellcheck disable=SC2016
	NGINX='
		mkdir logs
		sed "s/GENERATION/first/" "$T/nginx.conf" >nginx.conf
		start nginx.out nginx -p "$W/" -e error.log -c nginx.conf
		nginx=$STARTED
		opens 80
	'
	export T
}

teardown() {
	end_kernels
}

@test "curl: http and https by each address, HTTP/2, ranges, uploads, many at once" {
	# shellcheck disable=SC2016
	in_network "$NGINX"'
		# brackets in addresses, ranges of numbers in paths
		get() { curl -sS --max-time 100 --cacert "$KEYS/ca.pem" "$@"; }
		for address in $ADDRESSES; do
			for scheme in http https; do
				get -g "$scheme://$(url $address)/random" | cmp - "$DATA/random"
			done
		done
		[ "$(get -o got -w "%{http_version} %{size_download}" https://localhost/big)" = "2 $(stat -c %s "$DATA/big")" ]
		cmp got "$DATA/big"
		[ "$(get --http1.1 -o got -w "%{http_version}" https://localhost/big)" = 1.1 ]
		# a certificate of somebody else
		! get --cacert /etc/ssl/certs/ca-certificates.crt https://localhost/hello 2>/dev/null || false
		get -r 1000-1999 http://10.1.0.1/random | cmp - <(tail -c +1001 "$DATA/random" | head -c 1000)
		get -r -500 http://10.1.0.1/random | cmp - <(tail -c 500 "$DATA/random")
		head -c 1000000 "$DATA/random" >part
		get -C - -o part http://10.1.0.1/random
		cmp part "$DATA/random"
		get -g -T "$DATA/random" "http://[::1]/upload/random"
		get --data-binary @"$DATA/big" -X PUT -H Expect:100-continue "https://10.1.0.1/upload/big"
		cmp store/upload/random "$DATA/random"
		cmp store/upload/big "$DATA/big"
		for version in --http1.1 --http2; do
			get -Z "$version" "https://localhost/folder/[1-40]" -o "many/#1" --create-dirs 2>/dev/null
			for n in $(seq 40); do cmp "many/$n" "$DATA/folder/$n"; done
			rm -r many
		done
		get http://127.0.0.1/proxied/random | cmp - "$DATA/random"
		[ "$(curl -s -o got -w "%{http_code}" http://127.0.0.1/none)" = 404 ]
		status=0
		curl -s http://127.0.0.1:81/ || status=$?
		[ "$status" = 7 ]
	'
}

@test "wget: a tree, by IPv4 and IPv6" {
	# shellcheck disable=SC2016
	in_network "$NGINX"'
		for address in 10.1.0.1 ::1; do
			wget -q -r -np -nH -P got "http://$(url $address)/"
			find got -name "index.html*" -delete
			diff -r "$DATA" got
			rm -r got
		done
		wget -q --ca-certificate="$KEYS/ca.pem" -O got https://localhost/random
		cmp got "$DATA/random"
	'
}

@test "nginx: four workers serve, and a reload under load fails no request" {
	# shellcheck disable=SC2016
	in_network "$NGINX"'
		# its socket is open before they are there
		has_workers() { [ "$(pgrep -c -P $nginx)" = 4 ]; }
		within 20 has_workers
		curl -s http://127.0.0.1/generation >before
		ab -q -l -n 20000 -c 50 http://127.0.0.1/hello >ab.out 2>&1 &
		ab=$!
		python3 - >python.out 2>&1 <<-"END" &
			# connections that stay open across the reload, each answered whole
			import http.client
			want = open("'"$DATA"'/random", "rb").read()
			for n in range(20):
			    c = http.client.HTTPConnection("10.1.0.1")
			    c.request("GET", "/random")
			    assert c.getresponse().read() == want
			    c.close()
			print("all")
		END
		python=$!
		for n in 1 2 3; do
			sed "s/GENERATION/generation $n/" "$T/nginx.conf" >nginx.conf
			kill -HUP $nginx
			is_new() { [ "$(curl -s http://127.0.0.1/generation)" = "generation $n" ]; }
			within 20 is_new
		done
		wait $ab
		wait $python
		grep -q all python.out
		grep -x "Complete requests: *20000" ab.out
		grep -x "Failed requests: *0" ab.out
		# else who reads slowly may meet a reset
		nstat -asz TcpExtTCPTimeWaitOverflow | grep -q "TCPTimeWaitOverflow  *0 "
		! grep -E "\[(alert|emerg|crit)\]" error.log || false
		kill -QUIT $nginx
		wait $nginx
	'
}

@test "ab and wrk: many connections, no error" {
	# shellcheck disable=SC2016
	in_network "$NGINX"'
		ab -q -k -n 5000 -c 200 "http://[::1]/hello" >ab.out
		grep -x "Failed requests: *0" ab.out
		grep -x "Complete requests: *5000" ab.out
		wrk -t 2 -c 200 -d 1s --timeout 100s http://10.1.0.1/big >wrk.out
		! grep -E "Socket errors|Non-2xx" wrk.out || false
		grep -q "requests in" wrk.out
	'
}
