#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Servers in one rump kernel, their clients in another one, an Ethernet bus in between.

load lib
load net_programs

setup_file() {
	load lib
	load net_programs
	require "$LIBRUMP" "$LIBRUMPHIJACK" iperf3 nginx curl ssh scp /usr/sbin/sshd ssh-keygen rsync socat git \
		redis-server redis-benchmark openssl ip python3
	make_net_data
	make_net_keys
	ssh-keygen -q -t ed25519 -N '' -f "$KEYS/host"
	ssh-keygen -q -t ed25519 -N '' -f "$KEYS/user"
	chmod -R a+rX "$DATA"
	! is_root || mkdir -p /run/sshd
}

setup() {
	export T
}

teardown() {
	end_kernels
}

# nginx_conf DIRECTIVES
nginx_conf() {
	cat <<-END
		daemon off;
		$(is_root && echo 'user root;')
		pid nginx.pid;
		worker_processes 2;
		events { worker_connections 1024; }
		http {
			access_log off;
			client_body_temp_path body;
			proxy_temp_path proxy;
			fastcgi_temp_path fastcgi;
			uwsgi_temp_path uwsgi;
			scgi_temp_path scgi;
			server {
				listen 80;
				listen [::]:80;
				listen 443 ssl http2;
				ssl_certificate $KEYS/cert.pem;
				ssl_certificate_key $KEYS/key.pem;
				$1
			}
		}
	END
}

@test "nginx and curl; nginx as a proxy between three kernels; ab" {
	nginx_conf "root $DATA;" >"$T/nginx.1"
	nginx_conf "location / { proxy_pass http://one.test; }" >"$T/nginx.2"
	# shellcheck disable=SC2016
	serve_on_bus 1 'start nginx nginx -p "$W/" -e error.log -c "$T/nginx.1"; opens 80'
	# shellcheck disable=SC2016
	serve_on_bus 2 'start nginx nginx -p "$W/" -e error.log -c "$T/nginx.2"; opens 80'
	# shellcheck disable=SC2016
	on_bus 3 '
		get() { curl -sS --max-time 100 --cacert "$KEYS/ca.pem" "$@"; }
		for host in 10.2.0.1 one.test one6.test two.test; do
			get "http://$host/random" | cmp - "$DATA/random"
		done
		get -g "http://[fd02::2]/big" | cmp - "$DATA/big"
		get --resolve server.test:443:10.2.0.1 https://server.test/random | cmp - "$DATA/random"
		get -Z "http://two.test/folder/[1-40]" -o "many/#1" --create-dirs 2>/dev/null
		for n in $(seq 40); do cmp "many/$n" "$DATA/folder/$n"; done
		ab -q -n 2000 -c 20 http://10.2.0.1/hello >ab.out
		grep -x "Failed requests: *0" ab.out
		grep -x "Complete requests: *2000" ab.out
	'
	end_bus 2
	end_bus 1
}

@test "iperf3: TCP and UDP, both directions, IPv4 and IPv6" {
	# shellcheck disable=SC2016
	serve_on_bus 1 'start iperf iperf3 -s -p 5201
		within 20 eval "ss -Hltn sport = :5201 | grep -q ."'
	# shellcheck disable=SC2016
	on_bus 2 '
		# data that arrived, as the receiver tells; a megabyte at least, or what -b lets pass
		measure() {
			iperf3 -J -p 5201 -n "$@" >result
			python3 -c "
import json, sys
end = json.load(open(\"result\"))[\"end\"]
total = end.get(\"sum_received\") or end[\"sum\"]
# of UDP it is what was sent
received = total[\"bytes\"] * (1 - total.get(\"lost_percent\", 0) / 100)
assert received >= int(sys.argv[1]), (received, sys.argv)" "$least"
		}
		least=20000000 measure 30M -c 10.2.0.1
		least=20000000 measure 30M -c one6.test -R
		least=20000000 measure 30M -c fd02::1 -P 4
		least=100000 measure 1M -c 10.2.0.1 -u -b 50M
	'
	end_bus 1
}

@test "sshd, scp, a forward; rsync; socat; git; redis" {
	cat >"$T/sshd_config" <<-END
		Port 22
		HostKey $KEYS/host
		AuthorizedKeysFile $KEYS/user.pub
		PidFile none
		StrictModes no
		PermitRootLogin yes
		UsePAM no
		Subsystem sftp internal-sftp
	END
	cat >"$T/ssh_config" <<-END
		Host *
		IdentityFile $KEYS/user
		StrictHostKeyChecking no
		UserKnownHostsFile $T/known
		BatchMode yes
		LogLevel ERROR
	END
	# shellcheck disable=SC2016
	serve_on_bus 1 '
		start sshd /usr/sbin/sshd -D -e -f "$T/sshd_config"
		printf "%s\n" "use chroot = no" "uid = $(id -u)" "gid = $(id -g)" "pid file = $W/rsync.pid" "[data]" "path = $DATA" >rsync.conf
		start rsync rsync --daemon --no-detach --config rsync.conf
		start socat socat -t 20 TCP6-LISTEN:2000,fork,reuseaddr EXEC:cat
		git init -q --bare served/p.git
		start git git daemon --reuseaddr --base-path="$W/served" --export-all --enable=receive-pack
		start redis redis-server --bind 0.0.0.0 --protected-mode no --save "" --dir "$W"
		for port in 22 873 9418 6379; do opens $port; done
		opens 2000 ::1'
	# shellcheck disable=SC2016
	on_bus 2 '
		export HOME=$W GIT_CONFIG_NOSYSTEM=1
		[ "$(ssh -F "$T/ssh_config" one.test "echo \$SSH_CONNECTION" | cut -d" " -f1,3)" = "10.2.0.2 10.2.0.1" ]
		ssh -F "$T/ssh_config" one6.test cat <"$DATA/random" | cmp - "$DATA/random"
		scp -q -F "$T/ssh_config" "one6.test:$DATA/random" .
		cmp random "$DATA/random"
		rsync -a -e "ssh -F $T/ssh_config" "one.test:$DATA/" by-ssh/
		diff -r "$DATA" by-ssh
		rsync -a rsync://one6.test/data/ by-daemon/
		diff -r "$DATA" by-daemon
		socat -t 20 - "TCP6:[fd02::1]:2000" <"$DATA/big" | cmp - "$DATA/big"
		git init -q -b main work
		cp -r "$DATA/folder" work
		git -C work add .
		git -C work -c user.name=tests -c user.email=tests@localhost commit -qm first
		git -C work push -q git://one.test/p.git main
		git clone -q -b main git://one.test/p.git clone
		diff -r -x .git work clone
		redis-benchmark -h one.test -q -n 20000 -P 16 -t set,get,incr >redis 2>&1
		[ "$(redis-cli -h 10.2.0.1 get counter:__rand_int__)" = 20000 ]
		start forward ssh -F "$T/ssh_config" -N -L 127.0.0.1:7000:127.0.0.1:6379 one.test
		opens 7000
		[ "$(redis-cli -p 7000 get counter:__rand_int__)" = 20000 ]
	'
	end_bus 1
}
