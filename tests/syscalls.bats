#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# rump_sys_*: gen_syscalls.py and what it makes.

setup_file() {
	# another tree can be given by hand
	export RUMP_LINUX=${RUMP_LINUX:-$RUMP_BUILD/rumpkernel/linux/tree}
	export GENERATOR=$RUMP_TOP/rumpkernel/build/gen_syscalls.py
	export MADE=$BATS_FILE_TMPDIR/made
	"$GENERATOR" --tree "$RUMP_LINUX" --cc gcc --header "$MADE/rump/rump_syscalls.h" \
		--rows "$MADE/rows.inc" --arguments "$MADE/arguments.inc"
}

setup() {
	header=$MADE/rump/rump_syscalls.h
	fake=$BATS_TEST_TMPDIR/linux
	mkdir -p "$fake/arch/x86/entry/syscalls" "$fake/include/linux"
	cp "$RUMP_LINUX/arch/x86/entry/syscalls/syscall_64.tbl" "$fake/arch/x86/entry/syscalls/"
	cp "$RUMP_LINUX/include/linux/syscalls.h" "$fake/include/linux/"
	cp "$RUMP_LINUX/Makefile" "$fake/"
	table=$fake/arch/x86/entry/syscalls/syscall_64.tbl
	prototypes=$fake/include/linux/syscalls.h
}

# "number name" of what the table offers an x86-64 process
table_rows() {
	awk '$1 ~ /^[0-9]+$/ && ($2 == "common" || $2 == "64") { print $1, $3 }' \
		"$RUMP_LINUX/arch/x86/entry/syscalls/syscall_64.tbl"
}

functions_of_header() {
	grep -oE 'rump_sys_\w+\(' "$1" | sed 's/^rump_sys_//; s/($//' | sort
}

functions_of_rows() {
	sed -nE 's/^RUMP_SYSCALL(_WITH|_BY_HAND)?\((\w+), .*/\2/p' "$1" | sort
}

# generate from the fake tree: must fail with one line that holds each argument
fails_with() {
	local word
	run "$GENERATOR" --tree "$fake" --cc "${CC:-gcc}" --header "$BATS_TEST_TMPDIR/out.h"
	echo "status $status: $output"
	[ "$status" -eq 1 ]
	[ "${#lines[@]}" -eq 1 ]
	[ ! -e "$BATS_TEST_TMPDIR/out.h" ]
	for word in "$@"; do
		[[ $output == *"$word"* ]]
	done
}

@test "every system call of the table has one function, declared once" {
	[ "$(table_rows | wc -l)" -gt 350 ]
	run comm -23 <(table_rows | cut -d' ' -f2 | sort) <(functions_of_header "$header")
	echo "$output"
	[ -z "$output" ]
	[ -z "$(functions_of_header "$header" | uniq -d)" ]
}

@test "every declared function is made in the image, and no other" {
	diff <(functions_of_header "$header") <(functions_of_rows "$MADE/rows.inc")
}

@test "functions beside the table's are libc's names, each with its reason" {
	local name
	for name in $(comm -13 <(table_rows | cut -d' ' -f2 | sort) <(functions_of_header "$header")); do
		echo "$name"
		grep -qE "^    \"$name\": Special\(" "$RUMP_TOP/rumpkernel/build/syscall_table.py"
		echo "void *p = $name;" | cat <(printf '#define _GNU_SOURCE\n#include <%s>\n' \
			fcntl.h mqueue.h sys/klog.h sys/mount.h sys/resource.h sys/select.h sys/socket.h \
			sys/stat.h sys/wait.h unistd.h) - | gcc -xc -fsyntax-only -
	done
}

