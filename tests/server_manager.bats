#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Servers under a service manager, and the private ones that the preload starts.

load lib

setup() {
	require "$SERVER_PROGRAM" "$RUMP_LIBRARIES/rump.halt" "$RUMP_LIBRARIES/rump.ps"
	D=$(short_folder)
	SERVER_FOLDERS=("$D")
	SERVER_FOLDER=$D
	url=unix://$D/socket
	export LD_LIBRARY_PATH=$RUMP_LIBRARIES
	cd "$D"
}

teardown() { end_kernels; }

tool() {
	local name=$1
	shift
	timeout -k 5 "$limit" "$RUMP_LIBRARIES/$name" "$@" 3>&-
}

# managed [MANAGER OPTION...] -- [SERVER OPTION...]: in the background; what it says is in said
managed() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	rm -f said
	timeout -k 5 "$limit" env -u RUMP_SERVER python3 "$RUMP_TOP/tests/service_manager.py" "${options[@]}" -- \
		"$SERVER_PROGRAM" --pidfile "$D/pid" "$@" >said 2>err 3>&- &
	MANAGER=$!
}

# says TEXT: sooner or later
says() {
	wait_until 20 grep -qsx -- "$1" said || { cat said err; return 1; }
}

@test "the units are right" {
	require systemd-analyze
	mkdir units
	cp "$RUMP_TOP"/examples/rump.{service,socket} units/
	sed -i "s|/usr/bin/rump_server|$SERVER_PROGRAM|" units/rump.service
	run systemd-analyze verify --man=no "$D/units/rump.service" "$D/units/rump.socket"
	echo "$output"
	[ "$status" -eq 0 ]
	# words that systemd does not know are told, and no failure
	! grep -q 'rump\.\(service\|socket\)' <<<"$output" || false
}

@test "sd_notify: ready when it serves, stopping, in the foreground" {
	local kind
	for kind in '' --abstract; do
		managed $kind -- -s --log log "$url"
		says READY=1
		[ -S socket ]
		says "MAINPID=$(<pid)"
		[ "PID $(<pid)" = "$(head -n 1 said)" ]
		! grep -q STOPPING said || false
		kill "$(<pid)"
		says 'status 0'
		says STOPPING=1
		wait "$MANAGER"
		rm notify 2>/dev/null || [ -n "$kind" ]
	done
}

@test "sd_notify: a server that detaches names its process" {
	managed -- --log log "$url"
	says 'status 0'
	says READY=1
	says "MAINPID=$(<pid)"
	[ "PID $(<pid)" != "$(head -n 1 said)" ]
	kill "$(<pid)"
	says end
	says STOPPING=1
}

@test "sd_notify: no word of readiness from a server that does not start" {
	managed -- -s -l nonsense "$url"
	says 'status 2'
	! grep -q READY said || false
}

@test "a NOTIFY_SOCKET that nobody reads does not matter" {
	NOTIFY_SOCKET=$D/nowhere timeout -k 5 20 "$SERVER_PROGRAM" --log log --pidfile pid "$url" 3>&-
	grep -q 'the service manager was not told' log
	SERVER_PID=$(<pid) stop_server
}

@test "socket activation: no address is needed, a client that was first waits" {
	managed --listen "$D/socket" -- -s --log log
	wait_until 20 [ -S socket ]
	RUMP_SERVER=$url client test -d /rump/proc/self
	says READY=1
	tool rump.ps "$url"
	kill "$(<pid)"
	says 'status 0'
	# it belongs to the manager
	[ -S socket ]
}

@test "socket activation: several sockets and an address" {
	managed --listen "$D/one" --listen "$D/two" -- -s --log log "$url"
	says READY=1
	for name in one two socket; do
		tool rump.ps "unix://$D/$name" | grep -q PID
	done
	kill "$(<pid)"
	says 'status 0'
	[ -S one ] && [ -S two ] && [ ! -e socket ]
}

@test "socket activation: a restart keeps the sockets" {
	managed --listen "$D/socket" -- -s --log log "unix://$D/other"
	says READY=1
	run timeout -k 5 60 python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" restart
	echo "$output"
	[ "$output" = 'next life' ]
	wait_until 20 eval '[ "$(grep -c READY=1 said)" = 2 ]'
	says RELOADING=1
	run timeout -k 5 60 python3 "$RUMP_TOP/tests/raw_client.py" "$D/other" restart
	[ "$output" = 'next life' ]
	wait_until 20 eval '[ "$(grep -c READY=1 said)" = 3 ]'
	tool rump.ps "$url" | grep -q PID
	[ "PID $(<pid)" = "$(head -n 1 said)" ]
	kill "$(<pid)"
	says 'status 0'
	[ -S socket ] && [ ! -e other ]
}

