/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rumpuser.h - the hypercalls: all that a rump kernel asks of its host.
 *
 * The kernel image has no libc and one undefined symbol, rumpuser_init(),
 * which returns the table below.  The kernel never keeps a pointer to the
 * table outside the object of the host thread that it runs on, so that several
 * processes may one day run one kernel.  This header includes nothing.
 *
 * Conventions: results are 0 or -errno (a count or a handle where it says so);
 * a hypercall may be made again after it was interrupted half-way; only those
 * marked [blocks] may wait, and those are never made while a virtual CPU is
 * held.  Host files are named by handles, not by file descriptors.
 * Times are nanoseconds.
 */
#ifndef RUMP_RUMPUSER_H
#define RUMP_RUMPUSER_H

#if !defined(__KERNEL__) && !defined(RUMPUSER_PRIVATE) && !defined(RUMPUSER_HOST)
#error "rumpuser.h is for rump kernels and hypercall implementations; programs include <rump/rump.h>"
#endif

#define RUMPUSER_VERSION 6

struct rump_thread;		/* the kernel's object of a host thread */
struct rumpuser_file_info;

/* Where things lie in every process, so that pointers mean the same in all. */
#define RUMP_IMAGE_BASE		0x5a0000000000UL
#define RUMP_VMALLOC_BASE	0x5a0008000000UL	/* modules must reach the image: +-2 GiB */
#define RUMP_VMALLOC_SIZE	0x000060000000UL	/* 1.5 GiB of addresses */
#define RUMP_MEMORY_BASE	0x5a1000000000UL	/* the memfd: physical address 0 */

/* Protection of rumpuser_ops.map, the values of mmap(2). */
#define RUMPUSER_PROT_READ	1
#define RUMPUSER_PROT_WRITE	2
#define RUMPUSER_PROT_EXEC	4

/* A request for host file I/O, carried out by a host thread without a vCPU. */
enum rumpuser_io_op {
	RUMPUSER_IO_READ,
	RUMPUSER_IO_WRITE,
	RUMPUSER_IO_SYNC,	/* fdatasync */
	RUMPUSER_IO_DISCARD,	/* punch a hole or BLKDISCARD */
	RUMPUSER_IO_ZERO,	/* write zeroes; the space may stay allocated */
	RUMPUSER_IO_CALL,	/* a host system call: call_nr, call_args */
	/*
	 * file_open(path, open_flags, info) without a virtual CPU; the result is
	 * the handle.  info may be NULL.
	 */
	RUMPUSER_IO_OPEN,
	RUMPUSER_IO_CLOSE,	/* file_close(file) */
	/* remote->read or write of iov[0] at the client's address `offset` */
	RUMPUSER_IO_REMOTE_READ,
	RUMPUSER_IO_REMOTE_WRITE,
	RUMPUSER_IO_BUS_OPEN,	/* bus_open(path, bus) */
	RUMPUSER_IO_BUS_CLOSE,	/* bus_close(bus) */
	/* poll(2) of file, at once: which of the events in `offset` are there */
	RUMPUSER_IO_POLL,
	RUMPUSER_IO_NET_OPEN,	/* net_open(net) */
	RUMPUSER_IO_NET_ADDRESS, /* net_set_address(net, net->address) */
};

struct rumpuser_iovec {		/* the layout of struct iovec */
	void *base;
	unsigned long length;
};

#define RUMPUSER_IO_FUA		1	/* WRITE, ZERO: on stable storage when done */
#define RUMPUSER_IO_NEW_HANDLE	2	/* CALL: it returns a new fd; the result is a handle for it */
#define RUMPUSER_IO_QUIET	4	/* CALL: it raises no signal, and so needs none kept away */

