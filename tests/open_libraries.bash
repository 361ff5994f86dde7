# SPDX-License-Identifier: BSD-2-Clause
# For .bats files whose programs run as another user.

# open_libraries FOLDER: a copy of the build's libraries, programs and modules that everybody
# may read, wherever the build lies
open_libraries() {
	[ -e "$1/librump.so.0" ] && return
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR"/* "$BATS_FILE_TMPDIR"
	mkdir -p "$1/rump"
	find "$RUMP_BUILD/lib" -maxdepth 1 -xtype f -exec cp -L -t "$1" {} +
	cp -rL "$RUMP_BUILD/lib/rump/modules" "$1/rump/"
	chmod -R a+rX "$1"
}

# use_open_libraries: the file's tests use such a copy of their own
use_open_libraries() {
	RUMP_LIBRARIES=$BATS_FILE_TMPDIR/lib
	LIBRUMP=$RUMP_LIBRARIES/librump.so
	LIBRUMPHIJACK=$RUMP_LIBRARIES/librumphijack.so
	SERVER_PROGRAM=$RUMP_LIBRARIES/rump_server
	RUMP_MODULES=$RUMP_LIBRARIES/rump/modules
	open_libraries "$RUMP_LIBRARIES"
}
