#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# A bus between users: members of several where the file's permissions let them in, and a clear
# refusal of who may not open it, which its members notice nothing of.

load lib
load hosts
load open_libraries

ONE=61011 TWO=61012 STRANGER=61013 GROUP=61110

setup_file() {
	load lib
	load hosts
	load open_libraries
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" setpriv socat ip
	is_root || skip_or_fail "root, who can be any user"
	open_libraries "$BATS_FILE_TMPDIR/lib"
}

setup() {
	limit=120
	use_open_libraries
	mkdir -m 755 -p "$T"
	# sticky, as /tmp and /dev/shm are: there the host refuses O_CREAT for files of other users
	mkdir -m 1777 "$T/shared"
	BUS=$T/shared/bus
	prepare_folder=folder_of_server
	cd /
}

teardown() {
	end_hosts
}

folder_of_server() {
	chown "$owner" "$1"
}

# as_user UID COMMAND...: with the umask $mask
as_user() {
	setpriv --reuid="$1" --regid="$1" --groups="$(_groups "$1")" \
		sh -c 'umask "$0" && exec "$@"' "${mask:-022}" "${@:2}"
}

_groups() {
	if [ "$1" = $STRANGER ]; then
		echo "$1"
	else
		echo $GROUP
	fi
}

# host_of UID NAME LINE...: a host whose server is that user's
host_of() {
	local owner=$1
	SERVER_AS=(as_user "$owner")
	host "${@:2}"
	SERVER_AS=()
}

tool_of() {
	as_user "$1" timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		"$RUMP_LIBRARIES/$2" "${@:3}"
}

# refused_to UID FILE TEXT: a server of that user ends for want of that bus, and says why in a line
refused_to() {
	local folder
	folder=$(mktemp -d "$T/refused.XXXXXX")
	chown "$1" "$folder"
	printf 'interface shmif0 %s\n' "$2" >"$folder/conf"
	run tool_of "$1" rump_server -s -f "$folder/conf" "unix://$folder/socket"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	# the rest is the kernel's own messages
	[ "$(grep -vc '^\[ *[0-9.]*\] ' <<<"$output")" = 1 ]
	[[ $output == *"$2: $3"* ]]
}

# the same for a kernel in a program of that user
refused_inside() {
	run as_user "$1" timeout -k 5 "$limit" env LD_LIBRARY_PATH="$RUMP_LIBRARIES" \
		RUMP_MODULES="$RUMP_MODULES" LD_PRELOAD="$LIBRUMPHIJACK" \
		RUMPHIJACK="path=/rump,interface=shmif0 $2" cat /rump/proc/version
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	[[ $output == *"$2: $3"* ]]
	[[ $output != *"Linux version"* ]]
}

@test "a file that all may write to: kernels of three users, and one that is killed" {
	mask=000 host_of $ONE a "interface shmif0 $BUS" "address shmif0 10.0.0.1/24"
	[ "$(stat -c '%u %a' "$BUS")" = "$ONE 666" ]
	host_of $TWO b "interface shmif0 $BUS" "address shmif0 10.0.0.2/24"
	host_of 0 c "interface shmif0 $BUS" "address shmif0 10.0.0.3/24"
	[ "$(stat -c %u "/proc/${HOST_PID[a]}")" = $ONE ]
	[ "$(stat -c %u "/proc/${HOST_PID[b]}")" = $TWO ]
	carries a b 10.0.0.2
	carries b c 10.0.0.3
	carries c a 10.0.0.1
	kill -9 "${HOST_PID[a]}"
	wait_until 20 _is_gone "${HOST_PID[a]}"
	carries b c 10.0.0.3
	# its slot is taken again, by somebody else's
	host_of $STRANGER d "interface shmif0 $BUS" "address shmif0 10.0.0.1/24"
	carries d b 10.0.0.2
	end_host d
	end_host c
	end_host b
}

@test "a file of a group: its members get in, others do not, and are told so" {
	require tcpdump
	host_of $ONE a "interface shmif0 $BUS" "address shmif0 10.0.0.1/24"
	[ "$(stat -c '%u %a' "$BUS")" = "$ONE 644" ]
	chgrp $GROUP "$BUS"
	chmod 660 "$BUS"
	host_of $TWO b "interface shmif0 $BUS" "address shmif0 10.0.0.2/24"
	refused_to $STRANGER "$BUS" "no permission to open the bus file"
	refused_inside $STRANGER "$BUS" "no permission to open the bus file"
	run tool_of $STRANGER shmif_dumpbus "$BUS"
	[ "$status" -ne 0 ]
	[[ $output == *"$BUS: no permission to open the bus file"* ]]
	carries a b 10.0.0.2
	tool_of $TWO shmif_dumpbus "$BUS" >"$T/capture"
	tcpdump -n -r "$T/capture" 2>/dev/null | grep -q '10\.0\.0\.2\.7000'
	end_host b
	end_host a
}

@test "who may only read the file captures, but neither joins nor sends" {
	require tcpdump
	host_of $ONE a "interface shmif0 $BUS" "address shmif0 10.0.0.1/24"
	host_of $ONE b "interface shmif0 $BUS" "address shmif0 10.0.0.2/24"
	[ "$(stat -c '%u %a' "$BUS")" = "$ONE 644" ]
	refused_to $TWO "$BUS" "no permission to open the bus file"
	refused_inside $TWO "$BUS" "no permission to open the bus file"
	carries a b 10.0.0.2
	tool_of $TWO shmif_dumpbus "$BUS" >"$T/capture"
	tcpdump -n -r "$T/capture" 2>/dev/null | grep -q '10\.0\.0\.2\.7000'
	chmod 644 "$T/capture"
	run tool_of $TWO shmif_pcapin "$BUS" "$T/capture"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"$BUS: no permission to open the bus file"* ]]
	end_host b
	end_host a
}

@test "folders that a user may not enter, or make a bus in" {
	mkdir -m 700 "$T/closed"
	mkdir -m 755 "$T/fixed"
	refused_to $ONE "$T/closed/bus" "no permission to open the bus file"
	refused_to $ONE "$T/fixed/bus" "no permission to open the bus file"
	refused_inside $ONE "$T/fixed/bus" "no permission to open the bus file"
	[ ! -e "$T/closed/bus" ]
	[ ! -e "$T/fixed/bus" ]
}