struct rumpuser_io {
	struct rumpuser_io *next;		/* rumpuser's */
	enum rumpuser_io_op op;
	unsigned int flags;
	int file;				/* handle */
	unsigned int iov_count;
	struct rumpuser_iovec *iov;
	unsigned long long offset, length;	/* bytes; length for DISCARD and ZERO */
	long result;				/* 0 or -errno; short transfers are finished inside */
	long call_nr;				/* CALL: host system call number ... */
	union {
		unsigned long call_args[6];	/* ... and arguments; result is what it returned */
		struct {			/* OPEN; as call_args[0] to [2] */
			const char *path;
			unsigned long open_flags;
			struct rumpuser_file_info *info;
		};
		struct rumpuser_remote *remote;	/* REMOTE_READ, REMOTE_WRITE */
		struct {			/* BUS_OPEN, BUS_CLOSE */
			const char *bus_path;
			struct rumpuser_bus *bus;
		};
		struct rumpuser_net *net;	/* NET_OPEN, NET_ADDRESS */
	};
	unsigned int call_handles;		/* bit n: argument n is a handle, translated to an fd */
	/* called by the I/O thread when the request is finished; may not block */
	void (*done)(struct rumpuser_io *io);
};

/* ---- clients: processes elsewhere that use this kernel ---- */

/* Memory of the client that came with its call: it need not be asked for. */
struct rumpuser_window {
	unsigned long address;		/* in the client */
	unsigned int length;
	const char *data;		/* here; the client may change it meanwhile */
};

/*
 * The memory of a client, as the server's thread that carries out its call sees it.  The
 * kernel looks for what it reads among the windows, then asks read().  What it
 * writes it appends to `out` (struct rump_sp_record of rump_sp.h), or, where that is
 * faster (may_direct and a large piece) or there is no room, gives to write(), which
 * sends what is in `out` first.
 */
struct rumpuser_remote {
	/* set by the host side before each call; the kernel changes out_used only */
	const struct rumpuser_window *windows;
	unsigned int window_count;
	unsigned int out_size, out_used;	/* bytes */
	char *out;
	/* read() and write() do not wait: the kernel may make them with a vCPU held */
	unsigned int may_direct;
	/* all goes to write(), since it may fail, and what fails shall not leave its queue */
	unsigned int is_written_through;
	/* 0 or -EFAULT, -ENOTCONN.  The kernel calls neither twice at once. [blocks] */
	int (*read)(struct rumpuser_remote *remote, void *to, unsigned long from,
		    unsigned long length);
	int (*write)(struct rumpuser_remote *remote, unsigned long to, const void *from,
		     unsigned long length);
	/*
	 * A signal for the client's thread, which is in a call.  Does not block; from
	 * kernel stacks, any thread.
	 */
	void (*signal)(struct rumpuser_remote *remote, int signal);
};

/*
 * Calls of clients that have the kernel's memory (mm/share.c, rump_sp(7)), by numbers that
 * Linux leaves free.
 */
#define RUMPUSER_NR_MAP_OPEN	400	/* (struct rumpuser_map *): a descriptor */
#define RUMPUSER_NR_MAP_FAULT	401	/* (address, flags, runs, count): how many */
#define RUMPUSER_NR_MAP_DROP	402	/* (start, length) */
#define RUMPUSER_NR_MAP_CHECK	403	/* (runs, count): how many */

#define RUMPUSER_MAP_WRITE	1
#define RUMPUSER_MAP_NEAR	2

/* struct rump_sp_map and rump_sp_map_run */
struct rumpuser_map {
	unsigned long long flushes_offset, memory_size;
};

struct rumpuser_map_run {
	unsigned long long address, offset;
	unsigned int pages, is_writable;
};

#define RUMPUSER_GROUPS_MAX 64

