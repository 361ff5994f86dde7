# SPDX-License-Identifier: BSD-2-Clause
# For .bats files whose programs run as another user.

# open_libraries FOLDER: a copy of the build's libraries, programs and modules that everybody
# may read, wherever the build lies
open_libraries() {
	[ -e "$1/librump.so.0" ] && return
	mkdir -p "$1/rump"
	find "$RUMP_BUILD/lib" -maxdepth 1 -xtype f -exec cp -L -t "$1" {} +
	cp -rL "$RUMP_BUILD/lib/rump/modules" "$1/rump/"
	chmod -R a+rX "$1"
}