@test "a row has the table's number, and the compiler's" {
	local number name
	{
		echo '#include <sys/syscall.h>'
		sed -nE 's/^RUMP_SYSCALL\((\w+), ([0-9]+), .*/\1 \2/p' "$MADE/rows.inc" |
		while read -r name number; do
			if grep -qE "^$number[[:space:]]+(common|64)[[:space:]]+$name\b" "$table"; then
				printf '#ifdef SYS_%s\n_Static_assert(SYS_%s == %s, "%s");\n#endif\n' \
					"$name" "$name" "$number" "$name"
			else
				# libc's name of another row: klogctl is syslog
				grep -qE "^$number[[:space:]]+(common|64)" "$table"
				grep -qE "^    \"$name\": Special\(.*" "$RUMP_TOP/rumpkernel/build/syscall_table.py"
			fi
		done
	} >"$BATS_TEST_TMPDIR/numbers.c"
	[ "$(grep -c _Static_assert "$BATS_TEST_TMPDIR/numbers.c")" -gt 320 ]
	gcc -fsyntax-only "$BATS_TEST_TMPDIR/numbers.c"
}

@test "arguments that libc does not pass are filled in" {
	local row
	for row in 'RUMP_SYSCALL_WITH(signalfd, 289, ERRNO, a1, a2, 8, a3, 0, 0)' \
		'RUMP_SYSCALL_WITH(preadv2, 327, ERRNO, a1, a2, a3, a4, 0, a5)' \
		'RUMP_SYSCALL_WITH(mq_getattr, 245, ERRNO, a1, 0, a2, 0, 0, 0)' \
		'RUMP_SYSCALL_WITH(faccessat, 439, ERRNO, a1, a2, a3, a4, 0, 0)' \
		'RUMP_SYSCALL(posix_fadvise, 221, 4, ERROR)' \
		'RUMP_SYSCALL(clock_nanosleep, 230, 4, ERROR)' \
		'RUMP_SYSCALL(getpriority, 140, 2, PRIORITY)' \
		'RUMP_SYSCALL_BY_HAND(getcwd, 79)' \
		'RUMP_SYSCALL(clone, 56, 5, ERRNO)' \
		'RUMP_SYSCALL(mmap, 9, 6, ERRNO)'; do
		echo "$row"
		grep -qxF "$row" "$MADE/rows.inc"
	done
}

@test "argument kinds tell what is read and what is written" {
	local row
	for row in '(read, 0, "iwi")' '(write, 1, "iri")' '(open, 2, "sii")' \
		'(rename, 82, "ss")' '(getpid, 39, "")' '(pselect6, 270, "iwwwww")'; do
		echo "$row"
		grep -qxF "RUMP_SYSCALL_ARGUMENTS$row" "$MADE/arguments.inc"
	done
}

@test "an added row gets its function" {
	printf '600\tcommon\tnew_call\tsys_new_call\n' >>"$table"
	sed -i '1iasmlinkage long sys_new_call(int fd, const char __user *name,\n\tstruct __kernel_timespec __user *t);' \
		"$prototypes"
	"$GENERATOR" --tree "$fake" --cc gcc --header "$BATS_TEST_TMPDIR/out.h" \
		--rows "$BATS_TEST_TMPDIR/out.inc"
	grep -qxF 'long rump_sys_new_call(int, const char *, struct timespec *);' "$BATS_TEST_TMPDIR/out.h"
	grep -qxF 'RUMP_SYSCALL(new_call, 600, 3, ERRNO)' "$BATS_TEST_TMPDIR/out.inc"
	[ "$(diff "$header" "$BATS_TEST_TMPDIR/out.h" | grep -c '^[<>]')" = 1 ]
}

@test "an x32 row gets none" {
	printf '600\tx32\tnew_call\tsys_read\n' >>"$table"
	"$GENERATOR" --tree "$fake" --cc gcc --header "$BATS_TEST_TMPDIR/out.h"
	cmp "$header" "$BATS_TEST_TMPDIR/out.h"
}

@test "a missing table or header is named" {
	rm "$table"
	fails_with syscall_64.tbl "No such file" "Linux source tree"
	touch "$table"
	fails_with "no system call"
	cp "$RUMP_LINUX/arch/x86/entry/syscalls/syscall_64.tbl" "$table"
	rm "$prototypes"
	fails_with include/linux/syscalls.h "No such file" "Linux source tree"
}