/* A client process.  The kernel copies it, but for `host`. */
struct rumpuser_client {
	int pid;		/* wanted for the rump process, the host's; 0 or taken: another */
	unsigned int uid, gid;	/* 0: root in the rump kernel */
	unsigned int group_count;
	unsigned int groups[RUMPUSER_GROUPS_MAX];
	char name[16];
	void *host;		/* for the next two, and tell() */
	/*
	 * A signal for the process while none of its threads is in a call; SIGKILL also
	 * means that it was killed in the rump kernel.  Does not block; from kernel stacks.
	 */
	void (*signal)(void *host, int signal);
	/* the rump process has gone; the last use of host. Does not block; from kernel stacks. */
	void (*gone)(void *host);
};

struct rumpuser_file_info {
	unsigned long long size;	/* bytes, of block devices too */
	unsigned int mode;		/* st_mode */
	unsigned int block_size;	/* logical sector of a block device, else 512 */
	unsigned int is_readonly;	/* opened read-only although writing was asked for */
	unsigned int can_discard;
	int lock_owner;			/* after -EBUSY of OPEN_LOCK: pid of the holder; 0: unknown */
};

#define RUMPUSER_OPEN_READ	0x01
#define RUMPUSER_OPEN_WRITE	0x02
#define RUMPUSER_OPEN_TRY_WRITE	0x04	/* read-only if it cannot be written */
#define RUMPUSER_OPEN_LOCK	0x08	/* exclusive image lock when open for writing: -EBUSY */
#define RUMPUSER_OPEN_DIRECTORY	0x10
#define RUMPUSER_OPEN_PATH	0x20	/* O_PATH */
#define RUMPUSER_OPEN_NONBLOCK	0x40

/* of rumpuser_upcalls.fault: an access behind the end of a mapped file */
#define RUMPUSER_FAULT_BUS	1

/* Kernel functions that the host side calls. */
struct rumpuser_upcalls {
	int version;
	/* the host thread of t ends: release its lwp and t. [blocks] */
	void (*thread_exit)(struct rump_thread *t);
	/*
	 * A fault at pc on address addr in the thread of t (NULL: a thread
	 * that never entered).  Returns a new pc to go on at; pc itself to
	 * try again; 0 if the fault is not ours; RUMPUSER_FAULT_BUS: the program gets
	 * SIGBUS, BUS_ADRERR.  When the kernel itself is at fault it prints and panics.
	 * Runs in the signal handler; an alternate stack that this runs on is
	 * switched off meanwhile, so that it may switch stacks, wait, and fault
	 * again.  addr is 0 for addresses that are not canonical.  regs: the
	 * gregs of ucontext_t.
	 */
	unsigned long (*fault)(struct rump_thread *t, unsigned long pc, unsigned long addr,
			       unsigned int is_write, const unsigned long *regs);
	/* exit(3): sync, unmount, stop. [blocks] */
	void (*shutdown)(void);
	/*
	 * In the child of fork: the kernel is not this process's any more.  The
	 * memory at RUMP_MEMORY_BASE and all handles are gone, get_thread() gives
	 * NULL.  Not called when memory_create() was not: such a child may boot.
	 */
	void (*forked)(void);
	/* loads a component whose library came after boot: 0 or -errno. [blocks] */
	int (*component_load)(const char *name);

