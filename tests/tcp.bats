#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# tcp:// servers: what programs do over them, who gets in and who does not, and what is changed,
# cut or listened to on the way.

load lib

setup() {
	require "$RUMP_LIBRARIES/librumpsp_tcp.so.0" "$SERVER_PROGRAM" python3
	limit=150
	relay=
	far=
	cd "$T" || return
}

teardown() {
	[ -z "$relay" ] || kill "$relay"
	end_kernels
	[ -z "$far" ] || ip netns del "$far"
}

port_of() {
	local port=${RUMP_SERVER##*:}
	echo "${port%/}"
}

# start_relay [WORD...]: clients then go through it; $relay is its pid, see tcp_relay.py
start_relay() {
	local port
	# not that of the one before
	rm -f "$T/relay"
	python3 "$RUMP_TOP/tests/tcp_relay.py" "$(port_of)" "$@" >"$T/relay" 3>&- &
	relay=$!
	wait_until 10 [ -s "$T/relay" ]
	port=$(<"$T/relay")
	RUMP_SERVER=tcp://127.0.0.1:$port/
}

# refused TEXT COMMAND...: it fails, soon, and stderr has the text
refused() {
	local text=$1
	shift
	run "$@"
	echo "$output"
	[ "$status" -ne 0 ] && [ "$status" -lt 124 ]
	[[ $output == *"$text"* ]]
}

server_alone() {
	timeout -k 5 20 env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$SERVER_PROGRAM" -s "$@" 3>&-
}

descriptors() {
	find "/proc/$SERVER_PID/fd" -mindepth 1 | wc -l
}

more_descriptors_than() {
	[ "$(descriptors)" -gt "$1" ]
}

no_more_descriptors_than() {
	[ "$(descriptors)" -le "$1" ]
}

# ---- programs ----

body() {
	same_script 'echo hi >$D/f; cat $D/f | tr h j; (cd $D && ls f); (echo a; echo b) >$D/g; wc -l <$D/g' bash
	same_script 'for i in 1 2 3 4 5; do echo $i >>$D/n & done; wait; sort $D/n' bash
	same_script 'exec 3>$D/x; echo one >&3; sh -c "echo two >&3"; exec 3>&-; cat $D/x' bash
	same python3 -c 'import os, subprocess, sys
d = os.environ["D"]
open(d + "/p", "w").write("from python\n")
print(subprocess.run(["cat", d + "/p"], stdout=subprocess.PIPE).stdout)
pid = os.fork()
if not pid:
    os.rename(d + "/p", d + "/q")
    os._exit(7)
print(os.waitpid(pid, 0)[1], os.listdir(d) == ["q"])'
}

@test "scripts and programs find what they find on the host" {
	KERNELS=tcp on_each_kernel body
}

@test "large files arrive whole, both ways" {
	start_tcp_server
	head -c 20000000 /dev/urandom >big
	client dd if=big of=/rump/tmp/big bs=1M status=none
	client cat /rump/tmp/big >back
	cmp big back
	client sh -c 'cksum </rump/tmp/big' >sum
	cksum <big | diff - sum
	stop_server
}

@test "IPv6, and localhost by its name" {
	local port url
	start_tcp_server
	port=$(free_port)
	for url in "tcp://[::1]:$port/" "tcp://localhost:$port/"; do
		[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6 || url=tcp://localhost:$port/
		server_alone --secret-file "$RUMP_SECRET_FILE" "$url" >log2 2>&1 &
		local second=$!
		RUMPHIJACK_RETRYCONNECT=10 RUMP_SERVER=$url client ls /rump/proc/self >/dev/null
		kill "$second"
		wait "$second" || :
	done
	stop_server
}

@test "a signal ends a call that blocks" {
	start_tcp_server
	run client python3 -c 'import os, signal
os.mkfifo("/rump/tmp/fifo")
class Alarm(Exception): pass
def handler(*_): raise Alarm
signal.signal(signal.SIGALRM, handler)
signal.setitimer(signal.ITIMER_REAL, 1)
try:
    open("/rump/tmp/fifo")
except Alarm:
    print("interrupted")
print(os.listdir("/rump/tmp"))'
	echo "$output"
	[ "$output" = "interrupted
['fifo']" ]
	stop_server
}

@test "threads that end leave the others their connections" {
	start_tcp_server
	run client python3 -c 'import os, threading
wrong = []
def work(n):
    try:
        for i in range(50 + n):
            name = f"/rump/tmp/{n}.{i}"
            with open(name, "w") as file:
                file.write(name)
            with open(name) as file:
                assert file.read() == name
            os.unlink(name)
    except Exception as error:
        wrong.append((n, i, error))
for _ in range(3):
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(wrong, os.listdir("/rump/tmp"))'
	echo "$output"
	[ "$output" = "[] []" ]
	stop_server
}

@test "a client that is killed leaves nothing" {
	local before now
	start_tcp_server
	client ls /rump >/dev/null
	before=$(descriptors)
	client sh -c 'exec 3>/rump/tmp/x; echo up; exec sleep 1000' >out 2>&1 3>&- &
	wait_until 10 [ -s out ]
	now=$(descriptors)
	[ "$now" -gt "$before" ]
	kill -9 $(_tagged_processes)
	wait_until 10 no_more_descriptors_than "$before"
	stop_server
}

# ---- who gets in ----

@test "another secret: both sides say so" {
	start_tcp_server
	(umask 077; head -c 32 /dev/urandom >other)
	RUMP_SECRET_FILE=$T/other refused "does not accept the secret" client cat /rump/proc/version
	wait_until 20 grep -q "127.0.0.1:[0-9]* does not know the secret" "$SERVER_LOG"
	client cat /rump/proc/version
	stop_server
}

@test "no secret, one that others can read, one that is none" {
	start_tcp_server
	RUMP_SECRET_FILE= refused "RUMP_SECRET_FILE" client cat /rump/proc/version
	RUMP_SECRET_FILE=$T/none refused "No such file" client cat /rump/proc/version
	cp "$RUMP_SECRET_FILE" open
	chmod 644 open
	RUMP_SECRET_FILE=$T/open refused "chmod 600" client cat /rump/proc/version
	(umask 077; echo password >weak)
	RUMP_SECRET_FILE=$T/weak refused "64 hexadecimal digits" client cat /rump/proc/version
	refused "chmod 600" server_alone --secret-file open "tcp://127.0.0.1:$(free_port)/"
	refused "64 hexadecimal digits" server_alone --secret-file weak "tcp://127.0.0.1:$(free_port)/"
	refused "secret" server_alone "tcp://127.0.0.1:$(free_port)/"
	client cat /rump/proc/version
	stop_server
}

@test "addresses beyond loopback have to be allowed" {
	local port
	port=$(free_port)
	(umask 077; head -c 32 /dev/urandom >secret)
	refused "--any-address" server_alone --secret-file secret "tcp://0:$port/"
	refused "--any-address" server_alone --secret-file secret "tcp://192.0.2.1:$port/"
	start_tcp_server
	refused "another server is there" server_alone --secret-file secret "$RUMP_SERVER"
	stop_server
}

@test "without librumpsp_tcp.so one line says that there is no tcp://" {
	local library
	mkdir lib
	for library in "$RUMP_LIBRARIES"/librump*.so*; do
		[[ $library == *_tcp* ]] || cp -L "$library" lib/
	done
	(umask 077; head -c 32 /dev/urandom >secret)
	refused "tcp://" env LD_LIBRARY_PATH="$T/lib" timeout 20 "$SERVER_PROGRAM" -s \
		--secret-file secret "tcp://127.0.0.1:$(free_port)/"
	refused "this build has no tcp://" env LD_PRELOAD="$T/lib/librumphijack.so" \
		LD_LIBRARY_PATH="$T/lib" RUMPHIJACK=path=/rump RUMP_SERVER=tcp://127.0.0.1:9/ \
		RUMP_SECRET_FILE="$T/secret" timeout 20 cat /rump/proc/version
}

# ---- on the way ----

@test "nothing passes in the clear" {
	start_tcp_server
	start_relay log seen
	client sh -c 'echo "a very telling line" >/rump/tmp/telling; cat /rump/tmp/telling' >out
	[ "$(cat out)" = "a very telling line" ]
	[ -s seen ]
	run grep -cE 'telling|/tmp|rump_sp' seen
	[ "$output" = 0 ]
}

# flipped URL CONNECTION DIRECTION BYTE: what a client gets over a relay that changes that byte
flipped() {
	RUMP_SERVER=$1
	start_relay flip "${@:2}"
	run client dd if=big of=/rump/tmp/big bs=64k status=none
	echo "${*:2}: status $status: $output"
	kill "$relay"
	relay=
}

@test "one bit changed on the way ends the session, and nobody else's" {
	local words url
	start_tcp_server
	url=$RUMP_SERVER
	client sh -c 'exec 7>/rump/tmp/good; while sleep 0.1; do echo x >&7 || exit 9; done' 3>&- &
	local good=$!
	head -c 3000000 /dev/urandom >big
	# connection, direction, byte: in the first messages and in the midst of data
	for words in "0 up 300" "0 down 256" "1 up 300" "1 up 200000" "1 down 250"; do
		# shellcheck disable=SC2086
		limit=20 flipped "$url" $words
		# the length of a record: who waits for the rest of it waits for ever, as if it were lost
		# shellcheck disable=SC2086
		[ "$status" != 124 ] || flipped "$url" ${words% *} $((${words##* } + 5))
		[ "$status" -ne 0 ] && [ "$status" -lt 124 ]
	done
	RUMP_SERVER=$url
	client cat /rump/proc/version
	is_alive "$good"
	kill -9 $(_tagged_processes)
	stop_server
}

@test "a server that is killed: its clients hear of it at once" {
	local status=0 start=$SECONDS
	start_tcp_server
	client sh -c 'mkfifo /rump/tmp/fifo; echo up; cat /rump/tmp/fifo' >out 2>&1 3>&- &
	wait_until 10 [ -s out ]
	kill -9 "$SERVER_PID"
	wait $! || status=$?
	cat out
	[ "$status" -ne 0 ] && [ "$status" -lt 124 ]
	[ $((SECONDS - start)) -lt 100 ]
	refused "onnection refused" client cat /rump/proc/version
}

@test "a host that is gone is noticed within half a minute, on both sides" {
	local before status=0 start
	require ip
	is_root || skip_or_fail "root, for a network namespace"
	# another host: a namespace, whose end of the cable can be pulled
	far=rump-far-$$
	ip netns add "$far"
	ip link add "rump-$$" type veth peer name far0 netns "$far"
	ip addr add 192.0.2.1/30 dev "rump-$$"
	ip link set "rump-$$" up
	ip -n "$far" addr add 192.0.2.2/30 dev far0
	ip -n "$far" link set far0 up

	SERVER_FOLDER=$(short_folder)
	SERVER_FOLDERS+=("$SERVER_FOLDER")
	(umask 077; head -c 32 /dev/urandom >"$SERVER_FOLDER/secret")
	export RUMP_SECRET_FILE=$SERVER_FOLDER/secret
	limit=200 _serve --secret-file "$RUMP_SECRET_FILE" --any-address tcp://192.0.2.1:7913/
	export RUMP_SERVER=tcp://192.0.2.1:7913/
	client ls /rump >/dev/null
	before=$(descriptors)
	tagged rump_with path=/rump ip netns exec "$far" sh -c 'mkfifo /rump/tmp/fifo; echo up
		cat /rump/tmp/fifo' >out 2>&1 3>&- &
	wait_until 30 [ -s out ]
	ip -n "$far" link set far0 down
	start=$SECONDS
	wait_until 40 no_more_descriptors_than "$before"
	echo "the server: $((SECONDS - start)) s"
	wait $! || status=$?
	echo "the client: $((SECONDS - start)) s"
	cat out
	[ "$status" -ne 0 ] && [ "$status" -lt 124 ]
	[ $((SECONDS - start)) -lt 100 ]
	stop_server
}

@test "silent connections and noise hold nothing" {
	local before
	start_tcp_server
	client ls /rump >/dev/null
	before=$(descriptors)
	python3 - "$(port_of)" <<'END' &
import os, socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(200)]
for one in held[::2]:
    one.send(os.urandom(100))
time.sleep(200)
END
	local scanner=$!
	wait_until 10 more_descriptors_than "$((before + 20))"
	client cat /rump/proc/version
	wait_until 12 no_more_descriptors_than "$((before + 1))"
	kill "$scanner"
	# some lines, not one for each
	[ "$(grep -c 'tcp:' "$SERVER_LOG")" -lt 40 ]
	client cat /rump/proc/version
	stop_server
}
