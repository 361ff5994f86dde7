// SPDX-License-Identifier: GPL-2.0-only
/* The system call table, and calls that are different in a rump kernel. */
#include <uapi/linux/futex.h>
#include <linux/linkage.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/socket.h>
#include <linux/syscalls.h>
#include <asm/rump.h>
#include "lwp.h"
#include <asm/syscall.h>
#include <asm/unistd.h>
#include <rump/rump_calls.h>
#include "notify.h"
#include "../mm/direct.h"

/*
 * What belongs to the host process: its registers, its heap, its own life.  An
 * lwp ends by rump_pub_lwproc_releaselwp() or with its host thread.
 */
SYSCALL_DEFINE0(rump_no_such_call)
{
	return -ENOSYS;
}

#define NO_SUCH_CALL(name)						\
	asmlinkage long sys_##name(void);				\
	asmlinkage long sys_##name(void) { return -ENOSYS; }

NO_SUCH_CALL(arch_prctl)
NO_SUCH_CALL(iopl)
NO_SUCH_CALL(modify_ldt)
NO_SUCH_CALL(rt_sigreturn)
NO_SUCH_CALL(uretprobe)

SYSCALL_DEFINE3(ioperm, unsigned long, from, unsigned long, num, int, on)
{
	return -ENOSYS;
}

SYSCALL_DEFINE3(map_shadow_stack, unsigned long, addr, unsigned long, size, unsigned int, flags)
{
	return -ENOSYS;
}

/* ---- mappings: the host's address space must agree ---- */

/* The current task's memory is in this process; else its own one knows the addresses. */
static bool is_here(void)
{
	return !current->mm->context.is_remote;
}

/*
 * The host chooses the addresses.  What a fixed mapping replaces stays until that is known
 * to be right.
 */
SYSCALL_DEFINE6(mmap, unsigned long, addr, unsigned long, len, unsigned long, prot,
		unsigned long, flags, unsigned long, fd, unsigned long, off)
{
	bool is_fixed = flags & MAP_FIXED && !(flags & MAP_FIXED_NOREPLACE);
	long ret;

	if (off & ~PAGE_MASK || !len)
		return -EINVAL;
	if (PAGE_ALIGN(len) < len)
		return -ENOMEM;
	len = PAGE_ALIGN(len);
	rump_user_maps();
	if (is_fixed) {
		ret = ksys_mmap_pgoff(addr, len, prot, flags, fd, off >> PAGE_SHIFT);
		if (!IS_ERR_VALUE(ret) && is_here())
			hyp()->unmap(ret, len);
		return ret;
	}
	if (!is_here())
		return -EINVAL;
	addr = rump_user_reserve(addr, len, flags & MAP_FIXED_NOREPLACE);
	if (IS_ERR_VALUE(addr))
		return addr;
	ret = ksys_mmap_pgoff(addr, len, prot, (flags & ~MAP_FIXED_NOREPLACE) | MAP_FIXED, fd,
			      off >> PAGE_SHIFT);
	if (IS_ERR_VALUE(ret))
		hyp()->unreserve(addr, len);
	return ret;
}

/* Only what is the kernel's in the range; the rest is the application's own. */
static long unmap_range(unsigned long start, unsigned long end)
{
	struct mm_struct *mm = current->mm;
	struct vm_area_struct *vma;
	unsigned long from, to;
	long err;

	for (;;) {
		mmap_read_lock(mm);
		vma = find_vma_intersection(mm, start, end);
		if (vma) {
			from = max(start, vma->vm_start);
			to = min(end, vma->vm_end);
		}
		mmap_read_unlock(mm);
		if (!vma)
			return 0;
		err = vm_munmap(from, to - from);
		if (err)
			return err;
		hyp()->unreserve(from, to - from);
		start = to;
	}
}

