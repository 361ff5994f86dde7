# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# For tests of the hijack: programs under the preload with a kernel that is a folder
# (tests/fake/fake_rump.c), so that a mistake is the hijack's.
#
#	setup_file() { load hijack; build_fake; }
#	run fake ls /rump			$ROOT is what /rump shows
#	run fake_with trap=off ls /rump

# build_fake: the fake librump.so.0 and the test program, once a file
build_fake() {
	require "$LIBRUMPHIJACK" "${CC:-gcc}"
	export FAKE=$BATS_FILE_TMPDIR
	# it takes the librump.so.0 beside it
	cp -L "$LIBRUMPHIJACK" "$FAKE/"
	${CC:-gcc} -std=gnu11 -O1 -g -shared -fPIC -fvisibility=hidden -Wl,-soname,librump.so.0 \
		-I"$RUMP_TOP/include" -o "$FAKE/librump.so.0" \
		"$RUMP_TOP/tests/fake/fake_rump.c" -lpthread
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$FAKE/hijacked" \
		"$RUMP_TOP/tests/prog/hijacked.c" -lpthread
	${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -o "$FAKE/trapped" \
		"$RUMP_TOP/tests/prog/trapped.c" -lpthread -lm
}

new_root() {
	ROOT=$T/root
	mkdir -p "$ROOT"
	export FAKE_RUMP_ROOT=$ROOT FAKE_RUMP_LOG=$T/kernel.log
	unset RUMP_SERVER FAKE_RUMP_FAIL
}

# fake_with MORE_WORDS COMMAND...
fake_with() {
	local words=path=/rump${1:+,$1}
	shift
	timeout -k 5 "$limit" env RUMPHIJACK="$words" \
		LD_PRELOAD="${SANITIZER_RUNTIME:+$SANITIZER_RUNTIME:}$FAKE/librumphijack.so" "$@"
}

fake() {
	fake_with '' "$@"
}

# how often the kernel was booted and shut down
boots() {
	cat "$FAKE_RUMP_LOG" 2>/dev/null | grep -c '^boot$' || :
}

shutdowns() {
	cat "$FAKE_RUMP_LOG" 2>/dev/null | grep -c '^shutdown$' || :
}
