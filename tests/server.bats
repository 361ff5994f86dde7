#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# The life of a server: start, log, addresses, stop, halt, restart; rump.ps.

load lib
load open_libraries

setup() {
	require "$SERVER_PROGRAM" "$RUMP_LIBRARIES/rump.halt" "$RUMP_LIBRARIES/rump.ps"
	D=$(short_folder)
	SERVER_FOLDERS=("$D")
	SERVER_FOLDER=$D
	url=unix://$D/socket
	held=()
	cd "$D"
}

teardown() {
	local pid
	for pid in "${held[@]}"; do
		kill -CONT "$pid" && kill -9 "$pid"
	done 2>/dev/null
	end_kernels
}

# server [OPTION...]: with its own log and pid file
server() {
	timeout -k 5 "$limit" env -u RUMP_SERVER LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" \
		--log "$D/log" --pidfile "$D/pid" "$@" 3>&-
}

serves() {
	server "$@" "$url"
	SERVER_PID=$(<"$D/pid")
	export RUMP_SERVER=$url
}

# foreground OPTION...: a server with -s in the background; its pid is in $SERVER_PID
foreground() {
	env -u RUMP_SERVER LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" -s --pidfile "$D/pid" "$@" \
		</dev/null >out 2>err 3>&- &
	SERVER_PID=$!
	wait_until 20 [ -e "$D/pid" ] || { cat err; return 1; }
	export RUMP_SERVER=$url
}

# tool NAME [ARGUMENT...]: rump.halt, rump.ps
tool() {
	local name=$1
	shift
	timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$RUMP_LIBRARIES/$name" "$@" 3>&-
}

# hold [COMMAND...]: a client that stays, with a descriptor for /rump/tmp/held; its host pid is $HOLDER
hold() {
	[ $# -gt 0 ] || set -- sleep 1000
	rm -f "$D/ready"
	RUMP_TEST_TAG=$T rump_with path=/rump bash -c 'exec 7>>/rump/tmp/held; : >"$0"; exec "$@"' \
		"$D/ready" "$@" </dev/null >/dev/null 2>&1 3>&- &
	wait_until 20 [ -e "$D/ready" ]
	HOLDER=$(pgrep -n -f -x "$*")
	held+=("$HOLDER")
}

seconds_since() {
	echo $(($(date +%s) - $1))
}

# ---- start ----

@test "it detaches when it serves: a client that comes next is served" {
	local n
	for n in 1 2 3 4 5; do
		serves
		client test -d /rump/proc/self
		stop_server
	done
}

@test "it leaves the terminal, the session and the descriptors of who started it" {
	serves
	[ "$(readlink "/proc/$SERVER_PID/fd/"{0,1,2})" = $'/dev/null\n/dev/null\n/dev/null' ]
	[ "$(ps -o sid= -p "$SERVER_PID" | tr -d ' ')" = "$SERVER_PID" ] ||
		[ "$(ps -o sid= -p "$SERVER_PID" | tr -d ' ')" != "$(ps -o sid= -p $$ | tr -d ' ')" ]
	kill -HUP "$SERVER_PID"
	client test -d /rump/proc/self
	stop_server
	[ ! -e socket ] && [ ! -e pid ]
}

# as_nobody: what is started from here on is so as another user
as_nobody() {
	is_root || return 0
	chmod 711 "$D"
	open_libraries "$D/lib"
	RUMP_LIBRARIES=$D/lib SERVER_PROGRAM=$D/lib/rump_server
	SERVER_AS=(setpriv --reuid 65534 --regid 65534 --clear-groups)
}

@test "the log of a detached server lies where the manual says" {
	local home=$D/home folder
	mkdir "$home"
	# the place of others is shown by one of them
	is_root && chown 65534 "$home"
	as_nobody
	for folder in "$home/.local/state" "$home/state"; do
		run "${SERVER_AS[@]}" timeout -k 5 "$limit" env -u RUMP_SERVER HOME="$home" \
			XDG_STATE_HOME="$([ "$folder" = "$home/state" ] && echo "$folder")" \
			LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMP_MODULES="$RUMP_LIBRARIES/rump/modules" "$SERVER_PROGRAM" -v --pidfile "$home/pid" \
			"unix://$home/disk.sock" 3>&-
		echo "$status: $output"
		[ "$status" -eq 0 ]
		[ "$output" = "rump_server: messages go to $folder/rump/disk.log" ]
		grep -q 'Linux version' "$folder/rump/disk.log"
		grep -q "rump_server\[$(<"$home/pid")\]: Linux 6.12.[0-9]* serves unix://$home/disk.sock" "$folder/rump/disk.log"
		SERVER_FOLDER=$folder/rump
		kill "$(<"$home/pid")"
		wait_until 20 [ ! -e "$home/pid" ]
		grep -q 'stopped: all is written' "$folder/rump/disk.log"
	done
}

@test "without a home there is no log, and it says so" {
	as_nobody
	run "${SERVER_AS[@]}" env HOME=/nonexistent XDG_STATE_HOME= LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		RUMP_MODULES="$RUMP_LIBRARIES/rump/modules" "$SERVER_PROGRAM" "$url"
	[ "$status" -ne 0 ]
	[[ $output == *'--log FILE names another'* ]]
}

@test "warnings of the kernel are logged, all messages with -v" {
	serves
	run grep -c 'Memory: ' log
	[ "$output" = 0 ]
	stop_server
	serves -v
	grep -q 'Memory: ' log
	stop_server
}

# broken_image FILE: ext4 with a torn folder, that asks for a panic on errors
broken_image() {
	local size block
	mkdir -p tree/folder
	touch tree/folder/file
	make_image ext4 "$1" 32m tree
	tune2fs -e panic "$1" >/dev/null
	size=$(dumpe2fs -h "$1" 2>/dev/null | awk '/^Block size:/ { print $3 }')
	block=$(debugfs -R 'bmap /folder 0' "$1" 2>/dev/null)
	tr '\0' '\377' </dev/zero | head -c "$size" | dd of="$1" bs="$size" seek="$block" conv=notrunc status=none
}

@test "a panic leaves message and stack in the log, and no client hangs" {
	require mke2fs tune2fs dumpe2fs debugfs
	broken_image disk.img
	printf 'drive /dev/vda disk.img\nmount ext4 /dev/vda /mnt\n' >conf
	serves -f conf
	run client stat /rump/mnt/folder/file
	echo "$output"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ]
	wait_until 10 _is_gone "$SERVER_PID"
	grep -q 'Kernel panic - not syncing: EXT4-fs' log
	grep -Eq '\]  rump_task_start\+0x' log
	rm pid
}

