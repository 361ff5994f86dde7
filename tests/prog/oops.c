/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * oops.c - the kernel has a bug
 *
 * The code of one of its system calls is overwritten with a read of address 0; the
 * kernel is part of this process, so that needs no help from it.  Then that call is
 * made.  Prints "went-on" and exits with 3 should it come back.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <rump/rump.h>

#define PAGE 4096UL
#define VICTIM "sys_getpgid"

/* The kernel's own list of symbols; it is larger than a page of /proc at a time. */
static uintptr_t address_of(const char *name)
{
	static char text[8 << 20];
	size_t used = 0;
	long got, fd = rump_syscall(SYS_open, (long)"/proc/kallsyms", 0, 0, 0, 0, 0);
	char *found;

	while (used < sizeof(text) - 1 &&
	       (got = rump_syscall(SYS_read, fd, (long)(text + used), sizeof(text) - 1 - used, 0, 0,
				   0)) > 0)
		used += got;
	found = strstr(text, name);
	if (!found)
		return 0;
	while (found > text && found[-1] != '\n')
		found--;
	return strtoul(found, NULL, 16);
}

int main(void)
{
	/* mov 0, %rax */
	static const unsigned char bug[] = {0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0};
	uintptr_t victim;
	int error = rump_init();

	if (error) {
		fprintf(stderr, "rump_init: %s: %s\n", strerror(error), rump_boot_error());
		return 1;
	}
	victim = address_of(" " VICTIM "\n");
	if (!victim ||
	    mprotect((void *)(victim & -PAGE), 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)) {
		fprintf(stderr, "cannot change " VICTIM " at %lx\n", (unsigned long)victim);
		return 1;
	}
	memcpy((void *)victim, bug, sizeof(bug));
	rump_syscall(SYS_getpgid, 0, 0, 0, 0, 0, 0);
	printf("went-on\n");
	return 3;
}