static long rump_munmap(unsigned long addr, unsigned long len)
{
	if (addr & ~PAGE_MASK || !len || len > TASK_SIZE || addr > TASK_SIZE - len)
		return -EINVAL;
	return unmap_range(addr, addr + PAGE_ALIGN(len));
}

/* The addresses behind a mapping may be free; -ENOMEM: they are not. */
static long grow_in_place(unsigned long addr, unsigned long old_len, unsigned long new_len)
{
	unsigned long more;
	long ret;

	if (!old_len)		/* a copy of a shared mapping */
		return -ENOMEM;
	more = rump_user_reserve(addr + old_len, new_len - old_len, true);
	if (IS_ERR_VALUE(more))
		return -ENOMEM;
	ret = sys_mremap(addr, old_len, new_len, 0, 0);
	if (IS_ERR_VALUE(ret))
		hyp()->unreserve(more, new_len - old_len);
	return ret;
}

static long rump_mremap(unsigned long addr, unsigned long old_len, unsigned long new_len,
			unsigned long flags, unsigned long new_addr)
{
	unsigned long reserved = 0;
	long ret;

	old_len = PAGE_ALIGN(old_len);
	new_len = PAGE_ALIGN(new_len);
	if (!new_len || addr & ~PAGE_MASK)
		return -EINVAL;
	if (new_len <= old_len && !(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		ret = sys_mremap(addr, old_len, new_len, flags, new_addr);
		if (!IS_ERR_VALUE(ret) && new_len < old_len)
			hyp()->unreserve(addr + new_len, old_len - new_len);
		return ret;
	}
	if (!(flags & (MREMAP_FIXED | MREMAP_DONTUNMAP))) {
		ret = grow_in_place(addr, old_len, new_len);
		if (!IS_ERR_VALUE(ret) || !(flags & MREMAP_MAYMOVE))
			return ret;
	}
	if (!(flags & MREMAP_MAYMOVE))
		return -EINVAL;
	if (!(flags & MREMAP_FIXED)) {
		reserved = rump_user_reserve(0, new_len, false);
		if (IS_ERR_VALUE(reserved))
			return -ENOMEM;
		new_addr = reserved;
	}
	ret = sys_mremap(addr, old_len, new_len, flags | MREMAP_FIXED, new_addr);
	if (IS_ERR_VALUE(ret)) {
		if (reserved)
			hyp()->unreserve(reserved, new_len);
		return ret;
	}
	if (!reserved)		/* what lay there */
		hyp()->unmap(ret, new_len);
	if (!(flags & MREMAP_DONTUNMAP) && old_len)
		hyp()->unreserve(addr, old_len);
	return ret;
}

/* ---- futexes ---- */

/*
 * A word outside of the rump kernel's mappings lies in the application's own
 * memory, which no other process of this kernel has: private, though not said.
 */
static bool is_own_mapping(unsigned long address)
{
	struct mm_struct *mm = current->mm;
	bool found;

	if (!mm->context.has_mappings)
		return false;
	mmap_read_lock(mm);
	found = vma_lookup(mm, address);
	mmap_read_unlock(mm);
	return found;
}

static long rump_futex(u32 __user *uaddr, int op, u32 val, const struct __kernel_timespec __user *to,
		       u32 __user *uaddr2, u32 val3)
{
	if (!(op & FUTEX_PRIVATE_FLAG) && !is_own_mapping((unsigned long)uaddr))
		op |= FUTEX_PRIVATE_FLAG;
	return sys_futex(uaddr, op, val, to, uaddr2, val3);
}

/* ---- what clients have written by their mappings is part of the file ---- */

static long share_fsync(unsigned int fd)
{
	rump_share_sync();
	return sys_fsync(fd);
}

static long share_fdatasync(unsigned int fd)
{
	rump_share_sync();
	return sys_fdatasync(fd);
}

static long share_sync(void)
{
	rump_share_sync();
	return sys_sync();
}

static long share_syncfs(int fd)
{
	rump_share_sync();
	return sys_syncfs(fd);
}

static long share_sync_file_range(int fd, loff_t offset, loff_t bytes, unsigned int flags)
{
	rump_share_sync();
	return sys_sync_file_range(fd, offset, bytes, flags);
}

static long share_msync(unsigned long start, size_t length, int flags)
{
	if (flags & (MS_SYNC | MS_ASYNC))
		rump_share_sync();
	return sys_msync(start, length, flags);
}

static long share_umount(char __user *name, int flags)
{
	rump_share_sync();
	return sys_umount(name, flags);
}

/* ---- sockets ---- */

/*
 * The pages of a message would be kept until it is acknowledged, and the application's
 * are the host's: who asks for that learns that it has to be copied.
 */
static long copying_setsockopt(int fd, int level, int name, char __user *value, int length)
{
	if (level == SOL_SOCKET && name == SO_ZEROCOPY)
		return -EOPNOTSUPP;
	return sys_setsockopt(fd, level, name, value, length);
}

/* ---- credentials: of the lwps to come as well ---- */

#define CHANGES_CREDS(name)								\
	static long creds_##name(unsigned long a1, unsigned long a2, unsigned long a3,	\
				 unsigned long a4, unsigned long a5, unsigned long a6)	\
	{										\
		sys_call_ptr_t call = (sys_call_ptr_t)(void *)sys_##name;		\
		const struct cred *old = current->real_cred;				\
		long ret = call(a1, a2, a3, a4, a5, a6);				\
											\
		if (current->real_cred != old)						\
			rump_creds_changed();						\
		return ret;								\
	}