# ---- addresses ----

@test "two servers on one path: the second one does not start, the first one does not care" {
	serves
	run timeout -k 5 20 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" --log "$D/log2" "$url"
	echo "$output"
	[ "$status" -eq 3 ]
	[ "$output" = "rump_server: $D/socket: another server is there (pid $SERVER_PID)" ]
	client test -d /rump/proc/self
	stop_server
}

@test "of many that start at once on one path one serves" {
	local n pids=() served=0 status
	for n in 1 2 3 4 5 6; do
		timeout -k 5 60 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" --log "$D/log.$n" --pidfile "$D/pid.$n" "$url" 3>&- 2>/dev/null &
		pids+=($!)
	done
	for n in "${pids[@]}"; do
		status=0
		wait "$n" || status=$?
		[ "$status" = 3 ] || { [ "$status" = 0 ] && served=$((served + 1)); }
	done
	[ "$served" = 1 ]
	[ "$(echo pid.*)" = "$(ls pid.*)" ]
	mv pid.* pid
	mv "log.$n" log 2>/dev/null || :
	SERVER_PID=$(<pid)
	RUMP_SERVER=$url client test -d /rump/proc/self
	kill "$SERVER_PID"
	wait_until 20 [ ! -e socket ]
}

@test "a socket file that nobody listens on is replaced" {
	serves
	kill -9 "$SERVER_PID"
	# the socket lives as long as the last thread
	wait_until 10 eval '! tool rump.ps 2>/dev/null'
	[ -S socket ]
	rm pid
	serves
	client test -d /rump/proc/self
	stop_server
}

@test "what is no socket stays as it is" {
	local kind
	echo precious >socket
	run server "$url"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *"$D/socket: is there and is not a socket"* ]]
	[ "$(<socket)" = precious ]
	rm socket
	mkdir socket
	run server "$url"
	[ "$status" -eq 3 ]
	rmdir socket
	ln -s nowhere socket
	run server "$url"
	[ "$status" -eq 3 ]
	[ -L socket ]
	rm socket
}

@test "a socket of another program is left alone" {
	python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
s.bind(sys.argv[1]); s.listen(); print("ready", flush=True); time.sleep(60)' "$D/socket" >ready 3>&- &
	held+=($!)
	wait_until 10 grep -q ready ready
	run server "$url"
	echo "$output"
	[ "$status" -eq 3 ]
	[[ $output == *'a socket of another program'* ]]
	[ -S socket ]
}

@test "a folder that may not be written: no permission" {
	local folder=$D/closed
	mkdir -m 555 "$folder"
	as_nobody
	run "${SERVER_AS[@]}" timeout -k 5 20 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" --log /dev/null "unix://$folder/socket" 3>&-
	echo "$output"
	[ "$status" -eq 4 ]
	[[ $output == *"$folder/socket: Permission denied"* ]]
}

