# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Which kernel a test's programs use, and the servers of tests; part of lib.bash.
#
#	start_server [OPTION...]	a rump_server that this test owns; RUMP_SERVER, SERVER_PID and
#					SERVER_LOG are set
#	start_tcp_server [OPTION...]	the same over tcp://, with a secret
#	stop_server			SIGTERM; it must end by itself, with a clean log
#	on_each_kernel BODY...		BODY with $kernel local, spawn, server; all are tried
#	same COMMAND...			the command prints and ends on the rump kernel as on
#					the host; $D is the folder that it uses
#	client COMMAND...		under the preload, with the server of RUMP_SERVER
#	teardown() { end_kernels; }	no process, no server is left
#
# RUMP_TEST_KERNELS: the kernels of on_each_kernel, all if it is not set.

SERVER_PROGRAM=$RUMP_LIBRARIES/rump_server
# what makes another user of who starts a server
SERVER_AS=()
# what with_kernel gives it
SERVER_OPTIONS=()
KERNELS=${RUMP_TEST_KERNELS:-local spawn server}

# ---- servers ----

# $T may be too long for the 108 bytes of a socket's address
short_folder() {
	mktemp -d "/tmp/rump-test.XXXXXX"
}

free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# _serve OPTION... URL
_serve() {
	require "$SERVER_PROGRAM" || return
	"${SERVER_AS[@]}" timeout -k 5 "${limit:?}" env -u RUMP_SERVER LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		"$SERVER_PROGRAM" --pidfile "$SERVER_FOLDER/pid" --log "$SERVER_FOLDER/log" "$@" \
		</dev/null >"$SERVER_FOLDER/start" 2>&1 3>&- || {
		local status=$?
		echo "rump_server $*: status $status" >&2
		cat "$SERVER_FOLDER/start" "$SERVER_FOLDER/log" >&2
		return 1
	}
	SERVER_PID=$(<"$SERVER_FOLDER/pid")
	SERVER_LOG=$SERVER_FOLDER/log
}

# $prepare_folder FOLDER is called before; another one may be started once this one's RUMP_SERVER, SERVER_PID and SERVER_FOLDER are kept
start_server() {
	SERVER_FOLDER=$(short_folder)
	SERVER_FOLDERS+=("$SERVER_FOLDER")
	"${prepare_folder:-true}" "$SERVER_FOLDER"
	_serve "$@" "unix://$SERVER_FOLDER/socket" || return
	export RUMP_SERVER=unix://$SERVER_FOLDER/socket
}

