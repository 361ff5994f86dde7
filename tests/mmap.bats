#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# Mappings of rump files: in the process that has the kernel, in its children, and in the
# clients of private and common servers.

load lib

setup_file() {
	load lib
	require "$LIBRUMP" "$LIBRUMPHIJACK" "$SERVER_PROGRAM" gcc python3
	export PROGRAMS=$BATS_FILE_TMPDIR
	gcc -O2 -Wall -Wextra -std=gnu11 -pthread -o "$PROGRAMS/mapped" "$RUMP_TOP/tests/prog/mapped.c"
}

setup() {
	limit=150
	socket=
	image=
}

teardown() {
	end_kernels
	[ -z "$image" ] || check_image ext4 "$image"
}

# on_ext4 COMMAND...: in a file system of an image at /rump, on each kernel
on_ext4() {
	local kind
	require mke2fs e2fsck
	for kind in $KERNELS; do
		echo "kernel=$kind"
		image=$T/disk.$kind
		make_image ext4 "$image" 96m
		RUMP_TEST_KERNEL=$kind tagged rump_with "path=/rump,image=$(escape_word "$image")" "$@"
		none_left 20
		check_image ext4 "$image"
	done
}

@test "all that a program can do with a mapping: as on the host" {
	on_each_kernel same sh -c '"$PROGRAMS/mapped" $D'
}

@test "the same in the process that has the kernel" {
	mkdir "$T/host"
	timeout -k 5 60 "$PROGRAMS/mapped" "$T/host" >"$T/want"
	RUMP_TEST_KERNEL=local tagged rump_with path=/rump "$PROGRAMS/mapped" /rump/tmp >"$T/got"
	diff "$T/want" "$T/got"
}

@test "and on ext4, whose pages are written back" {
	mkdir "$T/host"
	timeout -k 5 60 "$PROGRAMS/mapped" "$T/host" >"$T/want"
	all() {
		"$PROGRAMS/mapped" /rump
	}
	export -f all
	on_ext4 bash -c 'all >>"$0"' "$T/got"
	for _ in $KERNELS; do cat "$T/want"; done | diff - "$T/got"
}

@test "what a mapping writes is in the file system when it is unmounted" {
	write_it() {
		python3 -c '
import mmap, os
f = open("/rump/file", "w+b")
f.truncate(3 << 20)
m = mmap.mmap(f.fileno(), 0)
for i in range(0, len(m), 4096):
    m[i:i + 9] = b"%09d" % i
os.sync()
for i in range(0, len(m), 8192):	# pages that were written back are written to again
    m[i:i + 9] = b"%09d" % (i + 1)
os.kill(os.getpid(), 9) if os.fork() == 0 else os.wait()
'
	}
	export -f write_it
	require debugfs
	on_ext4 bash -c write_it
	for kind in $KERNELS; do
		debugfs -R "dump /file $T/file" "$T/disk.$kind" 2>"$T/err"
		python3 -c '
import sys
d = open(sys.argv[1], "rb").read()
assert len(d) == 3 << 20
for i in range(0, len(d), 4096):
    want = b"%09d" % (i + (i % 8192 == 0))
    assert d[i:i + 9] == want, (i, d[i:i + 9])
' "$T/file"
	done
}

@test "a file larger than the kernel's memory" {
	large() {
		python3 -c '
import hashlib, mmap, sys
f = open(sys.argv[1], "w+b")
h = hashlib.md5()
for i in range(64):
    piece = bytes([i]) * (1 << 20)
    f.write(piece)
    h.update(piece)
f.flush()
m = mmap.mmap(f.fileno(), 0)
for _ in range(2):
    assert hashlib.md5(m).digest() == h.digest()
for i in range(64):
    assert m[i << 20] == i
    m[i << 20] = 255 - i
m.close()
for i in range(64):
    f.seek(i << 20)
    assert f.read(1)[0] == 255 - i
' /rump/large
	}
	export -f large
	export RUMP_MEMLIMIT=48m
	on_ext4 bash -c large
}