@test "its socket file may be removed, and taken by another one, which stays" {
	local other
	serves
	rm socket
	client true
	run tool rump.ps
	[ "$status" -eq 1 ]
	[[ $output == *'no server is there'* ]]
	timeout -k 5 20 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" --log "$D/log" --pidfile "$D/pid2" "$url" 3>&-
	other=$(<pid2)
	kill "$SERVER_PID"
	wait_until 20 _is_gone "$SERVER_PID"
	[ -S socket ]
	client test -d /rump/proc/self
	kill "$other"
	wait_until 20 [ ! -e socket ]
}

@test "several addresses; one that is bad takes the others with it" {
	server "$url" "unix://$D/second"
	SERVER_PID=$(<pid)
	tool rump.ps "unix://$D/second"
	tool rump.ps "$url"
	RUMP_SERVER=$url stop_server
	[ ! -e socket ] && [ ! -e second ]
	run server "$url" "unix://$D/no/where"
	[ "$status" -eq 2 ]
	[ ! -e socket ] && [ ! -e pid ]
}

# ---- stop ----

@test "-s: stays, says what happens on stderr, SIGTERM and SIGINT end it with status 0" {
	local signal
	for signal in TERM INT HUP; do
		foreground -v "$url"
		grep -q 'Memory: ' err
		grep -q "rump_server\[$SERVER_PID\]: Linux 6.12.[0-9]* serves $url" err
		client test -d /rump/proc/self
		kill -s "$signal" "$SERVER_PID"
		wait "$SERVER_PID"
		[ ! -e socket ] && [ ! -e pid ]
	done
}

@test "-s without -v: the kernel's warnings are on stderr, which may be a socket" {
	python3 - "$SERVER_PROGRAM" "$url" "$D" >said 3>&- <<-'END' &
		import os, socket, subprocess, sys
		ours, theirs = socket.socketpair()
		process = subprocess.Popen([sys.argv[1], "-s", "--pidfile", sys.argv[3] + "/pid", sys.argv[2]], stderr=theirs)
		theirs.close()
		while data := ours.recv(4096):
		    os.write(1, data)
	END
	wait_until 20 [ -s pid ]
	RUMP_SERVER=$url client bash -c 'echo "<4>a warning" >/rump/dev/kmsg; echo "<6>a detail" >/rump/dev/kmsg'
	SERVER_PID=$(<pid)
	kill "$SERVER_PID"
	wait_until 20 _is_gone "$SERVER_PID"
	cat said
	grep -q 'a warning' said
	! grep -q 'a detail' said || false
}

@test "what was written is on the image when the server has stopped" {
	require mke2fs debugfs
	make_image ext4 disk.img 32m
	printf 'drive /dev/vda disk.img\nmount ext4 /dev/vda /mnt\n' >conf
	serves -f conf
	client dd if=/dev/urandom of=/rump/mnt/file bs=64k count=64 status=none
	client sha256sum /rump/mnt/file >want
	# in a hurry
	kill "$SERVER_PID"
	kill "$SERVER_PID" 2>/dev/null || :
	kill -INT "$SERVER_PID" 2>/dev/null || :
	wait_until 20 _is_gone "$SERVER_PID"
	check_image ext4 disk.img
	debugfs -R 'cat /file' disk.img 2>/dev/null | sha256sum | cut -d' ' -f1 >got
	[ "$(<got)" = "$(cut -d' ' -f1 want)" ]
	grep -q 'stopped: all is written' log
}

@test "clients that are stuck in a call, stopped, or mute do not keep it from stopping" {
	local start
	serves
	mkfifo never
	hold sleep 1001
	kill -STOP "$HOLDER"
	client mkfifo /rump/tmp/fifo
	RUMP_TEST_TAG=$T rump_with path=/rump cat /rump/tmp/fifo >/dev/null 2>&1 3>&- &
	held+=($!)
	python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" hold <>never >hello 3>&- &
	held+=($!)
	wait_until 10 grep -q pid hello
	start=$(date +%s)
	stop_server
	[ "$(seconds_since "$start")" -lt 10 ]
}

@test "who has connected and said nothing yet is there until all is written" {
	require mke2fs
	make_image ext4 disk.img 32m
	printf 'drive /dev/vda disk.img\nmount ext4 /dev/vda /mnt\n' >conf
	serves -f conf
	client dd if=/dev/urandom of=/rump/mnt/file bs=64k count=64 status=none
	python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" mute "$PWD/log" >said 3>&- &
	held+=($!)
	wait_until 10 grep -q connected said
	stop_server
	wait_until 10 grep -q stop said
	cat said
	grep -q 'stopped: all is written' said
}

