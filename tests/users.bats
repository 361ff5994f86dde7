#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Clients of several users on one server: who gets in, who is who inside, and what one may do
# to another.

load lib
load open_libraries

OWNER=61001 ONE=61002 TWO=61003 STRANGER=61004 GROUP=61100

setup_file() {
	load lib
	load open_libraries
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" setpriv "${CC:-gcc}"
	is_root || skip_or_fail "root, who can be any user"
	open_libraries "$BATS_FILE_TMPDIR/lib"
	cp "$RUMP_TOP/tests/clients.py" "$BATS_FILE_TMPDIR/lib/"
	chmod 644 "$BATS_FILE_TMPDIR/lib/clients.py"
	export NEIGHBOUR=$BATS_FILE_TMPDIR/neighbour
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -I"$RUMP_TOP/include" -o "$NEIGHBOUR" \
		"$RUMP_TOP/tests/prog/neighbour.c" -L"$BATS_FILE_TMPDIR/lib" -lrumpclient
	chmod 755 "$NEIGHBOUR"
}

setup() {
	limit=90
	socket=
	use_open_libraries
	mkdir -m 755 -p "$T"
	# other users have no other python
	PATH=/usr/sbin:/usr/bin:/sbin:/bin
	cd /
}

teardown() {
	end_kernels
}

# as UID COMMAND...: a client of that user, who is a member of GROUP
as() {
	local uid=$1
	shift
	client setpriv --reuid="$uid" --regid="$uid" --groups=$GROUP "$@"
}

# the owner's server: OWNER may write there, others look
prepare_folder() {
	chown $OWNER "$1"
	chmod 711 "$1"
}

owners_server() {
	SERVER_AS=(setpriv --reuid=$OWNER --regid=$OWNER --groups=$GROUP)
	prepare_folder=prepare_folder
	start_server "$@"
}

@test "without --group nobody else gets in" {
	owners_server
	[ "$(stat -c '%a %u' "$SERVER_FOLDER/socket")" = "600 $OWNER" ]
	run as $ONE ls /rump
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"ermission denied"* ]]
	[ "$(as $OWNER id -u)" = $OWNER ]
	as $OWNER ls /rump
}

@test "--group lets its members in, and no others" {
	owners_server --group $GROUP
	[ "$(stat -c '%a %u %g' "$SERVER_FOLDER/socket")" = "660 $OWNER $GROUP" ]
	as $ONE ls /rump
	as $TWO ls /rump
	run client setpriv --reuid=$STRANGER --regid=$STRANGER --clear-groups ls /rump
	echo "$output"
	[ "$status" = 2 ]
	[[ $output == *"ermission denied"* ]]
}

@test "files inside belong to who makes them, and permissions hold" {
	owners_server --group $GROUP
	as $ONE sh -c 'umask 077; echo mine >/rump/tmp/one; mkdir /rump/tmp/d; echo x >/rump/tmp/d/x; umask 022; echo all >/rump/tmp/open'
	[ "$(as $TWO stat -c '%u %g %a' /rump/tmp/one)" = "$ONE $ONE 600" ]
	[ "$(as $ONE cat /rump/tmp/one)" = mine ]
	[ "$(as $TWO cat /rump/tmp/open)" = all ]
	local path
	for path in /rump/tmp/one /rump/tmp/d/x; do
		run as $TWO cat $path
		[ "$status" = 1 ]
		[[ $output == *"Permission denied"* ]]
	done
	run as $TWO sh -c 'echo no >/rump/tmp/open'
	[ "$status" != 0 ]
	run as $TWO rm -f /rump/tmp/open
	[ "$status" = 1 ]
	run as $TWO mv /rump/tmp/open /rump/tmp/stolen
	[ "$status" = 1 ]
	[ "$(as $ONE cat /rump/tmp/open)" = all ]
	# the group of one is not that of the other; a common group counts
	as $ONE sh -c "echo group >/rump/tmp/group; chgrp $GROUP /rump/tmp/group; chmod 640 /rump/tmp/group"
	[ "$(as $TWO cat /rump/tmp/group)" = group ]
}