@test "O_DIRECT from memory of the program" {
	direct() {
		set -e
		cd /rump
		head -c 3000000 /dev/urandom >a
		dd if=a of=b bs=64k iflag=direct oflag=direct status=none
		cmp a b
		dd if=a of=c bs=2M iflag=direct status=none
		cmp a c
		! dd if=a of=c bs=1000 iflag=direct 2>err || false
		grep -q "Invalid argument" err
		python3 -c '
import errno, mmap, os
def fails(error, call, *args):
    try:
        call(*args)
        raise SystemExit("no error")
    except OSError as e:
        assert e.errno == error, e
fd = os.open("a", os.O_RDWR | os.O_DIRECT)
memory = mmap.mmap(-1, 16384)
view = memoryview(memory)
assert os.preadv(fd, [view[:4096], view[8192:12288]], 4096) == 8192
want = open("a", "rb").read()
assert memory[:4096] + memory[8192:12288] == want[4096:12288]
memory[:5] = b"hello"
assert os.lseek(fd, 8192, 0) == 8192 and os.write(fd, view[:4096]) == 4096
assert os.lseek(fd, 0, 1) == 12288
assert open("a", "rb").read()[8192:8197] == b"hello"
fails(errno.EINVAL, os.pwritev, fd, [view[:1000]], 0)
fails(errno.EINVAL, os.preadv, fd, [view[1:4097]], 0)
assert os.preadv(fd, [view], 3000000 // 4096 * 4096) == 3000000 % 4096
assert os.preadv(fd, [view], 4 << 20) == 0
'
	}
	export -f direct
	on_ext4 bash -c direct
}

@test "two processes: each sees what the other one writes" {
	two() {
		client python3 -c '
import mmap, os, sys
name = sys.argv[1]
with open(name, "wb") as f:
    f.truncate(1 << 20)
def turn(m, at, value):	# waits for its turn, gives it to the other one
    while m[at] != value:
        os.sched_yield()
    m[at] = value + 1
if os.fork():
    f = open(name, "r+b")
    m = mmap.mmap(f.fileno(), 0)
    for i in range(0, 200, 2):
        turn(m, 4096, i)
    _, status = os.wait()
    assert status == 0
    assert m[4096] == 200, m[4096]
else:
    f = open(name, "r+b")
    m = mmap.mmap(f.fileno(), 1 << 18, offset=0)
    for i in range(1, 200, 2):
        turn(m, 4096, i)
' "/rump/tmp/two.$RANDOM"
	}
	on_each_kernel two
}

@test "sqlite: WAL, two processes that write" {
	require sqlite3
	wal() {
		client bash -c 'set -e
			cd /rump/tmp; rm -f db*
			sqlite3 db "PRAGMA journal_mode=WAL; CREATE TABLE t (who, n);"
			for who in a b; do
				for n in $(seq 60); do
					echo "INSERT INTO t VALUES (\"$who\", $n);"
				done | sqlite3 -cmd ".timeout 20000" db &
			done
			wait
			sqlite3 db "SELECT who, count(*), sum(n) FROM t GROUP BY who; PRAGMA integrity_check;"
			ls | grep -c "^db-" || :' >"$T/wal"
		cat "$T/wal"
		diff <(printf '%s\n' wal 'a|60|1830' 'b|60|1830' ok) <(head -n 4 "$T/wal")
	}
	on_each_kernel wal
}

@test "a linker's output, a library that is loaded, a program that runs" {
	built() {
		same sh -c 'set -e
			cd $D
			echo "int answer(void) { return 42; }" >a.c
			echo "#include <stdio.h>
int answer(void); int main(void) { printf(\"%d\\n\", answer()); return 0; }" >m.c
			gcc -shared -fPIC -o liba.so a.c
			gcc -o m m.c -L. -la -Wl,-rpath,$D
			cmp liba.so liba.so
			ls -l liba.so m | wc -l
			python3 -c "import ctypes, sys; print(ctypes.CDLL(sys.argv[1]).answer())" $D/liba.so'
	}
	on_each_kernel built
}

@test "git: packs" {
	require git
	packs() {
		same sh -c 'set -e
			export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b
			export GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
			export GIT_AUTHOR_DATE="1000000000 +0000" GIT_COMMITTER_DATE="1000000000 +0000"
			mkdir $D/r; cd $D/r; git init -q -b main .
			for i in 1 2 3 4 5; do
				seq $i 3000 >file$i; git add .; git commit -q -m $i
			done
			git gc -q; git fsck --full 2>&1; git log --oneline
			git clone -q . ../clone; cd ../clone; git status --short; md5sum file*'
	}
	on_each_kernel packs
}

@test "clients that are killed leave nothing" {
	start_server -r 64m
	client sh -c 'head -c 8m /dev/zero >/rump/tmp/file'
	mapped_once() {
		client python3 -c '
import mmap, os
f = open("/rump/tmp/file", "r+b")
m = mmap.mmap(f.fileno(), 0)
sum(m[i] for i in range(0, len(m), 4096))
for i in range(0, len(m), 8192):
    m[i] = 1
os.kill(os.getpid(), 9)
' || [ $? = 137 ]
	}
	free() {
		client awk '/^MemFree/ { print $2 }' /rump/proc/meminfo
	}
	mapped_once
	sleep 0.5
	local before after
	before=$(free)
	for _ in {1..12}; do
		mapped_once
	done
	client rm /rump/tmp/file
	# the file's own 8 MiB are free now, and no page is held by those who had it mapped
	enough() {
		after=$(free)
		[ "$after" -gt $((before + 6000)) ]
	}
	wait_until 10 enough || { echo "before: $before KiB, after: $after"; false; }
	stop_server
}

@test "a server that keeps its memory: private mappings are copies, shared ones are for reading" {
	start_server --private-memory
	client python3 -c '
import mmap
f = open("/rump/tmp/file", "w+b")
f.write(b"content" * 1000)
f.flush()
m = mmap.mmap(f.fileno(), 0, prot=mmap.PROT_READ)
assert m[:7] == b"content"
m = mmap.mmap(f.fileno(), 0, flags=mmap.MAP_PRIVATE)
m[:3] = b"abc"
try:
    mmap.mmap(f.fileno(), 0)
    raise SystemExit("a shared mapping was made")
except OSError as e:
    print(e.strerror)
' | grep -x "No such device"
	stop_server
}