start_tcp_server() {
	local port
	port=$(free_port)
	SERVER_FOLDER=$(short_folder)
	SERVER_FOLDERS+=("$SERVER_FOLDER")
	(umask 077 && head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n' >"$SERVER_FOLDER/secret")
	export RUMP_SECRET_FILE=$SERVER_FOLDER/secret
	_serve --secret-file "$RUMP_SECRET_FILE" "$@" "tcp://127.0.0.1:$port/" || return
	export RUMP_SERVER=tcp://127.0.0.1:$port/
}

# a thread of it is: sockets are closed with the last one
is_alive() {
	cat "/proc/$1/task"/*/status 2>/dev/null | grep -q '^State:.[^ZX]'
}

# wait_until SECONDS COMMAND...: the command succeeds in that time, or on a machine that is slow
# or busy in four times as much
wait_until() {
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 4000000))
	shift
	until "$@"; do
		[ "${EPOCHREALTIME/[.,]/}" -lt "$end" ] || return 1
		sleep 0.05
	done
}

_is_gone() {
	! is_alive "$1"
}

# what a kernel says when it is broken
bad_lines() {
	grep -E '\bBUG[: ]|Oops|panic - |WARNING:|INFO: |Call Trace|refcount|corrupt' "$@"
}

# stop_server [PID [FOLDER]]
stop_server() {
	local pid=${1:-$SERVER_PID} folder=${2:-$SERVER_FOLDER} result=0
	kill "$pid" 2>/dev/null || { echo "the server, $pid, was gone already"; result=1; }
	wait_until 20 _is_gone "$pid" || {
		echo "the server, $pid, does not end"
		kill -9 "$pid"
		result=1
	}
	if bad_lines "$folder/log"; then
		result=1
	fi
	[ $result = 0 ] || tail -n 40 "$folder/log"
	unset SERVER_PID RUMP_SERVER RUMP_SECRET_FILE
	return $result
}

# ---- programs ----

# client [NAME=VALUE...] COMMAND...: $socket adds families
client() {
	tagged rump_with "path=/rump${socket:+,socket=$socket}" "$@"
}

# ---- a server for one command ----

# the words of $1, a line each; \\, and \\\\ become what they stand for
_split_words() {
	sed 's/\\\\/\x02/g; s/\\,/\x01/g; y/,/\n/; s/\x01/,/g; s/\x02/\\/g' <<<"$1"
}

# a host path as a word of rump.conf
_conf_path() {
	local path=$1
	[[ $path == /* ]] || path=$PWD/$path
	printf '"%s"' "$(sed 's/[\\"]/\\&/g' <<<"$path")"
}

# drive=SPEC as a line of rump.conf
_conf_drive() {
	local part key path options=
	while read -r part; do
		case $part in
		key=*) key=${part#key=} ;;
		hostpath=*) path=${part#hostpath=} ;;
		*) options+=" $part" ;;
		esac
	done < <(_split_words "$1")
	echo "drive $key $(_conf_path "$path")$options"
}

# with_own_server RUMPHIJACK COMMAND...: the words that a kernel starts with are the server's
with_own_server() {
	local kind=$RUMP_TEST_KERNEL word first='' root='' rest='' words='' status=0
	while read -r word; do
		case $word in
		component=*) first+="component ${word#*=}"$'\n' ;;
		image=*) root="drive /dev/image $(_conf_path "${word#*=}")"$'\nmount auto /dev/image /\n' ;;
		conf=*) rest+="include $(_conf_path "${word#*=}")"$'\n' ;;
		drive=*) rest+=$(_conf_drive "${word#*=}")$'\n' ;;
		mount=*) rest+="mount ${word#*=}"$'\n' ;;
		interface=* | address=* | route=* | dhcp=* | up=* | autoconf6=* | bridge=* | \
			nameserver=* | host=*) rest+="${word%%=*} ${word#*=}"$'\n' ;;
		*) words+=${words:+,}$(escape_word "$word") ;;
		esac
	done < <(_split_words "$1")
	shift
	local SERVER_FOLDER SERVER_FOLDERS=() SERVER_PID SERVER_LOG RUMP_SERVER RUMP_SECRET_FILE
	printf '%s' "$first$root$rest" >"$T/server.conf"
	case $kind in
	server) start_server -f "$T/server.conf" ;;
	tcp) start_tcp_server -f "$T/server.conf" ;;
	esac || return
	RUMP_TEST_KERNEL='' rump_with "$words" "$@" || status=$?
	# the image is whole when the server has ended
	stop_server >&2 || status=1
	rm -rf "$SERVER_FOLDER"
	return $status
}

# every process below has a mark by which leftovers are found
tagged() {
	RUMP_TEST_TAG=$T "$@"
}

_tagged_processes() {
	grep -lsFz "RUMP_TEST_TAG=$T" /proc/[0-9]*/environ | cut -d/ -f3 | sort -n
}

_none_tagged() {
	[ -z "$(_tagged_processes)" ]
}

# kill_tagged: all of them, with those that were just being made
kill_tagged() {
	local pid
	for _ in 1 2 3; do
		until _none_tagged; do
			for pid in $(_tagged_processes); do
				kill -9 "$pid" 2>/dev/null || :
			done
		done
		# one that executes a program shows no environment for a moment
		sleep 0.1
	done
}

# Nothing of the test runs any more; what does is told, ended, and a failure.
none_left() {
	local pid
	wait_until "${1:-10}" _none_tagged && return
	echo "processes are left:"
	for pid in $(_tagged_processes); do
		echo "$pid $(tr '\0' ' ' <"/proc/$pid/cmdline") $(cat "/proc/$pid/wchan")"
		kill -9 "$pid" || :
	done
	return 1
}

# with_kernel KIND BODY...: its status.  To be called with `set +e': inside of an `if' or before
# `||' a body would not end at its first failure, whatever is set.
with_kernel() {
	local kernel=$1 result
	shift
	export RUMP_TEST_KERNEL=
	unset RUMP_SERVER
	case $kernel in
	server) start_server "${SERVER_OPTIONS[@]}" || return ;;
	tcp) start_tcp_server "${SERVER_OPTIONS[@]}" || return ;;
	*) RUMP_TEST_KERNEL=$kernel ;;
	esac
	(
		set -e
		"$@"
	)
	result=$?
	none_left || result=1
	if [ -n "${RUMP_SERVER:-}" ]; then
		stop_server || result=1
	fi
	return $result
}

# Each kernel has its chance, servers with $SERVER_OPTIONS; the test fails after the last one.
on_each_kernel() {
	local kind failed=() status
	for kind in $KERNELS; do
		echo "kernel=$kind"
		set +e
		with_kernel "$kind" "$@"
		status=$?
		set -e
		[ $status = 0 ] || failed+=("$kind")
	done
	[ ${#failed[@]} = 0 ] || { echo "failed on: ${failed[*]}"; return 1; }
}

# a kernel that has to outlive its program says one line; bash tells the pid of who was killed
_without_pids() {
	sed -E '/^rumphijack: rump kernel: process [0-9]+ waits for /d; s/^(.*: line [0-9]+:) +[0-9]+ /\1 PID /'
}

# same COMMAND...; $filter: what both outputs go through, such as sort
same() {
	local host=$T/host/$RANDOM rump=/rump/tmp want got
	mkdir -p "$host"
	# the kernel of a server has a past
	if [ -n "${RUMP_SERVER:-}" ]; then
		rump+=/$RANDOM
		client mkdir -p "$rump"
	fi
	want=$(D=$host timeout -k 5 "$limit" "$@" 2>&1 3>&-; echo "status $?")
	got=$(D=$rump client "$@" 2>&1 3>&-; echo "status $?")
	diff <(echo "${want//"$host"/@}" | _without_pids | "${filter:-cat}") \
		<(echo "${got//"$rump"/@}" | _without_pids | "${filter:-cat}") >"$T/diff" || {
		echo "host, then $kernel:"
		head -n 40 "$T/diff"
		return 1
	}
}

# same_script SCRIPT [SHELL...]: in bash and dash, if no shell is named
same_script() {
	local script=$1 shell
	shift
	[ $# -gt 0 ] || set -- bash dash
	for shell; do
		same "$shell" -c "$script" "$shell" || { echo "by $shell"; return 1; }
	done
}

# ---- ends ----

end_kernels() {
	local folder pid result=0
	none_left || result=1
	for folder in "${SERVER_FOLDERS[@]}"; do
		pid=$(cat "$folder/pid" 2>/dev/null) || pid=
		if [ -n "$pid" ] && is_alive "$pid" &&
			[ "$(readlink -f "/proc/$pid/exe")" = "$(readlink -f "$SERVER_PROGRAM")" ]; then
			stop_server "$pid" "$folder" || result=1
		fi
		rm -rf "$folder"
	done
	return $result
}
