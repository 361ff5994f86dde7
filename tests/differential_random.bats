#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Calls on files at random, on /rump and on the host: see random_files.py, differential.bash.
# RUMP_TEST_SEEDS: other seeds; RUMP_TEST_CALLS: more calls.

load lib
load differential

@test "calls at random have the same results and leave the same files" {
	local seed
	for seed in ${RUMP_TEST_SEEDS:-1 2 3}; do
		echo "seed $seed"
		# what they do to the folders above is gone with $D and in $HOST
		differ <<-END
			mkdir -p in \$HOST/out/in && cd in &&
			python3 $RUMP_TOP/tests/random_files.py $seed ${RUMP_TEST_CALLS:-3000} \$HOST/out/in
		END
	done
}

@test "nothing to move into a pipe of the other side that nobody reads" {
	differ <<-'END'
		touch empty; python3 - <<-'SCRIPT'
			import os
			source = os.open("empty", os.O_RDONLY)
			reader, writer = os.pipe()
			os.close(reader)
			for move in (lambda: os.sendfile(writer, source, None, 100),
			             lambda: os.sendfile(writer, source, None, 0),
			             lambda: os.splice(source, writer, 100)):
			    try:
			        print(move())
			    except OSError as error:
			        print(error)
		SCRIPT
	END
}
