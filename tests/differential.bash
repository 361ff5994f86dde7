# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Scripts of Debian's programs run twice: in a folder of the host, and by the same name under
# the preload on an ext4 image, with a local, a private and a common kernel.  What they print,
# how they end and the tree they leave must be equal.
#
#	load lib
#	load differential		with setup_file, setup, teardown, teardown_file
#
#	@test "cp -l" {
#		differ <<-'END'
#			echo text >a
#			cp -l a b
#			cmp $D/a b
#		END
#	}
#
# The script starts in an empty folder, $D is its absolute path, $HOST a folder of the host
# that is the same for all its runs and has been emptied; $SHARED one that nobody empties.
# What is newer than the script's start has the time `now' in the list of the tree.  Numbers
# of inodes and of processes are not the same in two runs: a script does not print them.
#
#	differ SHELL [ARGUMENT...]	another shell than bash reads the script
#	differ_alone			each line is a command that is run by itself, from a folder
#					of the host: its own process has the local kernel
#	$kernels			the kernels, if not all
#	$prepare			a script that bash runs before, by the host, in $HOST
#	$filter				a command that both outputs go through
#
# DIFFERENTIAL_KEEP: a folder that gets what the host's runs say, to see what a script does.
#
# The folder does not exist on the host when the preload runs: a call that slips through
# finds nothing there.

# some scripts become other users
load open_libraries
[ -z "${BATS_FILE_TMPDIR:-}" ] || use_open_libraries

# begin_differential [MKE2FS OPTION...]
begin_differential() {
	local kernel
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" mke2fs e2fsck python3 || return
	# the same name for both; the programs under test see it
	export DIFFERENTIAL=$BATS_FILE_TMPDIR/differential
	export PLACE=$DIFFERENTIAL/r SHARED=$DIFFERENTIAL/shared
	mkdir -p "$SHARED" "$DIFFERENTIAL/host"
	for kernel in $KERNELS; do
		truncate -s 1g "$DIFFERENTIAL/$kernel.image"
		# as a large file system is by default
		mke2fs -q -F -t ext4 -T default -b 4096 -m 0 "$@" "$DIFFERENTIAL/$kernel.image"
	done
	write_wrapper
}

