#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Several programs on one server: they share its kernel and nothing else.

load lib

CLIENTS=$RUMP_TOP/tests/clients.py

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" python3
}

setup() {
	limit=150
	socket=
	D=/rump/tmp
	cd "$T"
}

teardown() {
	end_kernels
}

# background COMMAND...: as client; $! is its timeout, whose child is the program
background() {
	client "$@" >"$T/background.out" 2>&1 3>&- &
	BACKGROUND=$!
}

# the pid of the program NAME among the test's own
pid_of() {
	local pid
	for pid in $(_tagged_processes); do
		case $(tr '\0' ' ' <"/proc/$pid/cmdline") in
		timeout* | env*) ;;
		*"$1"*) echo "$pid"; return ;;
		esac
	done
	return 1
}

# what the rump kernel has open: allocated struct file
open_files() {
	client cat /rump/proc/sys/fs/file-nr | cut -f1
}

processes_inside() {
	client sh -c 'cd /rump/proc && ls -d [0-9]*' | wc -l
}

# ---- one kernel ----

@test "files, fifos and directories of one client are there for the next" {
	start_server
	client sh -c "echo one >$D/f; mkdir $D/d; mkfifo $D/p"
	[ "$(client cat $D/f)" = one ]
	[ "$(client ls $D)" = $'d\nf\np' ]
	background sh -c "cat $D/p; echo end"
	client sh -c "echo through the fifo >$D/p"
	wait "$BACKGROUND"
	[ "$(<"$T/background.out")" = $'through the fifo\nend' ]
	client mv $D/f $D/d/g
	run client cat $D/f
	[ "$status" = 1 ]
	# and what runs without the server has none of it
	run env -u RUMP_SERVER bash -c "$(declare -f rump_with); limit=20
		LIBRUMPHIJACK=$LIBRUMPHIJACK RUMP_LIBRARIES=$RUMP_LIBRARIES; rump_with path=/rump ls $D"
	[ "$output" = "" ]
}

@test "sockets: one client serves, another asks" {
	socket=inet:inet6
	start_server
	background python3 -c '
import socket
listener = socket.create_server(("127.0.0.1", 8080))
for _ in range(2):
    one, _ = listener.accept()
    data = one.recv(100)
    one.sendall(b"got " + data)
    one.close()'
	ask() {
		client python3 -c '
import socket, sys
one = socket.create_connection(("127.0.0.1", 8080), 5)
one.sendall(sys.argv[1].encode())
print(one.recv(100).decode())' "$1" 2>/dev/null
	}
	wait_until 20 ask first
	[ "$(ask second)" = "got second" ]
	wait "$BACKGROUND"
	run ask third
	[ "$status" = 1 ]
	# the host has no such listener
	(exec 5<>/dev/tcp/127.0.0.1/8080) 2>/dev/null && false
	true
}

@test "descriptors, directory and umask are a client's own" {
	start_server
	client sh -c "mkdir $D/a $D/b; echo a >$D/a/f; echo b >$D/b/f"
	background sh -c "cd $D/a; umask 077; exec 5>$D/mine; until [ -e ../b/made ]; do sleep 0.1; done
		cat f; touch made; stat -c %a made; echo x >&5"
	client sh -c "cd $D/b; umask 022; until [ -e ../mine ]; do sleep 0.1; done; cat f; touch made; stat -c %a made
		echo y >&5" >"$T/out" 2>/dev/null || :
	wait "$BACKGROUND"
	[ "$(<"$T/background.out")" = $'a\n600' ]
	[ "$(<"$T/out")" = $'b\n644' ]
	[ "$(client cat $D/mine)" = x ]
}

@test "descriptors travel between clients by a socket of the host" {
	socket=inet
	start_server
	background "$CLIENTS" take "$T/socket" $D
	run client "$CLIENTS" give "$T/socket" $D
	echo "$output"
	[ "$status" = 0 ]
	[ "${lines[0]}" = "fifo b'to fifo'" ]
	[ "${lines[1]}" = "socket b'to socket'" ]
	[ "${lines[2]}" = "pipe of the host b'to pipe'" ]
	[ "${lines[3]}" = "file b'3456' 7" ]
	[ "${lines[4]}" = "back b'from the taker' 14" ]
	wait "$BACKGROUND" || { cat "$T/background.out"; false; }
	cat "$T/background.out"
	[ "$(<"$T/background.out")" = "fds 4 [True, True, True, True]"$'\n'"answer b'answer'"$'\n'789 ]
}

@test "descriptors that are sent and never received are closed" {
	local before
	start_server
	client "$CLIENTS" abandon $D 4
	before=$(open_files)
	client "$CLIENTS" abandon $D 100
	wait_until 10 eval '[ "$(open_files)" -le "$((before + 72))" ]' || {
		echo "open files: $before, then $(open_files)"
		false
	}
	run client "$CLIENTS" truncated $D
	echo "$output"
	[ "$output" = "2 True [0, 0]" ]
	wait_until 10 eval '[ "$(open_files)" -le "$((before + 72))" ]'
}