@test "socket activation: sockets of the wrong kind, words of another process" {
	managed --listen "$D/socket" --type stream -- -s
	says 'status 2'
	grep -q 'LISTEN_FDS: descriptor 3 is no listening unix socket of type SOCK_SEQPACKET' err
	rm socket notify
	managed --listen "$D/socket" --foreign -- -s
	says 'status 2'
	grep -q 'no address' err
	LISTEN_PID=x LISTEN_FDS=1 run timeout -k 5 20 "$SERVER_PROGRAM" -s "unix://$D/s"
	echo "$output"
	[ "$status" -eq 2 ]
	[[ $output == *LISTEN_FDS* ]]
}

# ---- private servers ----

# private [BYTE]: with the family's lifeline in descriptor 9; a secret of BYTE 32 times
private() {
	python3 - "$D" "${1:-}" "$SERVER_PROGRAM" <<-'END'
		import os, socket, subprocess, sys
		folder, byte, program = sys.argv[1:]
		listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
		listener.bind(folder + "/socket")
		listener.listen()
		lifeline, writer = os.pipe()
		boot = os.memfd_create("boot", 0)
		os.write(boot, b"hostname family\n")
		secret = os.memfd_create("secret", 0)
		os.write(secret, (byte or "x").encode() * 32)
		# one of those that belong to the program: it must not keep the server alive
		os.set_inheritable(writer, True)
		fds = [listener.fileno(), lifeline, boot, secret]
		command = [program, "--private", "--listen-fd", str(fds[0]), "--lifeline-fd", str(fds[1]),
		           "-f", f"/proc/self/fd/{boot}", "--pidfile", folder + "/pid", "--log", folder + "/log"]
		if byte:
		    command += ["--secret-fd", str(secret)]
		subprocess.Popen(command, pass_fds=fds + [writer])
		# the family: whoever has the write end
		os.dup2(writer, 9)
		os.execvp("sleep", ["sleep", "1003"])
	END
}

start_private() {
	private "$@" </dev/null >out 2>err 3>&- &
	FAMILY=$!
	wait_until 20 [ -s "$D/pid" ] || { cat err; return 1; }
	SERVER_PID=$(<pid)
	wait_until 20 grep -q serves log
	export RUMP_SERVER=$url
}

# the process that private() has become
lifeline_writer() {
	pgrep -P "$FAMILY" -x sleep || echo "$FAMILY"
}

end_family() {
	kill "$(lifeline_writer)"
}

@test "a private server ends with the last process of its family" {
	start_private
	[ "$(client cat /rump/proc/sys/kernel/hostname)" = family ]
	sleep 0.3
	is_alive "$SERVER_PID"
	end_family
	wait_until 20 _is_gone "$SERVER_PID"
	grep -q 'stopping by the end of its last client' log
	grep -q 'stopped: all is written' log
}

@test "a private server outlives its family as long as a client is there" {
	mkfifo never
	start_private
	python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" hold <>never >hello 3>&- &
	local holder=$!
	wait_until 10 grep -q pid hello
	end_family
	sleep 0.5
	is_alive "$SERVER_PID"
	kill -9 "$holder"
	wait_until 20 _is_gone "$SERVER_PID"
	grep -q 'stopped: all is written' log
}

@test "a private server wants its secret" {
	start_private y
	run timeout -k 5 20 python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" hold </dev/null
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output != *pid* ]]
	is_alive "$SERVER_PID"
	end_family
	wait_until 20 _is_gone "$SERVER_PID"
}

@test "the last process of a family waits for the end of its private server" {
	start_private y
	run timeout -k 5 20 python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" leave
	echo "$output"
	[ "$output" = 'others live' ]
	is_alive "$SERVER_PID"
	python3 "$RUMP_TOP/tests/raw_client.py" "$D/socket" leave "$(lifeline_writer)" >left 2>&1 3>&-
	cat left
	[ "$(<left)" = ended ]
	! is_alive "$SERVER_PID" || false
	grep -q 'stopped: all is written' log
}

@test "a private server leaves terminal, working directory and stderr" {
	start_private
	[ "$(readlink "/proc/$SERVER_PID/"{fd/0,fd/1,fd/2,cwd})" = $'/dev/null\n/dev/null\n/dev/null\n/' ]
	end_family
	wait_until 20 _is_gone "$SERVER_PID"
}