	/*
	 * For servers.  A rump process is named by its pid, also when it may have ended
	 * meanwhile (-ESRCH).  All [block].
	 */
	/* a new process, without descriptors: its pid or -errno */
	int (*process_new)(const struct rumpuser_client *client);
	/*
	 * A copy of the caller's process (its lwp calls): descriptors, directory, umask and
	 * credentials; of client the rest counts.  Its pid or -errno.
	 */
	int (*process_fork)(const struct rumpuser_client *client);
	/* closes all descriptors of the caller's process but `keep`, names it */
	int (*process_exec)(const char *name, const unsigned int *keep, unsigned int count);
	/*
	 * The program of a copied process has said which process it is on the host: the pid
	 * that the process has from now on, host_pid if that is free and no lwp has been made
	 * yet.
	 */
	int (*process_known)(int pid, int host_pid);
	/*
	 * Kills it: its calls end, the lwps go.  Returns at once; client->gone() tells the
	 * end.
	 */
	int (*process_end)(int pid);
	/*
	 * The calling host thread, which has no lwp, becomes one of process pid; remote: the
	 * client's memory, NULL for a thread that works for the server itself.  tid: the
	 * wanted id, the host's, or 0.  thread_leave() ends it; so does process_end().
	 */
	int (*thread_join)(int pid, int tid, struct rumpuser_remote *remote);
	void (*thread_leave)(void);
	/* rump_syscall(); -EINTR once the process was killed, and -ESRCH from then on */
	long (*syscall)(long number, const unsigned long args[6]);
	/* rump_pub_interrupt(): 0 or -errno. Does not block. */
	int (*interrupt)(int host_tid);
	/*
	 * An open file that belongs to nobody: 0 and a handle nobody can guess; a
	 * descriptor of the caller's for it; the end of it.
	 */
	int (*file_export)(int fd, unsigned long long ret_handle[2]);
	int (*file_import)(const unsigned long long handle[2]);
	void (*file_release)(const unsigned long long handle[2]);
	/*
	 * event belongs to the notifier (rump_calls.h) that is the caller's descriptor fd from
	 * now on; -EBUSY: that has one.
	 */
	int (*event_attach)(int fd, void *event);
};

struct rumpuser_memory {
	void *base;			/* RUMP_MEMORY_BASE */
	unsigned long size;		/* bytes */
};

enum rumpuser_panic { RUMPUSER_PANIC_ABORT, RUMPUSER_PANIC_EXIT, RUMPUSER_PANIC_HANG };

/* What a kernel starts with, one record a line of rump.conf; see rump.conf(5). */
enum rumpuser_boot_kind {
	RUMPUSER_BOOT_COMPONENT,	/* name */
	RUMPUSER_BOOT_DRIVE,		/* name: key; source: absolute host path; type; offset, size */
	RUMPUSER_BOOT_MOUNT,		/* name: target; source; fstype or ""; options */
	RUMPUSER_BOOT_SYSCTL,		/* name: path below /proc/sys; source: value */
	RUMPUSER_BOOT_HOSTNAME,		/* name */
	RUMPUSER_BOOT_MKDIR,		/* name */
	RUMPUSER_BOOT_NET,		/* name: the line, for the network part */
};

struct rumpuser_boot_item {
	enum rumpuser_boot_kind kind;
	const char *name, *source, *fstype, *options;
	int type;			/* enum rump_etfs_type */
	unsigned long long offset, size; /* size ~0: to the end */
	unsigned int is_readonly, sector_size;
	const char *file;		/* where it stands, for messages */
	unsigned int line;
};

/* ---- buses (rump_bus.h) ---- */

struct rumpuser_bus {
	/* the file, mapped: it may end at any time, then accesses raise SIGBUS */
	void *base;
	int file;			/* handle */
	unsigned int slot;		/* ours, while the handle is open */
	char why[160];			/* after an error: what is wrong, and the remedy */
};

struct rumpuser_wait {
	unsigned int *word;
	unsigned int value;
	unsigned int is_shared;		/* with other processes */
};

#define RUMPUSER_WAITS_MAX 32

/* ---- Ethernet interfaces on the host: drivers/net/virtif.c, rumpuser/net.c ---- */

/* what the host's end takes and gives with the header of virtio (struct virtio_net_hdr) */
#define RUMPUSER_NET_CSUM	1	/* checksums that are not there yet */
#define RUMPUSER_NET_TSO	2	/* TCP segments of up to 64 KiB */
#define RUMPUSER_NET_USO	4	/* trains of UDP datagrams */

#define RUMPUSER_NET_HEADER	10	/* bytes of that header, before each frame */

/* of net_wait */
#define RUMPUSER_NET_INPUT	1	/* a frame can be read, or the link is down */
#define RUMPUSER_NET_OUTPUT	2	/* a frame can be written */