@test "a descriptor of another server is good for nothing, and hurts nobody" {
	local first folder pid
	start_server
	first=$RUMP_SERVER folder=$SERVER_FOLDER pid=$SERVER_PID
	start_server
	# both wait in vain for what the other sends
	limit=5
	background "$CLIENTS" take "$T/socket" $D
	sleep 0.2
	RUMP_SERVER=$first socket=inet run client "$CLIENTS" give "$T/socket" $D
	echo "$output"
	[ "$status" != 0 ]
	wait "$BACKGROUND" && false
	cat "$T/background.out"
	[ "$(client sh -c "echo x >$D/f; cat $D/f")" = x ]
	[ "$(RUMP_SERVER=$first client sh -c "echo y >$D/f; cat $D/f")" = y ]
	[ "$(client cat $D/f)" = x ]
	stop_server
	stop_server "$pid" "$folder"
}

# ---- none in another's way ----

@test "blocked calls of some threads hold no other" {
	start_server
	run client "$CLIENTS" threads $D
	echo "$output"
	[ "$output" = $'0\n7' ]
}

@test "clients that are stopped in the middle of anything stall nobody" {
	local pids=() pid n
	socket=inet
	start_server -c 2
	for n in 1 2 3; do
		background "$CLIENTS" work $D/work$n
	done
	wait_until 20 eval '[ "$(client ls $D | grep -c work)" = 3 ]'
	mapfile -t pids < <(_tagged_processes)
	for n in 1 2 3 4 5; do
		sleep 0.3
		for pid in "${pids[@]}"; do
			kill -STOP "$pid" 2>/dev/null || :
		done
		client "$CLIENTS" quick $D 2
		for pid in "${pids[@]}"; do
			kill -CONT "$pid" 2>/dev/null || :
		done
	done
	kill_tagged
	client "$CLIENTS" quick $D 1
	stop_server
}

@test "a stopped client does not keep the server from its end" {
	start_server
	background "$CLIENTS" work $D/work
	socket=inet wait_until 20 client ls $D/work
	for pid in $(_tagged_processes); do
		kill -STOP "$pid" 2>/dev/null || :
	done
	stop_server
	kill_tagged
}

@test "interrupted calls, SIGPIPE, SIGIO" {
	socket=inet
	start_server
	run client "$CLIENTS" signals $D
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "([], [], []) True ['ALRM']
left the read
b'z'
-13
['IO']" ]
}