# end_differential: the images are whole
end_differential() {
	local image result=0
	if [ -e "$DIFFERENTIAL/server" ]; then
		_read_server
		stop_server || result=1
		rm -rf "$SERVER_FOLDER"
	fi
	for image in "$DIFFERENTIAL"/*.image; do
		check_image ext4 "$image" >"$DIFFERENTIAL/fsck" 2>&1 || {
			echo "$image:"
			cat "$DIFFERENTIAL/fsck"
			result=1
		} >&2
	done
	return $result
}

# wrapper PLACE FOLDER SHELL... <SCRIPT: the script is a file of the host.  The shell that it
# runs in is the first to use the kernel.
write_wrapper() {
	cat >"$DIFFERENTIAL/wrapper" <<-'END'
		cd "$1" || exit 100
		mkdir "$2" && cd "$2" || exit 100
		export D=$1/$2
		script=$3
		shift 3
		since=$(date +%s)
		"$@" "$script" </dev/null
		echo "status $?"
		cd "$D" || exit 100
		unset D
		echo "tree:"
		exec python3 "$RUMP_TOP/tests/list_tree.py" ${LEAVE_OUT:+-x "$LEAVE_OUT"} -c 300 -s "$((since - 2))" .
	END
}

# the common server of a file's tests; a new one if that has died
_read_server() {
	read -r SERVER_PID SERVER_FOLDER RUMP_SERVER <"$DIFFERENTIAL/server"
	export RUMP_SERVER
}

_use_server() {
	if [ -e "$DIFFERENTIAL/server" ]; then
		_read_server
		is_alive "$SERVER_PID" && return
	fi
	printf 'drive /dev/image %s\nmount auto /dev/image /\n' "$DIFFERENTIAL/server.image" \
		>"$DIFFERENTIAL/server.conf"
	local SERVER_FOLDERS=()
	start_server -f "$DIFFERENTIAL/server.conf" || return
	echo "$SERVER_PID $SERVER_FOLDER $RUMP_SERVER" >"$DIFFERENTIAL/server"
}

# what a shell that is told to be killed, and a kernel that outlives its program, say
_steady_lines() {
	_without_pids | "${filter:-cat}"
}

_run_wrapper() {
	local folder=$1 script=$2
	shift 2
	"${DIFFERENTIAL_UNDER[@]}" sh "$DIFFERENTIAL/wrapper" "$PLACE" "$folder" "$script" "$@" \
		2>&1 3>&- || echo "the wrapper ended with $?"
}

_alone() {
	"${DIFFERENTIAL_UNDER[@]}" "$@" </dev/null
}

# the shell that reads the lines, its pipes and redirections are the host's
_run_alone() {
	local D=$PLACE/$1 script=$2 line since
	set +e
	since=$(($(date +%s) - 2))
	cd "$HOST" || return
	_alone mkdir "$D"
	while read -r line <&9; do
		eval "_alone $line"
		echo "status $?: ${line%% *}"
	done 9<"$script" 2>&1 3>&-
	_alone python3 "$RUMP_TOP/tests/list_tree.py" ${LEAVE_OUT:+-x "$LEAVE_OUT"} -c 300 -s "$since" "$D" 2>&1
}

# DIFFERENTIAL_RUN FOLDER SCRIPT [SHELL...]
_run() {
	find "$HOST" -mindepth 1 -delete
	[ -z "${prepare:-}" ] || (cd "$HOST" && bash -e -c "$prepare") || return
	("$DIFFERENTIAL_RUN" "$@")
}

differ_alone() {
	local DIFFERENTIAL_RUN=_run_alone
	differ
}

# differ [SHELL...] <SCRIPT
differ() {
	local kernel failed=() words script folder
	local DIFFERENTIAL_UNDER=() DIFFERENTIAL_RUN=${DIFFERENTIAL_RUN:-_run_wrapper}
	[ $# -gt 0 ] || set -- bash
	export HOST=$DIFFERENTIAL/host
	is_root || export LEAVE_OUT=owner
	script=$T/script
	folder=$BATS_TEST_NUMBER-$((++DIFFERENTIAL_RUNS))
	cat >"$script"

	mkdir "$PLACE"
	DIFFERENTIAL_UNDER=(timeout -k 5 "$limit")
	_run "$folder" "$script" "$@" | _steady_lines >"$T/want"
	chmod -R u+rwx "$PLACE" 2>/dev/null || :
	rm -rf "$PLACE"
	if [ -n "${DIFFERENTIAL_KEEP:-}" ]; then
		cp "$T/want" "$DIFFERENTIAL_KEEP/$(basename "$BATS_TEST_FILENAME").$folder"
	fi
	if grep -a '^the wrapper ended' "$T/want"; then
		echo "on the host:"
		tail -n 20 "$T/want"
		return 1
	fi

	for kernel in ${kernels:-$KERNELS}; do
		words=path=$PLACE,kernel=$kernel
		DIFFERENTIAL_UNDER=(tagged rump_with)
		if [ "$kernel" = server ]; then
			_use_server || { failed+=(server); continue; }
		else
			words+=,image=$DIFFERENTIAL/$kernel.image
		fi
		DIFFERENTIAL_UNDER+=("$words${DIFFERENTIAL_WORDS:+,$DIFFERENTIAL_WORDS}")
		RUMP_TEST_KERNEL='' _run "$folder" "$script" "$@" | _steady_lines >"$T/got"
		unset RUMP_SERVER
		if ! diff -a "$T/want" "$T/got" >"$T/diff"; then
			echo "host, then kernel=$kernel:"
			head -n 60 "$T/diff"
			failed+=("$kernel")
		fi
		none_left || failed+=("$kernel: processes")
		# what slipped through would be here
		if [ -e "$PLACE" ]; then
			echo "kernel=$kernel: on the host there is"
			find "$PLACE" | head -n 20
			rm -rf "$PLACE"
			failed+=("$kernel: host")
		fi
	done
	[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; return 1; }
}

# $SHARED/tree: one of each kind of thing, with extended attributes
shared_tree() {
	make_tree "$SHARED/tree"
	rm -r "$SHARED/tree/many"
	setfattr -n user.colour -v blue "$SHARED/tree/hello" "$SHARED/tree/a"
	touch -d @1600000000 "$SHARED/tree"
}

# Sizes of folders and numbers of blocks are those of ext4.
host_is_ext4() {
	[ "$(stat -f -c %T "$DIFFERENTIAL")" = ext2/ext3 ]
}

# ---- what bats calls; a file that needs more defines its own after `load' ----

setup_file() {
	begin_differential
}

teardown_file() {
	end_differential
}

setup() {
	limit=60
}

teardown() {
	end_kernels
}
