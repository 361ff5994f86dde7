#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Servers by their usual command lines: detached, with files and sockets in the kernel of a
# private or a common server, asked, reloaded, stopped.  Nothing of them is left.

load lib
load open_libraries

setup() {
	limit=200
	# shared by the two sides' accounts
	chmod 755 "$BATS_RUN_TMPDIR" "$BATS_FILE_TMPDIR" "$T"
}

teardown() {
	end_kernels
}

# on_ext4 BODY...: with $kernel spawn and server, and $WORDS for a kernel that has an ext4
# image on its root; the image is whole afterwards
on_ext4() {
	local failed=()
	for kernel in ${RUMP_TEST_KERNELS:-spawn server}; do
		[ "$kernel" != local ] || continue
		set +e
		(set -e; _on_ext4 "$@")
		[ $? = 0 ] || failed+=("$kernel")
		set -e
	done
	[ ${#failed[@]} = 0 ] || { echo "failed on: ${failed[*]}"; return 1; }
}

_on_ext4() {
	local image=$T/$kernel.image result=0
	make_image ext4 "$image" 512m
	WORDS=path=/rump,socket=inet:inet6
	if [ "$kernel" = server ]; then
		printf 'drive /dev/image %s\nmount auto /dev/image /\n' "$image" >"$T/conf"
		start_server -f "$T/conf"
	else
		WORDS+=,kernel=spawn,image=$image
	fi
	"$@" || result=1
	none_left || result=1
	if [ "$kernel" = server ]; then
		stop_server || result=1
	fi
	check_image ext4 "$image" || result=1
	return $result
}

under() {
	RUMP_TEST_KERNEL='' tagged rump_with "$WORDS" "$@"
}

# output_is TEXT COMMAND...
output_is() {
	local want=$1 got status=0
	shift
	got=$("$@" 2>&1 3>&-) || status=$?
	[ "$status $got" = "0 $want" ] || {
		echo "$kernel: status $status"
		diff <(echo "$want") <(echo "$got")
		return 1
	}
}

# in the scripts below: until COMMAND... succeeds
WAIT='until_it() { for _ in $(seq 1200); do "$@" >/dev/null 2>&1 && return; sleep 0.05; done; echo "never: $*"; }'

@test "nginx: master and workers, reload, logs that are rotated, a new binary, quit" {
	require nginx curl mke2fs
	cat >"$T/nginx.conf" <<-END
		worker_processes 2;
		# what a new binary gets
		env LD_PRELOAD; env RUMPHIJACK; env LD_LIBRARY_PATH; env RUMP_SERVER; env RUMP_TEST_TAG;
		pid /rump/nginx.pid;
		error_log /rump/error.log notice;
		user $(id -un) $(id -gn);
		events { }
		http {
			access_log /rump/access.log;
			client_body_temp_path /rump/body;
			proxy_temp_path /rump/proxy;
			fastcgi_temp_path /rump/fastcgi;
			uwsgi_temp_path /rump/uwsgi;
			scgi_temp_path /rump/scgi;
			server { listen 127.0.0.1:8080; root /rump/www; sendfile on;
				location /stub { return 200 "one\n"; } }
		}
	END
	cat >"$T/script" <<-END
		$WAIT
		nginx() { $(command -v nginx) -p $T -c $T/nginx.conf "\$@" 2>>$T/stderr; }
		ask() { curl -sf http://127.0.0.1:8080/\$1; }
		mkdir /rump/www && seq 20000 >/rump/www/file && nginx
		for i in \$(seq 10); do ask file | md5sum; done | uniq -c
		mv /rump/access.log /rump/old.log; kill -USR1 \$(cat /rump/nginx.pid); until_it test -e /rump/access.log
		# workers open it later than the master makes it
		until_it sh -c 'curl -sf http://127.0.0.1:8080/file >/dev/null; test -s /rump/access.log'
		head -n 10 /rump/old.log | wc -l; head -n 1 /rump/access.log | wc -l
		sed s/one/two/ $T/nginx.conf >$T/new.conf; ask stub; cp $T/new.conf $T/nginx.conf; nginx -s reload
		# an old worker that has not heard of it yet may still answer
		until_it sh -c 'for i in 1 2 3 4 5 6 7 8; do curl -s http://127.0.0.1:8080/stub; done | uniq -c | grep "8 two"'; ask stub
		old=\$(cat /rump/nginx.pid); kill -USR2 \$old; until_it test -e /rump/nginx.pid.oldbin; until_it test -s /rump/nginx.pid
		kill -WINCH \$old; ask file | md5sum; kill -QUIT \$old; until_it test ! -e /rump/nginx.pid.oldbin
		[ "\$(cat /rump/nginx.pid)" != \$old ] && ask file | md5sum
		nginx -s quit; until_it test ! -e /rump/nginx.pid; ask file || echo refused
		grep -cE '\[(alert|crit|emerg)\]' /rump/error.log || :
	END
	cp "$T/nginx.conf" "$T/first.conf"
	daemons() {
		local sum
		sum=$(seq 20000 | md5sum)
		cp "$T/first.conf" "$T/nginx.conf"
		output_is "     10 $sum"$'\n'"10"$'\n'"1"$'\n'one$'\n'two$'\n'"$sum"$'\n'"$sum"$'\n'refused$'\n'0 \
			under bash "$T/script"
	}
	on_ext4 daemons
}

@test "redis: append-only file, saved by a child, rewritten, stopped, there again" {
	require redis-server redis-cli mke2fs
	cat >"$T/script" <<-END
		$WAIT
		serve() {
			redis-server --daemonize yes --port 6379 --bind 127.0.0.1 --dir /rump --appendonly yes \
				--unixsocket /rump/redis.socket --save '' --logfile /rump/redis.log --pidfile /rump/redis.pid >/dev/null
			until_it sh -c 'redis-cli ping | grep PONG'
		}
		info() { redis-cli info persistence | tr -d '\r' | grep "^\$1:"; }
		cli() { redis-cli "\$@" 2>&1; }
		serve; cli set key value
		seq 3000 | sed 's/.*/set key& &/' | redis-cli --pipe | tail -n 1
		cli bgsave; until_it sh -c 'redis-cli info persistence | grep rdb_bgsave_in_progress:0'; info rdb_last_bgsave_status
		cli bgrewriteaof >/dev/null; until_it sh -c 'redis-cli info persistence | grep aof_rewrite_in_progress:0'
		info aof_last_bgrewrite_status; info aof_last_write_status
		cli -s /rump/redis.socket get key; cli -s /rump/redis.socket del key1
		redis-cli shutdown save; until_it test ! -e /rump/redis.pid; ls /rump/*.rdb; cli ping | grep -o refused
		redis-check-rdb /rump/dump.rdb | grep -q OK && echo good; serve; cli dbsize; cli get key777; cli exists key1
		cli multi; kill -TERM \$(cat /rump/redis.pid); until_it test ! -e /rump/redis.pid
	END
	daemons() {
		output_is "OK
errors: 0, replies: 3000
Background saving started
rdb_last_bgsave_status:ok
aof_last_bgrewrite_status:ok
aof_last_write_status:ok
value
1
/rump/dump.rdb
refused
good
3000
777
0
OK" under bash "$T/script"
	}
	on_ext4 daemons
}

@test "postgres: initdb, pg_ctl, psql by both kinds of sockets, pgbench, a crash" {
	local bin
	bin=$(dirname "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -n 1)")
	require "$bin/initdb" setpriv mke2fs
	is_root || skip_or_fail "root, for another user"
	id postgres >/dev/null || skip_or_fail "user postgres"
	use_open_libraries
	cat >"$T/script" <<-END
		$WAIT
		export PATH=$bin:\$PATH PGHOST=/rump/pg PGDATABASE=postgres
		as() { setpriv --reuid=postgres --regid=postgres --clear-groups "\$@"; }
		start() { as pg_ctl -D /rump/pg -w -l /rump/pg/log -o '-k /rump/pg -h 127.0.0.1' start >/dev/null || cat /rump/pg/log; }
		cd /; mkdir /rump/pg; chown postgres /rump/pg
		as initdb -D /rump/pg -A trust --no-sync >/rump/initdb.log 2>&1 || cat /rump/initdb.log
		find /rump/pg ! -user postgres; start
		as psql -Atc 'select 1'; as psql -h 127.0.0.1 -Atc 'select 2'
		as createdb bench; as pgbench -i -q -s 1 bench 2>&1 | grep -ci error
		for options in -S '' '-h 127.0.0.1 -C'; do
			as pgbench -n -t 100 -c 3 -j 2 \$options bench 2>&1 | grep -E 'processed|failed'
		done
		as psql bench -Atc "select count(*) from pgbench_accounts" -c "select count(*) from pgbench_history" -c vacuum -c checkpoint
		as psql -Atc "copy (select generate_series(1, 5)) to '/rump/pg/copied'"; wc -l </rump/pg/copied
		as pg_dump bench | grep -c '^COPY'; as pg_ctl -D /rump/pg -m immediate stop >/dev/null; start
		as psql bench -Atc "select sum(delta) = (select sum(bbalance) from pgbench_branches) from pgbench_history"
		as pg_ctl -D /rump/pg reload; as pg_ctl -D /rump/pg -m fast restart -o '-k /rump/pg -h 127.0.0.1' -l /rump/pg/log >/dev/null
		as psql -Atc 'show data_directory'; as pg_ctl -D /rump/pg -m fast stop
		as pg_controldata -D /rump/pg | grep 'cluster state'; as pg_checksums --check -D /rump/pg 2>&1 | tail -n 1; grep -cE 'PANIC|FATAL' /rump/pg/log || :
	END
	daemons() {
		output_is "1
2
0
number of transactions actually processed: 300/300
number of failed transactions: 0 (0.000%)
number of transactions actually processed: 300/300
number of failed transactions: 0 (0.000%)
number of transactions actually processed: 300/300
number of failed transactions: 0 (0.000%)
100000
600
VACUUM
CHECKPOINT
COPY 5
5
4
t
server signaled
/rump/pg
waiting for server to shut down.... done
server stopped
Database cluster state:               shut down
pg_checksums: error: data checksums are not enabled in cluster
0" under bash "$T/script"
	}
	on_ext4 daemons
}

@test "sshd: a login that runs commands, a terminal, scp, sftp, a big transfer" {
	require sshd ssh ssh-keygen scp sftp mke2fs
	is_root || skip_or_fail "root, for sshd's sandbox"
	id sshd >/dev/null || skip_or_fail "user sshd"
	ssh-keygen -q -N '' -t ed25519 -f "$T/host"
	ssh-keygen -q -N '' -t ed25519 -f "$T/key"
	cat >"$T/script" <<-END
		$WAIT
		# a login has an environment of its own
		cat >$T/sshd.conf <<-C
			Port 2222
			ListenAddress 127.0.0.1
			HostKey $T/host
			PidFile /rump/sshd.pid
			AuthorizedKeysFile /rump/keys
			StrictModes no
			PermitRootLogin yes
			UsePAM no
			Subsystem sftp internal-sftp
			SetEnv LD_PRELOAD=\$LD_PRELOAD RUMPHIJACK=\$RUMPHIJACK LD_LIBRARY_PATH=\$LD_LIBRARY_PATH \${RUMP_SERVER:+RUMP_SERVER=\$RUMP_SERVER} RUMP_TEST_TAG=\$RUMP_TEST_TAG
		C
		cp $T/key.pub /rump/keys; echo in the rump kernel >/rump/file
		# made by its init script
		mkdir -p /run/sshd
		$(command -v sshd) -f $T/sshd.conf -E $T/sshd.log; until_it test -s /rump/sshd.pid
		options="-F none -o Port=2222 -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR -i $T/key"
		login() { timeout 100 ssh \$options "\$@"; }
		login root@127.0.0.1 'echo hello; cat /rump/file; cd /rump && pwd; echo new >made; exit 3' </dev/null; echo \$?
		cat /rump/made; login -tt root@127.0.0.1 'test -t 0 && tty | sed s,[0-9],N,; cat /rump/file' </dev/null | tr -d '\r'
		seq 300000 | login root@127.0.0.1 'cat >/rump/big; md5sum </rump/big'; login root@127.0.0.1 'cat /rump/big' </dev/null | md5sum
		timeout 100 scp \$options /etc/passwd root@127.0.0.1:/rump/passwd; cmp /rump/passwd /etc/passwd && echo copied
		timeout 100 scp \$options root@127.0.0.1:/rump/big /rump/again; cmp /rump/big /rump/again && echo back
		printf 'cd /rump\nmkdir d\nput /etc/hostname d/h\nrename d/h d/i\nls d\nrm d/i\nrmdir d\n' | timeout 100 sftp -q \$options -b - root@127.0.0.1 | sed '/^sftp>/d; s/ *$//'
		for i in 1 2 3; do login root@127.0.0.1 "sleep 0.2; echo \$i >/rump/n\$i" </dev/null & done; wait; cat /rump/n?
		login -i $T/host root@127.0.0.1 -o IdentitiesOnly=yes -o PasswordAuthentication=no -o IdentityFile=none true </dev/null 2>&1 | grep -c denied
		kill -HUP \$(cat /rump/sshd.pid); sleep 0.5; until_it test -s /rump/sshd.pid; until_it login root@127.0.0.1 true
		login root@127.0.0.1 'echo after SIGHUP' </dev/null
		kill \$(cat /rump/sshd.pid); until_it test ! -e /rump/sshd.pid; login root@127.0.0.1 true 2>&1 </dev/null | grep -o refused
	END
	daemons() {
		local sum
		sum=$(seq 300000 | md5sum)
		output_is "hello
in the rump kernel
/rump
3
new
/dev/pts/N
in the rump kernel
$sum
$sum
copied
back
d/i
1
2
3
0
after SIGHUP
refused" under bash "$T/script"
	}
	on_ext4 daemons
}