CHANGES_CREDS(capset)
CHANGES_CREDS(prctl)
CHANGES_CREDS(setfsgid)
CHANGES_CREDS(setfsuid)
CHANGES_CREDS(setgid)
CHANGES_CREDS(setgroups)
CHANGES_CREDS(setns)
CHANGES_CREDS(setregid)
CHANGES_CREDS(setresgid)
CHANGES_CREDS(setresuid)
CHANGES_CREDS(setreuid)
CHANGES_CREDS(setuid)
CHANGES_CREDS(unshare)

/* ---- namespaces: likewise ---- */

/* how long a call waits for the end of namespaces that are in its way */
#define NAMESPACES_END_TIME	(10 * HZ)

#define CHANGES_NAMESPACES(name)							\
	static long namespaces_##name(unsigned long a1, unsigned long a2,		\
				      unsigned long a3, unsigned long a4,		\
				      unsigned long a5, unsigned long a6)		\
	{										\
		unsigned long until = jiffies + NAMESPACES_END_TIME;			\
		long ret;								\
											\
		do									\
			ret = creds_##name(a1, a2, a3, a4, a5, a6);			\
		while (ret == -ENOSPC && rump_namespaces_wait(until));			\
		if (!ret)								\
			rump_namespaces_changed();					\
		return ret;								\
	}

CHANGES_NAMESPACES(setns)
CHANGES_NAMESPACES(unshare)

/* ---- the table ---- */

#undef __SYSCALL
#define __SYSCALL_NORETURN __SYSCALL
#define __SYSCALL(nr, sym) [nr] = (sys_call_ptr_t)(void *)sym,