struct rumpuser_net {
	/* the kernel's; words and name until net_open() returns only */
	const char *name;		/* virt0 */
	const char *words;		/* rump.conf(5) */
	void (*thread)(void *arg);	/* has a host thread from net_open() on, closes at its end */
	void *arg;
	/* the host's */
	unsigned int header_size;	/* RUMPUSER_NET_HEADER, or 0: without one */
	unsigned int offloads;
	unsigned int mtu;		/* to begin with */
	unsigned int is_up;
	unsigned int has_address;	/* else any will do */
	unsigned char address[6];
	char backend[64];		/* "tap tap0", for people */
	char why[256];			/* after an error, or when the link went down: what, and the remedy */
	void *host;
};

/* A frame to be written. */
struct rumpuser_net_frame {
	struct rumpuser_iovec *iov;	/* with the header first, if there is one */
	unsigned int iov_count;
	unsigned int length;		/* bytes of all */
	int error;			/* 0: the host has it; -errno: it was dropped */
};

struct rumpuser_ops {
	int version;

	/* ---- threads ---- */
	/* the object that set_thread() gave this host thread, or NULL */
	struct rump_thread *(*get_thread)(void);
	/* from now on t's exit is reported by thread_exit(); NULL forgets */
	void (*set_thread)(struct rump_thread *t);
	/* the host's id of the calling thread */
	int (*thread_id)(void);
	/* raises a signal in a host thread of this process */
	void (*signal)(int thread_id, int signal);
	/* a detached thread with all signals blocked */
	int (*thread_create)(void (*fn)(void *), void *arg, const char *name);
	void (*yield)(void);
	/* CPUs that this process may use */
	unsigned int (*host_cpus)(void);
	/* sleep while *word == value, at most until the monotonic time (0: for ever).
	 * 0, -ETIMEDOUT, -EAGAIN (other value) or -EINTR (a handler without SA_RESTART ran) */
	int (*wait)(unsigned int *word, unsigned int value, unsigned long long until); /* [blocks] */
	void (*wake)(unsigned int *word, int count);
	/* for machines without FSGSBASE: arch_prctl(ARCH_SET_GS) */
	void (*set_gs)(unsigned long base);
	unsigned int has_fsgsbase;

	/* ---- clocks, random ---- */
	unsigned long long (*clock_mono)(void);
	unsigned long long (*clock_real)(void);
	void (*random)(void *buffer, unsigned long length);

	/* ---- console, parameters, end ---- */
	void (*console_write)(const char *text, unsigned long length);
	/* value of an environment variable or parameter; NULL: not set */
	const char *(*param)(const char *name);
	void (*set_errno)(int error);
	/* remember why boot failed, for rump_boot_error() */
	void (*boot_error)(const char *text);
	/* does what RUMP_PANIC says; does not return */
	void (*panic)(void);
	/* ends the process with a status, without atexit handlers */
	void (*exit)(int status);
	/* stderr gets text at once, whatever RUMP_VERBOSE says */
	void (*complain)(const char *text, unsigned long length);
	/* the same to the user of a client (its host) where nobody reads our stderr */
	void (*tell)(void *client_host, const char *text, unsigned long length);

	/* ---- memory ---- */
	/* makes the memfd and maps it at RUMP_MEMORY_BASE; reserves the vmalloc range */
	int (*memory_create)(unsigned long size, struct rumpuser_memory *ret_memory);
	/* maps length bytes of the memfd from offset at address (fixed) */
	int (*map)(unsigned long address, unsigned long offset, unsigned long length, int protection);
	/* leaves the range reserved and inaccessible */
	int (*unmap)(unsigned long address, unsigned long length);
	/* finds and reserves addresses for a mapping of the application; 0: none.  hint as mmap(2) */
	unsigned long (*reserve)(unsigned long hint, unsigned long length, int is_fixed);
	/* gives reserved addresses back */
	void (*unreserve)(unsigned long address, unsigned long length);
	/* gives pages of the memfd back to the host; they read as zeroes */
	void (*memory_release)(unsigned long offset, unsigned long length);