@test "the server's own user is root inside, and nobody else" {
	owners_server --group $GROUP
	as $OWNER sh -c 'echo x >/rump/tmp/f; chown 7:8 /rump/tmp/f; mkdir /rump/etc2'
	[ "$(as $ONE stat -c '%u %g' /rump/tmp/f)" = "7 8" ]
	[ "$(as $OWNER cat /rump/tmp/f)" = x ]
	run as $ONE chown $ONE /rump/tmp/f
	[ "$status" = 1 ]
	run as $ONE mkdir /rump/made
	[ "$status" = 1 ]
	[[ $output == *"Permission denied"* ]]
	# fork and exec change nothing about it
	run as $ONE sh -c '(sh -c "mkdir /rump/made; echo \$?"); mkdir /rump/made; echo $?'
	[ "$(grep -cx 1 <<<"$output")" = 2 ]
	[ "$(as $ONE sh -c '(umask 022; echo x >/rump/tmp/child); stat -c %u /rump/tmp/child')" = $ONE ]
}

@test "--root NAME: another user is root inside" {
	owners_server --group $GROUP --root $TWO
	as $TWO sh -c 'mkdir /rump/made; echo x >/rump/made/f; chmod 600 /rump/made/f'
	run as $OWNER cat /rump/made/f
	[ "$status" = 1 ]
	run as $ONE mkdir /rump/more
	[ "$status" = 1 ]
}

@test "one user's client can neither signal nor look into another's" {
	local pid expected
	owners_server --group $GROUP
	as $ONE sh -c 'umask 077; echo mine >/rump/tmp/one; mkfifo /rump/tmp/p'
	as $ONE python3 "$BATS_FILE_TMPDIR/lib/clients.py" hold /rump/tmp/p "$T/ready" 3>&- &
	chmod 777 "$T"
	wait_until 20 test -e "$T/ready"
	for pid in $(_tagged_processes); do
		[ "$(readlink "/proc/$pid/exe")" != "$(readlink -f "$(command -v timeout)")" ] && break
	done
	# the pid inside is the one outside
	[ "$(as $OWNER sh -c "sed -n 's/^Uid:.//p' /rump/proc/$pid/status | cut -f1")" = $ONE ]
	run timeout -k 5 30 setpriv --reuid=$TWO --regid=$TWO --groups=$GROUP \
		env LD_LIBRARY_PATH="$RUMP_LIBRARIES" RUMP_SERVER="$RUMP_SERVER" "$NEIGHBOUR" "$pid" /tmp/one
	echo "$output"
	[ "$status" = 0 ]
	for expected in 'kill 1' 'tgkill 1' 'setuid 1' 'setgid 1' 'setresuid 1' 'chroot 1' 'mount 1' \
		'umount 1' 'open 13' 'chmod 1' 'unlink 1' 'pidfd_send_signal 1' 'pidfd_getfd 1' 'halt 1' \
		'sethostname 1'; do
		grep -qx "$expected" <<<"$output" || { echo "not: $expected"; false; }
	done
	# these fail one way or another; a kill of all says nothing, and hits nobody else
	for expected in ptrace process_vm_readv mknod mem fd reboot; do
		grep -Eqx "$expected [1-9][0-9]*" <<<"$output" || { echo "works: $expected"; false; }
	done
	sleep 0.3
	is_alive "$pid"
	# the user itself may
	[ "$(as $ONE cat /rump/tmp/one)" = mine ]
	kill "$pid"
	wait || :
}

@test "the server's owner stops it, another user cannot" {
	owners_server --group $GROUP
	halt() {
		timeout -k 5 20 setpriv --reuid="$1" --regid="$1" --groups=$GROUP \
			env LD_LIBRARY_PATH="$RUMP_LIBRARIES" "$RUMP_LIBRARIES/rump.halt" "$RUMP_SERVER"
	}
	run halt $ONE
	echo "$output"
	[ "$status" != 0 ]
	[[ $output == *"not root"* ]]
	as $ONE ls /rump
	halt $OWNER
	wait_until 10 _is_gone "$SERVER_PID"
}

@test "a client of another user that stops in the middle stalls nobody" {
	local pid
	owners_server --group $GROUP
	as $OWNER chmod 1777 /rump/tmp
	socket=inet as $ONE python3 "$BATS_FILE_TMPDIR/lib/clients.py" work /rump/tmp/work 3>&- &
	wait_until 20 as $ONE test -d /rump/tmp/work
	for _ in 1 2 3 4 5; do
		sleep 0.3
		for pid in $(_tagged_processes); do
			kill -STOP "$pid" 2>/dev/null || :
		done
		as $TWO sh -c 'mkdir -p /rump/tmp/two' && as $TWO python3 "$BATS_FILE_TMPDIR/lib/clients.py" quick /rump/tmp/two 1
		for pid in $(_tagged_processes); do
			kill -CONT "$pid" 2>/dev/null || :
		done
	done
	kill_tagged
	wait || :
}
