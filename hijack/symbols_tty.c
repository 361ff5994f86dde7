/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * symbols_tty.c - libc's functions around ioctl for terminals, such as the ptys of a
 * rump kernel.  libc's struct termios is not the kernel's.
 */
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "symbols.h"

#define KERNEL_CONTROLS 19

/* struct termios of asm/termbits.h, whose name is libc's too */
struct kernel_termios {
	unsigned int input, output, control, local;
	unsigned char line, controls[KERNEL_CONTROLS];
};

EXPORT int tcgetattr(int fd, struct termios *ret)
{
	struct kernel_termios kernels;

	if (PLAIN(SYS_ioctl, fd, TCGETS, &kernels))
		return -1;
	memset(ret, 0, sizeof(*ret));
	ret->c_iflag = kernels.input;
	ret->c_oflag = kernels.output;
	ret->c_cflag = kernels.control;
	ret->c_lflag = kernels.local;
	ret->c_line = kernels.line;
	memcpy(ret->c_cc, kernels.controls, KERNEL_CONTROLS);
#ifdef __GLIBC__
	ret->c_ispeed = ret->c_ospeed = kernels.control & (CBAUD | CBAUDEX);
#endif
	return 0;
}

EXPORT int tcsetattr(int fd, int when, const struct termios *termios)
{
	struct kernel_termios kernels = {
		.input = termios->c_iflag & ~0x80000000U, /* glibc's mark of a speed of 0 */
		.output = termios->c_oflag,
		.control = termios->c_cflag,
		.local = termios->c_lflag,
		.line = termios->c_line,
	};

	memcpy(kernels.controls, termios->c_cc, KERNEL_CONTROLS);
	switch (when) {
	case TCSANOW:
		return PLAIN(SYS_ioctl, fd, TCSETS, &kernels);
	case TCSADRAIN:
		return PLAIN(SYS_ioctl, fd, TCSETSW, &kernels);
	case TCSAFLUSH:
		return PLAIN(SYS_ioctl, fd, TCSETSF, &kernels);
	}
	return symbol_failed(EINVAL);
}

EXPORT int isatty(int fd)
{
	struct kernel_termios kernels;

	return !PLAIN(SYS_ioctl, fd, TCGETS, &kernels);
}

EXPORT int tcdrain(int fd)
{
	return CANCELLABLE(SYS_ioctl, fd, TCSBRK, 1);
}

EXPORT int tcflow(int fd, int action)
{
	return PLAIN(SYS_ioctl, fd, TCXONC, action);
}

EXPORT int tcflush(int fd, int queue)
{
	return PLAIN(SYS_ioctl, fd, TCFLSH, queue);
}

EXPORT pid_t tcgetpgrp(int fd)
{
	int group;

	return PLAIN(SYS_ioctl, fd, TIOCGPGRP, &group) ? -1 : group;
}

EXPORT int tcsetpgrp(int fd, pid_t group)
{
	return PLAIN(SYS_ioctl, fd, TIOCSPGRP, &group);
}