	/* ---- host files ---- */
	/* returns a handle >= 0 */
	int (*file_open)(const char *path, unsigned int flags, struct rumpuser_file_info *ret_info);
	void (*file_close)(int file);
	/* for boot time only: reads a whole small piece. Returns bytes. */
	long (*file_read)(int file, void *buffer, unsigned long length, unsigned long long offset);
	/* queues the request; done() is called in another host thread */
	void (*io_submit)(struct rumpuser_io *io);
	/* carries the request out now, in this host thread [blocks]; calls done() */
	void (*io_run)(struct rumpuser_io *io);

	/* ---- events, which event_attach() has brought ---- */
	/*
	 * Makes the event's descriptor readable.  Does not block, whatever a client does with
	 * its copy; from kernel stacks, interrupts disabled.
	 */
	void (*event_raise)(void *event);
	/* The last use of it; likewise. */
	void (*event_close)(void *event);

	/* ---- buses ---- */
	/*
	 * Makes the file if there is none, takes a slot and begins at a position that no reader
	 * knows yet. [blocks]
	 */
	int (*bus_open)(const char *path, struct rumpuser_bus *ret_bus);
	void (*bus_close)(struct rumpuser_bus *bus); /* [blocks] */
	/* clears the bell of a member and wakes who sleeps on it; from kernel stacks */
	void (*bus_ring)(unsigned int *bell);
	/*
	 * wait() for any of up to RUMPUSER_WAITS_MAX words: 0, -EAGAIN, -EINTR; -EFAULT: one is
	 * not there; -ENOSYS: the host cannot, but for one shared word, and then for 10 ms at
	 * most. [blocks]
	 */
	int (*wait_any)(const struct rumpuser_wait *waits, unsigned int count);

	/* ---- Ethernet interfaces ---- */
	/* NET_OPEN is the way to open one.  These are made by host threads without a virtual CPU. */
	/*
	 * One frame, with its header if there is one: bytes; -EAGAIN: none; -EMSGSIZE: one was
	 * dropped, for it does not fit or is no frame; -ENETDOWN: the link is down, net->why says
	 * why.  Only by the interface's own thread.  Does not wait.
	 */
	long (*net_read)(struct rumpuser_net *net, const struct rumpuser_iovec *iov,
			 unsigned int iov_count);
	/*
	 * How many of the frames are dealt with, at least one; -EAGAIN: wait for OUTPUT;
	 * -ENETDOWN.  By one thread at a time.  Does not wait.
	 */
	long (*net_write)(struct rumpuser_net *net, struct rumpuser_net_frame *frames,
			  unsigned int count);
	/*
	 * Sleeps until one of `events' or a kick: what there is of events.  A link that is
	 * down is tried again from time to time: net->is_up tells.  Only by the interface's own
	 * thread. [blocks]
	 */
	unsigned int (*net_wait)(struct rumpuser_net *net, unsigned int events);
	/* Ends a net_wait(), or the next one.  Does not block; from kernel stacks. */
	void (*net_kick)(struct rumpuser_net *net);
	/* The last use.  Nobody reads or writes meanwhile. [blocks] */
	void (*net_close)(struct rumpuser_net *net);

	/* ---- modules and boot configuration ---- */
	/* the folder of modules, from RUMP_MODULES or beside the library */
	const char *(*module_dir)(void);
	/* n-th thing to start with, NULL after the last; -errno by boot_error when RUMP_CONF is bad */
	int (*boot_items)(const struct rumpuser_boot_item **ret_items, unsigned int *ret_count);
	/* adds lines of configuration */
	int (*boot_conf)(const char *text, const char *name);
	int (*daemonize_begin)(void);
	int (*daemonize_done)(int error);
};

