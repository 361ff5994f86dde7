/* SPDX-License-Identifier: GPL-2.0-only */
/* The system calls that direct.c stands in front of. */
#ifndef RUMP_DIRECT_H
#define RUMP_DIRECT_H
#include <linux/linkage.h>
#include <linux/types.h>

struct iovec;

asmlinkage long rump_direct_read(unsigned int fd, char __user *buffer, size_t n);
asmlinkage long rump_direct_write(unsigned int fd, const char __user *buffer, size_t n);
asmlinkage long rump_direct_pread(unsigned int fd, char __user *buffer, size_t n, loff_t pos);
asmlinkage long rump_direct_pwrite(unsigned int fd, const char __user *buffer, size_t n, loff_t pos);
asmlinkage long rump_direct_readv(unsigned long fd, const struct iovec __user *vector,
			       unsigned long count);
asmlinkage long rump_direct_preadv(unsigned long fd, const struct iovec __user *vector,
				unsigned long count, unsigned long low, unsigned long high);
asmlinkage long rump_direct_preadv2(unsigned long fd, const struct iovec __user *vector,
				 unsigned long count, unsigned long low, unsigned long high,
				 rwf_t flags);
asmlinkage long rump_direct_writev(unsigned long fd, const struct iovec __user *vector,
			       unsigned long count);
asmlinkage long rump_direct_pwritev(unsigned long fd, const struct iovec __user *vector,
				unsigned long count, unsigned long low, unsigned long high);
asmlinkage long rump_direct_pwritev2(unsigned long fd, const struct iovec __user *vector,
				 unsigned long count, unsigned long low, unsigned long high,
				 rwf_t flags);
#endif
