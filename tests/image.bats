#!/usr/bin/env bats
# SPDX-License-Identifier: BSD-2-Clause
# librump.so as a library among others: names, links, debug information.

setup_file() {
	export IMAGE=$RUMP_BUILD/rumpkernel/librump.so
}

@test "its soname is librump.so.0 and it needs librumpuser.so.0 only" {
	run readelf -dW "$IMAGE"
	[[ $output == *"Library soname: [librump.so.0]"* ]]
	[ "$(grep -c NEEDED <<<"$output")" = 1 ]
	[[ $output == *"Shared library: [librumpuser.so.0]"* ]]
	[[ $output == *"runpath: [\$ORIGIN]"* ]]
}

@test "it asks for two symbols, both librumpuser's" {
	run bash -c "nm -D --undefined-only '$IMAGE' | awk '{print \$2}' | sort"
	echo "$output"
	[ "$output" = rumpuser_boot_error$'\n'rumpuser_init ]
}

@test "it exports rump_ names only" {
	run bash -c "nm -D --defined-only '$IMAGE' | awk '{print \$3}'"
	echo "$output"
	[[ $output == *rump_init* && $output == *rump_syscall* ]]
	[ "$(grep -vc '^rump_' <<<"$output")" = 0 ]
}

@test "its code needs no relocation and its stack is not executable" {
	run readelf -dlW "$IMAGE"
	[[ $output != *TEXTREL* ]]
	grep -q 'GNU_STACK.* RW ' <<<"$output"
	[[ $output != *RWE* ]]
}

@test "the dynamic linker has no relocation to do but for two functions" {
	run readelf -dW "$IMAGE"
	[[ $output != *"(RELA) "* && $output != *"(RELASZ) "* && $output == *"(JMPREL) "* ]]
	[[ $output == *"(INIT) "* ]]
}

@test "it runs where something else lies at its address" {
	local elsewhere=$BATS_TEST_TMPDIR/elsewhere
	export LD_LIBRARY_PATH=$RUMP_BUILD/lib
	gcc -O2 -o "$elsewhere" -xc - -ldl <<-'END'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <stdio.h>
		#include <sys/mman.h>

		int main(int argc, char **argv)
		{
			char *address = (char *)0x5a0000000000;
			void *library;
			int (*init)(void);

			if (argc > 2 && mmap(address, 4096, PROT_NONE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != address)
				return 1;
			library = dlopen(argv[1], RTLD_NOW);
			if (!library)
				return 2;
			init = (int (*)(void))dlsym(library, "rump_init");
			printf("%d %d ", (char *)init - address < 1L << 32, init());
			printf("%d\n", ((int (*)(const char *, int))dlsym(library, "rump_sys_mkdir"))("/tmp/x", 0700));
			return 0;
		}
	END
	run timeout -k 5 60 "$elsewhere" "$RUMP_BUILD/lib/librump.so.0"
	[ "$output" = "1 0 0" ]
	run timeout -k 5 60 "$elsewhere" "$RUMP_BUILD/lib/librump.so.0" moved
	echo "$output"
	[ "$output" = "0 0 0" ]
}

@test "it has a build id and names every function" {
	readelf -nW "$IMAGE" | grep -q 'Build ID: [0-9a-f]\{40\}'
	nm "$IMAGE" | grep -q ' t ext4_lookup$'
}

@test "gdb finds source lines of kernel code by the debug link" {
	run timeout -k 5 100 gdb -nx -batch -ex 'info line ext4_lookup' -ex 'ptype struct path' "$IMAGE"
	echo "$output"
	grep -q 'Line [0-9]* of "[^"]*fs/ext4/namei.c"' <<<"$output"
	[[ $output == *"struct dentry *dentry;"* ]]
}

@test "it carries no trace of the folder it was built in" {
	[ "$(grep -caF "$RUMP_BUILD" "$IMAGE")" = 0 ]
}
