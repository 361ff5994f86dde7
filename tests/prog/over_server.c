/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * over_server.c - what a program of this folder has instead of librump, linked with
 * -lrumpclient: the kernel is that of the server which RUMP_SERVER names, and it has been
 * started with what the program wants to boot.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#include <rump/rump.h>
#include <rump/rumpclient.h>

int rump_init(void)
{
	return rumpclient_init() ? errno : 0;
}

int rump_boot_conf(const char *text, const char *name)
{
	(void)text;
	(void)name;
	return 0;
}

const char *rump_boot_error(void)
{
	return rumpclient_error();
}

int rump_pub_interrupt(pid_t tid)
{
	return rumpclient_interrupt(tid) ? errno : 0;
}

long rump_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6)
{
	return rumpclient_syscall(number, a1, a2, a3, a4, a5, a6);
}

const char *rump_getrelease(void)
{
	static struct utsname name;

	return rumpclient_syscall(SYS_uname, (long)&name, 0, 0, 0, 0, 0) ? "" : name.release;
}

/* An lwp is the server's to schedule. */
void rump_schedule(void)
{
}

void rump_unschedule(void)
{
}

/* The kernel is others' too: its shutdown is what the test of the server looks at. */
int rump_pub_shutdown(void)
{
	return 0;
}