@test "a row without a prototype, of six arguments and more, or twice, is named" {
	printf '600\tcommon\tnew_call\tsys_new_call\n' >>"$table"
	fails_with new_call sys_new_call EXTRA_PROTOTYPES
	sed -i '1iasmlinkage long sys_new_call(int a, int b, int c, int d, int e, int f, int g);' "$prototypes"
	fails_with sys_new_call "more than six"
	sed -i '$d' "$table"
	printf '600\tcommon\tread\tsys_read\n' >>"$table"
	fails_with read twice
	sed -i '$d' "$table"
	printf 'six\n' >>"$table"
	fails_with "syscall_64.tbl:$(wc -l <"$table")" "want NUMBER ABI NAME"
}

@test "a type that the header would not declare is named" {
	printf '600\tcommon\tnew_call\tsys_new_call\n' >>"$table"
	sed -i '1iasmlinkage long sys_new_call(strange_t s);' "$prototypes"
	fails_with strange_t sys_new_call KERNEL_TYPES
}

@test "a libc without headers and a compiler that is not there are named" {
	CC="gcc -nostdinc" fails_with "libc's headers" fcntl.h
	CC=/nonexistent/cc fails_with /nonexistent/cc "No such file"
}

@test "an unchanged file keeps its time" {
	cp "$header" "$BATS_TEST_TMPDIR/out.h"
	touch -d @1000000000 "$BATS_TEST_TMPDIR/out.h"
	"$GENERATOR" --tree "$RUMP_LINUX" --cc gcc --header "$BATS_TEST_TMPDIR/out.h"
	[ "$(stat -c %Y "$BATS_TEST_TMPDIR/out.h")" = 1000000000 ]
	echo >>"$BATS_TEST_TMPDIR/out.h"
	"$GENERATOR" --tree "$RUMP_LINUX" --cc gcc --header "$BATS_TEST_TMPDIR/out.h"
	cmp "$header" "$BATS_TEST_TMPDIR/out.h"
}

# the header alone, in all languages that compiler $1 has
compiles_alone() {
	local standard language=c
	command -v "$1" >/dev/null || skip "$1"
	shift
	case $cc in *++) language=c++ ;; esac
	for standard; do
		echo "$cc -std=$standard"
		echo '#include <rump/rump_syscalls.h>' | "$cc" -I"$MADE" -x "$language" -std="$standard" \
			-Wall -Wextra -pedantic -Werror -fsyntax-only -
		# and with all that libc can declare around it
		printf '#include <%s>\n' sys/types.h sys/stat.h sys/mman.h sys/ioctl.h rump/rump_syscalls.h \
			sys/epoll.h sys/uio.h utime.h unistd.h fcntl.h |
			"$cc" -I"$MADE" -x "$language" -std="$standard" -D_GNU_SOURCE -Wall -Wextra \
				-pedantic -Werror -fsyntax-only -
	done
}

@test "the header compiles alone: gcc" {
	cc=gcc compiles_alone gcc c99 c11 gnu11 gnu17
}

@test "the header compiles alone: g++" {
	cc=g++ compiles_alone g++ c++98 c++11 c++17 gnu++20
}

@test "the header compiles alone: clang" {
	cc=clang compiles_alone clang c99 c11 gnu17
}

@test "the header compiles alone: musl-gcc" {
	cc=musl-gcc compiles_alone musl-gcc c99 c11 gnu11
}

@test "made with musl's headers it compiles with musl and glibc" {
	command -v musl-gcc >/dev/null || skip "musl-gcc"
	"$GENERATOR" --tree "$RUMP_LINUX" --cc musl-gcc --header "$BATS_TEST_TMPDIR/rump/rump_syscalls.h"
	diff <(functions_of_header "$header") \
		<(functions_of_header "$BATS_TEST_TMPDIR/rump/rump_syscalls.h")
	MADE=$BATS_TEST_TMPDIR cc=musl-gcc compiles_alone musl-gcc c99 gnu11
	MADE=$BATS_TEST_TMPDIR cc=gcc compiles_alone gcc c99 gnu11
}

# ---- the hijack's table ----