#define IS(name, function)	[__NR_##name] = (sys_call_ptr_t)(void *)function
#define OF_THE_HOST(name)	IS(name, sys_rump_no_such_call)
#define OUR_OWN(name, function)							\
	[RUMP_SYS_##name] = (sys_call_ptr_t)(void *)sys_rump_##function
#define CREDS(name)		IS(name, creds_##name)

/* for lwps of this host process and of clients alike */
#define ALL_CALLS				\
	CREDS(capset),				\
	CREDS(prctl),				\
	CREDS(setfsgid),			\
	CREDS(setfsuid),			\
	CREDS(setgid),				\
	CREDS(setgroups),			\
	IS(setns, namespaces_setns),		\
	CREDS(setregid),			\
	CREDS(setresgid),			\
	CREDS(setresuid),			\
	CREDS(setreuid),			\
	CREDS(setuid),				\
	IS(unshare, namespaces_unshare),		\
	IS(pread64, rump_direct_pread),		\
	IS(preadv, rump_direct_preadv),		\
	IS(preadv2, rump_direct_preadv2),	\
	IS(pwrite64, rump_direct_pwrite),	\
	IS(pwritev, rump_direct_pwritev),	\
	IS(pwritev2, rump_direct_pwritev2),	\
	IS(read, rump_direct_read),		\
	IS(readv, rump_direct_readv),		\
	IS(write, rump_direct_write),		\
	IS(writev, rump_direct_writev),		\
	IS(setsockopt, copying_setsockopt),	\
	IS(fdatasync, share_fdatasync),		\
	IS(fsync, share_fsync),			\
	IS(msync, share_msync),			\
	IS(sync, share_sync),			\
	IS(sync_file_range, share_sync_file_range), \
	IS(syncfs, share_syncfs),		\
	IS(umount2, share_umount),		\
	OF_THE_HOST(brk),			\
	OF_THE_HOST(clone),			\
	OF_THE_HOST(clone3),			\
	OF_THE_HOST(execve),			\
	OF_THE_HOST(execveat),			\
	OF_THE_HOST(exit),			\
	OF_THE_HOST(exit_group),		\
	OF_THE_HOST(fork),			\
	OF_THE_HOST(ptrace),			\
	OF_THE_HOST(reboot),			\
	OF_THE_HOST(vfork),			\
	OUR_OWN(NOTIFY_EPOLL, notify_epoll),	\
	OUR_OWN(NOTIFY_NEW, notify_new),	\
	OUR_OWN(NOTIFY_WAIT, notify_wait),	\
	OUR_OWN(NOTIFY_SHARE, notify_share),	\
	OUR_OWN(NOTIFY_LOOK, notify_look),	\
	OUR_OWN(NOTIFY_POLL, notify_poll)

const sys_call_ptr_t sys_call_table[NR_syscalls] = {
	[0 ... NR_syscalls - 1] = (sys_call_ptr_t)(void *)sys_ni_syscall,
#include <asm/syscall_table_64.h>
	ALL_CALLS,
	IS(futex, rump_futex),
	IS(munmap, rump_munmap),
	IS(mremap, rump_mremap),
};

/* The directory is locked: no client may hold it up for all that look for names there. */
static long remote_getdents(unsigned int fd, struct linux_dirent __user *dirent,
			    unsigned int count)
{
	return sys_getdents(fd, dirent, rump_remote_room(count));
}

static long remote_getdents64(unsigned int fd, struct linux_dirent64 __user *dirent,
			      unsigned int count)
{
	return sys_getdents64(fd, dirent, rump_remote_room(count));
}

asmlinkage long sys_rump_map_open(void __user *ret_map);
asmlinkage long sys_rump_map_fault(unsigned long address, unsigned int flags,
				   void __user *to, unsigned int max);
asmlinkage long sys_rump_map_drop(unsigned long start, unsigned long length);
asmlinkage long sys_rump_map_check(void __user *to, unsigned int max);
asmlinkage long sys_rump_share_mmap(unsigned long addr, unsigned long len, unsigned long prot,
				    unsigned long flags, unsigned long fd, unsigned long off);
asmlinkage long sys_rump_share_munmap(unsigned long addr, unsigned long len);

#define REFUSED(name)	IS(name, sys_rump_no_such_call)

/* For who has mappings; the addresses of others mean nothing here. */
#define OF_SHARES(name, function)							\
	static long shares_##name(unsigned long a1, unsigned long a2, unsigned long a3,	\
				  unsigned long a4, unsigned long a5, unsigned long a6)	\
	{										\
		sys_call_ptr_t call = (sys_call_ptr_t)(void *)function;			\
											\
		return rump_share_exists() ? call(a1, a2, a3, a4, a5, a6) : -ENOSYS;	\
	}