/*
 * The one symbol the kernel image needs.  NULL: version or upcalls are of
 * another version.  Called once, before anything else, by rump_init().
 */
__attribute__((visibility("default")))
const struct rumpuser_ops *rumpuser_init(int version, const struct rumpuser_upcalls *upcalls);

/* What boot_error() was told last; "" if nothing. */
__attribute__((visibility("default"))) const char *rumpuser_boot_error(void);

/*
 * The kernel is to start with this component; after boot: load it now.  Called
 * by the constructors of libraries such as librumpfs_xfs.so, whose other
 * contents are none.  A failure is told on stderr. [blocks]
 */
void rumpuser_component_add(const char *name);

/*
 * sigaction(2) as the program means it.  The kernel needs SIGSEGV and SIGBUS and
 * passes on to the program's action what is not its own; who interposes
 * sigaction() hands these two here.  Before boot this is the plain system call.
 * Returns 0 or -errno; -EINVAL for other signals.  Async-signal-safe.
 * (A thread that has them blocked is killed by the host at the first fault, so
 * they must be kept out of signal masks as well.)
 */
struct sigaction;
int rumpuser_sigaction(int sig, const struct sigaction *action, struct sigaction *ret_old);

/*
 * The server of this process' kernel, for <rump/rump.h> (rump_init_server) and the
 * preload.  0 or -errno, the reason in rumpuser_boot_error(); all [block] and may be
 * called by any thread of the process once rump_init() has succeeded.
 */
/* what serving on a URL or a socket takes */
struct rumpuser_sp_options {
	const char *url;		/* NULL: listen_fd is a listening SOCK_SEQPACKET unix socket */
	int listen_fd;			/* -1, or the socket to use (of url, if given); taken over */
	unsigned int mode;		/* of the socket file; 0: 0600 */
	long group;			/* gid of the socket file; -1: as it comes */
	/* who is root inside: the uid of the server if is_root_set is 0 */
	unsigned int is_root_set, root_uid;
	const char *secret_file;	/* tcp:// */
	const unsigned char *secret;	/* RUMP_SP_SECRET_SIZE bytes that a hello must have, or NULL */
	unsigned int is_any_address;	/* tcp:// may bind more than loopback */
	unsigned int is_memory_private;	/* no client gets the kernel's memory to map files from */
	/* a client that is root in the rump kernel asks for the end; in a thread of its own */
	void (*halt)(int is_restart);
	/* LEAVE: whether the server ends now, which it then does by itself; NULL: never */
	int (*leave)(void);
};
int rumpuser_sp_serve(const struct rumpuser_sp_options *options);
/* process_fork() for the caller, which is an lwp; returns the child's control socket */
int rumpuser_sp_fork(void);
/* the sockets for open files, as rumpclient_export() and _import() */
int rumpuser_sp_export(int rump_fd);
int rumpuser_sp_import(int fd);
/* the descriptor V (close-on-exec, nonblocking) of a notifier of the caller's: rump_calls.h */
int rumpuser_sp_event(int notifier);
/* client processes now */
unsigned int rumpuser_sp_clients(void);
/* sleeps until there are none, or for so many ns (0: for ever): 0 or -ETIMEDOUT */
int rumpuser_sp_wait(unsigned long long timeout);
/*
 * Closes the listening sockets, removes their files, and ends all clients; the connection
 * that asked for the halt stays until the process ends, so that its end is that of the stop.
 */
void rumpuser_sp_stop(void);
/*
 * For a successor: a duplicate (close-on-exec) of the listening socket of the n-th
 * rumpuser_sp_serve() that succeeded; rumpuser_sp_stop() then leaves its file.  -ENOENT:
 * there is no n-th.
 */
int rumpuser_sp_keep_listener(unsigned int n);

/*
 * Nonzero: the caller sees to it that rump_pub_shutdown() is called in time
 * (later than this library could), so that no destructor does.
 */
void rumpuser_shutdown_by_caller(int is_caller);

#endif
