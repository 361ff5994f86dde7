/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * own_dispatch.c - a program that wants Syscall User Dispatch for itself, if it can have it,
 * and reads FILE before and after.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static char selector; /* lets all pass until it is 1 */
static volatile sig_atomic_t caught;

static void on_trap(int signal)
{
	(void)signal;
	caught++;
	selector = 0;
}

static int can_read(const char *path)
{
	char text[5] = "";
	FILE *file = fopen(path, "r");
	int can = file && fread(text, 1, 5, file) == 5 && !memcmp(text, "Linux", 5);

	if (file)
		fclose(file);
	return can;
}

int main(int argc, char **argv)
{
	int can, has;

	if (argc != 2)
		return 98;
	can = can_read(argv[1]);
	signal(SIGSYS, on_trap);
	has = !prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, 0, &selector);
	selector = has;
	getppid();
	selector = 0;
	can += can_read(argv[1]);
	printf("read %d times, dispatch %d, caught %d\n", can, has, (int)caught);
	return !(can == 2 && caught == has);
}