# a hundredth of a second each
is_idle() {
	local ticks
	ticks=$(awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat")
	sleep 3
	[ $(($(awk '{ print $14 + $15 }' "/proc/$SERVER_PID/stat") - ticks)) -le 3 ]
}

@test "a busy client and an idle one: the server uses no time for the idle" {
	local ticks
	start_server
	client sh -c "mkfifo $D/p"
	background "$CLIENTS" hold $D/p "$T/ready"
	wait_until 20 test -e "$T/ready"
	wait_until 10 is_idle
	kill "$(pid_of hold)"
	wait "$BACKGROUND" || :
}

# ---- seen from outside ----

@test "ps, top, ls and rump.ps show the clients" {
	local pid
	start_server
	client sh -c "mkfifo $D/p"
	background "$CLIENTS" hold $D/p "$T/ready"
	wait_until 20 test -e "$T/ready"
	pid=$(pid_of hold)
	client ls -l "/rump/proc/$pid/fd" | tee "$T/fds"
	grep -q '/tmp/p$' "$T/fds"
	client cat "/rump/proc/$pid/status" | tee "$T/status"
	grep -q "^Name:.python3\|^Name:.clients.py" "$T/status"
	tagged rump_with blanket=/proc ps -e -o pid,comm,stat | tee "$T/ps"
	grep -Eq "^ *$pid (python|clients)" "$T/ps"
	tagged rump_with blanket=/proc top -b -n 1 | tee "$T/top"
	grep -Eq "^ *$pid .* (python|clients)" "$T/top"
	timeout -k 5 20 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$RUMP_LIBRARIES/rump.ps" | tee "$T/rumpps"
	grep -Eq "\<$pid\>.*(python|clients)" "$T/rumpps"
	kill -9 "$pid"
	wait "$BACKGROUND" || :
	wait_until 10 eval "! client ls /rump/proc/$pid 2>/dev/null"
}

@test "a client that ends leaves no process, file or lock" {
	local files processes
	start_server
	client true
	client ls $D
	processes=$(processes_inside)
	files=$(open_files)
	for _ in 1 2 3 4 5; do
		client bash -c "exec 5>$D/a 6<>$D/b; flock 5; (sleep 0.1 & cat $D/a $D/b); kill -9 \$\$" || :
	done
	client flock -w 10 $D/a true
	none_left
	wait_until 10 eval '[ "$(processes_inside)" = "$processes" ]' || {
		echo "processes: $processes, then $(processes_inside)"; client ls /rump/proc; false; }
	wait_until 10 eval '[ "$(open_files)" -le "$((files + 72))" ]'
}

# ---- servers of the distribution, in a private kernel ----

@test "nginx: started as a daemon, asked, reloaded, stopped" {
	require nginx curl
	local nginx
	nginx=$(command -v nginx)
	mkdir "$T/logs"
	cat >"$T/nginx.conf" <<-END
		worker_processes 2;
		pid /rump/tmp/nginx.pid;
		error_log /rump/tmp/error.log;
		user $(id -un) $(id -gn);
		events { }
		http {
			access_log /rump/tmp/access.log;
			client_body_temp_path /rump/tmp/body;
			proxy_temp_path /rump/tmp/proxy;
			fastcgi_temp_path /rump/tmp/fastcgi;
			uwsgi_temp_path /rump/tmp/uwsgi;
			scgi_temp_path /rump/tmp/scgi;
			server { listen 127.0.0.1:8080; root /rump/tmp/www; }
		}
	END
	cat >"$T/script" <<-END
		set -e
		mkdir /rump/tmp/www
		seq 20000 >/rump/tmp/www/file
		$nginx -p $T -c $T/nginx.conf
		for i in \$(seq 20); do curl -sf http://127.0.0.1:8080/file | md5sum; done | uniq -c
		seq 8 | xargs -P 4 -n 1 sh -c 'curl -sf http://127.0.0.1:8080/file | md5sum' | sort | uniq -c
		echo new >/rump/tmp/www/file
		$nginx -p $T -c $T/nginx.conf -s reload 2>>$T/stderr
		sleep 0.5
		curl -sf http://127.0.0.1:8080/file
		curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/none
		# a line is written after the answer
		until [ \$(wc -l </rump/tmp/access.log) -ge 30 ]; do sleep 0.1; done
		wc -l </rump/tmp/access.log
		$nginx -p $T -c $T/nginx.conf -s quit 2>>$T/stderr
		for i in \$(seq 1000); do [ -e /rump/tmp/nginx.pid ] || break; sleep 0.1; done
		ls /rump/tmp/nginx.pid 2>/dev/null || echo gone
		curl -s http://127.0.0.1:8080/file || echo refused
	END
	RUMP_TEST_KERNEL=spawn socket=inet:inet6 run client bash "$T/script"
	echo "$output"
	[ "$status" = 0 ]
	local sum
	sum=$(seq 20000 | md5sum | cut -d' ' -f1)
	[ "$(sed 's/^ *//; s/ *-$//' <<<"$output")" = "20 $sum"$'\n'"8 $sum"$'\nnew\n404\n30\ngone\nrefused' ]
	none_left
}

@test "redis: started as a daemon, asked, saved by a child, stopped" {
	require redis-server redis-cli
	cat >"$T/script" <<-'END'
		set -e
		redis-server --daemonize yes --port 6379 --bind 127.0.0.1 --dir /rump/tmp --dbfilename dump.rdb \
			--logfile /rump/tmp/redis.log --pidfile /rump/tmp/redis.pid >/dev/null
		for i in $(seq 1000); do redis-cli ping >/dev/null 2>&1 && break; sleep 0.05; done
		redis-cli ping
		redis-cli set key value
		seq 1000 | sed 's/.*/set key& &/' | redis-cli --pipe | tail -n 1
		redis-cli bgsave
		for i in $(seq 2000); do [ -e /rump/tmp/dump.rdb ] && break; sleep 0.05; done
		[ -s /rump/tmp/dump.rdb ] && echo saved
		redis-cli get key; redis-cli dbsize
		redis-cli shutdown nosave || :
		for i in $(seq 1000); do [ -e /rump/tmp/redis.pid ] || break; sleep 0.1; done
		redis-cli ping 2>&1 | grep -o refused
		redis-server --daemonize yes --port 6380 --bind 127.0.0.1 --dir /rump/tmp >/dev/null
		for i in $(seq 1000); do redis-cli -p 6380 ping >/dev/null 2>&1 && break; sleep 0.05; done
		redis-cli -p 6380 get key777
		redis-cli -p 6380 shutdown nosave || :
	END
	RUMP_TEST_KERNEL=spawn socket=inet:inet6 run client bash "$T/script"
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "PONG
OK
errors: 0, replies: 1000
Background saving started
saved
value
1001
refused
777" ]
	none_left
}