# ---- halt, restart ----

@test "rump.halt: returns when all is written" {
	require mke2fs
	make_image ext4 disk.img 32m
	printf 'drive /dev/vda disk.img\nmount ext4 /dev/vda /mnt\n' >conf
	serves -f conf
	client bash -c 'seq 100000 >/rump/mnt/file'
	tool rump.halt
	check_image ext4 disk.img
	[ ! -e socket ] && [ ! -e pid ]
	run tool rump.halt
	[ "$status" -eq 1 ]
	[[ $output == *'no server is there'* ]]
}

@test "rump.halt: what bad options get" {
	run tool rump.halt -q
	[ "$status" -eq 2 ]
	run env -u RUMP_SERVER "$RUMP_LIBRARIES/rump.halt"
	[ "$status" -eq 2 ]
	[[ $output == *'RUMP_SERVER'* ]]
	run tool rump.halt -t 0 "$url"
	[ "$status" -eq 2 ]
	[[ $output == *"-t '0': want seconds"* ]]
	run tool rump.halt nonsense
	[ "$status" -eq 2 ]
	run tool rump.halt "$url" "$url"
	[ "$status" -eq 2 ]
	run tool rump.halt --help
	[ "$status" -eq 0 ]
}

@test "rump.halt -t: a server that hangs" {
	serves
	kill -STOP "$SERVER_PID"
	run tool rump.halt -t 1
	kill -CONT "$SERVER_PID"
	echo "$output"
	[ "$status" -eq 1 ]
	[ "$output" = 'rump.halt: the server has not ended in time' ]
	wait_until 20 _is_gone "$SERVER_PID" || stop_server
}

@test "rump.halt -r: a new kernel in the same process, at the same address" {
	serves -c 2
	client touch /rump/tmp/old
	tool rump.halt -r
	[ "$(<pid)" = "$SERVER_PID" ]
	run client ls /rump/tmp
	[ -z "$output" ]
	tool rump.halt -r
	[ "$(client grep -c '^cpu[0-9]' /rump/proc/stat)" = 2 ]
	[ "$(grep -c 'the kernel is down, and starts again' log)" = 2 ]
	stop_server
}

@test "clients that come during a restart wait" {
	local n
	serves
	for n in 1 2 3; do
		run timeout -k 5 60 python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" restart
		[ "$output" = 'next life' ]
	done
	stop_server
}

@test "a restart that fails says why in the log" {
	echo 'hostname good' >conf
	serves -f conf
	echo 'hostname good bad' >conf
	run tool rump.halt -r
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *'does not serve again'* ]]
	grep -q "rump_server.*conf:1: hostname" log
	wait_until 10 _is_gone "$SERVER_PID"
	rm -f pid
}

# ---- rump.ps ----

@test "rump.ps: clients with pid, user, descriptors and name" {
	serves
	hold sleep 1002
	run tool rump.ps
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[0]}" = '    PID    PPID    UID THREADS   FDS STATE NAME' ]
	# pids inside are those outside
	[ "$(awk -v pid="$HOLDER" '$1 == pid { print $3, $5, $7 }' <<<"$output")" = '0 1 sleep' ]
	[[ $output != *kthreadd* && $output != *rump.ps* ]]
	run tool rump.ps -a
	[[ $output == *kthreadd* ]]
	run tool rump.ps -f
	echo "$output"
	grep -qE "^ *$HOLDER +0 sleep +cwd /" <<<"$output"
	grep -qE "^ *$HOLDER +0 sleep +[0-9]+ /tmp/held$" <<<"$output"
	kill "$HOLDER"
	wait_until 10 eval "! tool rump.ps | grep -qw $HOLDER"
	stop_server
}

@test "rump.ps: a root file system without /proc" {
	require mke2fs
	make_image ext4 disk.img 32m
	printf 'drive /dev/vda disk.img\nmount ext4 /dev/vda /\n' >conf
	serves -f conf
	run tool rump.ps -a
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $output == *kthreadd* ]]
	stop_server
}

@test "rump.ps: what bad options get" {
	run tool rump.ps -q
	[ "$status" -eq 2 ]
	run env -u RUMP_SERVER "$RUMP_LIBRARIES/rump.ps"
	[ "$status" -eq 2 ]
	run tool rump.ps "unix://$D/nowhere"
	[ "$status" -eq 1 ]
	serves
	run bash -c '"$@" >/dev/full' _ "$RUMP_LIBRARIES/rump.ps"
	echo "$output"
	[ "$status" -eq 1 ]
	stop_server
}