# rows_of_hijack: the names in its table
rows_of_hijack() {
	sed -nE 's/^SYSCALL\((\w+),.*/\1/p' "$RUMP_TOP/hijack/syscalls.def"
}

# compare_rows TREE: numbers without a row (<), rows that the tree does not know (>)
compare_rows() {
	diff <(awk '$1 ~ /^[0-9]+$/ && $2 != "x32" { print $3 }' \
		"$1/arch/x86/entry/syscalls/syscall_64.tbl" | sort) <(rows_of_hijack | sort)
}

@test "hijack: every number of the tree has one row, and every row a number" {
	[ "$(rows_of_hijack | wc -l)" -gt 350 ]
	compare_rows "$RUMP_LINUX"
}

@test "hijack: a number that the tree gains, and one that it loses, are told" {
	printf '600\tcommon\tnew_call\tsys_new_call\n' >>"$table"
	run compare_rows "$fake"
	echo "$output"
	[ "$status" = 1 ]
	[ "$(grep '^[<>]' <<<"$output")" = "< new_call" ]
	sed -i '$d; /\<sys_mseal$/d' "$table"
	run compare_rows "$fake"
	echo "$output"
	[ "$status" = 1 ]
	[ "$(grep '^[<>]' <<<"$output")" = "> mseal" ]
}

# what a row says of paths and descriptors agrees with the prototypes
@test "hijack: a PATH is a pointer to the kernel, an FD a number" {
	local name rest kinds kind i letter
	while read -r name rest; do
		letter=$(sed -nE "s/^RUMP_SYSCALL_ARGUMENTS\($name, [0-9]+, \"(\w*)\"\)/\1/p" \
			"$MADE/arguments.inc")
		i=0
		for kind in $rest; do
			case $kind in
			# "char *" without const in utime(2)
			PATH) [[ ${letter:i:1} == [sw] ]] ;;
			FD | DIRFD) [ "${letter:i:1}" = i ] ;;
			esac || { echo "$name: argument $((i + 1)) is no $kind: $letter"; return 1; }
			i=$((i + 1))
		done
	done < <(sed -nE 's/^SYSCALL\((\w+),\s*\w+,\s*\w+,\s*(.*)\)/\1 \2/p' \
		"$RUMP_TOP/hijack/syscalls.def" | tr -d ,)
}

@test "hijack: the numbers and error names for older headers are the compiler's" {
	"$GENERATOR" --tree "$RUMP_LINUX" --numbers "$BATS_TEST_TMPDIR/numbers.h"
	cat >"$BATS_TEST_TMPDIR/check.c" <<-'END'
		#include <errno.h>
		#include "numbers.h"
		#define ERROR_NAME(name, number) _Static_assert(name == number, #name);
		ERROR_NAMES
		#define SYSCALL_SHOWN(name, kinds) \
			_Static_assert(SYS_##name < 512 && sizeof(kinds) <= 7, #name);
		SYSCALLS_SHOWN
	END
	gcc -fsyntax-only "$BATS_TEST_TMPDIR/check.c"
	# with libc's numbers before: none is another one
	{ echo '#include <sys/syscall.h>'; sed -n 's/^#define \(SYS_\w* [0-9]*\)$/\1/p' \
		"$BATS_TEST_TMPDIR/numbers.h" |
		awk '{ printf "#ifdef %s\n_Static_assert(%s == %s, \"\");\n#endif\n", $1, $1, $2 }'; } \
		>"$BATS_TEST_TMPDIR/same.c"
	[ "$(grep -c _Static_assert "$BATS_TEST_TMPDIR/same.c")" -gt 350 ]
	gcc -fsyntax-only "$BATS_TEST_TMPDIR/same.c"
}

# ---- the image ----

@test "the image exports each function" {
	[ -e "$RUMP_BUILD/rumpkernel/librump.so" ] || skip "librump.so"
	diff <(nm -D --defined-only "$RUMP_BUILD/rumpkernel/librump.so" |
		sed -nE 's/.* rump_sys_(\w+)$/\1/p' | sort) \
		<(functions_of_header "$header")
}
