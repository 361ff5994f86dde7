#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Clients that come and go in their thousands, fork, and are killed at any moment: the server
# has the memory, descriptors, threads and processes afterwards that it had before.
# RUMP_STRESS_SECONDS: how long clients are killed, 60 if it is not set.
# timeout: 900
# alone

load lib

CLIENTS=$RUMP_TOP/tests/clients.py

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$RUMP_LIBRARIES/librumpclient.so" "$SERVER_PROGRAM" \
		python3 "${CC:-gcc}"
	export CONNECTS=$BATS_FILE_TMPDIR/connects
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -I"$RUMP_TOP/include" -o "$CONNECTS" \
		"$RUMP_TOP/tests/prog/connects.c" -L"$RUMP_LIBRARIES" -lrumpclient
	PYTHON=$(python3 -c 'import sys; print(sys.executable)')
	export PYTHON
}

setup() {
	seconds=${RUMP_STRESS_SECONDS:-60}
	limit=$((seconds + 300))
	socket=
	D=/rump/tmp
	cd "$T"
}

teardown() {
	end_kernels
}

connects() {
	timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$CONNECTS" "$@"
}

# server_has: KiB of its own memory, KiB of the kernel's that are in use, descriptors, threads,
# processes inside, open files inside.  (What the kernel has used once stays resident.)
server_has() {
	local rss fds threads inside
	inside=$(client sh -c 'echo 3 >/rump/proc/sys/vm/drop_caches
		awk "/^MemTotal/ { t = \$2 } /^MemFree/ { f = \$2 } END { print t - f }" /rump/proc/meminfo
		grep -L "^PPid:.2$" /rump/proc/[0-9]*/status 2>/dev/null | wc -l; cut -f1 /rump/proc/sys/fs/file-nr') || return
	rss=$(awk '/^RssAnon/ { print $2 }' "/proc/$SERVER_PID/status")
	fds=$(ls "/proc/$SERVER_PID/fd" | wc -l)
	threads=$(awk '/^Threads/ { print $2 }' "/proc/$SERVER_PID/status")
	# shellcheck disable=SC2086
	echo "$rss" $(head -n 1 <<<"$inside") "$fds" "$threads" $(tail -n +2 <<<"$inside")
}

# no_more_than WORDS...: it has what it had, but for what differs from moment to moment; open
# files are counted in steps of 32 for each vCPU
no_more_than() {
	local now
	read -ra now < <(server_has)
	echo "had: $* has: ${now[*]}" >"$T/figures"
	[ "${#now[@]}" = 6 ] && [ $# = 6 ] &&
		[ "${now[0]}" -le $(($1 + 4096)) ] && [ "${now[1]}" -le $(($2 + 4096)) ] &&
		[ "${now[2]}" -le $(($3 + 2)) ] && [ "${now[3]}" -le $(($4 + 2)) ] &&
		[ "${now[4]}" -le "$5" ] && [ "${now[5]}" -le $(($6 + 72)) ]
}

flat() {
	wait_until 30 no_more_than "$@" || {
		echo "KiB, KiB of the kernel, descriptors, threads, processes, files"
		cat "$T/figures"
		client ls /rump/proc
		return 1
	}
	cat "$T/figures"
}

# kill_at_random SECONDS: working clients, of whose processes one is killed every now and then
kill_at_random() {
	local end=$((SECONDS + $1)) pids pid killed=0 rounds=0
	: >"$T/said"
	# so many at least, however long a slow machine takes
	while [ "$SECONDS" -lt "$end" ] || [ $killed -lt 15 ]; do
		rounds=$((rounds + 1))
		mapfile -t pids < <(_tagged_processes)
		if [ ${#pids[@]} -lt 12 ]; then
			RUMPHIJACK_RETRYCONNECT=0 socket=inet client "$PYTHON" "$CLIENTS" work \
				"$D/work$((RANDOM % 3))" >>"$T/said" 2>&1 3>&- &
		fi
		sleep "0.0$((RANDOM % 10))$((RANDOM % 10))"
		[ ${#pids[@]} -gt 0 ] || continue
		pid=${pids[RANDOM % ${#pids[@]}]}
		if kill -9 "$pid" 2>/dev/null; then
			killed=$((killed + 1))
		fi
	done
	kill_tagged
	wait 2>/dev/null || :
	echo "$killed killed in $rounds rounds, $((SECONDS - end + $1)) s; what the clients said:"
	sort "$T/said" | uniq -c | sort -rn | head
}

@test "clients killed at random" {
	local before
	start_server -c 2
	# what the kernel allocates once for such work is there afterwards
	kill_at_random 5
	client rm -rf $D/work0 $D/work1 $D/work2
	none_left
	read -ra before < <(server_has)
	kill_at_random "$seconds"
	none_left
	# no lock is left
	client sh -c 'for lock in "$0"/work?/lock; do flock -w 10 "$lock" true || exit; done' $D
	client rm -rf $D/work0 $D/work1 $D/work2
	flat "${before[@]}"
	# and all others go on
	client "$PYTHON" "$CLIENTS" quick $D 1
	stop_server
}

@test "10,000 clients that connect, call and end in four ways" {
	local before
	start_server
	connects 500 8
	client ls $D
	read -ra before < <(server_has)
	run connects 10000 8
	echo "$output"
	[ "$status" = 0 ]
	[ "$output" = "0 failed" ]
	flat "${before[@]}"
	stop_server
}

@test "300 clients at once" {
	local before
	start_server
	connects 300 300
	read -ra before < <(server_has)
	run connects 900 300
	echo "$output"
	[ "$status" = 0 ]
	flat "${before[@]}"
	stop_server
}

@test "forks of forks, many of them killed" {
	local before
	start_server -c 2
	forks() {
		client "$PYTHON" - "$D/forks" "$1" <<-'END'
			import os, random, signal, sys, time
			folder, end = sys.argv[1], time.monotonic() + float(sys.argv[2])
			os.makedirs(folder, exist_ok=True)
			log = os.open(f"{folder}/log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
			def child(depth):
			    random.seed()
			    name = f"{folder}/{os.getpid()}"
			    with open(name, "w") as file:
			        file.write(name)
			    os.write(log, b"x")
			    if depth < 3:
			        pids = []
			        for _ in range(3):
			            pid = os.fork()
			            if pid == 0:
			                child(depth + 1)
			            pids.append(pid)
			        if random.random() < 0.3:
			            os.kill(random.choice(pids), signal.SIGKILL)
			        if random.random() < 0.1:
			            os.kill(os.getpid(), signal.SIGKILL)
			        for pid in pids:
			            os.waitpid(pid, 0)
			    ok = open(name).read() == name
			    os.unlink(name)
			    os._exit(0 if ok else 1)
			bad = turns = 0
			while time.monotonic() < end or turns < 2:
			    pid = os.fork()
			    if pid == 0:
			        child(0)
			    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
			    bad += status not in (0, -9)
			    turns += 1
			print(turns, bad)
			sys.exit(bad != 0)
		END
	}
	forks 2
	none_left
	client rm -r "$D/forks"
	read -ra before < <(server_has)
	run forks $((seconds / 6 + 1))
	echo "$output"
	[ "$status" = 0 ]
	none_left
	client rm -r "$D/forks"
	flat "${before[@]}"
	stop_server
}

@test "a local kernel whose children are killed at random" {
	local n
	for n in 1 2 3; do
		run tagged rump_with path=/rump "$PYTHON" - <<-'END'
			import os, random, signal, time
			os.chdir("/rump/tmp")
			end, alive = time.monotonic() + 3, []
			while time.monotonic() < end:
			    if len(alive) < 6:
			        pid = os.fork()
			        if pid == 0:
			            while True:
			                with open(str(os.getpid()), "w") as file:
			                    file.write("x" * 10000)
			        alive.append(pid)
			    time.sleep(random.random() / 50)
			    with open("mine", "w") as file:
			        file.write("y")
			    pid = alive.pop(random.randrange(len(alive)))
			    os.kill(pid, signal.SIGKILL)
			    os.waitpid(pid, 0)
			for pid in alive:
			    os.kill(pid, signal.SIGKILL)
			    os.waitpid(pid, 0)
			for _ in range(100):
			    left = [name for name in os.listdir("/rump/proc") if name.isdigit() and
			            int(name) in alive]
			    if not left:
			        break
			    time.sleep(0.05)
			print("left:", left)
		END
		echo "$output"
		[ "$status" = 0 ]
		[ "$output" = "left: []" ]
	done
	none_left
}
