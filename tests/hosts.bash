# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Rump kernels that are hosts of a network; after lib.bash.
#
#	host a "interface shmif0 $T/bus" "address shmif0 10.0.0.1/24"	a server with these lines
#	on a COMMAND...			a program in it
#	in_background on a COMMAND...	its pid is in $!; ended by teardown
#	end_program PID			ends that one
#	carries a b ADDRESS		data goes both ways between a and b's ADDRESS, unchanged
#	end_host a			its server ends by itself, with a clean log
#	teardown() { end_hosts; }

declare -gA HOST_URL HOST_PID HOST_FOLDER

host() {
	local name=$1
	shift
	printf '%s\n' "$@" "hostname $name" >"$T/$name.conf"
	start_server -f "$T/$name.conf" || return
	HOST_URL[$name]=$RUMP_SERVER
	HOST_PID[$name]=$SERVER_PID
	HOST_FOLDER[$name]=$SERVER_FOLDER
	unset RUMP_SERVER
}

on() {
	RUMP_SERVER=${HOST_URL[$1]} socket=all:nolocal client "${@:2}"
}

end_host() {
	stop_server "${HOST_PID[$1]}" "${HOST_FOLDER[$1]}"
}

in_background() {
	"$@" <&0 3>&- &
}

# the job is a shell, whose child is timeout(1): that one passes the signal on
end_program() {
	local children
	children=$(cat "/proc/$1/task/$1/children" 2>/dev/null) || children=
	# shellcheck disable=SC2086
	kill ${children:-$1} 2>/dev/null || :
	wait "$1" 2>/dev/null || :
}

# listens HOST PORT: somebody does
_listens() {
	on "$1" ss -Hltn "sport = :$2" | grep -q .
}

listens() {
	wait_until 20 _listens "$@"
}

data() {
	[ -f "$T/data" ] || head -c "${size:-1000000}" /dev/urandom >"$T/data"
}

# carries CLIENT SERVER ADDRESS [OPTION]: OPTION of socat's client, such as bind=10.0.0.9
carries() {
	local client=$1 server=$2 to=$3 option=${4:+,$4} kind=TCP4 log=$T/socat.log pid
	data
	case $to in *:*) kind=TCP6 to=[$to] ;; esac
	[ -f "$T/answer" ] || head -c 300000 /dev/urandom >"$T/answer"
	rm -f "$T/got" "$T/got.answer"
	in_background on "$server" socat -d -d -t 60 -T 60 "$kind-LISTEN:7000,reuseaddr" - \
		<"$T/answer" >"$T/got" 2>"$log"
	pid=$!
	on "$client" socat -t 60 -T 60 - "$kind:$to:7000,retry=600,interval=0.1$option" \
		<"$T/data" >"$T/got.answer" || { cat "$log"; return 1; }
	wait "$pid" || { cat "$log"; return 1; }
	cmp "$T/data" "$T/got" && cmp "$T/answer" "$T/got.answer"
}

# for teardown
end_hosts() {
	kill_tagged
	end_kernels
}