OF_SHARES(madvise, sys_madvise)
OF_SHARES(mincore, sys_mincore)
OF_SHARES(mlock, sys_mlock)
OF_SHARES(mlock2, sys_mlock2)
OF_SHARES(mprotect, sys_mprotect)
OF_SHARES(mremap, sys_mremap)
OF_SHARES(msync, share_msync)
OF_SHARES(munlock, sys_munlock)
OF_SHARES(munmap, sys_rump_share_munmap)

#define SHARES(name)	IS(name, shares_##name)

/*
 * A client's address space is not here, but for its mappings of files, where it has asked
 * for those (mm/share.c): no other page of it can be found or pinned, and no address of
 * it be kept for after the call.
 */
const sys_call_ptr_t rump_remote_call_table[NR_syscalls] = {
	[0 ... NR_syscalls - 1] = (sys_call_ptr_t)(void *)sys_ni_syscall,
#include <asm/syscall_table_64.h>
	ALL_CALLS,
	IS(getdents, remote_getdents),
	IS(getdents64, remote_getdents64),
	IS(mmap, sys_rump_share_mmap),
	SHARES(madvise),
	SHARES(mincore),
	SHARES(mlock),
	SHARES(mlock2),
	SHARES(mprotect),
	SHARES(mremap),
	SHARES(msync),
	SHARES(munlock),
	SHARES(munmap),
	[RUMPUSER_NR_MAP_OPEN] = (sys_call_ptr_t)(void *)sys_rump_map_open,
	[RUMPUSER_NR_MAP_FAULT] = (sys_call_ptr_t)(void *)sys_rump_map_fault,
	[RUMPUSER_NR_MAP_DROP] = (sys_call_ptr_t)(void *)sys_rump_map_drop,
	[RUMPUSER_NR_MAP_CHECK] = (sys_call_ptr_t)(void *)sys_rump_map_check,
	/* mappings */
	REFUSED(mlockall),
	REFUSED(mseal),
	REFUSED(munlockall),
	REFUSED(pkey_alloc),
	REFUSED(pkey_free),
	REFUSED(pkey_mprotect),
	REFUSED(process_madvise),
	REFUSED(process_mrelease),
	REFUSED(process_vm_readv),
	REFUSED(process_vm_writev),
	REFUSED(remap_file_pages),
	REFUSED(shmat),
	REFUSED(shmdt),
	REFUSED(userfaultfd),
	/* where pages lie */
	REFUSED(get_mempolicy),
	REFUSED(mbind),
	REFUSED(migrate_pages),
	REFUSED(move_pages),
	REFUSED(set_mempolicy),
	REFUSED(set_mempolicy_home_node),
	/* rings of requests that kernel threads carry out, pages that pipes keep */
	REFUSED(io_cancel),
	REFUSED(io_destroy),
	REFUSED(io_getevents),
	REFUSED(io_pgetevents),
	REFUSED(io_setup),
	REFUSED(io_submit),
	REFUSED(io_uring_enter),
	REFUSED(io_uring_register),
	REFUSED(io_uring_setup),
	REFUSED(vmsplice),
	/* words that are looked at later, or by others */
	REFUSED(futex),
	REFUSED(futex_requeue),
	REFUSED(futex_wait),
	REFUSED(futex_waitv),
	REFUSED(futex_wake),
	REFUSED(get_robust_list),
	REFUSED(membarrier),
	REFUSED(rseq),
	REFUSED(set_robust_list),
	REFUSED(set_tid_address),
	/* handlers and their stacks: the host's business */
	REFUSED(rt_sigaction),
	REFUSED(sigaltstack),
	/* another kernel in this one's place */
	REFUSED(kexec_file_load),
	REFUSED(kexec_load),
};
