# SPDX-License-Identifier: BSD-2-Clause
# For .bats files: programs of tests/prog, linked with the rump kernel of the build.

# build_program NAME SOURCE...: makes $PROGRAMS/NAME
build_program() {
	local name=$1 dir flags=()
	shift
	export PROGRAMS=$BATS_FILE_TMPDIR
	# other libraries can be given by hand: folders with a colon between them
	for dir in $(tr : ' ' <<<"${RUMP_LIBS:-$RUMP_BUILD/rumpkernel:$RUMP_BUILD/rumpuser}"); do
		flags+=(-L"$dir" -Wl,-rpath,"$dir")
	done
	${CC:-gcc} -std=gnu11 -Wall -Wextra -O2 -g -pthread -I"$RUMP_TOP/include" -o "$PROGRAMS/$name" \
		"${@/#/$RUMP_TOP/tests/prog/}" "${flags[@]}" -Wl,--no-as-needed -lrump -lrumpuser
}

# rump: the script on stdin is carried out by rumpsh; see tests/prog/rumpsh.c
rump() {
	timeout -k 5 "${LIMIT:-60}" "$PROGRAMS/rumpsh"
}

# a file system image of $2 MiB
make_ext4() {
	rm -f "$1"
	truncate -s "$2M" "$1"
	/sbin/mke2fs -q -t ext4 -F "$1"
}

check_ext4() {
	/sbin/e2fsck -fn "$1"
}
