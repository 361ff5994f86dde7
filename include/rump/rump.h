/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rump.h - a Linux kernel in this process.
 *
 * Link with -lrump -lrumpuser (pkg-config rump).  rump_init() boots the
 * kernel; after that every thread of the process may call rump_sys_*()
 * (rump_syscalls.h) at any time, without registering first.
 *
 * Unless a function says otherwise it returns 0 or a positive errno value,
 * may block, takes no lock of the application, and must not be called from a
 * signal handler that interrupted a rump call.  Manual: rump(3).
 */
#ifndef RUMP_RUMP_H
#define RUMP_RUMP_H

#include <stdint.h>
#include <sys/types.h>

#define RUMP_VERSION_MAJOR 0
#define RUMP_VERSION_MINOR 1

#ifdef __cplusplus
extern "C" {
#endif

struct lwp;			/* a kernel task; opaque */

/* ---- life of the kernel ---- */

/*
 * Boots the kernel of this process.  Reads RUMP_NCPU, RUMP_MEMLIMIT,
 * RUMP_VERBOSE, RUMP_HOSTNAME, RUMP_PANIC and RUMP_CONF from the environment,
 * applies what rump_boot_*() gave, registers an atexit handler that syncs and
 * unmounts.  Later calls return what the first one returned.
 * Errors: EINVAL (environment, configuration), ENOMEM (RUMP_MEMLIMIT cannot
 * be had), EBUSY (an image is in use), ENOENT, ENODEV (unknown file system or
 * component), EPROTO (librumpuser is of another version).  The reason
 * in words: rump_boot_error().
 */
int rump_init(void);

/*
 * One line that says why rump_init(), or the last rump_boot_conf() or
 * rump_pub_etfs_*() that failed, did so; "" if none did.  Points to static storage; does not block.
 */
const char *rump_boot_error(void);

/*
 * Adds lines in the format of rump.conf(5) to what rump_init() applies.
 * name stands for the file's name in messages.  Relative host paths mean the
 * working directory of this call.  Only before rump_init(): EBUSY afterwards.
 */
int rump_boot_conf(const char *text, const char *name);

/* The version of this library: major * 100 + minor.  Does not block. */
int rump_getversion(void);

/* The release of the Linux kernel inside, for example "6.12.117". */
const char *rump_getrelease(void);

/*
 * Syncs and unmounts everything and stops the kernel; afterwards every call
 * gives ENXIO.  The atexit handler calls it.
 */
int rump_pub_shutdown(void);

/*
 * A server detaches in two steps: daemonize_begin forks, the parent waits;
 * daemonize_done(error) tells the parent how it went: 0 lets the parent
 * _exit(0), else it prints strerror(error) and exits with 1.
 * begin must come before rump_init().
 */
int rump_daemonize_begin(void);
int rump_daemonize_done(int error);

/*
 * Serves this kernel to other processes on a URL, unix://path or tcp://host:port/; see
 * rump_server(1) and rumpclient(3).  After rump_init().  A unix socket gets mode 0600.
 * Returns at once; threads of the library do the work.  EADDRINUSE: another server is
 * there.  EINVAL: not a URL.  ENOENT: tcp:// without RUMP_SECRET_FILE.
 */
int rump_init_server(const char *url);

/* ---- system calls ---- */

/*
 * Any system call of the tree's x86-64 table by number.  Returns what the
 * kernel returns: a value, or -errno; errno is not touched.  A bad pointer
 * gives -EFAULT.  Before rump_init(): -ENXIO.  In a child of fork(): -ENOTCONN.
 */
long rump_syscall(long number, long a1, long a2, long a3, long a4, long a5, long a6);

/*
 * Makes a rump call that `tid` (a host thread id of this process) is blocked
 * in return EINTR (or restart, as SA_RESTART would).  No effect on a thread
 * that is not in a call.  Async-signal-safe.  ESRCH: no such thread.
 */
int rump_pub_interrupt(pid_t tid);

/* ---- processes and lwps ---- */

/* what the new process does with the caller's descriptors */
#define RUMP_RFFDG	0x01	/* copies them */
#define RUMP_RFCFDG	0x02	/* starts with none */
				/* neither: shares them */

/* A new process with one lwp; the calling host thread goes on as that lwp. */
int rump_pub_lwproc_rfork(int flags);
/* A new lwp in process pid (0: the caller's); the caller goes on as that lwp. */
int rump_pub_lwproc_newlwp(pid_t pid);
/*
 * The calling host thread goes on as lwp l, or, with NULL, without one: the
 * next call then makes an implicit lwp in the process' first rump process.
 * EBUSY: another host thread runs as l.  EINVAL: l is no lwp.
 */
int rump_pub_lwproc_switch(struct lwp *l);
/* Ends the current lwp, and with its last lwp the process. */
void rump_pub_lwproc_releaselwp(void);
/* The current lwp or NULL.  Does not block. */
struct lwp *rump_pub_lwproc_curlwp(void);

/*
 * Takes a virtual CPU and keeps it until rump_unschedule(): system calls in
 * between neither take nor release one, unless they block.  Nests.
 */
void rump_schedule(void);
void rump_unschedule(void);

/* ---- host files under rump names ---- */

enum rump_etfs_type {
	RUMP_ETFS_REG,		/* regular file on a host file */
	RUMP_ETFS_BLK,		/* block device on a host file or block device */
	RUMP_ETFS_CHR,		/* character device on a host device, fifo or file */
	RUMP_ETFS_DIR,		/* a host directory, one level */
	RUMP_ETFS_DIR_SUBDIRS,	/* a host directory and all below it */
};

#define RUMP_ETFS_SIZE_ENDOFF ((uint64_t)-1)	/* up to the host file's end */

/*
 * key: absolute rump path; missing directories on the way are made.
 * hostpath: the file on the host.  The window [begin, begin + size) of the
 * host file is what the rump file holds; only for REG and BLK.
 * A BLK file is opened for writing if it can be and locked against other
 * kernels.  EEXIST: key is registered.  EBUSY: the image is in use.
 */
int rump_pub_etfs_register(const char *key, const char *hostpath, enum rump_etfs_type type);
int rump_pub_etfs_register_withsize(const char *key, const char *hostpath, enum rump_etfs_type type,
				    uint64_t begin, uint64_t size);
int rump_pub_etfs_remove(const char *key);

/* A registration that rump_init() carries out; only before it. Kept until then. */
struct rump_boot_etfs {
	const char *key, *hostpath;
	enum rump_etfs_type type;
	uint64_t begin, size;
	int error;			/* set by rump_init() */
	struct rump_boot_etfs *next;	/* private */
};
void rump_boot_etfs_register(struct rump_boot_etfs *eb);

/* The older name for a block device on a host file. */
int rump_fakeblk_register(const char *path);
int rump_fakeblk_deregister(const char *path);

/* ---- components ---- */

/* Loads a component ("xfs") or module and what it needs.  ENOENT: unknown. */
int rump_pub_component_load(const char *name);

/* ---- file systems ---- */

int rump_pub_vfs_sync(void);
/* Mounts with the type found by looking at the device when fstype is NULL. */
int rump_pub_vfs_mount(const char *fstype, const char *source, const char *target,
		       unsigned long flags, const char *data);
int rump_pub_vfs_unmount(const char *target, int flags);

#ifdef __cplusplus
}
#endif

#endif
