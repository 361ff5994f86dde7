#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# tests/run counts what a TAP stream says and distrusts what it does not.

# tally CI STATUS TEXT: prints "passed failed skipped"
tally() {
	CI=$1 python3 - "$RUMP_TOP/tests/run" "$2" "$3" <<-'END' | tail -n 1
		import importlib.machinery, importlib.util, sys
		sys.dont_write_bytecode = True
		loader = importlib.machinery.SourceFileLoader("runner", sys.argv[1])
		runner = importlib.util.module_from_spec(importlib.util.spec_from_loader("runner", loader))
		loader.exec_module(runner)
		tally = runner.Tally("x")
		text = sys.argv[3].replace("|", "\n")
		tally.read(text)
		tally.end(int(sys.argv[2]), 0, 1, text)
		print(tally.passed, len(tally.failures), len(tally.skips))
	END
}

@test "results are counted" {
	[ "$(tally no 0 '1..2|ok 1 a|ok 2 - b # comment')" = "2 0 0" ]
	[ "$(tally no 1 '1..3|ok 1 a|not ok 2 b|# why|ok 3 c')" = "2 1 0" ]
	[ "$(tally no 1 'ok 1 a|not ok 2 b|1..2')" = "1 1 0" ]
}

@test "skips are skips, and failures in CI" {
	[ "$(tally no 0 '1..2|ok 1 a|ok 2 b # skip no disk')" = "1 0 1" ]
	[ "$(tally no 0 '1..0 # SKIP no compiler')" = "0 0 1" ]
	[ "$(tally true 0 '1..2|ok 1 a|ok 2 b # skip no disk')" = "1 1 0" ]
}

@test "a stream that ends early, late or oddly is a failure" {
	[ "$(tally no 0 '1..3|ok 1 a')" = "1 1 0" ]
	[ "$(tally no 0 'nothing')" = "0 1 0" ]
	[ "$(tally no 139 '1..1|ok 1 a')" = "1 1 0" ]
	[ "$(tally no 124 '1..2|ok 1 a')" = "1 1 0" ]
	[ "$(tally no 0 '1..1|ok 1 a|Bail out! no memory')" = "1 1 0" ]
}

# $top: a copy of tests/run without tests, and stand-ins for a configured build without unit tests
make_top() {
	top=$BATS_TEST_TMPDIR/top
	mkdir -p "$top/tests" "$BATS_TEST_TMPDIR/bin"
	cp "$RUMP_TOP/tests/run" "$top/tests/run"
	printf '#!/bin/sh\necho "[]"\n' >"$BATS_TEST_TMPDIR/bin/meson"
	printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/bin/ninja"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
}

@test "a failing file fails the run and is named in its end" {
	make_top
	printf '@test "good" { true; }\n@test "bad" { false; }\n' >"$top/tests/mixed.bats"
	printf '# timeout: 1\n@test "hangs" { sleep 30; }\n' >"$top/tests/slow.bats"
	run env -u CI -u RUMP_BUILD PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$top/tests/run"
	echo "$output"
	[ "$status" -eq 1 ]
	[ "${lines[-1]}" = "1 passed, 2 failed, 0 skipped" ]
	[[ ${lines[-2]} == *tests/mixed.bats*tests/slow.bats* ]]
	run env -u CI -u RUMP_BUILD PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$top/tests/run" nothing-like-this
	[ "$status" -eq 1 ]
}

@test "files run at once, but for those that want to be alone" {
	make_top
	local name
	# each of the two waits for the other; the third one waits for nobody
	for name in a b; do
		printf '@test "%s" { touch "%s"; until [ -e "%s" ]; do sleep 0.05; done; }\n' \
			$name "$top/$name" "$top/$([ $name = a ] && echo b || echo a)" >"$top/tests/$name.bats"
	done
	printf '# alone\n@test "last" { [ -e "%s" ] && [ -e "%s" ]; }\n' "$top/a" "$top/b" >"$top/tests/0.bats"
	run timeout -k 5 60 env -u CI -u RUMP_BUILD RUMP_JOBS=2 PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$top/tests/run"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "3 passed, 0 failed, 0 skipped" ]
	[[ ${lines[-2]} == *tests/0.bats* ]]
}

@test "what a caller asks of the tests reaches them, what would change their calls does not" {
	make_top
	printf '@test "asked" { [ "$RUMP_NCPU $RUMP_CMDLINE $RUMP_TEST_SEEDS" = "2 quiet 4" ]; }\n' >"$top/tests/a.bats"
	printf '@test "not asked" { [ -z "${RUMP_SERVER-}${RUMP_TEST_KERNEL-}${RUMPHIJACK-}" ]; }\n' >"$top/tests/b.bats"
	run timeout -k 5 60 env -u CI -u RUMP_BUILD RUMP_NCPU=2 RUMP_CMDLINE=quiet RUMP_TEST_SEEDS=4 \
		RUMP_SERVER=unix:///nowhere RUMP_TEST_KERNEL=tcp RUMPHIJACK=path=/nowhere \
		PATH="$BATS_TEST_TMPDIR/bin:$PATH" "$top/tests/run"
	echo "$output"
	[ "$status" -eq 0 ]
	[ "${lines[-1]}" = "2 passed, 0 failed, 0 skipped" ]
}
